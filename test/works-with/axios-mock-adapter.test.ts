/** axios-mock-adapter, installed before or after `attachAuth`. */
import axios, { type AxiosError, type AxiosInstance } from 'axios'
import MockAdapter from 'axios-mock-adapter'
import { type Auth, createAuth, isSessionExpired, type TokenResponse } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { describe, expect, it, onTestFinished } from 'vitest'
import { API, loopback, rejection } from '../support/axios.js'

interface Mocked {
  readonly api: AxiosInstance
  readonly auth: Auth
  readonly mock: MockAdapter
  /** The tokens of the requests that reached the mock, in order. */
  tokens(): unknown[]
}

describe.each(['before', 'after'])('axios-mock-adapter that is installed %s attachAuth', order => {
  /** A session with `at-1`, whose refresh asks the mocked instance itself. */
  const mocked = async (baseURL = API): Promise<Mocked> => {
    const api = axios.create({ baseURL, proxy: false })
    const auth = createAuth({
      retry: 0,
      async refresh({ refreshToken, signal }) {
        const { data } = await api.post<TokenResponse>('/auth/refresh', { refreshToken }, { signal })
        return data
      },
    })
    onTestFinished(() => auth.dispose())
    // Its types are those of axios for CommonJS.
    const install = (): MockAdapter => new MockAdapter(api as never)
    let mock = order === 'before' ? install() : undefined
    attachAuth(api, auth)
    mock ??= install()
    await auth.login({ access_token: 'at-1', refresh_token: 'rt-1', expires_in: 300 })
    const { history } = mock
    const tokens = (): unknown[] =>
      history.map(({ headers }) => headers?.['Authorization']?.toString().replace('Bearer ', ''))
    return { api, auth, mock, tokens }
  }
  const renewed: TokenResponse = { access_token: 'at-2', refresh_token: 'rt-2', expires_in: 300 }

  it('answers 200 after a 401 and one refresh, with a base URL', async () => {
    const { api, mock, tokens } = await mocked()
    mock.onGet('/orders').replyOnce(401).onGet('/orders').reply(200, { ok: true })
    mock.onPost('/auth/refresh', { refreshToken: 'rt-1' }).reply(200, renewed)
    const { status, data } = await api.get('/orders')
    expect([status, data]).toEqual([200, { ok: true }])
    expect(tokens()).toEqual(['at-1', undefined, 'at-2'])
  })

  it('answers 200 after a 401 at an absolute URL, and at a path of the page', async () => {
    const { api, mock, tokens } = await mocked()
    mock.onGet(`${API}/orders`).replyOnce(401).onGet(`${API}/orders`).reply(200)
    mock.onGet('orders/7').replyOnce(401).onGet('orders/7').reply(200)
    mock.onPost('/auth/refresh').replyOnce(200, renewed)
    mock.onPost('/auth/refresh').replyOnce(200, { ...renewed, access_token: 'at-3' })
    expect((await api.get(`${API}/orders`)).status).toBe(200)
    expect((await api.get('orders/7')).status).toBe(200)
    expect(tokens()).toEqual(['at-1', undefined, 'at-2', 'at-2', undefined, 'at-3'])
  })

  it('sees one refresh for many 401s', async () => {
    const { api, mock, tokens } = await mocked()
    mock.onGet(/\/orders/).reply(({ headers }) => [headers?.['Authorization'] === 'Bearer at-2' ? 200 : 401])
    mock.onPost('/auth/refresh').reply(200, renewed)
    const answers = await Promise.all([1, 2, 3].map(number => api.get(`/orders/${number}`)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(mock.history['post']).toHaveLength(1)
    expect(tokens()).toEqual(['at-1', 'at-1', 'at-1', undefined, 'at-2', 'at-2', 'at-2'])
  })

  it('ends the session when it mocks a refresh that is refused', async () => {
    const { api, auth, mock, tokens } = await mocked()
    const reasons: string[] = []
    auth.on('sessionExpired', ({ reason }) => void reasons.push(reason))
    mock.onGet('/orders').reply(401)
    mock.onPost('/auth/refresh').reply(401)
    const error = await rejection(api.get('/orders'))
    expect(isSessionExpired(error)).toBe(true)
    expect(axios.isAxiosError(error) && error.config?.url).toBe('/orders')
    expect([reasons, tokens()]).toEqual([['refresh_rejected'], ['at-1', undefined]])
  })

  it('mocks network errors and answers of errors, whose config holds no token', async () => {
    const { api, mock } = await mocked()
    mock.onGet('/down').networkError()
    mock.onGet('/busy').reply(503)
    for (const url of ['/down', '/busy']) {
      const error = await rejection<AxiosError>(api.get(url))
      expect(error.config?.url).toBe(url)
      expect(JSON.stringify([error, error.config, error.response])).not.toContain('at-1')
    }
  })

  it('answers with the answer of another request, which keeps its own config', async () => {
    const { api, mock, tokens } = await mocked()
    mock.onGet('/new').reply(200).onGet('/busy').reply(503)
    for (const [from, to] of [
      ['/old', '/new'],
      ['/full', '/busy'],
    ])
      mock.onGet(from).reply(() => api.get(`${to}`))
    const answer = await api.get('/old')
    const error = await rejection<AxiosError>(api.get('/full'))
    expect([answer.config.url, error.config?.url, error.response?.config.url]).toEqual([
      '/new',
      '/busy',
      '/busy',
    ])
    expect(JSON.stringify([answer.config, error, error.response])).not.toContain('at-1')
    expect(tokens()).toEqual(['at-1', 'at-1', 'at-1', 'at-1'])
  })

  it('mocks a timeout of the replay, which names the timeout of the call', async () => {
    const { api, mock } = await mocked()
    mock.onGet('/orders').replyOnce(401).onGet('/orders').timeout()
    mock.onPost('/auth/refresh').reply(200, renewed)
    const error = await rejection<AxiosError>(api.get('/orders', { timeout: 60_000 }))
    expect(error).toMatchObject({ code: 'ECONNABORTED', message: 'timeout of 60000ms exceeded' })
    expect(error.config?.timeout).toBe(60_000)
  })

  it('sees no token at another origin', async () => {
    const { api, mock, tokens } = await mocked()
    mock.onGet('https://elsewhere.example/x').reply(401)
    const error = await rejection<AxiosError>(api.get('https://elsewhere.example/x'))
    expect(error.response?.status).toBe(401)
    expect(tokens()).toEqual([undefined])
  })

  it('passes requests through to a real server with their token, and again after a 401', async () => {
    const { url, arrived } = await loopback(({ token }, _, outgoing) => {
      outgoing.writeHead(token === 'at-2' ? 200 : 401).end('{}')
    })
    const { api, mock } = await mocked(url)
    mock.onGet('/orders').passThrough()
    mock.onPost('/auth/refresh').reply(200, renewed)
    expect((await api.get('/orders')).status).toBe(200)
    expect(arrived.map(({ token }) => token)).toEqual(['at-1', 'at-2'])
  })

  it('leaves the session at work when it is restored', async () => {
    const { url, arrived } = await loopback((_, __, outgoing) => void outgoing.end('{}'))
    const { api, mock } = await mocked(url)
    mock.restore()
    expect((await api.get('/orders')).status).toBe(200)
    expect(arrived.map(({ token }) => token)).toEqual(['at-1'])
  })
})
