/** One refresh at a time: attempts, retries, failure classes. */
import { createAttempts } from './attempt.js'
import { type CoolDown, createCoolDown } from './cool-down.js'
import { isOffline } from './environment.js'
import { RefreshFailedError, withCause } from './errors.js'
import { classifyFailure, explain, readRetryAfter } from './failure.js'
import { createFlight, type Flight, type FlightHost } from './flight.js'
import { readAnswer } from './tokens.js'
import type { FailureClass, RefreshFunction, RefreshReason } from './types.js'
import { pause } from './waiting.js'

/** Without a lock a sibling's answer may still be on its way to the storage, milliseconds. */
const SIBLING = 1_000
/** How long siblings wait, beyond the next attempt, for what a failure comes to, milliseconds. */
const DECISION = 250

/** What no attempt is made for. */
const WAIT = 'The last refresh failed; no further attempt yet'

/** One attempt of a flight. */
interface Turn {
  /** From 1. */
  readonly count: number
  /** The pause before another one, milliseconds: exponential, full jitter. */
  readonly delay: number
  /** The failures in a row before this flight began to wait for a sibling; without limit if it does not. */
  readonly failures: number
}

export interface Flights {
  readonly coolDown: CoolDown
  current(): Flight | undefined
  /** Whether the refresh function is being called right now, on this very stack. */
  calling(): boolean
  /** Whether the signal is one that a refresh function was given. */
  owns(signal: unknown): boolean
  /** Aborts the requests under way. */
  abort(): void
  /** Refreshes, or joins the refresh under way. */
  fly(reason: RefreshReason, refresh?: RefreshFunction): Promise<void>
  /** No retries any more. */
  stop(): void
}

