/** The outcome of a failed attempt: another attempt, a back-off, or the end of the session. */
import { afterFailure, holdUntil, isStrict, relax } from './backoff.js'
import { isPresent, retryAt } from './derive.js'
import { isOffline } from './environment.js'
import { explain, RefreshFailedError, withCause } from './errors.js'
import { classifyFailure } from './failure.js'
import { readRetryAfter } from './read-failure.js'
import { end, storeBackoff, sync } from './session.js'
import type { Engine, Flight } from './state.js'
import type { FailureClass } from './types.js'
import { pause } from './waiting.js'

/** Without a lock, the answer of another tab may still be on its way to the storage, milliseconds. */
const PEER_DELAY = 1_000
/** Other tabs wait this much longer than the announced delay for the result of a retry, milliseconds. */
const DECISION_MARGIN = 250

/** One attempt of a flight. */
export interface RefreshAttempt {
  /** From 1. */
  readonly count: number
  /** The delay before the next attempt, milliseconds: exponential, full jitter. */
  readonly delay: number
  /** Failures in a row before this flight began to wait for another tab. Infinity: it did not wait. */
  readonly failures: number
}

/** One failed attempt. */
export interface Failure {
  readonly error: unknown
  /** Whether the lock was held. */
  readonly locked: boolean
}

export function nextAttempt({ settings }: Engine, count: number): RefreshAttempt {
  const longest = Math.min(settings.maxDelay, settings.delay * 2 ** (count - 1))
  return { count, delay: Math.random() * longest, failures: Number.POSITIVE_INFINITY }
}

/** Inside the lock: the other tabs learn that an attempt has failed before the lock is theirs. */
export async function shareFailure(
  engine: Engine,
  flight: Flight,
  { count, delay }: RefreshAttempt,
  { error, locked }: Failure,
): Promise<void> {
  const { settings, clock } = engine
  // A cookie belongs to every session of the browser.
  if (!settings.cookie && !isPresent(engine, flight)) return
  const wait = holdForServer(engine, error)
  const isOver = isLast(engine, flight, count, wait)
  // The class of the failure is not known yet: no function of the application runs inside the lock.
  if (isOver && isStrict(engine.backoff, clock())) await storeBackoff(engine, retryAt(engine))
  else if (locked && !flight.done && !flight.asksForNewPair) {
    const rest = isOver ? 0 : Math.max(wait, delay)
    await storeBackoff(engine, Math.round(settings.clock.now() + rest + DECISION_MARGIN), true)
  }
}

/** Outside the lock. Resolves to the next attempt, if one follows. */
export async function recover(
  engine: Engine,
  flight: Flight,
  { count, delay }: RefreshAttempt,
  failure: Failure,
): Promise<RefreshAttempt | undefined> {
  const { error } = failure
  const kind = await classify(engine, flight, error)
  if (flight.asksForNewPair) return failNewPair(engine, flight, count, kind, error)
  if (kind === 'rejected') return reject(engine, flight, failure)
  const wait = readWait(engine, error)
  const isOver = kind !== 'transient' || isLast(engine, flight, count, wait)
  // Stryker disable next-line LogicalOperator: one millisecond more or less changes nothing
  if (!isOver) await pause(Math.max(wait && wait + 1, delay))
  if (!isOver && !engine.isDisposed && !isOffline()) return nextAttempt(engine, count + 1)
  if (!flight.done) fail(engine, flight, count, kind, error)
  return undefined
}

/** A request whose waiters were released has failed after all. */
export async function recoverLate(engine: Engine, flight: Flight, failure: Failure): Promise<void> {
  if (!isPresent(engine, flight)) return
  engine.backoff = relax(engine.backoff, engine.clock())
  if (holdForServer(engine, failure.error)) void storeBackoff(engine, retryAt(engine))
  const isRejected = !flight.asksForNewPair && (await classify(engine, flight, failure.error)) === 'rejected'
  if (isRejected) await reject(engine, flight, failure)
  engine.publish()
}

