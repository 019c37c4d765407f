/**
 * One refresh, from top to bottom: take the lock, read the storage, adopt or send, store, release the lock, then decide. The
 * locked section returns its decision as a function. So failures are classified, sessions end and listeners run outside the lock.
 */
import { emitRefreshed, sendRefresh } from './attempt.js'
import { isStrict } from './backoff.js'
import { isLeaving, watchDeparture } from './departure.js'
import { findInput, isPeerRetrying } from './derive.js'
import { whenActivated } from './environment.js'
import { RefreshFailedError, SignedOutError } from './errors.js'
import { createFlight, isBackingOff, isUnsent, refusal, settlement } from './flight.js'
import type { Grant } from './grant.js'
import { finish, nextAttempt, type RefreshAttempt, recover, shareFailure } from './retry.js'
import { sync } from './session.js'
import type { Engine, Flight, Sharing } from './state.js'
import type { RefreshFunction, RefreshReason } from './types.js'
import { ignore, pause } from './waiting.js'

/** How often the result of another tab's retry is looked for, milliseconds. */
const POLL_INTERVAL = 50
/** A lock that took longer than this was held by another page, milliseconds. */
const CONTENDED = 5

/** Runs after the lock is released. Resolves to the next attempt, if one follows. */
type Decision = () => RefreshAttempt | undefined | Promise<RefreshAttempt | undefined>

/** Refreshes, or joins the refresh in progress. */
export function fly(
  engine: Engine,
  reason: RefreshReason,
  call: RefreshFunction | undefined = engine.settings.refresh,
): Promise<void> {
  if (engine.flight) return engine.flight.promise
  const input = findInput(engine)
  if (!call && input) return Promise.reject(refusal(engine, 'The server renews with the next request', false))
  // Where no refresh is possible the session ends, even during a back-off.
  if (input && isBackingOff(engine, reason)) return Promise.reject(refusal(engine))
  const flight = createFlight(engine, reason, call)
  engine.flight = flight
  engine.publish()
  void carryOut(engine, flight)
  return flight.promise
}

/**
 * Refreshes with a request that is sent after this call. All calls during another refresh share the one after it. The
 * refresh function itself joins its own.
 * @param isPatient whether to wait as long as the server asks for
 */
export function refreshNow(engine: Engine, isPatient?: boolean): Promise<void> {
  const { flight, following, backoff, clock } = engine
  if (flight && engine.isCalling) return flight.promise
  if (isPatient && isStrict(backoff, clock())) return Promise.reject(refusal(engine))
  if (!following && (!flight || isUnsent(flight))) return flyManually(engine)
  engine.following = following ?? flyNext(engine)
  return engine.following
}

/** Other tokens came in place of these: releases the waiters once they are stored. A late answer is still used. */
export function releaseWaiters(engine: Engine, before: Grant, stored: Promise<unknown>): void {
  const { flight, unanswered, grant } = engine
  for (const each of flight ? [flight, ...unanswered] : unanswered) {
    if (each.grant !== before) continue
    each.grant = grant
    each.isReleased = true
    each.release(stored)
  }
}

async function carryOut(engine: Engine, flight: Flight): Promise<void> {
  let stopWatching: () => void = ignore
  try {
    // A page that is being prerendered spends no refresh token, has no lock and goes nowhere. No function of the application
    // is called inside `createAuth`.
    await whenActivated()
    const { sharing, clock } = engine
    // Stryker disable next-line BooleanLiteral: without other pages nothing depends on the lock
    const exclusive = sharing?.exclusive ?? (work => work(false))
    const startedAt = clock()
    stopWatching = engine.stopWatching = watchDeparture(engine)
    for (let attempt: RefreshAttempt | undefined = nextAttempt(engine, 1); attempt && !flight.done; ) {
      const current: RefreshAttempt = attempt
      const asked = clock()
      const decide = await exclusive(locked =>
        makeAttempt(engine, flight, current, { locked, waited: clock() - asked, startedAt }).finally(() =>
          linger(engine, locked),
        ),
      )
      attempt = await decide()
    }
  } catch (error) {
    // No call waits for ever.
    flight.settle(error as Error)
  } finally {
    stopWatching()
  }
  flight.settle()
  flight.deliver()
  engine.publish()
}

