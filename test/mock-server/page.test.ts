// @vitest-environment happy-dom
import axios from 'axios'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { mockAuth } from '../../src/msw.js'

const backend = mockAuth({ baseUrl: '/auth', transport: 'cookie', csrf: true })
const server = setupServer(
  ...backend.handlers,
  http.get(
    '/orders',
    backend.protect((_info, { sub }) => HttpResponse.json({ of: sub })),
  ),
)

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => backend.reset())
afterAll(() => server.close())

const csrf = () => /csrf=([^;]+)/.exec(document.cookie)?.[1] ?? ''

describe('mockAuth in a page', () => {
  it('shows the page the csrf cookie, hides the refresh cookie, and takes both back', async () => {
    const { data } = await axios.post('/auth/login', { username: 'ada', password: 'lovelace' })
    expect(document.cookie).toContain('csrf=')
    expect(document.cookie).not.toContain('refresh=')
    const renewed = await axios.post('/auth/refresh', {}, { headers: { 'X-CSRF-Token': csrf() } })
    expect(renewed.data.accessToken).not.toBe(data.accessToken)
    await expect(axios.post('/auth/refresh')).rejects.toMatchObject({ response: { status: 403 } })
    const orders = await axios.get('/orders', {
      headers: { Authorization: `Bearer ${renewed.data.accessToken}` },
    })
    expect(orders.data).toEqual({ of: 'ada' })
    expect(backend.stats).toMatchObject({ logins: 1, refreshes: 1, rejected: 1 })
  })

  it('gives a page that was just opened its session back by fetch, after a login elsewhere', async () => {
    await backend.issue('grace')
    const response = await fetch('/auth/refresh', {
      method: 'POST',
      credentials: 'include',
      headers: { 'X-CSRF-Token': csrf() },
    })
    expect(response.status).toBe(200)
  })

  it('takes its cookies away on reset', async () => {
    await backend.issue('ada')
    backend.reset()
    expect(document.cookie).not.toContain('csrf=')
    const response = await fetch('/auth/refresh', { method: 'POST', credentials: 'include' })
    expect(response.status).toBe(400)
  })

  it('shows the page no cookie of an answer that was under way at a reset', async () => {
    await backend.issue('ada')
    backend.delayRefresh(100)
    const headers = { 'X-CSRF-Token': csrf() }
    const late = fetch('/auth/refresh', { method: 'POST', credentials: 'include', headers })
    await vi.waitFor(() => expect(backend.stats.requests).toBe(1), { interval: 1 })
    backend.reset()
    await late
    expect(document.cookie).not.toContain('csrf=')
    await backend.issue('grace')
    expect(document.cookie).toContain('csrf=')
  })

  it('answers at a path with letters that a URL encodes', async () => {
    const own = mockAuth({ baseUrl: '/café/auth' })
    server.use(...own.handlers)
    expect((await fetch('/café/auth/me')).status).toBe(401)
    expect(own.stats.requests).toBe(1)
    server.resetHandlers()
  })

  it('breaks connections for XMLHttpRequest too', async () => {
    await backend.issue('ada')
    backend.failNextRefresh({ networkError: true })
    await expect(axios.post('/auth/refresh')).rejects.toMatchObject({ code: 'ERR_NETWORK' })
    expect(backend.stats.failures).toBe(1)
  })
})
