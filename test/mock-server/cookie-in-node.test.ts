/** Cookie mode where there is no page: the `node` environment of vitest and `msw/node`. */
import axios from 'axios'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import {
  type AuthOptions,
  cookieSession,
  createAuth,
  type RefreshRequestOptions,
  refreshRequest,
} from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { mockAuth } from '../../src/msw.js'

const api = 'https://api.example.test'
const backend = mockAuth({ baseUrl: `${api}/auth`, transport: 'cookie' })
const server = setupServer(
  ...backend.handlers,
  http.get(
    `${api}/orders`,
    backend.protect((_info, { sub }) => HttpResponse.json({ of: sub })),
  ),
)

/** The requests that reached the server. */
const seen: { path: string; echo: string | null; body: string }[] = []
server.events.on('request:start', async ({ request }) => {
  const entry = { path: new URL(request.url).pathname, echo: request.headers.get('X-CSRF-Token'), body: '' }
  seen.push(entry)
  entry.body = await request.clone().text()
})
const refreshesSeen = () => seen.filter(({ path }) => path === '/auth/refresh')

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: new Date('2026-01-01T00:00:00Z') })
  seen.length = 0
})
afterEach(() => {
  vi.useRealTimers()
  backend.reset()
})
afterAll(() => server.close())

/** The application, as it is when it has just been opened. */
function open(request: Partial<RefreshRequestOptions> = {}, options: AuthOptions = {}) {
  const client = axios.create({ baseURL: api, withCredentials: true })
  const auth = createAuth({
    storage: cookieSession(),
    refresh: refreshRequest({ url: `${api}/auth/refresh`, send: 'cookie', ...request }),
    logout: async () => {
      await fetch(`${api}/auth/logout`, { method: 'POST', credentials: 'include' })
    },
    retry: 0,
    ...options,
  })
  onTestFinished(() => auth.dispose())
  attachAuth(client, auth, { skip: '/auth/login' })
  const login = async (username = 'ada', password = 'lovelace') => {
    const { data } = await client.post('/auth/login', { username, password })
    await auth.login(data)
    return data
  }
  const burst = async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => client.get('/orders')))
    return answers.map(({ data }) => data.of)
  }
  return { auth, login, burst }
}

describe('mockAuth in cookie mode in plain Node', () => {
  it('plays the life of a session: login, expiry, refresh, reload, logout', async () => {
    const { auth, login, burst } = open()
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(backend.stats).toMatchObject({ requests: 1, rejected: 1 })

    expect(await login()).not.toHaveProperty('refreshToken')
    expect(await burst()).toEqual(Array(5).fill('ada'))
    vi.advanceTimersByTime(300_000)
    expect(await burst()).toEqual(Array(5).fill('ada'))
    expect(backend.stats).toMatchObject({ logins: 1, refreshes: 1, unauthorized: 0 })
    backend.expireAccessTokens()
    expect(await burst()).toEqual(Array(5).fill('ada'))
    expect(backend.stats).toMatchObject({ refreshes: 2, unauthorized: 5 })
    auth.dispose()

    const reloaded = open()
    await reloaded.auth.ready
    expect(reloaded.auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
    expect(await reloaded.burst()).toEqual(Array(5).fill('ada'))
    expect(backend.stats).toMatchObject({ logins: 1, refreshes: 3, unauthorized: 5 })

    await reloaded.auth.logout()
    await vi.waitFor(() => expect(backend.stats.logouts).toBe(1))
    reloaded.auth.dispose()
    const again = open()
    await again.auth.ready
    expect(again.auth.getState()).toEqual({ status: 'anonymous' })
    expect(backend.stats).toMatchObject({ refreshes: 3, rejected: 2, reuses: 0 })
    // The cookie did it all: nothing was echoed, and no body held a token.
    expect(refreshesSeen()).toEqual(Array(5).fill({ path: '/auth/refresh', echo: null, body: '{}' }))
  })

  it('lets another user log in over a session that lives', async () => {
    const { auth, login, burst } = open()
    await login()
    await login('grace', 'hopper')
    expect(await burst()).toEqual(Array(5).fill('grace'))
    backend.expireAccessTokens()
    expect(await burst()).toEqual(Array(5).fill('grace'))
    expect(auth.getState()).toMatchObject({ claims: { sub: 'grace' } })
    expect(backend.stats).toMatchObject({ logins: 2, refreshes: 1, reuses: 0 })
  })

  it('takes a client that would echo the csrf cookie, and finds none to read', async () => {
    const { login, burst } = open({ csrf: { cookie: 'csrf', header: 'X-CSRF-Token' } })
    await login()
    backend.expireAccessTokens()
    expect(await burst()).toEqual(Array(5).fill('ada'))
    expect(refreshesSeen().at(-1)).toMatchObject({ echo: '' })
    expect(backend.stats.refreshes).toBe(1)
  })

  it('refuses an echo that is wrong, which leaves the session on the server as it was', async () => {
    const { auth, login, burst } = open({ headers: { 'X-CSRF-Token': 'forged' } })
    await login()
    backend.expireAccessTokens()
    await expect(burst()).rejects.toMatchObject({ reason: 'refresh_rejected' })
    expect(auth.getState().status).toBe('expired')
    expect(backend.stats).toMatchObject({ refreshes: 0, rejected: 2 })
    const reloaded = open()
    await reloaded.auth.ready
    expect(reloaded.auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
  })

  it('refuses every refresh without the echo under csrf: true', async () => {
    backend.configure({ csrf: true })
    const { auth, login, burst } = open()
    await login()
    backend.expireAccessTokens()
    await expect(burst()).rejects.toMatchObject({ code: 'ERR_SESSION_EXPIRED', reason: 'refresh_rejected' })
    expect(auth.getState().status).toBe('expired')
    const refused = await fetch(`${api}/auth/refresh`, { method: 'POST', credentials: 'include' })
    expect([refused.status, await refused.json()]).toEqual([
      403,
      {
        error: 'csrf_mismatch',
        error_description: expect.stringContaining('X-CSRF-Token, which is missing'),
      },
    ])
    expect(backend.stats).toMatchObject({ logins: 1, refreshes: 0, rejected: 3 })
  })

  it('tells a client that is set up for csrf: true that it could not read the cookie', async () => {
    backend.configure({ csrf: true })
    const { auth, login, burst } = open({ csrf: { cookie: 'csrf', header: 'X-CSRF-Token' } })
    await login()
    backend.expireAccessTokens()
    await expect(burst()).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    expect(auth.getState()).toMatchObject({
      status: 'authenticated',
      error: { cause: { message: expect.stringContaining('403 (csrf_mismatch)') } },
    })
    expect(backend.stats).toMatchObject({ refreshes: 0, rejected: 2 })
  })
})
