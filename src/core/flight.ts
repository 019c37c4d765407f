/** One refresh at a time: attempts, timeout, retries, failure classes, late answers. */
import { isOffline, startTimer } from './environment.js'
import { RefreshFailedError } from './errors.js'
import { classifyFailure, readRetryAfter } from './failure.js'
import type { Held } from './held.js'
import type { Settings } from './options.js'
import { readAnswer, type TokenReading } from './tokens.js'
import type { AuthEvents, FailureClass, RefreshContext, RefreshReason } from './types.js'
import { pause, within } from './waiting.js'

/** The longest cool-down of our own, milliseconds. */
const LONGEST_COOL_DOWN = 60_000

/** One refresh in progress. It belongs to one session and to the tokens that it set out with. */
export interface Flight {
  readonly reason: RefreshReason
  readonly generation: number
  readonly held: Held | undefined
  /** Settles when new tokens are in, here or in a sibling tab, or when this flight has failed. */
  readonly promise: Promise<void>
  /** Settles it, once. */
  readonly settle: (error?: Error) => void
  done: boolean
}

/** No refresh before `until` on the steady clock. `strict`: the server said so, or an attempt is still open. */
export interface CoolDown {
  until: number
  strict: boolean
  failures: number
}

/** What a flight needs of the session. */
export interface FlightHost {
  readonly settings: Settings
  readonly clock: () => number
  /** Runs the callback under the lock where the session is shared. */
  readonly exclusive: <T>(callback: (locked: boolean) => Promise<T>) => Promise<T>
  readonly shared: boolean
  /** The present tokens and session. */
  held(): Held | undefined
  generation(): number
  /** Reads storage again and adopts what is newer; that settles the flight. */
  recall(waited: number): Promise<void>
  /** What a refresh can be made with; undefined when there is nothing left, which ends the session. */
  credentials(reason: RefreshReason): { refreshToken?: string | undefined } | undefined
  /** Commits new tokens. */
  take(reading: TokenReading, flight: Flight): Promise<void>
  /** The server refused, or nothing is left to refresh with. */
  refused(flight: Flight, error?: unknown): void | Promise<void>
  /** It failed; the session lives. */
  failed(error: RefreshFailedError): void
  emit<Name extends keyof AuthEvents>(name: Name, event: AuthEvents[Name]): void
  /** State may have changed: publish it, plan the next timer, deliver events. */
  refreshed(): void
}

export interface Flights {
  readonly coolDown: CoolDown
  current(): Flight | undefined
  /** Whether the refresh function is being called right now, on this very stack. */
  calling(): boolean
  /** Whether the signal is one that a refresh function was given. */
  owns(signal: unknown): boolean
  fly(reason: RefreshReason): Promise<void>
  /** Aborts the requests under way. */
  abort(): void
}

