import axios from 'axios'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
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

  it.each([
    ['that a resolver returns', async (answer: Response) => answer],
    [
      'that a resolver throws, as msw allows',
      (answer: Response): never => {
        throw answer
      },
    ],
  ])('puts the tokens that the server renewed on an answer %s', async (_, give) => {
    backend.configure({ renewal: 'server' })
    const missing = () => give(new HttpResponse(null, { status: 404 }))
    server.use(http.get(`${api}/missing`, backend.protect(missing)))
    const { accessToken, refreshToken } = await login()
    backend.expireAccessTokens()
    const headers = { Authorization: `Bearer ${accessToken}`, 'X-Refresh-Token': refreshToken }
    const answer = await fetch(`${api}/missing`, { headers })
    expect(answer.status).toBe(404)
    expect((await orders(answer.headers.get('X-Access-Token') ?? '')).status).toBe(200)
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 0 })
  })

  it('leaves an error that a resolver throws to msw', async () => {
    const broken = () => Promise.reject(new Error('out of order'))
    server.use(http.get(`${api}/broken`, backend.protect(broken)))
    const { accessToken } = await login()
    const answer = await fetch(`${api}/broken`, { headers: { Authorization: `Bearer ${accessToken}` } })
    expect(answer.status).toBe(500)
    expect(await answer.json()).toMatchObject({ message: 'out of order' })
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

  it('breaks the connection when a test asks for it, then works again', async () => {
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
  beforeEach(() => backend.configure({ transport: 'cookie', csrf: true }))

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
    expect(backend.stats).toMatchObject({ logins: 0, rejected: 1 })
  })

  it('forgets the cookies on logout and on reset', async () => {
    const response = await post('/login', { username: 'ada', password: 'lovelace' })
    const csrf = csrfOf(response)
    expect((await post('/logout', {}, { 'X-CSRF-Token': csrf })).status).toBe(204)
    expect((await refresh(csrf)).status).toBe(400)
    await post('/login', { username: 'ada', password: 'lovelace' })
    backend.reset()
    backend.configure({ transport: 'cookie', csrf: true })
    expect(await (await refresh(csrf)).json()).toMatchObject({
      error_description: expect.stringContaining('no session'),
    })
  })
})

