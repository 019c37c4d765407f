// @vitest-environment happy-dom
/** A session in a store (Pinia), which outlives the component that used it first. */

import { createPinia, defineStore } from 'pinia'
import type { AuthState } from 'tokenflight'
import { cookieSession } from 'tokenflight'
import { createAuthPlugin, useAuth, useClaims } from 'tokenflight/vue'
import { expect, it, onTestFinished, vi } from 'vitest'
import {
  type Component,
  createApp,
  createSSRApp,
  defineComponent,
  effectScope,
  h,
  nextTick,
  ref,
  Suspense,
} from 'vue'
import { renderToString } from 'vue/server-renderer'
import { deferred } from '../support/core.js'
import { type Counted, type Person, session, tokens } from '../support/hooks.js'

const useSession = defineStore('session', () => {
  const { status, logout } = useAuth<Person>()
  const name = useClaims((claims: Person) => claims.name)
  return { status, name, logout }
})
const show = (store: ReturnType<typeof useSession>) => `${store.status} ${store.name ?? 'guest'}`
const First = defineComponent(() => {
  const store = useSession()
  return () => h('p', show(store))
})
const serverState: AuthState<Person> = {
  status: 'authenticated',
  claims: { sub: 'ada', name: 'Ada', roles: [] },
  refreshing: false,
}

/** Lets the browser take over a page: the first component and, if wanted, others. */
function hydrate(page: Component, auth: Counted, html: string) {
  const warnings: unknown[] = []
  vi.spyOn(console, 'warn').mockImplementation((...parts) => void warnings.push(parts))
  vi.spyOn(console, 'error').mockImplementation((...parts) => void warnings.push(parts))
  const container = document.createElement('div')
  container.innerHTML = html
  const pinia = createPinia()
  const app = createSSRApp(page).use(pinia).use(createAuthPlugin(auth, { serverState }))
  app.mount(container)
  onTestFinished(() => app.unmount())
  return { text: () => container.textContent, warnings, store: () => useSession(pinia) }
}

it('a store that a component uses first during hydration follows the session after that component is gone', async () => {
  const auth = session()
  await auth.login(tokens({ name: 'Ada' }))
  const isShown = ref(true)
  const page = defineComponent(() => () => h('div', isShown.value ? [h(First)] : []))
  const { text, warnings, store } = hydrate(page, auth, '<div><p>authenticated Ada</p></div>')
  expect(text()).toBe('authenticated Ada')
  isShown.value = false
  await nextTick()
  await auth.logout()
  expect(show(store())).toBe('anonymous guest')
  await auth.login(tokens({ name: 'Grace' }))
  expect(show(store())).toBe('authenticated Grace')
  expect(warnings).toEqual([])
  // One for `useAuth`, one for `useClaims`, as in the store.
  expect(auth.listeners).toBe(2)
})

it('two components share the store during hydration without a mismatch, and both follow it', async () => {
  const auth = session()
  await auth.login(tokens({ name: 'Grace' }))
  const page = defineComponent(() => () => h('div', [h(First), h(First)]))
  const { text, warnings } = hydrate(
    page,
    auth,
    '<div><p>authenticated Ada</p><p>authenticated Ada</p></div>',
  )
  await nextTick()
  expect(text()).toBe('authenticated Graceauthenticated Grace')
  await auth.logout()
  await nextTick()
  expect(text()).toBe('anonymous guestanonymous guest')
  expect(warnings).toEqual([])
  expect(auth.listeners).toBe(2)
})

it('a store follows the session although its first component is removed before it is mounted', async () => {
  const auth = session()
  await auth.login(tokens({ name: 'Grace' }))
  const isShown = ref(true)
  const Never = defineComponent({
    async setup() {
      const store = useSession()
      await new Promise(() => {})
      return () => h('p', show(store))
    },
  })
  const page = defineComponent(
    () => () => h('div', isShown.value ? [h(Suspense, null, { default: () => h(Never) })] : []),
  )
  const { store } = hydrate(page, auth, '<div><p>authenticated Ada</p></div>')
  isShown.value = false
  await nextTick()
  expect(show(store())).toBe('authenticated Grace')
  await auth.logout()
  expect(show(store())).toBe('anonymous guest')
})

it('a composable that components share in a scope of its own follows the session like a store', async () => {
  const auth = session()
  await auth.login(tokens({ name: 'Ada' }))
  const scope = effectScope(true)
  let shared: ReturnType<typeof useAuth<Person>> | undefined
  const Part = defineComponent(() => {
    shared ??= scope.run(() => useAuth<Person>())
    return () => h('p', shared?.status.value)
  })
  const isShown = ref(true)
  const page = defineComponent(() => () => h('div', isShown.value ? [h(Part)] : []))
  hydrate(page, auth, '<div><p>authenticated</p></div>')
  isShown.value = false
  await nextTick()
  await auth.logout()
  expect(shared?.status.value).toBe('anonymous')
  scope.stop()
  expect(auth.listeners).toBe(0)
  await auth.login(tokens())
  expect(shared?.status.value).toBe('anonymous')
})

it('a scope that ends before its component is mounted listens to nothing', async () => {
  const auth = session()
  const Part = defineComponent(() => {
    const scope = effectScope()
    scope.run(() => useAuth())
    scope.stop()
    return () => h('p')
  })
  hydrate(Part, auth, '<p></p>')
  await nextTick()
  expect(auth.listeners).toBe(0)
})

it('a component that unmounts after hydration listens no longer, while the store does', async () => {
  const auth = session()
  const isShown = ref(true)
  const Part = defineComponent(() => {
    const store = useSession()
    const { status } = useAuth()
    return () => h('p', `${store.status} ${status.value}`)
  })
  const page = defineComponent(() => () => h('div', isShown.value ? [h(Part)] : []))
  const { store } = hydrate(page, auth, '<div><p>authenticated authenticated</p></div>')
  expect(auth.listeners).toBe(3)
  isShown.value = false
  await nextTick()
  expect(auth.listeners).toBe(2)
  store().$dispose()
  expect(auth.listeners).toBe(0)
})

it('a store that a guard uses before the page is mounted has the state that the server rendered', async () => {
  const restore = deferred<ReturnType<typeof tokens>>()
  const auth = session({ storage: cookieSession(), autoRefresh: 'off', refresh: () => restore.promise })
  const pinia = createPinia()
  const app = createApp(First).use(pinia).use(createAuthPlugin(auth, { serverState }))
  const store = app.runWithContext(() => useSession())
  expect(show(store)).toBe('authenticated Ada')
  restore.resolve(tokens({ name: 'Ada L.' }))
  await auth.ready
  expect(show(store)).toBe('authenticated Ada L.')
})

it('a store on a server has the state of its request when it is read, and is not part of the payload', async () => {
  const auth = session()
  await auth.login(tokens({ name: 'Ada' }))
  const fetched = deferred<void>()
  const page = defineComponent({
    async setup() {
      const store = useSession()
      await fetched.promise
      return () => h('p', show(store))
    },
  })
  const pinia = createPinia()
  const html = renderToString(createSSRApp(page).use(pinia).use(createAuthPlugin(auth)))
  await auth.logout()
  fetched.resolve()
  expect(await html).toBe('<p>loading guest</p>')
  expect(JSON.stringify(pinia.state.value)).not.toContain('Ada')
  expect(auth.listeners).toBe(0)
})
