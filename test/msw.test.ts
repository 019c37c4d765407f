import axios from 'axios'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type MockTokenAnswer, mockAuth } from '../src/msw.js'

const api = 'https://api.example.test'
const backend = mockAuth({ baseUrl: `${api}/auth` })
const server = setupServer(
  ...backend.handlers,
  http.get(
    `${api}/orders`,
    backend.protect((_info, claims) => HttpResponse.json({ of: claims.sub })),
  ),
  http.post(
    `${api}/orders`,
    backend.protect(async ({ request }) => HttpResponse.json(await request.json()), {
      scope: 'orders:write',
    }),
  ),
)

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => {
  vi.useRealTimers()
  backend.reset()
  server.resetHandlers()
})
afterAll(() => server.close())

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${api}/auth${path}`, { method: 'POST', body: JSON.stringify(body), headers })
const login = async (username = 'ada', password = 'lovelace') =>
  (await (await post('/login', { username, password })).json()) as Required<MockTokenAnswer>
const orders = (token: string) => fetch(`${api}/orders`, { headers: { Authorization: `Bearer ${token}` } })

describe('mockAuth in msw/node', () => {
  it('logs in, guards a resolver of the application, and tells it who asks', async () => {
    const { accessToken } = await login()
    expect(await (await orders(accessToken)).json()).toEqual({ of: 'ada' })
    expect(backend.stats).toMatchObject({ logins: 1, refreshes: 0, unauthorized: 0, requests: 2 })
  })

  it('plays an access token that expires and a refresh that brings another', async () => {
    const { accessToken, refreshToken } = await login()
    backend.expireAccessTokens()
    const refused = await orders(accessToken)
    expect(refused.status).toBe(401)
    expect(refused.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
    const renewed = (await (await post('/refresh', { refreshToken })).json()) as MockTokenAnswer
    expect((await orders(renewed.accessToken)).status).toBe(200)
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 1, rejected: 0 })
  })

  it('answers axios as it answers fetch', async () => {
    const { data } = await axios.post(`${api}/auth/login`, { username: 'grace', password: 'hopper' })
    const me = await axios.get(`${api}/auth/me`, { headers: { Authorization: `Bearer ${data.accessToken}` } })
    expect(me.data).toMatchObject({ username: 'grace', name: 'Grace Hopper', roles: ['user'] })
  })

  it('hands out tokens without a login', async () => {
    const { accessToken } = await backend.issue('ada')
    expect((await orders(accessToken)).status).toBe(200)
    expect(backend.stats.logins).toBe(0)
    await expect(backend.issue('nobody')).rejects.toThrow(/no user 'nobody'/)
  })

  it('refuses a token without the scope that a resource needs with 403', async () => {
    const { accessToken } = await login('grace', 'hopper')
    const response = await fetch(`${api}/orders`, {
      method: 'POST',
      body: '{}',
      headers: { Authorization: `Bearer ${accessToken}` },
    })
    expect(response.status).toBe(403)
    expect(response.headers.get('WWW-Authenticate')).toMatch(
      /error="insufficient_scope".*scope="orders:write"/,
    )
  })

  it('leaves the body of a request to the resolver that it guards', async () => {
    const { accessToken } = await login()
    const { data } = await axios.post(
      `${api}/orders`,
      { item: 'tea' },
      { headers: { Authorization: `Bearer ${accessToken}` } },
    )
    expect(data).toEqual({ item: 'tea' })
  })

  it('breaks the connection when a test says so, then works again', async () => {
    const { refreshToken } = await login()
    backend.failNextRefresh({ networkError: true })
    await expect(post('/refresh', { refreshToken })).rejects.toThrow(TypeError)
    await expect(axios.post(`${api}/auth/refresh`, { refreshToken })).resolves.toMatchObject({ status: 200 })
    expect(backend.stats).toMatchObject({ failures: 1, refreshes: 1 })
  })

  it('forgets sessions, faults, settings and counters on reset, and keeps its counters object', async () => {
    const { stats } = backend
    const { accessToken } = await login()
    backend.failNextRefresh({ times: 5 })
    backend.configure({ rotation: false, accessTokenLifetime: 1000 })
    backend.reset()
    expect(stats).toEqual({
      logins: 0,
      refreshes: 0,
      rejected: 0,
      reuses: 0,
      repeats: 0,
      failures: 0,
      logouts: 0,
      unauthorized: 0,
      requests: 0,
    })
    expect((await orders(accessToken)).status).toBe(401)
    const again = await login()
    expect((await post('/refresh', { refreshToken: again.refreshToken })).status).toBe(200)
    expect(backend.settings).toMatchObject({ rotation: true, accessTokenLifetime: 300_000 })
  })

  it('counts nothing of a request that began before a reset', async () => {
    const { refreshToken } = await login()
    backend.delayRefresh(20)
    const late = post('/refresh', { refreshToken })
    await vi.waitFor(() => expect(backend.stats.requests).toBe(2))
    backend.reset()
    await late
    expect(backend.stats).toMatchObject({ refreshes: 0, requests: 0 })
  })

  it('shares nothing with another mock', async () => {
    const other = mockAuth({ baseUrl: 'https://other.example.test' })
    server.use(...other.handlers)
    const { accessToken } = await other.issue('ada')
    expect((await orders(accessToken)).status).toBe(401)
    expect(other.stats).toMatchObject({ requests: 0 })
  })
})

describe('mockAuth under fake timers', () => {
  beforeEach(() => void vi.useFakeTimers({ now: new Date('2026-01-01T00:00:00Z') }))

  it('signs, verifies and expires by the faked clock', async () => {
    const { accessToken, refreshToken, expiresIn } = await login()
    expect(expiresIn).toBe(300)
    vi.advanceTimersByTime(299_999)
    expect((await orders(accessToken)).status).toBe(200)
    vi.advanceTimersByTime(1)
    expect((await orders(accessToken)).status).toBe(401)
    expect((await post('/refresh', { refreshToken })).status).toBe(200)
  })

  it('delays a refresh on a timer that the test drives', async () => {
    const { refreshToken } = await login()
    backend.delayRefresh(30_000)
    let answered = false
    const pending = post('/refresh', { refreshToken }).then(response => {
      answered = true
      return response
    })
    await vi.waitFor(() => expect(backend.stats.requests).toBe(2))
    await vi.advanceTimersByTimeAsync(29_000)
    expect(answered).toBe(false)
    expect(backend.stats.refreshes).toBe(0)
    await vi.advanceTimersByTimeAsync(1_000)
    expect((await pending).status).toBe(200)
  })

  it('keeps time by a clock that was given', async () => {
    let now = 1_000_000
    const own = mockAuth({ baseUrl: 'https://clock.example.test', clock: { now: () => now } })
    server.use(...own.handlers)
    const { accessToken } = await own.issue('ada')
    const me = () =>
      fetch('https://clock.example.test/me', { headers: { Authorization: `Bearer ${accessToken}` } })
    vi.advanceTimersByTime(10_000_000)
    expect((await me()).status).toBe(200)
    now += 300_000
    expect((await me()).status).toBe(401)
  })
})

describe('mockAuth in cookie mode', () => {
  beforeEach(() => backend.configure({ transport: 'cookie' }))

  const csrfOf = (response: Response) =>
    /csrf=([^;]+)/.exec(response.headers.get('Set-Cookie') ?? '')?.[1] ?? ''
  const refresh = (csrf: string, credentials: RequestCredentials = 'include') =>
    fetch(`${api}/auth/refresh`, { method: 'POST', credentials, headers: { 'X-CSRF-Token': csrf } })

  it('keeps the refresh token in a cookie that travels by itself', async () => {
    const response = await post('/login', { username: 'ada', password: 'lovelace' })
    expect(await response.clone().json()).not.toHaveProperty('refreshToken')
    for (let round = 0; round < 3; round += 1) {
      const renewed = await refresh(csrfOf(response))
      expect(await renewed.json()).toEqual(expect.not.objectContaining({ refreshToken: expect.anything() }))
      expect(renewed.status).toBe(200)
    }
    expect(backend.stats).toMatchObject({ logins: 1, refreshes: 3, reuses: 0 })
  })

  it('refuses a refresh that does not echo the csrf cookie, or sends no cookies at all', async () => {
    const response = await post('/login', { username: 'ada', password: 'lovelace' })
    expect((await refresh('forged')).status).toBe(403)
    const bare = await refresh(csrfOf(response), 'omit')
    expect(bare.status).toBe(400)
    expect(await bare.json()).toMatchObject({ error: 'invalid_grant' })
    expect(backend.stats).toMatchObject({ refreshes: 0, rejected: 2 })
  })

  it('sets the cookies of a session that was issued without a login', async () => {
    const tokens = await backend.issue('ada')
    expect(tokens).not.toHaveProperty('refreshToken')
    expect((await refresh('unknown')).status).toBe(403)
  })

  it('forgets the cookies on logout and on reset', async () => {
    const response = await post('/login', { username: 'ada', password: 'lovelace' })
    const csrf = csrfOf(response)
    expect((await post('/logout', {}, { 'X-CSRF-Token': csrf })).status).toBe(204)
    expect((await refresh(csrf)).status).toBe(400)
    await post('/login', { username: 'ada', password: 'lovelace' })
    backend.reset()
    backend.configure({ transport: 'cookie' })
    expect(await (await refresh(csrf)).json()).toMatchObject({
      error_description: expect.stringContaining('no session'),
    })
  })
})

describe('mockAuth misused', () => {
  it.each([
    [{ baseUrl: 'auth' }, /'baseUrl' must be .*; it is 'auth'/],
    [
      { baseUrl: '/auth', accessTokenLifetime: 0 },
      /'accessTokenLifetime' must be a number of milliseconds.*; it is 0/,
    ],
    [{ baseUrl: '/auth', refreshTokenLifetime: Number.NaN }, /'refreshTokenLifetime'.*NaN/],
    [{ baseUrl: '/auth', transport: 'pigeon' as never }, /'transport' must be 'body', 'header'.*'pigeon'/],
    [{ baseUrl: '/auth', rotation: 'yes' as never }, /'rotation' must be a boolean/],
    [{ baseUrl: '/auth', users: { ada: {} as never } }, /'users.ada' must be a password/],
  ])('names the option in a TypeError: %o', (options, message) => {
    expect(() => mockAuth(options)).toThrow(TypeError)
    expect(() => mockAuth(options)).toThrow(message)
  })

  it('names what is wrong with a knob and changes nothing', () => {
    expect(() => backend.failNextRefresh({ status: 99 })).toThrow(/'status' must be/)
    expect(() => backend.failNextRefresh({ times: 0 })).toThrow(/'times' must be/)
    expect(() => backend.delayRefresh(-1)).toThrow(/'delayRefresh' must be/)
    expect(() => backend.configure({ accessTokenLifetime: 5, transport: 'pigeon' as never })).toThrow(
      TypeError,
    )
    expect(backend.settings.accessTokenLifetime).toBe(300_000)
  })
})
