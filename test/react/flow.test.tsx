// @vitest-environment happy-dom
/** A page over a mock auth server: log in, work, let the token expire, lose the session, come back. */
import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { useState } from 'react'
import { createAuth, refreshRequest } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { mockAuth } from 'tokenflight/msw'
import { AuthProvider, useAuth, useClaims } from 'tokenflight/react'
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from 'vitest'
import { API } from '../support/axios.js'
import type { Person } from '../support/hooks.js'

const backend = mockAuth({ baseUrl: `${API}/auth` })
const server = setupServer(
  ...backend.handlers,
  http.get(
    `${API}/orders`,
    backend.protect((_, { sub }) => HttpResponse.json([`order of ${sub}`])),
  ),
)
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => {
  cleanup()
  backend.reset()
})
afterAll(() => server.close())

function start() {
  const auth = createAuth<Person>({ refresh: refreshRequest({ url: `${API}/auth/refresh` }), retry: 0 })
  onTestFinished(() => auth.dispose())
  const api = authFetch(auth, { allowedOrigins: [API], skip: '/auth/login' })
  const Shop = () => {
    const { status, reason, login, logout } = useAuth<Person>()
    const isAdmin = useClaims((claims: Person) => claims.roles.includes('admin'))
    const [orders, setOrders] = useState('')
    const enter = async (): Promise<void> => {
      const body = JSON.stringify({ username: 'ada', password: 'lovelace' })
      await login(await (await api(`${API}/auth/login`, { method: 'POST', body })).json())
    }
    const list = async (): Promise<void> =>
      setOrders(JSON.stringify(await (await api(`${API}/orders`)).json()))
    return (
      <>
        <p role="status">{[status, reason, isAdmin && 'admin', orders].filter(Boolean).join(' ')}</p>
        <button type="button" onClick={() => void enter()}>
          enter
        </button>
        <button type="button" onClick={() => void list().catch(() => setOrders('failed'))}>
          list
        </button>
        <button type="button" onClick={() => void logout()}>
          leave
        </button>
      </>
    )
  }
  render(
    <AuthProvider auth={auth}>
      <Shop />
    </AuthProvider>,
  )
  const click = (name: string) => act(async () => void fireEvent.click(screen.getByText(name)))
  const shows = (text: string) => waitFor(() => expect(screen.getByRole('status').textContent).toBe(text))
  return { click, shows }
}

it('logs in, works through an expired token unseen, and logs out', async () => {
  const { click, shows } = start()
  await shows('anonymous')
  await click('enter')
  await shows('authenticated admin')
  backend.expireAccessTokens()
  await click('list')
  await shows('authenticated admin ["order of ada"]')
  expect(backend.stats).toMatchObject({ logins: 1, refreshes: 1, unauthorized: 1 })
  await click('leave')
  await shows('anonymous ["order of ada"]')
})

it('shows that the session has expired, and a login ends that', async () => {
  const { click, shows } = start()
  await click('enter')
  await shows('authenticated admin')
  backend.expireAccessTokens()
  backend.revokeRefreshTokens()
  await click('list')
  await shows('expired refresh_rejected failed')
  await click('enter')
  await shows('authenticated admin failed')
  await click('list')
  await shows('authenticated admin ["order of ada"]')
  expect(backend.stats).toMatchObject({ logins: 2, refreshes: 0, rejected: 1 })
})
