/** When to act without being asked: refreshing ahead, announcing the end of the session, ending it; waking. */
import { hasWindow, isOffline, isVisible, onWake, startTimer } from './environment.js'
import type { Held } from './held.js'
import type { Settings } from './options.js'

/** The instants of a session, on the steady clock; Infinity: never, or unknown. */
export interface SessionEnd {
  /** What `sessionExpiring` and `sessionExpiresAt` speak of. */
  readonly at: number
  /** When `sessionExpiring` is due; Infinity once it was announced. */
  readonly announceAt: number
  /** Neither token is good any more. */
  readonly overAt: number
}

export interface ScheduleHost {
  readonly settings: Settings
  readonly clock: () => number
  held(): Held | undefined
  end(held: Held): SessionEnd
  /** Whether there is anything to refresh these tokens with, or was. */
  renewable(held: Held): boolean
  /** No refresh before this. */
  coolUntil(): number
  flying(): boolean
  announce(): void
  /** Starts a refresh, or ends the session where none can help. */
  renew(): void
  /** The page sleeps or comes back; `persisted`: from the back/forward cache. */
  woken(event: string, persisted: boolean): void
}

export interface Schedule {
  /** Sets the one timer for whatever is due next. */
  plan(): void
  stop(): void
}

export function createSchedule(host: ScheduleHost): Schedule {
  const { settings, clock } = host
  const { background } = settings
  let cancel = (): void => {}
  let waking = false
  let stopped = false

  /** `'active'`: an abandoned tab does not keep a session alive. */
  const eager = (held: Held): boolean =>
    background === 'always' || (background === 'active' && isVisible() && held.used)

  const refreshDue = (held: Held): number =>
    held.asked || !host.renewable(held)
      ? Number.POSITIVE_INFINITY
      : Math.min(held.timerAt, held.refreshEndsAt)

  const plan = (): void => {
    cancel()
    const held = host.held()
    if (!held || stopped || !(hasWindow() || background === 'always')) return
    const now = clock()
    const { announceAt, overAt } = host.end(held)
    let due = refreshDue(held)
    if (due <= now)
      due =
        eager(held) && !host.flying() && !isOffline()
          ? Math.max(now, host.coolUntil())
          : Number.POSITIVE_INFINITY
    else if (background === 'off') due = Number.POSITIVE_INFINITY
    const next = Math.min(due, announceAt, overAt)
    if (next < Number.POSITIVE_INFINITY) cancel = startTimer(check, next - now)
  }

  /** Does what is due. The clock decides, never the timer, which may come late, or early where waits are capped. */
  const check = (): void => {
    const held = host.held()
    if (held && !stopped) {
      const now = clock()
      const { announceAt, overAt } = host.end(held)
      if (now >= announceAt) host.announce()
      const due =
        now >= Math.min(held.windowAt, refreshDue(held)) &&
        eager(held) &&
        now >= host.coolUntil() &&
        !isOffline()
      if (now >= overAt || (due && !host.flying())) host.renew()
    }
    plan()
  }

  const stopWaking = onWake((event, persisted) => {
    host.woken(event, persisted)
    if (waking || stopped || event === 'freeze') return
    // One wake-up comes as several events.
    waking = true
    startTimer(() => {
      waking = false
      check()
    }, 0)
  })

  return {
    plan,
    stop() {
      stopped = true
      cancel()
      stopWaking()
    },
  }
}
