/** The first panel: no framework. `auth.subscribe` and `auth.getState` are all there is. */
import type { Application } from './application.js'
import { formatResult } from './calls.js'
import { setText } from './dom.js'

export function mountAxiosPanel(host: HTMLElement, { session, clients }: Application): () => void {
  const { auth } = session
  const client = clients.axios
  host.innerHTML = `
    <header><h3>axios</h3><code>attachAuth(api, auth)</code></header>
    <dl>
      <dt>State</dt><dd data-field="status"></dd>
      <dt>Refreshing</dt><dd data-field="refreshing"></dd>
      <dt>Last request</dt><dd data-field="last"></dd>
      <dt>User</dt><dd data-field="user"></dd>
      <dt>Changes of state</dt><dd data-field="changes"></dd>
    </dl>
    <button type="button">Send with axios</button>`
  const field = (name: string, text: string) => {
    const element = host.querySelector(`[data-field="${name}"]`)
    if (element) setText(element, text)
  }
  let changes = 0
  const show = () => {
    const state = auth.getState()
    const isIn = state.status === 'authenticated'
    field('status', state.status)
    field('user', (isIn && state.claims?.name) || 'no user')
    field('refreshing', isIn && state.refreshing ? 'yes' : 'no')
    field('last', formatResult(client.last))
    field('changes', String(changes))
  }
  host.querySelector('button')?.addEventListener('click', () => void client.send())
  const stops = [
    auth.subscribe(() => {
      changes += 1
      show()
    }),
    client.subscribe(show),
  ]
  show()
  return () => {
    for (const stop of stops) stop()
    host.replaceChildren()
  }
}
