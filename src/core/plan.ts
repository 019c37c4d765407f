/** The work without a request: publishing the state, refreshing ahead, announcing the end of the session, waking. */

import { describe, isRenewable, nextState } from './derive.js'
import { hasWindow, isOffline, isVisible, startTimer } from './environment.js'
import type { Grant } from './grant.js'
import { withInitialState } from './initial-state.js'
import { dropCookieLogouts, tellAgain } from './logout.js'
import { isOfAnother } from './reconcile.js'
import { fly } from './refresh.js'
import { sync } from './session.js'
import type { Engine } from './state.js'
import { readSubject } from './tokens.js'
import type { AuthenticatedState } from './types.js'
import { ignore } from './waiting.js'

/** `sessionExpiring` is emitted this long before the end, milliseconds; at most a quarter of the lifetime. */
const NOTICE = 60_000
const NEVER = Number.POSITIVE_INFINITY

/** The end of every operation: the state, the timer, and then the listeners. */
export function publish(engine: Engine): void {
  const { state: before, grant, found, settings, events, initialState } = engine
  if (grant) dropCookieLogouts(engine)
  const { claims } = (initialState ?? {}) as Partial<AuthenticatedState>
  const isFound = settings.isHidden && !!found && found === grant?.session
  const isInitial = isFound && !isOfAnother(grant, readSubject(claims))
  const state = nextState(before, withInitialState(describe(engine), initialState, isInitial))
  engine.state = state
  if (before && state !== before) events.change()
  plan(engine)
  events.flush()
}

/** An event that may mean that time has passed unseen. `persisted`: the page comes from the back/forward cache. */
export function wake(engine: Engine, event: string, persisted: boolean): void {
  const { settings, clock } = engine
  engine.isFrozen = event === 'freeze'
  const hasSlept = engine.isFrozen || event === 'resume' || event === 'prerenderingchange' || persisted
  // The storage has the changes of the other tabs.
  if (engine.sharing && hasSlept) engine.sleeps++
  if (persisted) engine.isBack = !!settings.cookie
  if (engine.isFrozen) return
  if (event === 'pageshow') engine.leavingUntil = 0
  if (event !== 'visibilitychange' || isVisible()) clock.wake()
  if (engine.sleeps) void sync(engine).then(() => decide(engine, persisted))
  if (event === 'online') retryOnline(engine)
  // One wake-up comes as several events.
  engine.stopWaking ??= startTimer(() => {
    engine.stopWaking = undefined
    doDueWork(engine)
  }, 0)
}

/** The network is back. */
function retryOnline(engine: Engine): void {
  if (engine.logouts.notices.size) void tellAgain(engine)
  engine.onlineAt = engine.clock()
  if (!engine.backoff.strict) engine.backoff = { ...engine.backoff, until: 0 }
  if (engine.isUndecided && !engine.loading) fly(engine, 'restore').catch(ignore)
}

/** Does the work that is due. The clock decides, never the timer, which may be late, or early where waits are capped. */
function doDueWork(engine: Engine): void {
  const { grant, isDisposed, clock, backoff } = engine
  if (grant && !isDisposed) {
    const now = clock()
    const { refreshAt, noticeAt, overAt } = nextDeadlines(engine, grant)
    if (now >= noticeAt) emitNotice(engine, grant)
    // `navigator.onLine` is a hint: the timer follows it, a request that needs a token does not.
    const isDue =
      now >= Math.min(refreshAt, grant.windowAt) &&
      refreshAt < NEVER &&
      isEager(engine, grant) &&
      !isOffline()
    const isOver = now >= overAt && mayEnd(engine, grant)
    if ((isOver || isDue) && now >= backoff.until) {
      grant.endAttempted = true
      fly(engine, now < grant.endsAt ? 'ahead' : grant.isRejected ? 'rejected' : 'expired').catch(ignore)
    }
  }
  engine.publish()
}

/** Sets the one timer. */
function plan(engine: Engine): void {
  const { grant, isDisposed, settings, flight, clock } = engine
  engine.stopTimer()
  if (!grant || isDisposed || !(hasWindow() || settings.autoRefresh === 'always')) return
  const now = clock()
  const { refreshAt, noticeAt, overAt } = nextDeadlines(engine, grant)
  let due = settings.autoRefresh === 'off' ? NEVER : refreshAt
  if (due <= now)
    due = isEager(engine, grant) && !flight && !isOffline() ? timeOfNext(engine, grant, now) : NEVER
  // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
  const over = overAt > now ? overAt : mayEnd(engine, grant) ? timeOfNext(engine, grant, now) : NEVER
  // The end of the flight makes a new plan.
  const next = Math.min(due, noticeAt, flight ? NEVER : over)
  if (next < NEVER) engine.stopTimer = startTimer(() => doDueWork(engine), next - now)
}

/** The page was away. Now it has read the changes that it missed, or knows that only its cookie can tell. */
function decide(engine: Engine, persisted: boolean): void {
  const { settings, grant, clock } = engine
  if (persisted && settings.cookie && grant && clock() >= grant.endsAt) fly(engine, 'expired').catch(ignore)
  engine.publish()
}

/** Instants on the steady clock. */
interface Deadlines {
  readonly refreshAt: number
  readonly noticeAt: number
  /** When neither token can be used any more, as far as the clock can tell. */
  readonly overAt: number
}

function nextDeadlines(engine: Engine, grant: Grant): Deadlines {
  const { endsAt, refreshEndsAt, timerAt, record } = grant
  const isLasting = isRenewable(engine, record)
  const end = isLasting ? refreshEndsAt : endsAt
  const lifetime = (isLasting ? record.refreshLifetime : record.lifetime) ?? NEVER
  const mayRefresh = engine.settings.refresh && isLasting && !grant.renewalAttempted
  return {
    refreshAt: mayRefresh ? Math.min(timerAt, refreshEndsAt) : NEVER,
    noticeAt: grant.noticeSent ? NEVER : end - Math.min(NOTICE, lifetime / 4),
    overAt: isLasting ? Math.max(endsAt, end) : end,
  }
}

function emitNotice(engine: Engine, grant: Grant): void {
  grant.noticeSent = true
  const { expiresAt, refreshExpiresAt } = grant.record
  const end = isRenewable(engine, grant.record) ? refreshExpiresAt : expiresAt
  engine.events.emit('sessionExpiring', { expiresAt: end ?? 0 })
}

/** `'active'`: an abandoned tab does not keep a session alive. */
function isEager({ settings: { autoRefresh } }: Engine, grant: Grant): boolean {
  return autoRefresh === 'always' || (autoRefresh === 'active' && isVisible() && grant.used)
}

/**
 * Whether the timer asks the server about a session that looks expired: once, and again only for an eager page. Without the
 * means to ask, the session ends.
 */
function mayEnd(engine: Engine, grant: Grant): boolean {
  if (!isRenewable(engine, grant.record)) return true
  const { autoRefresh, refresh } = engine.settings
  const isSeen = autoRefresh === 'always' || (autoRefresh === 'active' && isVisible())
  return isSeen && !!refresh && !isOffline() && (!grant.endAttempted || isEager(engine, grant))
}

/** The time of a refresh that is due. After a failure, `spread` decides when the timer tries again. */
function timeOfNext({ backoff, settings }: Engine, grant: Grant, now: number): number {
  const { timerAt, windowAt, endsAt, record } = grant
  const soon = Math.max(now, backoff.until)
  if (!settings.spread || !backoff.failures) return soon
  return settings.spread.again({ timerAt, windowAt, endsAt, lifetime: record.lifetime ?? 0 }, soon, now)
}
