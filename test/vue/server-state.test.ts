// @vitest-environment happy-dom
/** The state that the server rendered stays on the page until the restore in the browser has finished. */

import type { AuthState, TokenResponse } from 'tokenflight'
import { createAuthPlugin, useAuth, useClaims } from 'tokenflight/vue'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createSSRApp, defineAsyncComponent, defineComponent, h, nextTick, ref } from 'vue'
import { renderToString } from 'vue/server-renderer'
import { deferred } from '../support/core.js'
import {
  busy,
  type Counted,
  openCookieSession,
  type Person,
  refused,
  session,
  tokens,
} from '../support/hooks.js'

const rendered: AuthState<Person> = {
  status: 'authenticated',
  claims: { sub: 'ada', name: 'Ada', roles: ['admin'] },
  expiresAt: 1_800_000_000_000,
  refreshing: false,
}

const shown: string[] = []
const Page = defineComponent(() => {
  const { status, error } = useAuth()
  const name = useClaims((claims: Person) => claims.name)
  return () => {
    const text = `${status.value} ${name.value ?? 'guest'}${error.value ? ' with an error' : ''}`
    shown.push(text)
    return h('p', text)
  }
})

/** Lets the browser take over the page that the server rendered. */
function hydrate(
  auth: Counted,
  serverState?: AuthState<Person>,
  { page = Page, html = '<p>authenticated Ada</p>' }: { page?: typeof Page; html?: string } = {},
) {
  const warnings: unknown[] = []
  vi.spyOn(console, 'warn').mockImplementation((...parts) => void warnings.push(parts))
  vi.spyOn(console, 'error').mockImplementation((...parts) => void warnings.push(parts))
  const container = document.createElement('div')
  container.innerHTML = html
  shown.length = 0
  const app = createSSRApp(page).use(createAuthPlugin(auth, { serverState }))
  app.mount(container)
  onTestFinished(() => app.unmount())
  return { text: () => container.textContent, warnings }
}

it('the page shows the user while the restore takes its time', async () => {
  const { auth, calls } = openCookieSession()
  const { text, warnings } = hydrate(auth, rendered)
  await vi.waitFor(() => expect(calls).toHaveLength(1))
  await nextTick()
  expect(auth.getState().status).toBe('loading')
  expect(text()).toBe('authenticated Ada')
  calls[0]?.resolve(tokens({ name: 'Ada' }))
  await auth.ready
  await nextTick()
  expect(auth.getState().status).toBe('authenticated')
  expect(new Set(shown)).toEqual(new Set(['authenticated Ada']))
  expect(warnings).toEqual([])
  expect(calls).toHaveLength(1)
})

it.each<[string, () => Promise<never>]>([
  ['answers 503', busy],
  ['cannot be reached', () => Promise.reject(new TypeError('Failed to fetch'))],
])('the page keeps the user, with the error, if the auth server %s', async (_, failure) => {
  const refresh = vi.fn<() => Promise<TokenResponse>>(failure)
  const { auth } = openCookieSession({ refresh })
  const { text, warnings } = hydrate(auth, rendered)
  await auth.ready
  await nextTick()
  expect(text()).toBe('authenticated Ada with an error')
  expect(new Set(shown)).toEqual(new Set(['authenticated Ada', 'authenticated Ada with an error']))
  expect(warnings).toEqual([])
  expect(refresh).toHaveBeenCalledOnce()
  refresh.mockImplementation(async () => tokens({ name: 'Ada L.' }))
  await auth.refresh()
  await nextTick()
  expect(text()).toBe('authenticated Ada L.')
})

it('the page shows that the user is logged out if the server refuses the restore', async () => {
  const { auth } = openCookieSession({ refresh: refused })
  const { text } = hydrate(auth, rendered)
  await auth.ready
  await nextTick()
  expect(text()).toBe('anonymous guest')
  expect(shown).not.toContain('loading guest')
})

it('the page shows a logout at once, although the restore has not finished', async () => {
  const { auth } = openCookieSession()
  const { text } = hydrate(auth, rendered)
  await auth.logout()
  await nextTick()
  expect(text()).toBe('anonymous guest')
})

it('a component that appears before the restore has finished shows the user, too', async () => {
  const { auth } = openCookieSession()
  const count = ref(1)
  const page = defineComponent(
    () => () =>
      h(
        'div',
        Array.from({ length: count.value }, () => h(Page)),
      ),
  )
  const { text } = hydrate(auth, rendered, { page, html: '<div><p>authenticated Ada</p></div>' })
  count.value = 2
  await nextTick()
  expect(text()).toBe('authenticated Adaauthenticated Ada')
})

it('a state of `loading` from the server covers nothing', async () => {
  const { auth } = openCookieSession({ refresh: busy })
  const { text } = hydrate(auth, { status: 'loading' }, { html: '<p>loading guest</p>' })
  await auth.ready
  await nextTick()
  expect(text()).toBe('anonymous guest with an error')
})

it('`initialState` of createAuth is rendered on the server and in the browser, without `serverState`', async () => {
  const server = session({ initialState: rendered })
  const html = await renderToString(createSSRApp(Page).use(createAuthPlugin(server)))
  expect(html).toBe('<p>authenticated Ada</p>')
  const { auth, calls } = openCookieSession({ initialState: rendered })
  const { text, warnings } = hydrate(auth, undefined, { html })
  await vi.waitFor(() => expect(calls).toHaveLength(1))
  await nextTick()
  expect(text()).toBe('authenticated Ada')
  calls[0]?.resolve(tokens({ name: 'Ada' }))
  await auth.ready
  await nextTick()
  expect(new Set(shown)).toEqual(new Set(['authenticated Ada']))
  expect(warnings).toEqual([])
})

it('a part of the page that is taken over after the restore repeats the state of the server first', async () => {
  const loaded = deferred<typeof Page>()
  const page = defineComponent(() => () => h('div', [h(defineAsyncComponent(() => loaded.promise))]))
  const { auth } = openCookieSession({ refresh: refused })
  const html = '<div><p>authenticated Ada</p></div>'
  const { text, warnings } = hydrate(auth, rendered, { page, html })
  await auth.ready
  loaded.resolve(Page)
  await vi.waitFor(() => expect(text()).toBe('anonymous guest'))
  expect(shown[0]).toBe('authenticated Ada')
  expect(warnings).toEqual([])
})
