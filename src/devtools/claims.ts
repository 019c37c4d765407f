/** The claims of the access token, while they are asked for. They are never kept. */
import type { Auth } from '../core/types.js'
import { h } from './dom.js'

export interface ClaimsView {
  readonly element: HTMLElement
  stop(): void
}

export function createClaims(auth: Auth<never, never>): ClaimsView {
  const text = h('pre', { tabindex: '0', 'aria-label': 'Claims' })
  const element = h(
    'details',
    { class: 'claims' },
    h('summary', {}, 'Claims of the access token'),
    h('p', { class: 'quiet' }, 'Decoded, not verified.'),
    text,
  )
  const show = (): void => {
    const state = auth.getState()
    const claims = state.status === 'authenticated' ? (state.claims as object | undefined) : undefined
    text.textContent = element.open ? (claims ? JSON.stringify(claims, null, 2) : 'There are none.') : ''
  }
  element.addEventListener('toggle', show)
  const stop = auth.subscribe(show)
  return { element, stop }
}
