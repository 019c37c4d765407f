/** The third panel: Vue, on `fetch`. The same session, the same flight. */

import { createAuthPlugin, useAuth, useClaims } from 'tokenflight/vue'
import { createApp, defineComponent, h, onScopeDispose, shallowRef } from 'vue'
import type { Application } from './application.js'
import { type Client, formatResult } from './calls.js'
import type { DemoClaims } from './session.js'

export function mountVuePanel(host: HTMLElement, { session, clients }: Application): () => void {
  const app = createApp(createPanel(clients.vue))
  app.use(createAuthPlugin(session.auth))
  app.mount(host)
  return () => app.unmount()
}

function createPanel(client: Client) {
  return defineComponent(() => {
    const { status, refreshing } = useAuth<DemoClaims>()
    const last = shallowRef(client.last)
    onScopeDispose(
      client.subscribe(() => {
        last.value = client.last
      }),
    )
    return () => [
      h('header', [h('h3', 'Vue'), h('code', 'useAuth(), authFetch()')]),
      h('dl', [
        h('dt', 'State'),
        h('dd', { 'data-field': 'status' }, status.value),
        h('dt', 'Refreshing'),
        h('dd', { 'data-field': 'refreshing' }, refreshing.value ? 'yes' : 'no'),
        h('dt', 'Last request'),
        h('dd', { 'data-field': 'last' }, formatResult(last.value)),
        h(User),
      ]),
      h('button', { type: 'button', onClick: () => void client.send() }, 'Send with fetch'),
    ]
  })
}

/** Renders again only when the name changes, not when other claims do. */
const User = defineComponent(() => {
  const name = useClaims((claims: DemoClaims) => claims.name)
  let renders = 0
  return () => {
    renders += 1
    return [
      h('dt', 'User'),
      h('dd', { 'data-field': 'user' }, name.value ?? 'no user'),
      h('dt', 'Renders of the user'),
      h('dd', { 'data-field': 'renders' }, renders),
    ]
  }
})
