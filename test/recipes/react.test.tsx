// @vitest-environment happy-dom
/** The recipes for React keep their promises. */

import { QueryClientProvider } from '@tanstack/react-query'
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react'
import axios from 'axios'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { createMemoryRouter, RouterProvider } from 'react-router'
import { type Auth, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { mockAuth } from 'tokenflight/msw'
import { AuthProvider } from 'tokenflight/react'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { API } from '../support/axios.js'
import { recordStorage } from '../support/core.js'
import { tokens } from '../support/hooks.js'
import { LoginPage, Protected } from './protected-route.react.js'
import { forgetOnLogout } from './query-session.js'
import { ForRole } from './roles.js'
import { SessionEnding } from './session-ending.js'
import { createQueryClient, Orders } from './tanstack-query.js'

const backend = mockAuth({ baseUrl: `${API}/auth` })
const server = setupServer(
  ...backend.handlers,
  http.get(
    `${API}/orders`,
    backend.protect(() => HttpResponse.json(['tea', 'milk'])),
  ),
)
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => {
  cleanup()
  vi.useRealTimers()
  backend.reset()
})
afterAll(() => server.close())

function start(): Auth {
  const auth = createAuth({ refresh: refreshRequest({ url: `${API}/auth/refresh` }), retry: 0 })
  onTestFinished(() => auth.dispose())
  return auth
}
const shows = (text: string) => vi.waitFor(() => expect(document.body.textContent).toBe(text))

describe('protected routes', () => {
  function open(auth: Auth, path: string) {
    const router = createMemoryRouter(
      [
        { path: '/', element: <p>Home</p> },
        { path: '/login', element: <LoginPage enter={() => backend.issue('ada')} /> },
        { element: <Protected />, children: [{ path: '/orders/:id', element: <p>Orders</p> }] },
      ],
      { initialEntries: [path] },
    )
    render(
      <AuthProvider auth={auth}>
        <RouterProvider router={router} />
      </AuthProvider>,
    )
    return () => router.state.location
  }
  const logIn = () => act(async () => void fireEvent.click(screen.getByText('Log in')))

  it('lead to the login page and back to where one wanted to go', async () => {
    const place = open(start(), '/orders/7?tab=items#first')
    await shows('Log in')
    expect(place().pathname).toBe('/login')
    await logIn()
    await shows('Orders')
    expect(place()).toMatchObject({ pathname: '/orders/7', search: '?tab=items', hash: '#first' })
  })

  it('lead to the login page when the session has ended, and back afterwards', async () => {
    const auth = start()
    await auth.login(await backend.issue('ada'))
    const place = open(auth, '/orders/7')
    await shows('Orders')
    backend.revokeRefreshTokens()
    await act(() => auth.refresh().catch(() => {}))
    await shows('Your session has ended. Please log in again.Log in')
    await logIn()
    await shows('Orders')
    expect(place().pathname).toBe('/orders/7')
  })

  it('wait while the session is being restored, and send no user who is logged in away', async () => {
    let answer: (record: null) => void = () => {}
    const auth = createAuth({
      refresh: async () => tokens(),
      storage: recordStorage({
        get: () => new Promise(resolve => (answer = resolve)),
        set() {},
        remove() {},
      }),
    })
    onTestFinished(() => auth.dispose())
    const place = open(auth, '/orders/7')
    await shows('One moment…')
    expect(place().pathname).toBe('/orders/7')
    await act(async () => {
      answer(null)
      await auth.ready
    })
    await shows('Log in')
  })
})

