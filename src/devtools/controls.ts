/** The controls: each does one thing to the session of this tab, and leaves a mark on the timeline. */
import type { Auth } from '../core/types.js'
import { button, h } from './dom.js'
import type { Network } from './network.js'
import type { Recorder } from './recorder.js'
import type { Seam } from './seam.js'

export interface Controls {
  readonly element: HTMLElement
  stop(): void
}

export function createControls(
  auth: Auth<never, never>,
  seam: Seam,
  network: Network,
  recorder: Recorder,
): Controls {
  const note = (title: string, detail: string, cuts?: 'access'): void =>
    recorder.add({ kind: 'control', at: Date.now(), title, detail, cuts })

  const refresh = button('Refresh now', () => {
    note('Refresh', 'asked for by hand')
    // A failure is an event of its own.
    return auth.refresh().catch(() => {})
  })
  const expire = button('Expire token', () => {
    note('Access token expired', 'in this tab', 'access')
    seam.expire()
  })
  const fail = button('Fail next refresh', () => {
    note('The next refresh fails', 'one attempt, as if by a 503')
    seam.failNext()
  })
  const logout = button('Log out', () => auth.logout())
  const box = h('input', { type: 'checkbox', role: 'switch' })
  box.checked = network.isOffline
  box.addEventListener('change', () => {
    const isOffline = box.checked
    note(isOffline ? 'Offline' : 'Online again', 'fetch and XMLHttpRequest of this page')
    network.setOffline(isOffline)
  })
  const show = (): void => {
    const isOut = auth.getState().status !== 'authenticated'
    for (const control of [refresh, expire, logout]) control.ariaDisabled = String(isOut)
    fail.ariaDisabled = String(!seam.canRefresh)
  }
  const stop = auth.subscribe(show)
  show()
  return {
    element: h(
      'section',
      { class: 'controls' },
      h('h3', {}, 'Controls'),
      refresh,
      expire,
      fail,
      logout,
      h('label', {}, 'Offline', box),
    ),
    stop,
  }
}
