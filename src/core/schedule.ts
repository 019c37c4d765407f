/** When to act without being asked: refreshing ahead, announcing the end of the session, ending it; waking. */
import type { SteadyClock } from './clock.js'
import { hasWindow, isOffline, isVisible, onWake, startTimer } from './environment.js'
import type { Events } from './events.js'
import type { Flights } from './flights.js'
import type { Held } from './held.js'
import { isRenewable, type Settings } from './options.js'
import type { Session } from './session.js'
import { ignore } from './waiting.js'

/** How long before the end of a session it is announced, milliseconds; at most a quarter of the lifetime. */
const NOTICE = 60_000
const NEVER = Number.POSITIVE_INFINITY

export interface ScheduleHost {
  readonly settings: Settings
  readonly clock: SteadyClock
  readonly events: Events
  readonly session: Session
  readonly flights: Flights
  readonly shared: boolean
  conclude(): void
  /** The network is back. */
  online(): void
}

export interface Schedule {
  /** Sets the one timer for whatever is due next. */
  plan(): void
  /** Whether the page is frozen. */
  frozen(): boolean
  stop(): void
}

export function createSchedule({
  settings,
  clock,
  events,
  session,
  flights,
  shared,
  conclude,
  online,
}: ScheduleHost): Schedule {
  const { autoRefresh } = settings
  let cancel: () => void = ignore
  let cancelWaking: () => void = ignore
  let isWaking = false
  let isStopped = false
  let isFrozen = false

  /** `'active'`: an abandoned tab does not keep a session alive. */
  const isEager = (held: Held): boolean =>
    autoRefresh === 'always' || (autoRefresh === 'active' && isVisible() && held.used)

  /** When what is due, on the steady clock. */
  const instants = (held: Held): { refreshAt: number; announceAt: number; overAt: number } => {
    const { endsAt, refreshEndsAt, timerAt, tokens } = held
    const isLasting = isRenewable(settings, tokens)
    const end = isLasting ? refreshEndsAt : endsAt
    const notice = Math.min(NOTICE, ((isLasting ? tokens.refreshLifetime : tokens.lifetime) ?? NEVER) / 4)
    return {
      refreshAt: settings.refresh && isLasting && !held.asked ? Math.min(timerAt, refreshEndsAt) : NEVER,
      announceAt: held.announced ? NEVER : end - notice,
      overAt: isLasting ? Math.max(endsAt, end) : end,
    }
  }
  /**
   * Whether the timer asks the server about a session that looks expired: once, and again only for an eager page.
   * Without anything to ask with it just ends the session.
   */
  const maySettle = (held: Held): boolean => {
    if (!isRenewable(settings, held.tokens)) return true
    const isSeen = autoRefresh === 'always' || (autoRefresh === 'active' && isVisible())
    return isSeen && !!settings.refresh && !isOffline() && (!held.isSettling || isEager(held))
  }
  /** When the timer refreshes that is due. After a failure, `spread` says when it tries again. */
  const again = ({ timerAt, windowAt, endsAt, tokens }: Held, now: number): number => {
    const { until, failures } = flights.coolDown
    const soon = Math.max(now, until)
    if (!settings.spread || !failures) return soon
    return settings.spread.again({ timerAt, windowAt, endsAt, lifetime: tokens.lifetime ?? 0 }, soon, now)
  }
  const plan = (): void => {
    cancel()
    const { held } = session
    if (!held || isStopped || !(hasWindow() || autoRefresh === 'always')) return
    const now = clock()
    const { refreshAt, announceAt, overAt } = instants(held)
    let due = autoRefresh === 'off' ? NEVER : refreshAt
    if (due <= now) due = isEager(held) && !flights.current() && !isOffline() ? again(held, now) : NEVER
    const over = overAt > now ? overAt : maySettle(held) ? again(held, now) : NEVER
    // What a flight under way will settle is planned anew when it has.
    const next = Math.min(due, announceAt, flights.current() ? NEVER : over)
    if (next < NEVER) cancel = startTimer(check, next - now)
  }
  /** Does what is due. The clock decides, never the timer, which comes late, or early where waits are capped. */
  const check = (): void => {
    const { held } = session
    if (held && !isStopped) {
      const now = clock()
      const { refreshAt, announceAt, overAt } = instants(held)
      if (now >= announceAt) {
        held.announced = true
        const { expiresAt, refreshExpiresAt } = held.tokens
        events.emit('sessionExpiring', {
          expiresAt: (isRenewable(settings, held.tokens) ? refreshExpiresAt : expiresAt) ?? 0,
        })
      }
      // `navigator.onLine` is a hint: the timer heeds it, a request that needs a token does not.
      const isDue =
        now >= Math.min(refreshAt, held.windowAt) && refreshAt < NEVER && isEager(held) && !isOffline()
      const isOver = now >= overAt && maySettle(held)
      if ((isOver || isDue) && now >= flights.coolDown.until) {
        if (isOver) held.isSettling = true
        flights.fly(now < held.endsAt ? 'ahead' : 'expired').catch(ignore)
      }
    }
    conclude()
  }
  /** A page that was away has learned what it missed, or that only its cookie can tell. */
  const decide = (isBack: boolean): void => {
    if (isBack && settings.cookie && session.held && clock() >= session.held.endsAt)
      flights.fly('expired').catch(ignore)
    conclude()
  }
  const stopWaking = onWake((event, persisted) => {
    isFrozen = event === 'freeze'
    // What siblings did meanwhile is in the storage.
    const hasSlept = isFrozen || event === 'resume' || event === 'prerenderingchange' || persisted
    if (shared && hasSlept) session.stale++
    if (persisted) session.isBack = settings.cookie
    if (isFrozen) return
    if (event !== 'visibilitychange' || isVisible()) clock.wake()
    if (session.stale) void session.recall().then(() => decide(persisted))
    if (event === 'online') {
      online()
      if (!flights.coolDown.strict) flights.coolDown.until = 0
      if (session.undecided && !session.loading) flights.fly('restore').catch(ignore)
    }
    if (isWaking || isStopped) return
    // One wake-up comes as several events.
    isWaking = true
    cancelWaking = startTimer(() => {
      isWaking = false
      check()
    }, 0)
  })
  return {
    plan,
    frozen: () => isFrozen,
    stop() {
      isStopped = true
      cancel()
      cancelWaking()
      stopWaking()
    },
  }
}
