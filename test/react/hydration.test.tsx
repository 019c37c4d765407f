// @vitest-environment happy-dom
/** Taking over a page that a server rendered: the same first render, then the session of the browser. */
import { act } from '@testing-library/react'
import { lazy, Suspense } from 'react'
import { hydrateRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import type { AuthState } from 'tokenflight'
import { AuthProvider, useAuth, useClaims } from 'tokenflight/react'
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { type Counted, type Person, session, tokens } from '../support/hooks.js'

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
})

const shown: string[] = []
const Page = () => {
  const { status } = useAuth()
  const name = useClaims((claims: Person) => claims.name)
  shown.push(`${status} ${name ?? 'guest'}`)
  return <p>{`${status} ${name ?? 'guest'}`}</p>
}
const app = (auth: Counted, serverState?: AuthState<Person>) => (
  <AuthProvider auth={auth} serverState={serverState}>
    <Page />
  </AuthProvider>
)

/** Takes the page over, and returns its text and the messages of React. */
async function hydrate(html: string, element: ReturnType<typeof app>) {
  const errors: unknown[] = []
  vi.spyOn(console, 'error').mockImplementation((...parts) => void errors.push(parts))
  const container = document.createElement('div')
  container.innerHTML = html
  const before = container.firstChild
  shown.length = 0
  const root = await act(async () =>
    hydrateRoot(container, element, { onRecoverableError: error => errors.push(error) }),
  )
  onTestFinished(() => act(() => root.unmount()))
  return { text: () => container.textContent, errors, isKept: before === container.firstChild }
}

it('a stored session appears after the takeover, without a mismatch', async () => {
  const html = renderToString(app(session()))
  const auth = session()
  await auth.login(tokens({ name: 'Ada' }))
  const { text, errors, isKept } = await hydrate(html, app(auth))
  expect(errors).toEqual([])
  expect(isKept).toBe(true)
  expect(shown[0]).toBe('loading guest')
  expect(text()).toBe('authenticated Ada')
})

it('an anonymous visitor appears after the takeover, without a mismatch', async () => {
  const { text, errors } = await hydrate(renderToString(app(session())), app(session()))
  expect(errors).toEqual([])
  expect(shown).toEqual(['loading guest', 'anonymous guest'])
  expect(text()).toBe('anonymous guest')
})

it('the state of the server, handed over, is there from the first render on', async () => {
  const server = session()
  await server.login(tokens({ name: 'Ada' }))
  const state = server.getState()
  const html = renderToString(app(server, state))
  expect(html).toBe('<p>authenticated Ada</p>')
  const auth = session()
  const handed = JSON.parse(JSON.stringify(state))
  const { text, errors, isKept } = await hydrate(html, app(auth, handed))
  expect(errors).toEqual([])
  expect(isKept).toBe(true)
  expect(shown[0]).toBe('authenticated Ada')
  expect(text()).toBe('anonymous guest')
})

it('the same session as that of the server renders the page a second time only for the differences', async () => {
  const auth = session()
  await auth.login(tokens({ name: 'Ada' }))
  const state = auth.getState()
  const { errors } = await hydrate(renderToString(app(auth, state)), app(auth, state))
  expect(errors).toEqual([])
  expect(shown).toEqual(['authenticated Ada'])
})

it('a part of the page that is taken over later, after a login, does not mismatch either', async () => {
  const server = session()
  let load: (module: { default: typeof Page }) => void = () => {}
  const Lazy = lazy(() => new Promise<{ default: typeof Page }>(resolve => (load = resolve)))
  const whole = (auth: Counted, Part: typeof Page) => (
    <AuthProvider auth={auth}>
      <Page />
      <Suspense fallback="…">
        <Part />
      </Suspense>
    </AuthProvider>
  )
  const html = renderToString(whole(server, Page))
  const auth = session()
  const { text, errors } = await hydrate(html, whole(auth, Lazy as never))
  await act(() => auth.login(tokens({ name: 'Ada' })))
  await act(async () => load({ default: Page }))
  expect(errors).toEqual([])
  expect(text()).toBe('authenticated Adaauthenticated Ada')
})

it('a mismatch would be seen by these tests', async () => {
  const server = session()
  await server.login(tokens())
  const { errors } = await hydrate('<p>authenticated Ada</p>', app(session()))
  expect(errors.length).toBeGreaterThan(0)
})
