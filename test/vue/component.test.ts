// @vitest-environment happy-dom
/** Components on a page: their text, the number of their renders, and their clean-up. */
import { mount } from '@vue/test-utils'
import { createAuthPlugin, useAuth, useClaims } from 'tokenflight/vue'
import { expect, it, vi } from 'vitest'
import { createSSRApp, defineComponent, h, KeepAlive, nextTick, ref, Suspense, version } from 'vue'
import { type Counted, type Person, session, tokens } from '../support/hooks.js'

function component<T>(setup: () => T, show: (given: T) => string) {
  let renders = 0
  const definition = defineComponent({
    setup() {
      const given = setup()
      return () => {
        renders++
        return h('p', show(given))
      }
    },
  })
  return {
    definition,
    get renders() {
      return renders
    },
  }
}
const name = () =>
  component(
    () => useClaims((claims: Person) => claims.name),
    ({ value }) => value ?? 'guest',
  )
const plugins = (auth: Counted) => ({ global: { plugins: [createAuthPlugin(auth)] } })

const role = () =>
  component(
    () => useClaims((claims: Person) => claims.roles.includes('admin')),
    ({ value }) => (value ? 'admin' : 'guest'),
  )

it('shows a session and renders only after changes of the values that it reads', async () => {
  const auth = session()
  const one = name()
  const view = mount(one.definition, plugins(auth))
  expect(view.text()).toBe('guest')
  await auth.login(tokens({ name: 'Ada' }))
  await nextTick()
  expect(view.text()).toBe('Ada')
  expect(one.renders).toBe(2)
  await auth.refresh()
  await auth.refresh()
  await nextTick()
  // Before 3.4 a computed told its readers of each change, though it came to the same value: two per refresh.
  expect(one.renders).toBe(Number(version.split('.')[1]) < 4 ? 6 : 2)
  expect(view.text()).toBe('Ada')
  await auth.logout()
  await nextTick()
  expect(view.text()).toBe('guest')
})

it('shows the logout of a session that was disposed', async () => {
  const auth = session()
  const view = mount(name().definition, plugins(auth))
  await auth.login(tokens({ name: 'Ada' }))
  auth.dispose()
  await auth.logout()
  await nextTick()
  expect(view.text()).toBe('guest')
})

it('stops listening when it is unmounted', () => {
  const auth = session()
  const view = mount(name().definition, plugins(auth))
  expect(auth.listeners).toBe(1)
  view.unmount()
  expect(auth.listeners).toBe(0)
})

it('works in templates, where refs are unwrapped', async () => {
  const auth = session()
  await auth.login(tokens({ name: 'Ada' }))
  const view = mount(
    defineComponent({
      setup: () => useAuth<Person>(),
      render() {
        return h('p', [this.status, this.claims?.name])
      },
    }),
    plugins(auth),
  )
  expect(view.text()).toBe('authenticatedAda')
})

it('is distinguished from one that is taken over from a server, also when its vnode was there before', async () => {
  const auth = session()
  await auth.login(tokens({ name: 'Ada' }))
  const one = name()
  const kept = h(one.definition)
  const isShown = ref(true)
  const view = mount(
    defineComponent(() => () => (isShown.value ? kept : h('i'))),
    plugins(auth),
  )
  isShown.value = false
  await nextTick()
  isShown.value = true
  await nextTick()
  expect(view.text()).toBe('Ada')
  expect(one.renders).toBe(2)
})

it('follows the session in KeepAlive and behind an async setup', async () => {
  const auth = session()
  const Async = defineComponent({
    async setup() {
      const { status } = useAuth()
      await auth.ready
      return () => h('p', status.value)
    },
  })
  const view = mount(
    defineComponent(
      () => () =>
        h(Suspense, null, { default: () => h(KeepAlive, null, () => h(Async)), fallback: () => '…' }),
    ),
    plugins(auth),
  )
  await auth.login(tokens())
  await vi.waitFor(() => expect(view.text()).toBe('authenticated'))
})

it.each<[string, boolean]>([
  ['no user logged in', false],
  ['a stored session', true],
])('takes over a page of a server without a mismatch: %s', async (_, isStored) => {
  const warnings: unknown[] = []
  vi.spyOn(console, 'warn').mockImplementation((...parts) => void warnings.push(parts))
  vi.spyOn(console, 'error').mockImplementation((...parts) => void warnings.push(parts))
  const auth = session()
  if (isStored) await auth.login(tokens())
  const one = component(useAuth, ({ status }) => status.value)
  const container = document.createElement('div')
  container.innerHTML = '<p>loading</p>'
  const before = container.firstChild
  const app = createSSRApp(one.definition).use(createAuthPlugin(auth))
  app.mount(container)
  await nextTick()
  expect(warnings).toEqual([])
  expect(container.firstChild).toBe(before)
  expect(container.textContent).toBe(isStored ? 'authenticated' : 'anonymous')
  expect(one.renders).toBe(2)
  expect(auth.listeners).toBe(1)
  await (isStored ? auth.logout() : auth.login(tokens()))
  await nextTick()
  expect(container.textContent).toBe(isStored ? 'anonymous' : 'authenticated')
  app.unmount()
  expect(auth.listeners).toBe(0)
})

it('takes over a page with the state that the server handed over', async () => {
  const warnings: unknown[] = []
  vi.spyOn(console, 'warn').mockImplementation((...parts) => void warnings.push(parts))
  const server = session()
  await server.login(tokens({ name: 'Ada' }))
  const serverState = JSON.parse(JSON.stringify(server.getState()))
  const auth = session()
  const one = name()
  const container = document.createElement('div')
  container.innerHTML = '<p>Ada</p>'
  const app = createSSRApp(one.definition).use(createAuthPlugin(auth, { serverState }))
  app.mount(container)
  expect(container.textContent).toBe('Ada')
  await nextTick()
  expect(warnings).toEqual([])
  expect(container.textContent).toBe('guest')
  app.unmount()
})

it('a mismatch would be seen by these tests', async () => {
  const warnings: unknown[] = []
  vi.spyOn(console, 'warn').mockImplementation((...parts) => void warnings.push(parts))
  vi.spyOn(console, 'error').mockImplementation((...parts) => void warnings.push(parts))
  const container = document.createElement('div')
  container.innerHTML = '<p>authenticated</p>'
  createSSRApp(component(useAuth, ({ status }) => status.value).definition)
    .use(createAuthPlugin(session()))
    .mount(container)
  expect(warnings.length).toBeGreaterThan(0)
})

it('shows nothing of the user before if the selector throws, and the next user afterwards', async () => {
  const auth = session()
  await auth.login(tokens({ sub: 'ada', roles: ['admin'] }))
  const page = ref(1)
  const errors: unknown[] = []
  const isAdmin = role()
  const Page = () => [h('i', page.value), h(isAdmin.definition, { key: 1, page: page.value })]
  const view = mount(Page, {
    global: { ...plugins(auth).global, config: { errorHandler: error => errors.push(error) } },
  })
  expect(view.text()).toBe('1admin')
  await auth.login(tokens({ sub: 'bob', roles: undefined as never }))
  await nextTick()
  expect(view.text()).toBe('1')
  page.value++
  await nextTick()
  expect(view.text()).toBe('2')
  expect(errors).toHaveLength(isAdmin.renders - 1)
  await auth.login(tokens({ sub: 'grace', roles: ['user'] }))
  await nextTick()
  expect(view.text()).toBe('2guest')
})
