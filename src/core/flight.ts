/** One refresh in progress, as those who wait for it see it. */
import type { RefreshFailedError } from './errors.js'
import type { Events } from './events.js'
import type { GrantMark } from './grant-mark.js'
import type { Held } from './held.js'
import type { Settings } from './options.js'
import type { TokenReading } from './tokens.js'
import type { RefreshFunction, RefreshReason } from './types.js'
import { ignore } from './waiting.js'

/** One refresh in progress. It belongs to one session and to the tokens that it set out with. */
export interface Flight {
  readonly reason: RefreshReason
  /** When a manual refresh was last asked for, on the wall clock: tokens that were requested earlier do not answer it. */
  since: number | undefined
  generation: number
  held: Held | undefined
  /** Obtains the tokens. */
  readonly refresh: RefreshFunction | undefined
  /** Settles when new tokens are in, here or in a sibling tab, or when this flight has failed. */
  promise: Promise<void>
  /** Other tokens of the session came: resolves the promise once they are stored. Later waiters get one of their own. */
  readonly free: (stored: Promise<unknown>) => void
  /** It was freed, so its answer is no more than an addition. */
  isFreed: boolean
  /** Another manual refresh shares it. */
  readonly join: (since: number) => Promise<void>
  /** Settles it; the first time counts. */
  readonly settle: (error?: Error) => void
  done: boolean
  /** Its request has left, in an earlier moment. */
  isAsked: boolean
  /** It asks for a new pair without the refresh token: a refusal ends nothing. */
  isQuestion: boolean
}

/** What a refresh can be made with. */
export interface Credentials {
  readonly refreshToken?: string | undefined
  /** The refresh token looks expired while the access token is good: the server is asked for a new pair. */
  readonly isQuestion?: boolean
}

/** What a flight needs of the session. */
export interface FlightHost {
  readonly settings: Settings
  readonly clock: () => number
  readonly events: Events
  /** Whether siblings spend the same refresh token. */
  readonly shared: boolean
  /** Where the cookie may be spent by the grant of a page that has gone away. */
  readonly mark: GrantMark | undefined
  /** Runs the callback under the lock where the session is shared. */
  exclusive<T>(callback: (locked: boolean) => Promise<T>): Promise<T>
  held(): Held | undefined
  generation(): number
  /** Learns what siblings have done, after waiting for the lock so long; news settle the flight. */
  recall(waited: number): Promise<void>
  /** What a refresh can be made with; undefined when there is nothing left. */
  credentials(): Credentials | undefined
  /** Commits new tokens; `isLate`: others came while they were on their way. */
  take(reading: TokenReading, isLate: boolean): Promise<void>
  /** Tokens of a session that is over have arrived: a logout holds for them, too. */
  stray(reading: TokenReading, generation: number): void
  /** The server refused (with an error), or nothing is left to refresh with: the end. */
  refused(flight: Flight, error?: unknown): Promise<void>
  /** Tells the siblings of a cool-down, or of an attempt that may follow until then. */
  cool(retryAt: number, retrying?: boolean): Promise<void>
  /** Holds the lock until siblings can see what was written, or what was said where nothing else tells them. */
  linger(locked: boolean): Promise<void>
  /** It failed; the session lives. */
  failed(error: RefreshFailedError): void
  /** Publishes the state, sets the timer, delivers events. */
  conclude(): void
}

/** Whether nothing has replaced what the flight set out with. */
export function isPresent(host: FlightHost, { held, generation }: Flight): boolean {
  return host.held() === held && host.generation() === generation
}

export function createFlight(
  reason: RefreshReason,
  generation: number,
  held: Held | undefined,
  refresh: RefreshFunction | undefined,
  since: number | undefined,
  onDone: (flight: Flight) => void,
): Flight {
  let resolve: () => void = ignore
  let reject: (error: Error) => void = ignore
  const wait = (): Promise<void> => {
    const promise = new Promise<void>((yes, no) => {
      resolve = yes
      reject = no
    })
    // Nobody has to wait for it.
    promise.catch(ignore)
    return promise
  }
  const flight: Flight = {
    reason,
    since,
    generation,
    held,
    refresh,
    promise: wait(),
    done: false,
    isAsked: false,
    isQuestion: false,
    isFreed: false,
    settle(error) {
      flight.done = true
      onDone(flight)
      if (error) reject(error)
      else resolve()
    },
    join(since) {
      flight.since = since
      return flight.promise
    },
    free(stored) {
      void stored.then(resolve)
      flight.promise = wait()
    },
  }
  return flight
}

/** The credentials for a refresh of the tokens in hand. Undefined: there is nothing to refresh with. */
export function credentialsOf(
  { refresh, served, cookie, tokenless }: Settings,
  held: Held | undefined,
  now: number,
): Credentials | undefined {
  if (!refresh && !served) return undefined
  if (!held) return cookie && refresh ? {} : undefined
  const { refreshToken } = held.tokens
  if (!tokenless && !refreshToken) return undefined
  // The refresh token looks expired while the access token is good: the server may give a new pair for that.
  const isQuestion = now >= held.refreshEndsAt && now < held.endsAt
  return isQuestion ? { isQuestion } : { refreshToken }
}