describe('TanStack Query', () => {
  function open(auth: Auth) {
    const api = axios.create({ baseURL: API, adapter: 'fetch' })
    attachAuth(api, auth)
    const client = createQueryClient()
    onTestFinished(() => client.clear())
    render(
      <QueryClientProvider client={client}>
        <Orders api={api} />
      </QueryClientProvider>,
    )
    return client
  }

  it('sees neither an error nor a retry of a refresh', async () => {
    const auth = start()
    await auth.login(await backend.issue('ada'))
    backend.expireAccessTokens()
    const client = open(auth)
    await shows('tea,milk, 0 failures')
    expect(client.getQueryState(['orders'])).toMatchObject({
      fetchFailureCount: 0,
      dataUpdateCount: 1,
      errorUpdateCount: 0,
    })
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 1 })
  })

  it('shows the end of a session once, without retries', async () => {
    const auth = start()
    await auth.login(await backend.issue('ada'))
    backend.expireAccessTokens()
    backend.revokeRefreshTokens()
    const client = open(auth)
    await vi.waitFor(() => expect(document.body.textContent).toMatch(/^Session expired/))
    expect(client.getQueryState(['orders'])).toMatchObject({ fetchFailureCount: 1, errorUpdateCount: 1 })
    expect(backend.stats).toMatchObject({ refreshes: 0, rejected: 1, unauthorized: 1 })
  })
})

it('TanStack Query forgets the data of one user before the next one sees it', async () => {
  const auth = start()
  await auth.login(await backend.issue('ada'))
  const client = createQueryClient()
  forgetOnLogout(client, auth)
  for (const leave of [
    () => auth.logout(),
    async () => auth.login(await backend.issue('grace')),
    async () => {
      backend.revokeRefreshTokens()
      await auth.refresh().catch(() => {})
    },
  ]) {
    await auth.login(await backend.issue('ada'))
    client.setQueryData(['orders'], ['tea'])
    await leave()
    await vi.waitFor(() => expect(client.getQueryData(['orders'])).toBeUndefined())
  }
})

it('TanStack Query removes the data of one user from a page that stays', async () => {
  const auth = start()
  await auth.login(await backend.issue('ada'))
  const client = createQueryClient()
  onTestFinished(() => client.clear())
  forgetOnLogout(client, auth)
  const api = axios.create({ baseURL: API, adapter: 'fetch' })
  attachAuth(api, auth)
  render(
    <QueryClientProvider client={client}>
      <Orders api={api} />
    </QueryClientProvider>,
  )
  await shows('tea,milk, 0 failures')
  server.use(http.get(`${API}/orders`, () => HttpResponse.json(['coffee'])))
  onTestFinished(() => server.resetHandlers())
  await act(async () => auth.login(await backend.issue('grace')))
  await shows('coffee, 0 failures')
})

describe('roles', () => {
  it('show only the parts that they may use', async () => {
    const auth = start()
    render(
      <AuthProvider auth={auth}>
        <ForRole name="admin">Delete everything</ForRole>
      </AuthProvider>,
    )
    expect(document.body.textContent).toBe('')
    await act(async () => auth.login(await backend.issue('ada')))
    expect(document.body.textContent).toBe('Delete everything')
    await act(async () => auth.login(await backend.issue('grace')))
    expect(document.body.textContent).toBe('')
  })
})

describe('the end of a session', () => {
  it('is announced and counted down, until a login', async () => {
    vi.useFakeTimers()
    const auth = createAuth({ refresh: async () => tokens(), autoRefresh: 'off' })
    onTestFinished(() => auth.dispose())
    render(
      <AuthProvider auth={auth}>
        <SessionEnding auth={auth} />
      </AuthProvider>,
    )
    const pass = (milliseconds: number) => act(() => vi.advanceTimersByTimeAsync(milliseconds))
    const lasting = () => ({
      ...tokens({ exp: Math.floor(Date.now() / 1000) + 3600 }),
      refresh_expires_in: 600,
    })
    await act(() => auth.login(lasting()))
    await pass(539_000)
    expect(document.body.textContent).toBe('')
    await pass(2_000)
    expect(document.body.textContent).toMatch(/^Your session ends in (59|60) seconds$/)
    await pass(30_000)
    expect(document.body.textContent).toMatch(/^Your session ends in (29|30) seconds$/)
    await act(() => auth.login(lasting()))
    expect(document.body.textContent).toBe('')
  })
})