/** The server refused the refresh token (`failure`), or there is nothing to refresh with. */
export async function finish(engine: Engine, flight: Flight, failure?: Failure): Promise<void> {
  const { grant, clock } = engine
  engine.isUndecided = false
  if (!grant) return
  const now = clock()
  // The access token is good, so the session lives as long as the token.
  if (!failure && now < grant.endsAt)
    return flight.settle(new RefreshFailedError('There is no refresh token', 0))
  const why = failure ? 'refresh_rejected' : 'no_refresh_token'
  await end(engine, now >= grant.refreshEndsAt ? 'refresh_token_expired' : why, failure?.error)
}

/** The server granted no new pair for the access token: the session lives until the token ends. */
function failNewPair(
  engine: Engine,
  flight: Flight,
  attempts: number,
  kind: FailureClass,
  cause: unknown,
): undefined {
  const message = 'No new tokens for the access token, see cause'
  const error = emitFailure(engine, kind, new RefreshFailedError(message, attempts, undefined, cause))
  if (kind !== 'rejected') engine.error = error
  flight.settle(error)
}

/** The session is over, unless another tab has newer tokens. */
async function reject(engine: Engine, flight: Flight, failure: Failure): Promise<undefined> {
  if (engine.sharing) {
    if (!failure.locked) await pause(PEER_DELAY)
    await sync(engine)
  }
  // The session has other tokens by now than the refused ones.
  if (!isPresent(engine, flight) || flight.isReleased) return
  // Other tabs that wait for a session ask the server themselves, at once: no end is stored that would tell them.
  if (!flight.grant) await storeBackoff(engine)
  await finish(engine, flight, failure)
}

/** The refresh failed, and the session goes on. */
function fail(engine: Engine, flight: Flight, attempts: number, kind: FailureClass, cause: unknown): void {
  const { events, clock } = engine
  engine.backoff = afterFailure(engine.backoff, clock())
  const at = retryAt(engine)
  const message = `Refresh failed (${kind}, attempts: ${attempts})${explain(cause)}`
  const error = emitFailure(engine, kind, new RefreshFailedError(message, attempts, at, cause))
  engine.error = error
  void storeBackoff(engine, at).then(events.flush)
  flight.settle(error)
}

function emitFailure({ events }: Engine, kind: FailureClass, error: RefreshFailedError): RefreshFailedError {
  const { attempts, retryAt: at } = error
  events.emit('refreshFailed', { error, class: kind, attempts, ...(at !== undefined && { retryAt: at }) })
  return error
}

/** Whether no attempt follows, for any class of failure. */
function isLast(engine: Engine, flight: Flight, count: number, wait: number): boolean {
  const { settings, backoff, clock } = engine
  return (
    flight.done ||
    engine.isDisposed ||
    // `navigator.onLine` is a hint, so one attempt is made.
    isOffline() ||
    // After a failure there is one probe.
    backoff.failures > 0 ||
    (isStrict(backoff, clock()) && !wait) ||
    // A request that renews the tokens on its way is sent once.
    count > (flight.call === settings.refresh ? settings.limit : 0) ||
    wait > settings.maxDelay
  )
}

/** The wait that the server asks for, milliseconds. */
function readWait({ settings }: Engine, error: unknown): number {
  return readRetryAfter(error, settings.clock.now())
}

/** Begins the wait that the server asks for. Returns it, milliseconds. */
function holdForServer(engine: Engine, error: unknown): number {
  const wait = readWait(engine, error)
  if (wait) engine.backoff = holdUntil(engine.backoff, engine.clock() + wait)
  return wait
}

function classify({ settings, events }: Engine, { grant }: Flight, error: unknown): Promise<FailureClass> {
  // The version counts the answers of the endpoint, and a login is the first.
  const circumstances = { isProven: !!grant && grant.record.version >= 2, isRestore: !grant }
  return classifyFailure(error, circumstances, settings.classify, cause => {
    const message = 'classify failed; the default class counts'
    events.emit('warning', { message, error: withCause(message, cause) })
  })
}