describe('the knobs of mockAuth in msw/node', () => {
  const refresh = (refreshToken: string) => post('/refresh', { refreshToken })
  const kidOf = (token: string) => decodeProtectedHeader(token).kid
  const published = async () => {
    const { keys } = (await (await fetch(`${api}/auth/jwks`)).json()) as { keys: { kid: string }[] }
    return keys.map(({ kid }) => kid)
  }

  it('revokes refresh tokens, and lets access tokens live until they expire', async () => {
    const { accessToken, refreshToken } = await login()
    backend.revokeRefreshTokens()
    expect((await orders(accessToken)).status).toBe(200)
    const refused = await refresh(refreshToken)
    expect([refused.status, await refused.json()]).toEqual([
      400,
      { error: 'invalid_grant', error_description: expect.stringContaining('revoked') },
    ])
    expect(backend.stats).toMatchObject({ rejected: 1, refreshes: 0, reuses: 0 })
  })

  it.each([
    ['refresh', 401, 200],
    ['all', 200, 200],
    ['none', 401, 400],
  ] as const)('signs with another kid, and keeps %s of the old tokens', async (keep, resource, renewal) => {
    const { accessToken, refreshToken } = await login()
    backend.rotateKeys({ keep })
    expect((await orders(accessToken)).status).toBe(resource)
    expect((await refresh(refreshToken)).status).toBe(renewal)
    const next = await backend.issue('ada')
    expect(kidOf(next.accessToken)).not.toBe(kidOf(accessToken))
    expect(await published()).toContain(kidOf(next.accessToken))
    expect((await published()).includes(kidOf(accessToken) ?? '')).toBe(keep === 'all')
    expect((await orders(next.accessToken)).status).toBe(200)
  })

  it('fails as often as it was told, with the status and Retry-After that it was told', async () => {
    const { refreshToken } = await login()
    backend.failNextRefresh({ status: 429, times: 2, retryAfter: 7 })
    for (let time = 0; time < 2; time++) {
      const failed = await refresh(refreshToken)
      expect([failed.status, failed.headers.get('Retry-After')]).toEqual([429, '7'])
    }
    expect((await refresh(refreshToken)).status).toBe(200)
    expect(backend.stats).toMatchObject({ failures: 2, refreshes: 1, rejected: 0 })
  })

  it.each([
    ['refusal', { status: 400, error: 'invalid_grant' }, 1],
    ['refusal', { status: 401 }, 1],
    ['refusal', { status: 403, body: '<h1>Forbidden</h1>' }, 1],
    ['plea for patience', { status: 408 }, 0],
    ['plea for patience', { status: 425 }, 0],
    ['plea for patience', { status: 429 }, 0],
    ['server in trouble', { status: 500 }, 0],
    ['page of a hotel', { status: 200, body: '<h1>Sign in to the hotel</h1>' }, 0],
  ])('counts a failure as rejected if it is a refusal: a %s, %o', async (_what, failure, rejected) => {
    const { refreshToken } = await login()
    backend.failNextRefresh(failure)
    expect((await refresh(refreshToken)).status).toBe(failure.status)
    expect((await refresh(refreshToken)).status).toBe(200)
    expect(backend.stats).toMatchObject({ failures: 1, rejected, refreshes: 1 })
  })

  it.each([204, 205, 304])('answers %i without a body, although one was given', async status => {
    const { refreshToken } = await login()
    backend.failNextRefresh({ status, body: '<h1>Moved</h1>' })
    const failed = await refresh(refreshToken)
    expect([failed.status, await failed.text()]).toEqual([status, ''])
    expect(backend.stats).toMatchObject({ failures: 1, refreshes: 0 })
  })

  it('grants no scope that only the claims of a user name', async () => {
    const users = {
      eve: { password: 'x', claims: { scope: 'orders:write', token_use: 'refresh', sub: 'ada' } },
    }
    const own = mockAuth({ baseUrl: 'https://claims.example.test', users })
    const guarded = own.protect(() => HttpResponse.json({}), { scope: 'orders:write' })
    server.use(...own.handlers, http.get('https://claims.example.test/orders', guarded))
    const { accessToken } = await own.issue('eve')
    expect(decodeJwt(accessToken)).toMatchObject({ sub: 'eve', token_use: 'access' })
    expect(decodeJwt(accessToken)).not.toHaveProperty('scope')
    const headers = { Authorization: `Bearer ${accessToken}` }
    expect((await fetch('https://claims.example.test/orders', { headers })).status).toBe(403)
  })

  it('counts no broken connection as rejected, with any status', async () => {
    const { refreshToken } = await login()
    backend.failNextRefresh({ status: 401, networkError: true })
    await expect(refresh(refreshToken)).rejects.toThrow(TypeError)
    expect(backend.stats).toMatchObject({ failures: 1, rejected: 0, refreshes: 0 })
  })

  it('fails with an OAuth error, a page of a proxy, or an answer that is lost', async () => {
    const { refreshToken } = await login()
    backend.failNextRefresh({ status: 400, error: 'invalid_client' })
    expect(await (await refresh(refreshToken)).json()).toMatchObject({ error: 'invalid_client' })
    backend.failNextRefresh({ status: 502, body: '<h1>Bad gateway</h1>' })
    const page = await refresh(refreshToken)
    expect([page.status, page.headers.get('Content-Type')]).toEqual([502, 'text/html'])
    backend.failNextRefresh({ lostAnswer: true })
    await expect(refresh(refreshToken)).rejects.toThrow(TypeError)
    expect(backend.stats).toMatchObject({ failures: 3, refreshes: 1 })
    expect((await refresh(refreshToken)).status).toBe(400)
    expect(backend.stats.reuses).toBe(1)
  })

  it.each([
    ['ends the session of a refresh token that is used twice', {}, 400, 401, 1],
    ['refuses it, and keeps the session, without reuse detection', { reuseDetection: false }, 400, 200, 0],
    ['answers it within the grace window', { graceWindow: 10_000 }, 200, 200, 0],
    ['takes it as often as it comes without rotation', { rotation: false }, 200, 200, 0],
  ])('%s', async (_what, settings, again, resource, reuses) => {
    backend.configure(settings)
    const { refreshToken } = await login()
    const { accessToken } = (await (await refresh(refreshToken)).json()) as MockTokenAnswer
    expect((await refresh(refreshToken)).status).toBe(again)
    expect((await orders(accessToken)).status).toBe(resource)
    expect(backend.stats.reuses).toBe(reuses)
  })

  it('takes the refresh token in place of the access token, or both together', async () => {
    backend.configure({ transport: 'header' })
    const { refreshToken } = await login()
    const byHeader = await post('/refresh', undefined, { Authorization: `Bearer ${refreshToken}` })
    expect(byHeader.headers.get('Authorization')).toMatch(/^Bearer \S+$/)
    backend.configure({ transport: 'both' })
    const pair = await login()
    const together = { Authorization: `Bearer ${pair.accessToken}` }
    expect((await post('/refresh', { refreshToken: pair.refreshToken }, together)).status).toBe(200)
    expect((await post('/refresh', { refreshToken: pair.refreshToken })).status).toBe(400)
  })

  it('renews on an ordinary answer of a resource of the application', async () => {
    backend.configure({ renewal: 'server' })
    const { accessToken, refreshToken } = await login()
    backend.expireAccessTokens()
    const headers = { Authorization: `Bearer ${accessToken}`, 'X-Refresh-Token': refreshToken }
    const answer = await fetch(`${api}/orders`, { headers })
    expect(await answer.json()).toEqual({ of: 'ada' })
    expect((await orders(answer.headers.get('X-Access-Token') ?? '')).status).toBe(200)
  })

  it('logs in the users that it was given, with their claims, for as long as it was told', async () => {
    const own = mockAuth({
      baseUrl: 'https://own.example.test',
      accessTokenLifetime: 90_000,
      refreshTokenLifetime: 180_000,
      users: { alan: { password: 'enigma', scope: 'tapes', claims: { name: 'Alan', sub: 'somebody else' } } },
    })
    server.use(...own.handlers)
    const credentials = { username: 'alan', password: 'enigma' }
    const { data } = await axios.post<MockTokenAnswer>('https://own.example.test/login', credentials)
    expect(data).toMatchObject({ expiresIn: 90, refreshExpiresIn: 180, scope: 'tapes' })
    expect(decodeJwt(data.accessToken)).toMatchObject({ sub: 'alan', name: 'Alan', scope: 'tapes' })
    await expect(own.issue('ada')).rejects.toThrow(/no user 'ada'/)
  })
})