interface LockContext {
  readonly locked: boolean
  /** How long the lock took, milliseconds. */
  readonly waited: number
  /** The start of the flight on the steady clock. */
  readonly startedAt: number
}

/** Inside the lock: reads the storage, adopts or sends, and stores. */
async function makeAttempt(
  engine: Engine,
  flight: Flight,
  attempt: RefreshAttempt,
  { locked, waited, startedAt }: LockContext,
): Promise<Decision> {
  try {
    if (isEarly(engine, flight)) return () => waitUntilDue(engine, flight, attempt)
    if (engine.sharing) await learnNews(engine, flight, engine.sharing, waited)
    const obstacle = findObstacle(engine, flight, attempt)
    if (obstacle) return obstacle
    const isMine = await sendRefresh(engine, flight, attempt, locked)
    return () => void (isMine && !flight.done && emitRefreshed(engine, flight, attempt.count, startedAt))
  } catch (error) {
    const failure = { error, locked }
    await shareFailure(engine, flight, attempt, failure)
    return () => (flight.done ? undefined : recover(engine, flight, attempt, failure))
  }
}

/** Learns the news of the other tabs, which may settle the flight. */
async function learnNews(engine: Engine, flight: Flight, sharing: Sharing, waited: number): Promise<void> {
  const { mark, peers } = sharing
  if (mark && !flight.done) await mark.wait()
  if (flight.done) return
  // The answer to the page that had the lock may still be on its way.
  // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
  if (!engine.settings.records.shared && (waited > CONTENDED || engine.isUndecided)) await peers.ask()
  await sync(engine)
}

/** The decision of an attempt that sends no request. */
function findObstacle(engine: Engine, flight: Flight, attempt: RefreshAttempt): Decision | undefined {
  if (flight.done) return ignore
  flight.grant = engine.grant
  flight.generation = engine.record.generation
  if (!findInput(engine)) return async () => void (await finish(engine, flight))
  if (isEarly(engine, flight)) return () => waitUntilDue(engine, flight, attempt)
  // Another tab has failed again in the meantime, which holds for this flight, too.
  const isRefused = isBackingOff(engine, flight.reason) || engine.backoff.failures > attempt.failures
  return isRefused ? () => void flight.settle(refusal(engine)) : undefined
}

/** Holds the lock until the other tabs can see the record. */
async function linger({ settings, sharing }: Engine, locked: boolean): Promise<void> {
  if (locked) await settings.records.settled?.()
  await sharing?.peers.linger()
}

/** The page goes away, or another tab may try again, which needs the lock. A manual refresh does not wait for a tab. */
function isEarly(engine: Engine, { reason }: Flight): boolean {
  return isLeaving(engine) || (reason !== 'manual' && isPeerRetrying(engine))
}

async function waitUntilDue(
  engine: Engine,
  flight: Flight,
  attempt: RefreshAttempt,
): Promise<RefreshAttempt> {
  const { failures } = engine.backoff
  while (isEarly(engine, flight) && !flight.done) await pause(POLL_INTERVAL)
  return { ...attempt, failures }
}

function flyManually(engine: Engine): Promise<void> {
  const { flight, settings } = engine
  if (isUnsent(flight)) {
    flight.since = settings.clock.now()
    return settlement(flight)
  }
  const flying = fly(engine, 'manual')
  return engine.flight ? settlement(engine.flight) : flying
}

async function flyNext(engine: Engine): Promise<void> {
  const { generation } = engine.record
  try {
    while (engine.flight && !isUnsent(engine.flight)) {
      await settlement(engine.flight).catch(error => {
        // The session is over.
        if (!(error instanceof RefreshFailedError)) throw error
      })
    }
  } finally {
    engine.following = undefined
  }
  // A cookie would undo a logout that came during the wait.
  if (engine.record.ended && engine.record.generation !== generation) throw new SignedOutError()
  return flyManually(engine)
}
