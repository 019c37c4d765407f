// @vitest-environment happy-dom
/** The state that the server rendered stays on the page until the restore in the browser has finished. */

import { act } from '@testing-library/react'
import { lazy, memo, type ReactNode, Suspense } from 'react'
import { hydrateRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import type { AuthState, TokenResponse } from 'tokenflight'
import { AuthProvider, useAuth, useClaims } from 'tokenflight/react'
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import {
  busy,
  type Counted,
  openCookieSession,
  type Person,
  refused,
  session,
  tokens,
} from '../support/hooks.js'

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
})

const rendered: AuthState<Person> = {
  status: 'authenticated',
  claims: { sub: 'ada', name: 'Ada', roles: ['admin'] },
  expiresAt: 1_800_000_000_000,
  refreshing: false,
}

const shown: string[] = []
const Page = () => {
  const { status, error } = useAuth()
  const name = useClaims((claims: Person) => claims.name)
  const text = `${status} ${name ?? 'guest'}${error ? ' with an error' : ''}`
  shown.push(text)
  return <p>{text}</p>
}
const app = (auth: Counted, serverState?: AuthState<Person>, page: ReactNode = <Page />) => (
  <AuthProvider auth={auth} serverState={serverState}>
    {page}
  </AuthProvider>
)

/** Lets the browser take over the page that the server rendered. */
async function hydrate(element: ReturnType<typeof app>, html = '<p>authenticated Ada</p>') {
  const errors: unknown[] = []
  vi.spyOn(console, 'error').mockImplementation((...parts) => void errors.push(parts))
  const container = document.createElement('div')
  container.innerHTML = html
  shown.length = 0
  const root = await act(async () =>
    hydrateRoot(container, element, { onRecoverableError: error => errors.push(error) }),
  )
  onTestFinished(() => act(() => root.unmount()))
  return {
    text: () => container.textContent,
    errors,
    show: (next: typeof element) => act(() => root.render(next)),
  }
}

it('the page shows the user during a slow restore, and renders again only for the differences', async () => {
  const { auth, calls } = openCookieSession()
  const { text, errors } = await hydrate(app(auth, rendered))
  await act(() => vi.waitFor(() => expect(calls).toHaveLength(1)))
  expect(auth.getState().status).toBe('loading')
  expect(text()).toBe('authenticated Ada')
  await act(async () => calls[0]?.resolve(tokens({ name: 'Ada' })))
  await act(() => auth.ready)
  expect(auth.getState().status).toBe('authenticated')
  expect(new Set(shown)).toEqual(new Set(['authenticated Ada']))
  expect(errors).toEqual([])
  expect(calls).toHaveLength(1)
})

it('the page keeps the user, with the error, if the auth server answers 503', async () => {
  const refresh = vi.fn(busy)
  const { auth } = openCookieSession({ refresh })
  const { text, errors } = await hydrate(app(auth, rendered))
  await act(() => auth.ready)
  expect(text()).toBe('authenticated Ada with an error')
  expect(shown).not.toContain('loading guest')
  expect(shown).not.toContain('anonymous guest with an error')
  expect(errors).toEqual([])
  expect(refresh).toHaveBeenCalledOnce()
})

it('the page keeps the user if the network is down, and follows the session when it is back', async () => {
  const refresh = vi.fn<() => Promise<TokenResponse>>(() => Promise.reject(new TypeError('Failed to fetch')))
  const { auth } = openCookieSession({ refresh })
  const { text } = await hydrate(app(auth, rendered))
  await act(() => auth.ready)
  expect(text()).toBe('authenticated Ada with an error')
  refresh.mockImplementation(async () => tokens({ name: 'Ada L.' }))
  await act(() => auth.refresh())
  expect(text()).toBe('authenticated Ada L.')
  expect(refresh).toHaveBeenCalledTimes(2)
})

it('the page shows that the user is logged out if the server refuses the restore', async () => {
  const { auth } = openCookieSession({ refresh: refused })
  const { text } = await hydrate(app(auth, rendered))
  await act(() => auth.ready)
  expect(text()).toBe('anonymous guest')
  expect(shown).not.toContain('loading guest')
})

it('the page shows a logout at once, although the restore has not finished', async () => {
  const { auth } = openCookieSession()
  const { text } = await hydrate(app(auth, rendered))
  await act(() => auth.logout())
  expect(text()).toBe('anonymous guest')
})

