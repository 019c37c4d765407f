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
    const isWaiting = clock() < coolDown.until && (coolDown.strict || reason !== 'manual')
    // The same refresh token must not be sent while the answer to it may still come.
    return isWaiting || [...open].some(isPresent)
      ? refuse('The last refresh failed; no further attempt yet', epoch(coolDown.until))
      : undefined
  }
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
  const attempt = async (flight: Flight, count: number, locked: boolean, waited: number): Promise<void> => {
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
      if (coolDown.isStrict() && (settings.cookie || isPresent(flight)))
        await host.cool(epoch(coolDown.until))
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
    count: number,
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
        flight.settle(failed)
      } else if (failure === 'rejected') await reject(flight, error, locked)
      else {
        const wait = readRetryAfter(error, settings.clock.now())
        const { delay, maxDelay } = settings
        // A request that is the refresh is sent once.
        const limit = flight.refresh === settings.refresh ? settings.limit : 0
        // After a failure one probe goes first, alone.
        const isLast =
          failure !== 'transient' ||
          isStopped ||
          coolDown.failures > 0 ||
          (coolDown.isStrict() && !wait) ||
          count > limit ||
          wait > maxDelay
        if (!isLast)
          await pause(
            Math.max(wait && wait + 1, Math.random() * Math.min(maxDelay, delay * 2 ** (count - 1))),
          )
        if (!isLast && !isStopped && !isOffline()) return true
        if (!flight.done) fail(flight, error, failure, count, wait)
      }
    }
    flight.settle()
    return false
  }

  const run = async (flight: Flight): Promise<void> => {
    const startedAt = clock()
    for (let count = 1, again = true; again && !flight.done; count++) {
      let locked = true
      try {
        const asked = clock()
        await host.exclusive(has => {
          locked = has
          return attempt(flight, count, has, clock() - asked)
        })
        if (!flight.done) landed(flight, count, startedAt)
        flight.settle()
      } catch (error) {
        again = !flight.done && (await recover(flight, error, count, locked))
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
