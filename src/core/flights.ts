/** One refresh at a time: who may make an attempt now, under the lock, and who waits for a sibling's. */
import { createAttempts } from './attempt.js'
import { type CoolDown, createCoolDown } from './cool-down.js'
import { whenActivated } from './environment.js'
import { RefreshFailedError } from './errors.js'
import { toFailure } from './failure.js'
import { createFlight, type Flight, type FlightHost, isPresent } from './flight.js'
import { type Held, isKnown, toPredecessor } from './held.js'
import { createRecovery, type Turn } from './recovery.js'
import { readAnswer, type TokenReading } from './tokens.js'
import type { RefreshFunction, RefreshReason } from './types.js'
import { ignore, pause } from './waiting.js'

/** How often somebody who waits for a sibling's attempt looks at what it came to, milliseconds. */
const GLANCE = 50
/** What no attempt is made for. */
const WAIT = 'The last refresh failed; no further attempt yet'

export interface Flights {
  readonly coolDown: CoolDown
  current(): Flight | undefined
  /** Whether the refresh function is being called right now, on this very stack. */
  calling(): boolean
  /** Whether the signal is one that a refresh function was given. */
  owns(signal: unknown): boolean
  /** Aborts the requests under way. */
  abort(): void
  /**
   * Refreshes with a request that leaves after this call. Those who call while another refresh is under way share the
   * one after it. The refresh function itself joins its own.
   * @param isPatient waits as long as the server asks for; nothing else has to
   */
  demand(isPatient?: boolean): Promise<void>
  /** Refreshes, or joins the refresh under way. */
  fly(reason: RefreshReason, refresh?: RefreshFunction): Promise<void>
  /** Tokens came by another way, in place of these: frees the waiters once they are stored. Answers stay welcome. */
  release(before: Held, stored: Promise<unknown>): void
  /** No retries any more. */
  stop(): void
}