describe('the message of mockAuth for a refused request', () => {
  const outcome = async (response: Response) => ({
    status: response.status,
    challenge: response.headers.get('WWW-Authenticate'),
    ...((await response.json()) as { error: string; error_description: string }),
  })
  const form = (parameters: Record<string, string>) =>
    fetch(`${api}/auth/token`, { method: 'POST', body: new URLSearchParams(parameters) })

  it.each([
    ['invalid_request', () => form({})],
    ['invalid_request', () => form({ grant_type: 'refresh_token' })],
    ['unsupported_grant_type', () => form({ grant_type: 'client_credentials' })],
    ['invalid_grant', () => form({ grant_type: 'refresh_token', refresh_token: 'forged' })],
    ['invalid_request', () => post('/refresh', {})],
    ['invalid_grant', () => post('/refresh', { refreshToken: 'forged' })],
  ])('answers 400 with %s and a description, as RFC 6749 section 5.2 has it', async (error, request) => {
    const response = await request()
    expect(response.headers.get('Content-Type')).toContain('application/json')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    // The characters that the section allows.
    expect(await outcome(response)).toEqual({
      status: 400,
      challenge: null,
      error,
      error_description: expect.stringMatching(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/),
    })
  })

  it('answers invalid_scope for more than was granted', async () => {
    const { refreshToken } = await login('grace', 'hopper')
    const more = { grant_type: 'refresh_token', refresh_token: refreshToken, scope: 'orders:write' }
    expect(await outcome(await form(more))).toMatchObject({ status: 400, error: 'invalid_scope' })
  })

  it('challenges as RFC 6750 section 3 has it: no error without credentials, else the error and its description', async () => {
    const ask = (headers: Record<string, string>) => fetch(`${api}/orders`, { headers }).then(outcome)
    const bare = await ask({})
    expect([bare.status, bare.challenge]).toEqual([401, 'Bearer realm="tokenflight"'])
    expect((await ask({ Authorization: 'Basic YWRhOmxvdmVsYWNl' })).challenge).toBe(bare.challenge)
    expect(await ask({ Authorization: 'Bearer two words' })).toMatchObject({
      status: 400,
      error: 'invalid_request',
      challenge: expect.stringContaining('error="invalid_request"'),
    })
    const forged = await ask({ Authorization: 'Bearer forged' })
    expect(forged).toMatchObject({ status: 401, error: 'invalid_token' })
    expect(forged.challenge).toBe(
      `Bearer realm="tokenflight", error="invalid_token", error_description="${forged.error_description}"`,
    )
  })

  it('refuses a refresh token at every endpoint but refresh, and an access token there', async () => {
    const { accessToken, refreshToken } = await login()
    const headers = { Authorization: `Bearer ${refreshToken}` }
    for (const request of [
      fetch(`${api}/orders`, { headers }),
      fetch(`${api}/auth/me`, { headers }),
      fetch(`${api}/auth/logout`, { method: 'POST', headers }),
    ]) {
      expect(await outcome(await request)).toMatchObject({
        status: 401,
        error: 'invalid_token',
        error_description: 'A refresh token is no access token',
      })
    }
    expect(await outcome(await post('/refresh', { refreshToken: accessToken }))).toMatchObject({
      error: 'invalid_grant',
      error_description: 'An access token is no refresh token',
    })
    expect((await orders(accessToken)).status).toBe(200)
  })

  it('answers without a token', async () => {
    const { accessToken, refreshToken } = await login()
    backend.expireAccessTokens()
    backend.revokeRefreshTokens()
    const texts = await Promise.all(
      [orders(accessToken), post('/refresh', { refreshToken })].map(async answer => (await answer).text()),
    )
    for (const text of texts)
      for (const token of [accessToken, refreshToken]) expect(text).not.toContain(token)
  })
})

