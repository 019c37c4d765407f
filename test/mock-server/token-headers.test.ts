/** `mockAuth` plays devise_token_auth, and servers whose refresh is a GET. */
import axios from 'axios'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { mockAuth } from 'tokenflight/msw'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../examples/backends/rails-devise-token-auth.js'

const SERVER = 'https://api.example.com'
const USER = { username: 'ada', password: 'lovelace' }
const devise = mockAuth({ baseUrl: `${SERVER}/auth`, transport: 'headers' })
const betterAuth = mockAuth({ baseUrl: `${SERVER}/session`, transport: 'cookie', refreshMethod: 'GET' })
const requests: Request[] = []
const orders = () => HttpResponse.json([])
const server = setupServer(
  ...devise.handlers,
  ...betterAuth.handlers,
  http.get(`${SERVER}/orders`, devise.protect(orders)),
  http.get(`${SERVER}/invoices`, betterAuth.protect(orders)),
)
beforeAll(() => {
  server.listen({ onUnhandledRequest: 'error' })
  server.events.on('request:start', ({ request }) => void requests.push(request))
})
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 1_790_000_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
  devise.reset()
  betterAuth.reset()
  requests.length = 0
})
afterAll(() => server.close())

/** The access tokens that the requests for orders carried. */
const sent = () =>
  requests.filter(({ url }) => url.endsWith('/orders')).map(({ headers }) => headers.get('access-token'))

describe("transport 'headers'", () => {
  const logIn = async () => {
    const session = connect(SERVER)
    await session.auth.login(await session.api.post('/auth/login', USER))
    return session
  }

  it('answers a login with the token, the client and the user in headers, and with no token in the body', async () => {
    const { data, headers } = await axios.post(`${SERVER}/auth/login`, USER)
    expect(data).toEqual({ data: { uid: 'ada' } })
    expect(headers).toMatchObject({
      'access-token': expect.stringMatching(/^ey/),
      'token-type': 'Bearer',
      client: expect.any(String),
      uid: 'ada',
      expiry: `${1_790_000_000 + 300}`,
    })
  })

  it('gives the next token with each answer, and takes it with the next request', async () => {
    const { api, auth } = await logIn()
    for (let count = 0; count < 3; count++) expect((await api.get('/orders')).status).toBe(200)
    expect(new Set(sent()).size).toBe(3)
    expect(devise.stats).toMatchObject({ logins: 1, refreshes: 3, unauthorized: 0 })
    auth.dispose()
  })

  it('answers the requests of a batch, of which one brings the next token', async () => {
    const { api, auth } = await logIn()
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => api.get('/orders')))
    expect(answers.map(({ headers }) => headers['access-token']?.trim()).filter(Boolean)).toHaveLength(1)
    expect(new Set(sent()).size).toBe(1)
    expect((await api.get('/orders')).status).toBe(200)
    expect(devise.stats).toMatchObject({ refreshes: 2, unauthorized: 0 })
    auth.dispose()
  })

  it('refuses the token before the present one after five seconds', async () => {
    const { headers } = await axios.post(`${SERVER}/auth/login`, USER)
    const { 'access-token': token, client, uid } = headers
    const get = () =>
      axios.get(`${SERVER}/orders`, {
        headers: { 'access-token': token, client, uid },
        validateStatus: () => true,
      })
    expect((await get()).status).toBe(200)
    vi.setSystemTime(Date.now() + 5_000)
    expect((await get()).status).toBe(401)
  })

  it('refuses a token that comes with another client or user, or without one', async () => {
    const { headers } = await axios.post(`${SERVER}/auth/login`, USER)
    const { 'access-token': token, client, uid } = headers
    const statuses = []
    for (const own of [{ client: 'another', uid }, { client, uid: 'grace' }, { uid }, { client }]) {
      const answer = await fetch(`${SERVER}/orders`, { headers: { 'access-token': `${token}`, ...own } })
      statuses.push(answer.status)
    }
    expect(statuses).toEqual([401, 401, 401, 401])
    expect(devise.stats).toMatchObject({ refreshes: 0, unauthorized: 4 })
  })

  it('keeps one token without rotation', async () => {
    devise.configure({ rotation: false })
    const { api, auth } = await logIn()
    for (let count = 0; count < 3; count++) await api.get('/orders')
    expect(new Set(sent()).size).toBe(1)
    auth.dispose()
  })

  it('ends the session once, when its token has expired', async () => {
    const { api, auth } = await logIn()
    devise.expireAccessTokens()
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => api.get('/orders')))
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'ERR_SESSION_EXPIRED' } })
    expect(auth.getState()).toMatchObject({ status: 'expired' })
    expect(devise.stats).toMatchObject({ unauthorized: 3, refreshes: 0 })
  })

  it('ends the session of the three headers with a logout, and has no refresh', async () => {
    const { headers } = await axios.post(`${SERVER}/auth/login`, USER)
    const { 'access-token': token, client, uid } = headers
    const own = { 'access-token': `${token}`, client: `${client}`, uid: `${uid}` }
    expect((await fetch(`${SERVER}/auth/refresh`, { method: 'POST', headers: own })).status).toBe(400)
    expect((await fetch(`${SERVER}/auth/logout`, { method: 'POST', headers: own })).status).toBe(204)
    expect((await fetch(`${SERVER}/orders`, { headers: own })).status).toBe(401)
    expect(devise.stats).toMatchObject({ logouts: 1, rejected: 1 })
  })
})

describe("refreshMethod 'GET'", () => {
  it('refreshes the session of a cookie by GET, once for a burst', async () => {
    const api = axios.create({ baseURL: SERVER })
    const auth = createAuth({
      storage: cookieSession(),
      refresh: refreshRequest({ url: `${SERVER}/session/refresh`, method: 'GET', send: 'cookie' }),
      logout: () => fetch(`${SERVER}/session/logout`, { method: 'POST' }),
    })
    attachAuth(api, auth)
    await auth.ready
    await auth.login((await axios.post(`${SERVER}/session/login`, USER)).data)
    betterAuth.expireAccessTokens()
    const answers = await Promise.all([1, 2, 3].map(() => api.get('/invoices')))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    const refreshes = requests.filter(({ url }) => url.endsWith('/session/refresh'))
    expect(refreshes.map(({ method }) => method)).toEqual(['GET', 'GET'])
    expect(betterAuth.stats).toMatchObject({ refreshes: 1, unauthorized: 3 })
    auth.dispose()
  })

  it('answers 405 to the other method, and leaves any other one unhandled', async () => {
    expect((await fetch(`${SERVER}/session/refresh`, { method: 'POST' })).status).toBe(405)
    expect((await fetch(`${SERVER}/auth/refresh`)).status).toBe(405)
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
    await expect(fetch(`${SERVER}/session/refresh`, { method: 'PUT' })).rejects.toThrow()
    expect(logged.mock.calls.join()).toContain('without a matching request handler')
    expect(betterAuth.stats).toMatchObject({ refreshes: 0, rejected: 0 })
  })

  it('names the option when it is another method', () => {
    expect(() => betterAuth.configure({ refreshMethod: 'PUT' as never })).toThrow(
      "mockAuth: 'refreshMethod' must be 'POST', 'GET'; it is 'PUT'",
    )
  })
})
