/** The user, and the remaining lifetime of the tokens. */
import type { Auth, AuthState } from '../core/types.js'
import { h, setText } from './dom.js'
import type { Seam } from './seam.js'
import { formatDuration } from './words.js'

export interface SessionBar {
  readonly element: HTMLElement
  stop(): void
}

interface Meter {
  readonly element: HTMLElement
  show(end: number | undefined, now: number): void
}

export function createSessionBar(auth: Auth<never, never>, seam: Seam): SessionBar {
  const state = h('output', { class: 'state' })
  const access = createMeter('Access token', 'access', seam)
  const refresh = createMeter('Session', 'refresh', seam)
  const element = h('div', { class: 'session' }, state, access.element, refresh.element)

  const showState = (): void => {
    const present = auth.getState()
    state.dataset['status'] = present.status
    setText(state, describe(present))
  }
  const tick = (): void => {
    const present = auth.getState()
    const now = Date.now() + seam.skew()
    const isIn = present.status === 'authenticated'
    access.show(isIn ? present.expiresAt : undefined, now)
    refresh.show(isIn ? present.sessionExpiresAt : undefined, now)
  }
  const show = (): void => {
    showState()
    tick()
  }
  const stopListening = auth.subscribe(show)
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches
  const timer = setInterval(tick, isCalm ? 1000 : 100)
  show()
  return {
    element,
    stop() {
      stopListening()
      clearInterval(timer)
    },
  }
}

/** The whole length of a meter is the longest time that it has shown since its end moved. */
function createMeter(label: string, token: string, seam: Seam): Meter {
  const value = h('b')
  const fill = h('i')
  const mark = h('u')
  const track = h('span', { class: 'track', 'aria-hidden': 'true' }, fill, mark)
  let known: number | undefined
  let whole = 1
  return {
    element: h('div', { class: 'meter', 'data-token': token }, h('span', {}, label), value, track),
    show(end, now) {
      if (end !== known) {
        known = end
        whole = Math.max((end ?? now) - now, 1)
        // The window: the remaining lifetime when a refresh is due.
        mark.style.left = `${(100 * seam.windowOf(whole)) / whole}%`
      }
      const left = Math.max(0, (end ?? now) - now)
      setText(value, end === undefined ? 'unknown' : left > 0 ? formatLeft(left) : 'ended')
      fill.style.transform = `scaleX(${(left / whole).toFixed(3)})`
    },
  }
}

function formatLeft(ms: number): string {
  return ms < 100_000 ? `${(ms / 1000).toFixed(1)} s` : formatDuration(ms)
}

/** The state in words, with the name that the claims give, if they give one. */
export function describe(state: AuthState<never>): string {
  if (state.status === 'loading') return 'Restoring the session'
  if (state.status === 'anonymous') return 'Logged out'
  if (state.status === 'expired') return `Session expired: ${state.reason.replaceAll('_', ' ')}`
  const claims = (state.claims ?? {}) as Record<string, unknown>
  const name = ['name', 'preferred_username', 'email', 'sub'].map(key => claims[key]).find(Boolean)
  return name ? `Logged in as ${name}` : 'Logged in'
}