it('a component that appears before the restore has finished shows the user, too', async () => {
  const { auth } = openCookieSession()
  const { text, show } = await hydrate(app(auth, rendered))
  const two = (
    <>
      <Page />
      <Page />
    </>
  )
  await show(app(auth, rendered, two))
  expect(text()).toBe('authenticated Adaauthenticated Ada')
})

it('a state of `loading` from the server covers nothing', async () => {
  const { auth } = openCookieSession({ refresh: busy })
  const { text } = await hydrate(app(auth, { status: 'loading' }), '<p>loading guest</p>')
  await act(() => auth.ready)
  expect(text()).toBe('anonymous guest with an error')
})

it('`initialState` of createAuth is rendered on the server and in the browser, without `serverState`', async () => {
  const html = await withoutWindow(() => renderToString(app(session({ initialState: rendered }))))
  expect(html).toBe('<p>authenticated Ada</p>')
  const { auth, calls } = openCookieSession({ initialState: rendered })
  const { text, errors } = await hydrate(app(auth), html)
  expect(text()).toBe('authenticated Ada')
  await act(() => vi.waitFor(() => expect(calls).toHaveLength(1)))
  await act(async () => calls[0]?.resolve(tokens({ name: 'Ada' })))
  await act(() => auth.ready)
  expect(new Set(shown)).toEqual(new Set(['authenticated Ada']))
  expect(errors).toEqual([])
})

it('a part of the page that is taken over after the restore repeats `initialState` first', async () => {
  let load: (module: { default: typeof Page }) => void = () => {}
  const Lazy = lazy(() => new Promise<{ default: typeof Page }>(resolve => (load = resolve)))
  const page = (Part: typeof Page) => (
    <Suspense fallback="…">
      <Part />
    </Suspense>
  )
  const html = await withoutWindow(() =>
    renderToString(app(session({ initialState: rendered }), undefined, page(Page))),
  )
  expect(html).toContain('authenticated Ada')
  const { auth, calls } = openCookieSession({ initialState: rendered })
  const { text, errors } = await hydrate(app(auth, undefined, page(Lazy as never)), html)
  await act(() => vi.waitFor(() => expect(calls).toHaveLength(1)))
  await act(async () => calls[0]?.reject(Object.assign(new Error('refused'), { status: 401 })))
  await act(() => auth.ready)
  await act(async () => load({ default: Page }))
  expect(errors).toEqual([])
  expect(text()).toBe('anonymous guest')
})

it('useAuth returns the same object until something changes, with an error over the state of the server too', async () => {
  const seen: unknown[] = []
  const Watcher = () => {
    seen.push(useAuth())
    return <p>authenticated Ada</p>
  }
  const { auth } = openCookieSession({ refresh: busy })
  const { show } = await hydrate(app(auth, rendered, <Watcher />))
  await act(() => auth.ready)
  const { length } = seen
  await show(app(auth, rendered, <Watcher />))
  expect(seen.length).toBeGreaterThan(length)
  expect(seen.at(-1)).toBe(seen[length - 1])
  expect(seen.at(-1)).toMatchObject({ ...rendered, error: { code: 'ERR_REFRESH_FAILED' } })
})

it('a `serverState` that is made anew at each render of the parent renders nothing below', async () => {
  const seen: unknown[] = []
  const Watcher = memo(() => {
    seen.push(useAuth())
    return <p>authenticated Ada</p>
  })
  const { auth } = openCookieSession({ refresh: busy })
  const page = <Watcher />
  const { show } = await hydrate(app(auth, { ...rendered }, page))
  await act(() => auth.ready)
  const { length } = seen
  await show(app(auth, { ...rendered }, page))
  await show(app(auth, { ...rendered }, page))
  expect(seen).toHaveLength(length)
  expect(seen.at(-1)).toMatchObject({ ...rendered, error: { code: 'ERR_REFRESH_FAILED' } })
})

it('another `auth` comes with another `serverState`', async () => {
  const { show, text } = await hydrate(app(openCookieSession().auth, rendered))
  const grace = { ...rendered, claims: { sub: 'grace', name: 'Grace', roles: [] } }
  await show(app(openCookieSession().auth, grace))
  expect(text()).toBe('authenticated Grace')
})

async function withoutWindow<T>(work: () => T): Promise<T> {
  const page = window
  vi.stubGlobal('window', undefined)
  try {
    return work()
  } finally {
    vi.stubGlobal('window', page)
  }
}