export function createFlights(host: FlightHost): Flights {
  const { settings, clock } = host
  const { emit } = host.events
  const attempts = createAttempts(settings.refreshTimeout)
  const coolDown = createCoolDown(clock, () => settings.clock.now())
  const { draw, share, recover, late } = createRecovery(host, coolDown, () => isStopped)
  /** Ends a flight without the ways of a failed attempt. */
  const nothingLeft = new Error('There is nothing to refresh with')
  /** Ends an attempt that was not made, since a sibling may make one. */
  const notYet = new Error('A sibling may try again')
  /** Flights whose waiters were freed while the server may still answer. */
  const open = new Set<Flight>()
  const refusals = new WeakSet<object>()
  let isStopped = false
  let current: Flight | undefined
  let demanded: Promise<void> | undefined

  /** No attempt was made, so nothing cools down. */
  const refuse = (message: string, retryAt?: number): RefreshFailedError => {
    const error = new RefreshFailedError(message, 0, retryAt)
    refusals.add(error)
    return error
  }
  const read = (answer: unknown): TokenReading => {
    const previous = toPredecessor(host.held(), clock())
    try {
      return readAnswer(answer as never, settings.clock.now(), previous, !!settings.dpop)
    } catch (error) {
      throw toFailure(error, answer)
    }
  }
  const isAwaitingSibling = (): boolean => coolDown.retrying && clock() < coolDown.until && !isStopped
  /** Why no attempt may be made now, if so. */
  const refusal = (reason: RefreshReason): RefreshFailedError | undefined => {
    const isWaiting =
      clock() < coolDown.until && !isAwaitingSibling() && (coolDown.open || reason !== 'manual')
    // The same refresh token must not be sent while the answer to it may still come.
    const isOpen = [...open].some(flight => isPresent(host, flight))
    return isWaiting || isOpen ? refuse(WAIT, coolDown.retryAt()) : undefined
  }
  const landed = ({ reason }: Flight, attempt: number, startedAt: number): void =>
    emit('refreshed', { reason, duration: clock() - startedAt, attempts: attempt, source: 'network' })

  /** One attempt, under the lock. Resolves when it is over, to whether it brought new tokens. */
  const attempt = async (flight: Flight, turn: Turn, locked: boolean, waited: number): Promise<boolean> => {
    // Told while it waited for the lock, which whoever tries again will want.
    const isManual = flight.reason === 'manual'
    if (!isManual && isAwaitingSibling()) throw notYet
    if (host.mark && !flight.done) await host.mark.wait()
    // News may have settled it while it waited for the lock, or may now.
    if (host.shared && !flight.done) await host.recall(waited)
    if (flight.done) return false
    flight.held = host.held()
    flight.generation = host.generation()
    const credentials = host.credentials()
    if (!credentials) throw nothingLeft
    // Perhaps a sibling's failure, learned a moment ago.
    const refused = refusal(flight.reason)
    if (refused) throw refused
    if (!isManual && isAwaitingSibling()) throw notYet
    // What a sibling's attempts came to while this one waited for them holds for it, too.
    if (coolDown.failures > turn.failures) throw refuse(WAIT, coolDown.retryAt())
    const { held, reason } = flight
    const { refreshToken } = credentials
    flight.isQuestion = !!credentials.isQuestion
    if (held && flight.isQuestion) held.asked = true
    const unmark = host.mark ? await host.mark.begin() : ignore
    if (flight.done) {
      unmark()
      return false
    }
    // Calls of one moment share it.
    queueMicrotask(() => {
      flight.isAsked = true
    })
    const startedAt = clock()
    const requestedAt = settings.clock.now()
    const context = {
      reason,
      attempt: turn.count,
      ...(refreshToken && { refreshToken }),
      ...(held && !settings.isHidden && { accessToken: held.accessToken }),
    }
    const made = attempts.make(
      flight.refresh,
      context,
      async answer => {
        const held = host.held()
        const reading = read(answer)
        const isMine = isPresent(host, flight)
        if (!isMine) host.stray(reading, flight.generation)
        if (!isMine || (flight.isFreed && isKnown(held, reading))) return false
        await host.take({ ...reading, requestedAt }, flight.isFreed)
        return true
      },
      {
        open() {
          open.add(flight)
          // Its own refresh token; a cookie is everybody's.
          if (settings.cookie || isPresent(host, flight))
            coolDown.hold(startedAt + 2 * settings.refreshTimeout, true)
        },
        close() {
          unmark()
          open.delete(flight)
        },
        taken(isMine) {
          if (isMine) landed(flight, turn.count, startedAt)
          host.conclude()
        },
        failed: error => void late(flight, locked, error),
      },
    )
    return made.catch(async error => {
      await share(flight, turn, locked, error)
      throw error
    })
  }

  const run = async (flight: Flight): Promise<void> => {
    // A page that no user visits yet spends no refresh token, and has no lock.
    const activation = whenActivated()
    if (activation) await activation
    const startedAt = clock()
    let turn = draw(1)
    while (!flight.done) {
      let locked = true
      try {
        const asked = clock()
        const isMine = await host.exclusive(has => {
          locked = has
          return attempt(flight, turn, has, clock() - asked).finally(() => host.linger(has))
        })
        if (isMine && !flight.done) landed(flight, turn.count, startedAt)
        flight.settle()
      } catch (error) {
        if (error === notYet) {
          turn = { ...turn, failures: coolDown.failures }
          while (isAwaitingSibling() && !flight.done) await pause(GLANCE)
        } else if (error === nothingLeft) {
          await host.refused(flight)
          flight.settle()
        } else if (refusals.has(error as object)) flight.settle(error as Error)
        else if (!flight.done && (await recover(flight, turn, locked, error))) turn = draw(turn.count + 1)
        else flight.settle()
      }
    }
    host.conclude()
  }

  const fly = (reason: RefreshReason, refresh = settings.refresh): Promise<void> => {
    if (current) return current.promise
    const isPossible = host.credentials()
    if (!refresh && isPossible) return Promise.reject(refuse('The server renews with the next request'))
    // With nothing left to refresh with it is the end, whatever the network says.
    const refused = isPossible && refusal(reason)
    if (refused) return Promise.reject(refused)
    const since = reason === 'manual' ? settings.clock.now() : undefined
    const flight = createFlight(reason, host.generation(), host.held(), refresh, since, done => {
      if (current === done) current = undefined
    })
    current = flight
    host.conclude()
    // Whatever escapes it, nobody waits for ever.
    void run(flight).catch(error => flight.settle(error))
    return flight.promise
  }
  /** Its own outcome, not that of tokens which came meanwhile by another way. */
  const outcome = async (flight: Flight): Promise<void> => {
    do await flight.promise
    while (!flight.done)
  }
  /** Whether its request leaves at the moment of a call that is made now, or later. */
  const isAhead = (flight: Flight | undefined): flight is Flight =>
    flight?.reason === 'manual' && !flight.isAsked
  const begin = (): Promise<void> => {
    const begun = isAhead(current) ? current.join(settings.clock.now()) : fly('manual')
    return current ? outcome(current) : begun
  }
  const follow = async (): Promise<void> => {
    try {
      while (current && !isAhead(current)) {
        await outcome(current).catch(error => {
          // The session is over.
          if (!(error instanceof RefreshFailedError)) throw error
        })
      }
    } finally {
      demanded = undefined
    }
    return begin()
  }

  return {
    ...attempts,
    coolDown,
    current: () => current,
    stop() {
      isStopped = true
    },
    release(before, stored) {
      for (const flight of current ? [current, ...open] : open) {
        if (flight.held !== before) continue
        flight.held = host.held()
        flight.isFreed = true
        flight.free(stored)
      }
    },
    fly,
    demand(isPatient) {
      if (current && attempts.calling()) return current.promise
      if (isPatient && coolDown.isStrict()) return Promise.reject(refuse(WAIT, coolDown.retryAt()))
      if (!demanded && (!current || isAhead(current))) return begin()
      demanded ??= follow()
      return demanded
    },
  }
}
