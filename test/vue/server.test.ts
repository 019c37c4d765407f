/** Rendering on a server: no DOM, one app and one session for each request. */
import { createPinia, defineStore } from 'pinia'
import type { AuthState } from 'tokenflight'
import { createAuthPlugin, useAuth, useClaims } from 'tokenflight/vue'
import { expect, it, vi } from 'vitest'
import { createSSRApp, defineComponent, h } from 'vue'
import { renderToString } from 'vue/server-renderer'
import { type Counted, type Person, session, tokens } from '../support/hooks.js'

const Page = defineComponent(() => {
  const { status } = useAuth()
  const name = useClaims((claims: Person) => claims.name)
  return () => h('p', `${status.value} ${name.value ?? 'guest'}`)
})
const page = (auth: Counted, options?: Parameters<typeof createAuthPlugin<Person>>[1]) =>
  createSSRApp(Page).use(createAuthPlugin(auth, options))

it('shows the session of its own request, however many are served at once', async () => {
  const names = ['Ada', 'Grace', 'Edsger']
  const pages = await Promise.all(
    names.map(async name => {
      const auth = session()
      await auth.login(tokens({ name }))
      return renderToString(page(auth))
    }),
  )
  expect(pages).toEqual(names.map(name => `<p>authenticated ${name}</p>`))
})

it('shows `loading` where no user is logged in, because the browser may know better', async () => {
  expect(await renderToString(page(session()))).toBe('<p>loading guest</p>')
})

it('shows the state that it is told', async () => {
  const serverState = { status: 'anonymous' } as const
  expect(await renderToString(page(session(), { serverState }))).toBe('<p>anonymous guest</p>')
})

it('listens to nothing, for no scope ends on a server', async () => {
  const auth = session()
  await auth.login(tokens())
  await renderToString(page(auth))
  expect(auth.listeners).toBe(0)
})

it.each<[string, AuthState<Person>, string]>([
  ['loading', { status: 'loading' }, 'loading guest'],
  ['anonymous', { status: 'anonymous' }, 'anonymous guest'],
  [
    'authenticated',
    { status: 'authenticated', claims: { sub: 'ada', name: 'Ada', roles: [] }, refreshing: false },
    'authenticated Ada',
  ],
])(
  'a store that a guard has used before has the state that the page is told: %s',
  async (_, serverState, text) => {
    const useSession = defineStore('session', () => {
      const { status } = useAuth()
      const name = useClaims((claims: Person) => claims.name)
      return { status, name }
    })
    const Stored = defineComponent(() => {
      const store = useSession()
      return () => h('p', `${store.status} ${store.name ?? 'guest'}`)
    })
    const auth = session()
    const pinia = createPinia()
    const app = createSSRApp(Stored).use(pinia).use(createAuthPlugin(auth, { serverState }))
    expect(app.runWithContext(() => useSession().status)).toBe(serverState.status)
    expect(await renderToString(app)).toBe(`<p>${text}</p>`)
    expect(auth.listeners).toBe(0)
  },
)

it('is rendered on a server that has a window, too, as tests and polyfills do', async () => {
  vi.stubGlobal('window', new EventTarget())
  const auth = session()
  await auth.login(tokens({ name: 'Ada' }))
  expect(await renderToString(page(auth))).toBe('<p>authenticated Ada</p>')
  const serverState = { status: 'loading' } as const
  expect(await renderToString(page(auth, { serverState }))).toBe('<p>loading guest</p>')
  expect(auth.listeners).toBe(0)
})