export function createFlights(host: FlightHost): Flights {
  const { settings, clock, emit } = host
  const { refreshTimeout } = settings
  const coolDown: CoolDown = { until: 0, strict: false, failures: 0 }
  const signals = new WeakSet<object>()
  const open = new Set<AbortController>()
  let current: Flight | undefined
  let calling = false
  let blocked: RefreshFailedError | undefined
  const nothingLeft = new Error('There is nothing to refresh with')

  const epoch = (steady: number): number => Math.round(settings.clock.now() + steady - clock())

  const classify = (error: unknown): FailureClass => {
    try {
      return settings.classify?.(error) ?? classifyFailure(error)
    } catch (cause) {
      emit('warning', { message: 'classify threw; the default class counts', error: cause })
      return classifyFailure(error)
    }
  }

  /** Whether nothing has replaced what the flight set out with. */
  const isPresent = (flight: Flight): boolean =>
    host.held() === flight.held && host.generation() === flight.generation

  /** Whether the cool-down forbids a refresh for this reason. */
  const blocks = (reason: RefreshReason): boolean =>
    clock() < coolDown.until && (coolDown.strict || reason !== 'manual')

  const cooling = (): RefreshFailedError => {
    blocked = new RefreshFailedError(
      'Refresh failed a moment ago; no further attempt yet',
      0,
      epoch(coolDown.until),
    )
    return blocked
  }

  const landed = ({ reason }: Flight, attempts: number, startedAt: number): void =>
    emit('refreshed', { reason, duration: clock() - startedAt, attempts, source: 'network' })

  /** Calls the refresh function. The answer is taken in whenever it comes, if the tokens are still those. */
  const call = (flight: Flight, attempt: number, refreshToken: string | undefined): Promise<boolean> => {
    const controller = new AbortController()
    const context: RefreshContext = {
      ...(refreshToken && { refreshToken }),
      ...(flight.held && { accessToken: flight.held.accessToken }),
      reason: flight.reason,
      attempt,
      signal: controller.signal,
    }
    open.add(controller)
    signals.add(controller.signal)
    const stop = startTimer(() => controller.abort(), 2 * refreshTimeout)
    let answer: Promise<unknown>
    calling = true
    try {
      answer = Promise.resolve(settings.refresh?.(context))
    } catch (error) {
      answer = Promise.reject(error)
    } finally {
      calling = false
    }
    return answer
      .then(async value => {
        const reading = readAnswer(value as never, settings.clock.now())
        if (!isPresent(flight)) return false
        await host.take(reading, flight)
        return true
      })
      .finally(() => {
        stop()
        open.delete(controller)
      })
  }

  /** One attempt, under the lock. Resolves when new tokens are in. */
  const attemptOnce = async (
    flight: Flight,
    attempt: number,
    locked: boolean,
    waited: number,
  ): Promise<void> => {
    if (host.shared) await host.recall(waited)
    if (flight.done) return
    const credentials = host.credentials(flight.reason)
    if (!credentials) throw nothingLeft
    // A sibling's failure, learned a moment ago.
    if (blocks(flight.reason)) throw cooling()
    const startedAt = clock()
    if (flight.held && !settings.cookie && !credentials.refreshToken) flight.held.asked = true
    const work = call(flight, attempt, credentials.refreshToken)
    let late = false
    const timedOut = (): Error => {
      late = true
      coolDown.until = startedAt + 2 * refreshTimeout
      coolDown.strict = true
      return new TypeError(
        `The refresh function did not settle within ${refreshTimeout} ms. If it calls a client that tokenflight is attached to, pass it context.signal or skipAuth`,
      )
    }
    work.then(
      taken => {
        if (!late) return
        if (taken) landed(flight, attempt, startedAt)
        host.refreshed()
      },
      error => late && void settleLate(flight, error, locked),
    )
    await within(work, refreshTimeout, timedOut)
  }

  /** An open attempt has failed after its waiters were freed. */
  const settleLate = async (flight: Flight, error: unknown, locked: boolean): Promise<void> => {
    if (!isPresent(flight)) return
    coolDown.strict = false
    if (classify(error) === 'rejected') await reject(flight, error, locked)
    host.refreshed()
  }

  /** The server refused the refresh token: the end of the session, unless a sibling has a newer one. */
  const reject = async (flight: Flight, error: unknown, locked: boolean): Promise<void> => {
    if (host.shared) {
      if (!locked) await pause(1_000)
      await host.recall(0)
    }
    if (isPresent(flight)) await host.refused(flight, error)
  }

  const fail = (
    flight: Flight,
    cause: unknown,
    failure: FailureClass,
    attempts: number,
    wait: number,
  ): void => {
    const own = cause instanceof TypeError && /^(The refresh function|Not a token answer)/.test(cause.message)
    const now = clock()
    const backoff = Math.random() * Math.min(LONGEST_COOL_DOWN, 1_000 * 2 ** coolDown.failures++)
    const open = coolDown.strict ? coolDown.until - now : 0
    coolDown.until = now + Math.max(backoff, wait, open)
    coolDown.strict = wait > 0 || open > 0
    const error = new RefreshFailedError(
      `Refresh failed (${failure}, ${attempts} attempts)${own ? `: ${(cause as Error).message}` : ', see cause'}`,
      attempts,
      epoch(coolDown.until),
      cause,
    )
    emit('refreshFailed', { error, class: failure, attempts, retryAt: epoch(coolDown.until) })
    host.failed(error)
    flight.settle(error)
  }

  const run = async (flight: Flight): Promise<void> => {
    const startedAt = clock()
    // After a failure one probe goes first.
    const limit = coolDown.failures ? 0 : settings.limit
    for (let attempt = 1; !flight.done; attempt++) {
      let locked = true
      try {
        const asked = clock()
        await host.exclusive(has => {
          locked = has
          return attemptOnce(flight, attempt, has, clock() - asked)
        })
        if (flight.done) break
        landed(flight, attempt, startedAt)
        flight.settle()
        break
      } catch (error) {
        if (flight.done) break
        if (error === blocked) {
          flight.settle(blocked)
          break
        }
        const failure = classify(error)
        if (error === nothingLeft) {
          await host.refused(flight)
          flight.settle()
          break
        }
        if (flight.held?.asked) {
          // Without a refresh token it was a question, and the server said no.
          const failed = new RefreshFailedError(
            'No new pair for the access token, see cause',
            attempt,
            undefined,
            error,
          )
          emit('refreshFailed', { error: failed, class: failure, attempts: attempt })
          flight.settle()
          break
        }
        if (failure === 'rejected') {
          await reject(flight, error, locked)
          flight.settle()
          break
        }
        const wait = readRetryAfter(error, settings.clock.now())
        const backoff = Math.random() * Math.min(settings.maxDelay, settings.delay * 2 ** (attempt - 1))
        const again =
          failure === 'transient' && attempt <= limit && wait <= settings.maxDelay && !coolDown.strict
        if (again) await pause(Math.max(backoff, wait))
        if (!flight.done && (!again || isOffline())) fail(flight, error, failure, attempt, wait)
      }
    }
    host.refreshed()
  }

  return {
    coolDown,
    current: () => current,
    calling: () => calling,
    owns: signal => signals.has(signal as object),
    fly(reason) {
      if (current) return current.promise
      // With nothing left to refresh with it is the end, whatever the network says.
      if (host.credentials(reason)) {
        if (isOffline()) return Promise.reject(new RefreshFailedError('Offline: no refresh was tried', 0))
        if (blocks(reason)) return Promise.reject(cooling())
      }
      let settle = (_error?: Error): void => {}
      const flight: Flight = {
        reason,
        generation: host.generation(),
        held: host.held(),
        done: false,
        settle: error => settle(error),
        promise: new Promise<void>((resolve, reject) => {
          settle = error => {
            if (flight.done) return
            flight.done = true
            if (current === flight) current = undefined
            if (error) reject(error)
            else resolve()
          }
        }),
      }
      // Nobody has to wait for it.
      flight.promise.catch(() => {})
      current = flight
      void run(flight)
      host.refreshed()
      return flight.promise
    },
    abort() {
      for (const controller of open) controller.abort()
    },
  }
}
