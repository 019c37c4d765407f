import axios, { AxiosError } from 'axios'
import { createAuth, type RequestEvent, serverRenewal, type TokenResponse } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { describe, expect, it, onTestFinished } from 'vitest'
import { API, deferred, LIFETIME, rejection, type StageOptions, settle, stage } from '../support/axios.js'
import { phases, withSteps } from '../support/steps.js'

const watched = async (options?: StageOptions) => withSteps(await stage(options))

describe('a listener of every event', () => {
  it('receives the steps of a request that is answered: sent, done', async () => {
    const { api, steps, time, sent } = await watched()
    await api.post('/orders?coupon=secret', { card: 'secret' }, { params: { page: 'secret' } })
    const step = {
      type: 'request',
      id: expect.any(Number),
      client: `axios ${API}/`,
      method: 'POST',
      url: `${API}/orders`,
      at: time.now,
    }
    expect(steps).toEqual([
      { ...step, phase: 'sent' },
      { ...step, phase: 'done', status: 200 },
    ])
    expect(new Set(steps.map(({ id }) => id)).size).toBe(1)
    expect(sent).toHaveLength(1)
  })

  it('receives the rejection and the replay of a request whose token the server revoked', async () => {
    const { api, steps, revoke, statuses, refreshes } = await watched()
    revoke()
    await api.get('/orders')
    expect(phases(steps)).toEqual(['sent', 'rejected 401', 'replayed', 'done 200'])
    expect(new Set(steps.map(({ id }) => id)).size).toBe(1)
    expect(statuses()).toEqual([401, 200])
    expect(refreshes).toHaveLength(1)
  })

  it('receives that a request waits for a token when the token has expired', async () => {
    const { api, steps, pass, refreshes } = await watched({ manual: true })
    pass(LIFETIME)
    const answer = api.get('/orders')
    await settle()
    expect(phases(steps)).toEqual(['waiting'])
    refreshes[0]?.answer()
    await answer
    expect(phases(steps)).toEqual(['waiting', 'sent', 'done 200'])
    expect(refreshes).toHaveLength(1)
  })

  it('receives each request of a burst under an id of its own', async () => {
    const { api, steps, revoke, refreshes, statuses } = await watched()
    revoke()
    await Promise.all(Array.from({ length: 20 }, () => api.get('/orders')))
    const ids = [...new Set(steps.map(({ id }) => id))]
    expect(ids).toHaveLength(20)
    for (const id of ids) {
      expect(phases(steps.filter(step => step.id === id))).toEqual([
        'sent',
        'rejected 401',
        'replayed',
        'done 200',
      ])
    }
    expect(refreshes).toHaveLength(1)
    expect(statuses().filter(status => status === 401)).toHaveLength(20)
  })

  it('receives the status of an answer that axios makes an error of', async () => {
    const { api, steps } = await watched({ respond: () => ({ status: 503 }) })
    await rejection(api.get('/orders'))
    expect(phases(steps)).toEqual(['sent', 'done 503'])
  })

  it('receives a failure when the network breaks, and none of its words', async () => {
    const { api, steps } = await watched({
      respond: () => Promise.reject(new AxiosError('Network Error', AxiosError.ERR_NETWORK)),
    })
    await rejection(api.get('/orders'))
    expect(phases(steps)).toEqual(['sent', 'failed'])
    expect(steps[1]?.status).toBeUndefined()
  })

  it('receives a failure when an adapter rejects without an error', async () => {
    const { api, steps, sent } = await watched({ respond: () => Promise.reject(undefined) })
    const caught = await api.get('/orders').catch((error: unknown) => [error])
    expect(caught).toEqual([undefined])
    await settle()
    expect(phases(steps)).toEqual(['sent', 'failed'])
    expect(sent).toHaveLength(1)
  })

  it('receives a failure when the session ends while a request waits', async () => {
    const { api, auth, steps, pass, sent } = await watched({ manual: true })
    pass(LIFETIME)
    const answer = rejection(api.get('/orders'))
    await auth.logout()
    await answer
    expect(phases(steps)).toEqual(['waiting', 'failed'])
    expect(sent).toHaveLength(0)
  })

  it('receives a failure when a waiting request is cancelled', async () => {
    const { api, steps, pass } = await watched({ manual: true })
    pass(LIFETIME)
    const controller = new AbortController()
    const answer = rejection(api.get('/orders', { signal: controller.signal }))
    controller.abort()
    await answer
    expect(phases(steps)).toEqual(['waiting', 'failed'])
  })

  it('receives a second rejection as an answer to the caller', async () => {
    const { api, steps, statuses } = await watched({ respond: () => ({ status: 401 }) })
    await rejection(api.get('/orders'))
    expect(phases(steps)).toEqual(['sent', 'rejected 401', 'replayed', 'done 401'])
    expect(statuses()).toEqual([401, 401])
  })

  it('receives a rejection without a replay when the body can be sent only once', async () => {
    const { api, steps, revoke, statuses } = await watched()
    revoke()
    const body = new ReadableStream()
    await rejection(api.post('/orders', body))
    await settle()
    expect(phases(steps)).toEqual(['sent', 'rejected 401', 'done 401'])
    expect(statuses()).toEqual([401])
  })

  it.each([
    ['of an anonymous visitor', { login: false }, '/public', {}],
    ['that skips the login', {}, '/public', { skipAuth: true }],
    ['to a foreign origin', {}, 'https://elsewhere.test/public', {}],
    ['with credentials of its own', {}, '/public', { headers: { Authorization: 'Basic secret' } }],
  ])('receives the steps of a request %s', async (_, options, url, config) => {
    const { api, steps } = await watched({ ...options, respond: () => ({ status: 200 }) })
    await api.get(url, config)
    expect(phases(steps)).toEqual(['sent', 'done 200'])
    expect(steps[0]?.url).toBe(new URL(url, API).href)
  })

  it('receives no step of the refresh itself, which has events of its own', async () => {
    const { api, auth, steps } = await watched({
      respond: ({ url, token }) =>
        url.endsWith('/refresh')
          ? { data: { access_token: 'at-9', refresh_token: 'rt-9' } }
          : { status: token === 'at-9' ? 200 : 401 },
      refresh: async ({ refreshToken }, self) => (await self.api.post('/refresh', { refreshToken })).data,
    })
    const names: string[] = []
    auth.on('*', ({ type }) => void names.push(type))
    await api.get('/orders')
    expect(phases(steps)).toEqual(['sent', 'rejected 401', 'replayed', 'done 200'])
    expect(steps.filter(({ url }) => url.endsWith('/refresh'))).toEqual([])
    expect(names.filter(name => name === 'refreshed')).toHaveLength(1)
  })

  it('receives the steps of a server that renews by itself: one request goes first, the others wait', async () => {
    const first = deferred()
    const { api, steps, pass, statuses } = await watched({
      login: true,
      attach: {
        renewal: serverRenewal({
          collect: ({ headers }) =>
            headers['x-access'] ? { access_token: String(headers['x-access']) } : undefined,
        }),
      },
      async respond({ token }) {
        if (token !== 'at-1') return { status: 200 }
        await first.promise
        return { status: 200, headers: { 'x-access': 'at-2' } }
      },
    })
    pass(LIFETIME)
    const answers = [api.get('/a'), api.get('/b')]
    await settle()
    first.resolve()
    await Promise.all(answers)
    for (const path of ['/a', '/b']) {
      expect(phases(steps.filter(({ url }) => url.endsWith(path)))).toEqual(['waiting', 'sent', 'done 200'])
    }
    expect(statuses()).toEqual([200, 200])
  })

  it.each([
    ['a query', '/orders?token=secret', '/orders'],
    ['a fragment', '/orders#token=secret', '/orders'],
    ['user info', 'https://user:secret@elsewhere.test/orders', 'https://elsewhere.test/orders'],
    ['a JWT in the path', `/reset/eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.c2ln/done`, '/reset/…/done'],
    ['a long opaque token in the path', `/verify/${'s'.repeat(40)}`, '/verify/…'],
    ['an encoded token in the path', `/verify/${'%73'.repeat(20)}`, '/verify/…'],
    [
      'a UUID, which it keeps',
      '/orders/0f8fad5b-d9cb-469f-a165-70867728950e',
      '/orders/0f8fad5b-d9cb-469f-a165-70867728950e',
    ],
  ])('receives an address without %s', async (_, url, told) => {
    const { api, steps } = await watched({ respond: () => ({ status: 200 }) })
    await api.get(url)
    expect(steps[0]?.url).toBe(told.startsWith('/') ? API + told : told)
    expect(JSON.stringify(steps)).not.toContain('secret')
  })

  it('receives no address where a relative URL has no page to resolve it', async () => {
    const { auth } = await stage()
    const steps: RequestEvent[] = []
    auth.on('*', event => event.type === 'request' && steps.push(event))
    const bare = axios.create({
      adapter: async config => ({ status: 200, statusText: '', data: '', headers: {}, config }),
    })
    attachAuth(bare, auth, { allowedOrigins: [API] })
    await bare.get('/orders?token=secret')
    expect(steps.map(({ url, client }) => [url, client])).toEqual([
      ['', 'axios'],
      ['', 'axios'],
    ])
  })

  it('distinguishes two clients by their base URLs, without the secret parts of these', async () => {
    const { instance, auth, steps } = await watched({ respond: () => ({ status: 200 }) })
    const other = instance({ baseURL: `${API}/v2/?key=secret` })
    attachAuth(other, auth, { allowedOrigins: [API] })
    await other.get('https://api.example.test/orders')
    expect(steps[0]?.client).toBe(`axios ${API}/v2/`)
    expect(JSON.stringify(steps)).not.toContain('secret')
  })

  it('receives nothing any more after it was removed, and requests go on', async () => {
    const { api, steps, stop, revoke, statuses } = await watched()
    await api.get('/orders')
    stop()
    revoke()
    await api.get('/orders')
    expect(phases(steps)).toEqual(['sent', 'done 200'])
    expect(statuses()).toEqual([200, 401, 200])
  })

  it('receives nothing of a request that began before it was added', async () => {
    const gate = deferred()
    const on = await stage({ respond: () => gate.promise.then(() => ({ status: 200 })) })
    const answer = on.api.get('/orders')
    await settle()
    const steps: unknown[] = []
    on.auth.on('*', event => void steps.push(event))
    gate.resolve()
    await answer
    expect(steps).toEqual([])
  })

  it('that throws at every step fails no request', async () => {
    const { api, auth, revoke, statuses } = await stage()
    revoke()
    auth.on('*', () => {
      throw new Error('bug in a listener')
    })
    await expect(api.get('/orders')).resolves.toMatchObject({ status: 200 })
    expect(statuses()).toEqual([401, 200])
  })

  it('receives the status done for an answer that a mock leaves out', async () => {
    const { api, steps } = await watched({ axios: { adapter: async () => undefined as never } })
    await rejection(api.get('/orders', { transformResponse: [] }))
    await settle()
    expect(phases(steps)).toEqual(['sent', 'done'])
  })

  it('sees no token in any step, wherever the application puts one', async () => {
    const tokens: TokenResponse[] = []
    const auth = createAuth({ retry: 0, refresh: async () => tokens.shift() as TokenResponse })
    onTestFinished(() => auth.dispose())
    await auth.login({ access_token: 'at-secret-0', refresh_token: 'rt-secret-0', expires_in: 300 })
    const answer = { access_token: 'at-secret-1', refresh_token: 'rt-secret-1', expires_in: 300 }
    tokens.push(answer)
    await auth.refresh()
    const api = axios.create({
      baseURL: API,
      adapter: async config => ({ status: 200, statusText: '', data: 'at-secret-1', headers: {}, config }),
    })
    attachAuth(api, auth)
    const steps: unknown[] = []
    auth.on('*', event => void steps.push(event))
    await api.post(
      '/echo?at=at-secret-1',
      { token: 'rt-secret-1' },
      { headers: { 'X-Other': 'at-secret-1' } },
    )
    // As short as an identifier, so only its value tells it from one.
    for (const token of ['at-secret-0', 'rt-secret-0', 'at-secret-1', 'rt-secret-1'])
      await api.delete(`/tokens/${token}/orders`)
    expect(steps).toHaveLength(10)
    expect(steps.at(-1)).toMatchObject({ url: `${API}/tokens/…/orders` })
    expect(JSON.stringify(steps)).not.toMatch(/secret/)
  })
})

it('the event of a request that tells the server about a logout has no refresh token in its address', async () => {
  const token = '3f2504e0-4f89-11d3-9a0c-0305e82c3301'
  const told = async (refreshToken?: string): Promise<void> => {
    await settle()
    await staged.api.delete(`/sessions/${refreshToken}`)
  }
  const staged = await watched({ auth: { logout: ({ refreshToken }) => told(refreshToken) } })
  await staged.auth.login({ access_token: 'at-ada', refresh_token: token })
  await staged.auth.logout()
  expect(staged.sent.at(-1)?.url).toContain(token)
  expect(staged.steps.at(-1)).toMatchObject({ phase: 'done', url: `${API}/sessions/…` })
})