describe('an application with tokenflight on mockAuth under fake timers', () => {
  beforeEach(() => void vi.useFakeTimers({ now: new Date('2026-01-01T00:00:00Z') }))

  it('is kept fresh through a day in which the test never waits', async () => {
    const client = axios.create({ baseURL: api })
    const auth = createAuth({ refresh: refreshRequest({ url: `${api}/auth/refresh` }) })
    onTestFinished(() => auth.dispose())
    attachAuth(client, auth)
    await auth.login(await backend.issue('ada'))
    for (let hour = 1; hour <= 24; hour++) {
      vi.advanceTimersByTime(3_600_000 - 1)
      const answers = await Promise.all(Array.from({ length: 5 }, () => client.get('/orders')))
      expect(answers.map(({ data }) => data)).toEqual(Array(5).fill({ of: 'ada' }))
      expect(backend.stats).toMatchObject({ refreshes: hour, unauthorized: 0 })
    }
    vi.advanceTimersByTime(86_400_000)
    await expect(client.get('/orders')).rejects.toMatchObject({ reason: 'refresh_token_expired' })
    expect(backend.stats).toMatchObject({ refreshes: 24, rejected: 1 })
  })

  it('has a refresh that hangs until the test lets time pass', async () => {
    const client = axios.create({ baseURL: api })
    const auth = createAuth({ refresh: refreshRequest({ url: `${api}/auth/refresh` }), retry: 0 })
    onTestFinished(() => auth.dispose())
    attachAuth(client, auth)
    await auth.login(await backend.issue('ada'))
    vi.advanceTimersByTime(300_000)
    backend.delayRefresh(15_000)
    const late = client.get('/orders')
    const failed = expect(late).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    await vi.waitFor(() => expect(backend.stats.requests).toBe(1))
    await vi.advanceTimersByTimeAsync(10_000)
    await failed
    // The answer that comes after all is kept.
    await vi.advanceTimersByTimeAsync(5_000)
    await vi.waitFor(() => expect(backend.stats.refreshes).toBe(1))
    await vi.waitFor(() => expect(auth.getState()).not.toHaveProperty('error'))
    expect((await client.get('/orders')).data).toEqual({ of: 'ada' })
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 0, reuses: 0 })
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
    [{ baseUrl: '/auth', csrf: 'X-CSRF-Token' as never }, /'csrf' must be a boolean; it is 'X-CSRF-Token'/],
    [{ baseUrl: '/auth', users: { ada: {} as never } }, /'users.ada' must be a password/],
  ])('names the option in a TypeError: %o', (options, message) => {
    expect(() => mockAuth(options)).toThrow(TypeError)
    expect(() => mockAuth(options)).toThrow(message)
  })

  it('names the mistake in a knob and changes nothing', () => {
    expect(() => backend.failNextRefresh({ status: 99 })).toThrow(/'status' must be/)
    expect(() => backend.failNextRefresh({ times: 0 })).toThrow(/'times' must be/)
    expect(() => backend.delayRefresh(-1)).toThrow(/'delayRefresh' must be/)
    expect(() => backend.configure({ accessTokenLifetime: 5, transport: 'pigeon' as never })).toThrow(
      TypeError,
    )
    expect(backend.settings.accessTokenLifetime).toBe(300_000)
  })
})