export function createFlights(host: FlightHost): Flights {
  const { settings, clock } = host
  const { emit } = host.events
  const attempts = createAttempts(settings.refreshTimeout)
  const coolDown = createCoolDown(clock)
  /** Ends a flight without the ways of a failed attempt. */
  const nothingLeft = new Error('There is nothing to refresh with')
  /** Ends an attempt that was not made, since a sibling may make one. */
  const notYet = new Error('A sibling may try again')
  /** Flights whose waiters were freed while the server may still answer. */
  const open = new Set<Flight>()
  const refusals = new WeakSet<object>()
  let isStopped = false
  let current: Flight | undefined

  const epoch = (steady: number): number => Math.round(settings.clock.now() + steady - clock())

  /** No attempt was made, so nothing cools down. */
  const refuse = (message: string, retryAt?: number): RefreshFailedError => {
    const error = new RefreshFailedError(message, 0, retryAt)
    refusals.add(error)
    return error
  }

  /** Whether nothing has replaced what the flight set out with. */
  const isPresent = (flight: Flight): boolean =>
    host.held() === flight.held && host.generation() === flight.generation

  /** Why no attempt may be made now, if so. */
  const refusal = (reason: RefreshReason): RefreshFailedError | undefined => {
    if (isOffline()) return refuse('Offline: no refresh was tried')
    const isWaiting =
      clock() < coolDown.until && !isAwaitingSibling() && (coolDown.strict || reason !== 'manual')
    // The same refresh token must not be sent while the answer to it may still come.
    return isWaiting || [...open].some(isPresent) ? refuse(WAIT, epoch(coolDown.until)) : undefined
  }
  const isAwaitingSibling = (): boolean => coolDown.retrying && clock() < coolDown.until && !isStopped
  /** Whether no attempt follows this one, whatever its failure means. */
  const isLast = (flight: Flight, count: number, wait: number): boolean =>
    isStopped ||
    // After a failure one probe goes first, alone.
    coolDown.failures > 0 ||
    (coolDown.isStrict() && !wait) ||
    // A request that is the refresh is sent once.
    count > (flight.refresh === settings.refresh ? settings.limit : 0) ||
    wait > settings.maxDelay
  const draw = (count: number): Turn => ({
    count,
    delay: Math.random() * Math.min(settings.maxDelay, settings.delay * 2 ** (count - 1)),
    failures: Number.POSITIVE_INFINITY,
  })
  const classify = (error: unknown): Promise<FailureClass> =>
    classifyFailure(error, settings.classify, cause => {
      const message = 'classify threw; the default class counts'
      emit('warning', { message, error: withCause(message, cause) })
    })
  const landed = ({ reason }: Flight, attempt: number, startedAt: number): void =>
    emit('refreshed', { reason, duration: clock() - startedAt, attempts: attempt, source: 'network' })

  /** The server refused the refresh token: the end of the session, unless a sibling has a newer one. */
  const reject = async (flight: Flight, error: unknown, locked: boolean): Promise<void> => {
    if (host.shared) {
      if (!locked) await pause(SIBLING)
      await host.recall(0)
    }
    if (isPresent(flight)) await host.refused(flight, error)
  }

  const refuseLate = async (flight: Flight, error: unknown, locked: boolean): Promise<void> => {
    if (!flight.held?.asked && (await classify(error)) === 'rejected') await reject(flight, error, locked)
    host.conclude()
  }
  /** One attempt, under the lock. Resolves when new tokens are in, or the flight is over. */
  const attempt = async (
    flight: Flight,
    { count, delay, failures }: Turn,
    locked: boolean,
    waited: number,
  ) => {
    // News may have settled it while it waited for the lock, or may now.
    if (host.shared && !flight.done) await host.recall(waited)
    if (flight.done) return
    flight.held = host.held()
    flight.generation = host.generation()
    const credentials = host.credentials(flight.reason)
    if (!credentials) throw nothingLeft
    // Perhaps a sibling's failure, learned a moment ago.
    const refused = refusal(flight.reason)
    if (refused) throw refused
    if (isAwaitingSibling()) throw notYet
    // What a sibling's attempts came to while this one waited for them holds for it, too.
    if (coolDown.failures > failures) throw refuse(WAIT, epoch(coolDown.until))
    const { held, reason } = flight
    const { refreshToken } = credentials
    if (held && clock() >= held.refreshEndsAt) held.asked = true
    const startedAt = clock()
    const context = {
      reason,
      attempt: count,
      ...(refreshToken && { refreshToken }),
      ...(held && { accessToken: held.accessToken }),
    }
    const made = attempts.make(
      flight.refresh,
      context,
      async answer => {
        const reading = readAnswer(answer as never, settings.clock.now())
        const isMine = isPresent(flight)
        if (isMine) await host.take(reading)
        return isMine
      },
      {
        open() {
          open.add(flight)
          // Its own refresh token; a cookie is everybody's.
          if (settings.cookie || isPresent(flight)) coolDown.hold(startedAt + 2 * settings.refreshTimeout)
        },
        close: () => open.delete(flight),
        taken(isMine) {
          if (isMine) landed(flight, count, startedAt)
          host.conclude()
        },
        failed(error) {
          if (!isPresent(flight)) return
          // Nothing is open any more, so our own patience alone counts.
          coolDown.relent()
          const wait = readRetryAfter(error, settings.clock.now())
          if (wait) {
            coolDown.hold(clock() + wait)
            void host.cool(epoch(coolDown.until))
          }
          void refuseLate(flight, error, locked)
        },
      },
    )
    await made.catch(async error => {
      // Siblings learn it before the lock is theirs; a cookie is theirs, too, whatever this flight was for.
      const wait = readRetryAfter(error, settings.clock.now())
      if (wait) coolDown.hold(clock() + wait)
      if (settings.cookie || isPresent(flight)) {
        const isOver = isLast(flight, count, wait)
        // What it means is not known yet: no function of the application runs inside the lock.
        if (isOver && coolDown.isStrict()) await host.cool(epoch(coolDown.until))
        else if (locked)
          await host.cool(epoch(clock() + (isOver ? 0 : Math.max(wait, delay)) + DECISION), true)
      }
      throw error
    })
  }

  const fail = (flight: Flight, cause: unknown, failure: FailureClass, count: number, wait: number): void => {
    coolDown.fail(wait)
    const retryAt = epoch(coolDown.until)
    const error = new RefreshFailedError(
      `Refresh failed (${failure}, attempts: ${count})${explain(cause)}`,
      count,
      retryAt,
      cause,
    )
    emit('refreshFailed', { error, class: failure, attempts: count, retryAt })
    host.failed(error)
    flight.settle(error)
  }

  /** What a failed attempt comes to. Resolves to whether another shall follow. */
  const recover = async (
    flight: Flight,
    error: unknown,
    { count, delay }: Turn,
    locked: boolean,
  ): Promise<boolean> => {
    if (error === nothingLeft) await host.refused(flight)
    else if (refusals.has(error as object)) flight.settle(error as Error)
    else {
      const failure = await classify(error)
      if (flight.held?.asked) {
        // Without a refresh token it was a question, and the server said no.
        const failed = new RefreshFailedError(
          'No new tokens for the access token, see cause',
          count,
          undefined,
          error,
        )
        emit('refreshFailed', { error: failed, class: failure, attempts: count })
        if (failure !== 'rejected') host.failed(failed)
        flight.settle(failed)
      } else if (failure === 'rejected') await reject(flight, error, locked)
      else {
        const wait = readRetryAfter(error, settings.clock.now())
        const isOver = failure !== 'transient' || isLast(flight, count, wait)
        if (!isOver) await pause(Math.max(wait && wait + 1, delay))
        if (!isOver && !isStopped && !isOffline()) return true
        if (!flight.done) fail(flight, error, failure, count, wait)
      }
    }
    flight.settle()
    return false
  }

  const run = async (flight: Flight): Promise<void> => {
    const startedAt = clock()
    let turn = draw(1)
    for (let again = true; again && !flight.done; ) {
      let locked = true
      try {
        const asked = clock()
        await host.exclusive(has => {
          locked = has
          return attempt(flight, turn, has, clock() - asked).finally(host.linger)
        })
        if (!flight.done) landed(flight, turn.count, startedAt)
        flight.settle()
      } catch (error) {
        if (error === notYet) {
          turn = { ...turn, failures: coolDown.failures }
          await pause(coolDown.until - clock())
        } else {
          again = !flight.done && (await recover(flight, error, turn, locked))
          turn = draw(turn.count + 1)
        }
      }
    }
    host.conclude()
  }

  return {
    ...attempts,
    coolDown,
    current: () => current,
    stop() {
      isStopped = true
    },
    fly(reason, refresh = settings.refresh) {
      if (current) return current.promise
      const isPossible = host.credentials(reason)
      if (!refresh && isPossible) {
        return Promise.reject(refuse('The server renews with the next request'))
      }
      // With nothing left to refresh with it is the end, whatever the network says.
      const refused = isPossible && refusal(reason)
      if (refused) return Promise.reject(refused)
      const flight = createFlight(reason, host.generation(), host.held(), refresh, done => {
        if (current === done) current = undefined
      })
      current = flight
      host.conclude()
      // Whatever escapes it, nobody waits for ever.
      void run(flight).catch(error => flight.settle(error))
      return flight.promise
    },
  }
}
