/** An answer from another origin says nothing of the tokens; a relative URL of a mock adapter is no other origin. */
import axios, { type AxiosAdapter, type AxiosRequestConfig, type AxiosResponse } from 'axios'
import MockAdapter from 'axios-mock-adapter'
import {
  type Auth,
  type AuthEvents,
  collectTokens,
  createAuth,
  serverRenewal,
  type TokenResponse,
} from 'tokenflight'
import { type AttachOptions, attachAuth } from 'tokenflight/axios'
import { type AuthFetchOptions, authFetch } from 'tokenflight/fetch'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  API,
  deferred,
  isAxios,
  LIFETIME,
  type Loopback,
  loopback,
  rejection,
  session,
  settle,
  stage,
} from '../support/axios.js'
import { stage as fetchStage } from '../support/fetch.js'

/** Where the adapter on `fetch` cannot say where it was led, it follows no redirect while tokens may be collected. */
const isBlind = !isAxios(12)

/** A server that renews by itself, and one elsewhere that answers as it is told. */
interface Scene {
  readonly auth: Auth
  readonly home: Loopback
  readonly evil: Loopback
  readonly failures: AuthEvents['refreshFailed'][]
  /** The status of the answer. */
  get(path: string): Promise<number | undefined>
  /** The tokens that reached the home server, in order. */
  tokens(): unknown[]
  /** Waits the back-off out. */
  rest(): void
}

async function scene(client: 'http' | 'fetch' | 'authFetch', status: number): Promise<Scene> {
  const evil = await loopback((_request, _incoming, outgoing) => {
    outgoing.writeHead(status, { 'X-New': 'planted', 'X-New-Refresh': 'planted' }).end('{}')
  })
  let isRenewed = false
  const home = await loopback(({ url, token }, _incoming, outgoing) => {
    if (url.startsWith('/away')) outgoing.writeHead(302, { Location: `${evil.url}/x` })
    else if (token === 'at-1' && !isRenewed) {
      isRenewed = true
      outgoing.writeHead(200, { 'X-New': 'at-2', 'X-New-Refresh': 'rt-2' })
    } else outgoing.writeHead(token === 'at-2' ? 200 : 401)
    outgoing.end('{}')
  })
  let now = 1_760_000_000_000
  const auth = createAuth({ clock: { now: () => now }, retry: 0 })
  onTestFinished(() => auth.dispose())
  const failures: AuthEvents['refreshFailed'][] = []
  auth.on('refreshFailed', event => void failures.push(event))
  const take = (token: unknown, refreshToken: unknown): TokenResponse | undefined =>
    token ? { access_token: `${token}`, refresh_token: `${refreshToken}`, expires_in: 300 } : undefined
  const api = axios.create({
    baseURL: home.url,
    proxy: false,
    // `fetch` follows the redirect with these tokens only where the application allows it.
    ...(client !== 'authFetch' && { adapter: client, fetchOptions: { redirect: 'follow' } }),
  })
  attachAuth(api, auth, {
    renewal: serverRenewal({
      collect: ({ headers }) => take(headers['x-new'], headers['x-new-refresh']),
    }),
  })
  const send = authFetch(auth, {
    allowedOrigins: [home.url],
    renewal: serverRenewal({
      collect: ({ headers }) => take(headers.get('x-new'), headers.get('x-new-refresh')),
    }),
  })
  await auth.login({ access_token: 'at-1', refresh_token: 'rt-1', expires_in: LIFETIME / 1000 })
  now += LIFETIME
  return {
    auth,
    home,
    evil,
    failures,
    get: async path =>
      client === 'authFetch'
        ? (await send(home.url + path, { redirect: 'follow' })).status
        : (await api.get(path, { validateStatus: () => true }).catch(() => undefined))?.status,
    tokens: () => home.arrived.map(({ token, headers }) => [token, headers['x-refresh-token']]),
    rest() {
      now += 2_000
    },
  }
}

describe('an answer from another origin, at the end of a redirect', () => {
  for (const client of ['http', 'fetch', 'authFetch'] as const) {
    const name = client === 'authFetch' ? client : `the ${client} adapter of axios`
    for (const status of [401, 200, 500]) {
      it(`leaves the session and its dead token as they are, also for the request that goes first: ${name}, ${status}`, async () => {
        const { auth, get, tokens, evil, failures, rest } = await scene(client, status)
        const blind = isBlind && client === 'fetch'
        expect(await get('/away')).toBe(blind ? undefined : status)
        expect(evil.arrived.map(({ token }) => token)).toEqual(blind ? [] : [undefined])
        expect(auth.getState().status).toBe('authenticated')
        if (blind) rest()
        // The token is as dead as before: one request goes first, and the other waits for its tokens.
        expect(await Promise.all([get('/a'), get('/b')])).toEqual([200, 200])
        expect(tokens()).toEqual([
          ['at-1', 'rt-1'],
          ['at-1', 'rt-1'],
          ['at-2', 'rt-2'],
        ])
        if (!blind) expect(failures).toEqual([])
        expect(await auth.getAccessToken()).toBe('at-2')
      })
    }

    it(`fails no request that waits for it: ${name}`, async () => {
      const { get, tokens } = await scene(client, 401)
      const statuses = await Promise.all(['/away', '/a', '/b'].map(get))
      expect(statuses.slice(1)).toEqual(isBlind && client === 'fetch' ? expect.anything() : [200, 200])
      if (isBlind && client === 'fetch') return
      expect(tokens()).toEqual([
        ['at-1', 'rt-1'],
        ['at-1', 'rt-1'],
        ['at-2', 'rt-2'],
      ])
    })
  }

  it('is recognised by its URL where a polyfill of fetch does not say that it was redirected', async () => {
    const answer = (url: string, status: number): Response =>
      Object.defineProperties(new Response('{}', { status, headers: { 'X-New': 'planted' } }), {
        url: { value: url },
        redirected: { value: undefined },
      })
    const options: AuthFetchOptions = {
      renewal: collectTokens(({ headers }) => ({ access_token: headers.get('X-New') ?? '' })),
    }
    for (const url of ['https://evil.example/x', '//evil.example/x', 'blob:https://api.example.test/x']) {
      const { api, auth, refreshes } = await fetchStage({ fetch: options, respond: () => answer(url, 401) })
      expect((await api(`${API}/orders`)).status).toBe(401)
      expect([await auth.getAccessToken(), refreshes.length]).toEqual(['at-1', 0])
    }
    for (const url of [`${API}/other`, '/other', 'other', '']) {
      const { api, sent } = await fetchStage({
        respond: ({ token }) => answer(url, token === 'at-1' ? 401 : 200),
      })
      expect([(await api(`${API}/orders`)).status, sent.length]).toEqual([200, 2])
    }
  })

  it('is not assumed where a service worker answers from elsewhere', async () => {
    const { api, tokens } = await fetchStage({
      respond: ({ token }) =>
        Object.defineProperties(new Response('', { status: token === 'at-1' ? 401 : 200 }), {
          url: { value: 'https://backend.example/orders' },
          redirected: { value: false },
        }),
    })
    expect([(await api(`${API}/orders`)).status, tokens()]).toEqual([200, ['at-1', 'at-2']])
  })

  it('is not assumed where a service worker answers the adapter of axios on fetch from elsewhere', async () => {
    const arrived: unknown[] = []
    vi.stubGlobal('fetch', async (request: Request) => {
      const token = request.headers.get('Authorization')
      arrived.push(token)
      return Object.defineProperties(new Response('{}', { status: token === 'Bearer at-1' ? 401 : 200 }), {
        url: { value: 'https://backend.example/orders' },
        redirected: { value: false },
      })
    })
    const { api, refreshes } = await session(API, { adapter: 'fetch' })
    expect((await api.get('/orders')).status).toBe(200)
    expect([arrived, refreshes.length]).toEqual([['Bearer at-1', 'Bearer at-2'], 1])
  })

  it('hands out no tokens and refuses none with an XMLHttpRequest, while the token is dead', async () => {
    const collect = ({ headers }: AxiosResponse): TokenResponse | undefined =>
      headers['x-new'] ? { access_token: headers['x-new'] } : undefined
    const { api, auth, pass, tokens } = await stage({
      auth: { refresh: undefined },
      attach: { renewal: serverRenewal({ collect }) },
      respond: () => ({ status: 401, headers: { 'x-new': 'planted' } }),
    })
    const inner = api.defaults.adapter as AxiosAdapter
    api.defaults.adapter = async config => {
      const response = await inner({ ...config, validateStatus: null })
      return Object.assign(response, { request: { responseURL: 'https://evil.example/x' } })
    }
    pass(LIFETIME)
    expect((await api.get('/a')).status).toBe(401)
    expect((await api.get('/b')).status).toBe(401)
    expect([tokens(), auth.getState().status]).toEqual([['at-1', 'at-1'], 'authenticated'])
  })
})

describe('a redirect that fetch follows by itself', () => {
  const servers = async (): Promise<{ home: Loopback; evil: Loopback }> => {
    const evil = await loopback((_request, _incoming, outgoing) => void outgoing.end('{}'))
    const home = await loopback(({ url }, _incoming, outgoing) => {
      if (url === '/away') outgoing.writeHead(302, { Location: `${evil.url}/x` })
      if (url === '/moved') outgoing.writeHead(302, { Location: '/orders' })
      outgoing.end('{}')
    })
    return { home, evil }
  }
  const exposed: Record<string, AttachOptions> = {
    'a header of another name': { header: { name: 'X-Token', format: token => token } },
    'several headers': { header: token => ({ Authorization: `Bearer ${token}`, 'X-Token': token }) },
    'the refresh token': { renewal: serverRenewal({ collect: () => undefined }) },
  }
  for (const [what, options] of Object.entries(exposed)) {
    it(`fails where it would take a token along: ${what}`, async () => {
      const { home, evil } = await servers()
      const { api, auth } = await session(home.url, { adapter: 'fetch' }, options)
      for (const path of ['/away', '/moved'])
        expect(await rejection(api.get(path))).toMatchObject({ code: 'ERR_NETWORK', config: { url: path } })
      expect((await api.get('/orders')).status).toBe(200)
      expect(evil.arrived).toEqual([])
      expect(home.arrived.map(({ url }) => url)).toEqual(['/away', '/moved', '/orders'])
      expect(auth.getState().status).toBe('authenticated')
    })
  }

  it('goes on where the token is in Authorization alone, which fetch takes off', async () => {
    const { home, evil } = await servers()
    const { api } = await session(home.url, { adapter: 'fetch' })
    for (const path of ['/away', '/moved']) expect((await api.get(path)).status).toBe(200)
    expect(evil.arrived.map(({ token }) => token)).toEqual([undefined])
    expect(home.arrived.map(({ url, token }) => [url, token])).toEqual([
      ['/away', 'at-1'],
      ['/moved', 'at-1'],
      ['/orders', 'at-1'],
    ])
  })

  it.each([
    [undefined, 'error'],
    ['follow', 'error'],
    ['error', 'error'],
    ['manual', 'manual'],
  ])(
    'fails where tokens are collected and an adapter on fetch does not tell the final URL: the mode %s becomes %s',
    async (redirect, expected) => {
      const modes: unknown[] = []
      const { api, adapter, tokens } = await stage({
        attach: { renewal: collectTokens(() => undefined) },
        respond: (_request, config) => {
          modes.push(Reflect.get(config, 'fetchOptions'))
          return {}
        },
      })
      api.defaults.adapter = Object.assign(adapter, { adapterName: 'fetch' }) as AxiosAdapter
      const config = { fetchOptions: { redirect, cache: 'no-store' } } as AxiosRequestConfig
      expect((await api.get('/orders', config)).status).toBe(200)
      expect(modes).toEqual([{ redirect: expected, cache: 'no-store' }])
      expect(tokens()).toEqual(['at-1'])
    },
  )

  it('is for the application to decide, and its config stays as it is', async () => {
    const { home } = await servers()
    const { api } = await session(
      home.url,
      { adapter: 'fetch' },
      { header: { name: 'X-Token', format: token => token } },
    )
    const fetchOptions = { redirect: 'follow', cache: 'no-store' }
    const { config, status } = await api.get('/moved', { fetchOptions } as AxiosRequestConfig)
    expect([status, Reflect.get(config, 'fetchOptions')]).toEqual([200, fetchOptions])
    const manual = { fetchOptions: { redirect: 'manual' }, validateStatus: () => true } as AxiosRequestConfig
    expect((await api.get('/moved', manual)).status).toBe(302)
    expect(home.arrived.map(({ url, headers }) => [url, headers['x-token']])).toEqual([
      ['/moved', 'at-1'],
      ['/orders', 'at-1'],
      ['/moved', 'at-1'],
    ])
  })
})

describe('a responseURL that is no redirect', () => {
  it('comes from axios-mock-adapter: the 401 is refreshed and the request is sent again', async () => {
    const { api, revoke, refreshes } = await stage()
    revoke()
    const mock = new MockAdapter(api as never)
    mock.onGet('/orders').replyOnce(401).onGet('/orders').reply(200, { ok: true })
    expect((await api.get('/orders')).data).toEqual({ ok: true })
    expect(mock.history['get']?.map(({ headers }) => headers?.['Authorization'])).toEqual([
      'Bearer at-1',
      'Bearer at-2',
    ])
    expect(refreshes).toHaveLength(1)
  })

  const answers: Record<string, [responseURL: string, config: AxiosRequestConfig]> = {
    'a path': ['/orders', {}],
    'a path without a slash': ['orders', {}],
    'a path below the base URL': ['orders?page=2#top', { baseURL: `${API}/v1` }],
    'a protocol-relative URL of the API': ['//api.example.test/orders', {}],
    'the absolute URL of the API': [`${API}/orders`, {}],
    'another path of the API': ['/orders/', { url: '/orders' }],
    'an empty text': ['', {}],
  }
  for (const [what, [responseURL, config]] of Object.entries(answers)) {
    it(`lets a 401 count: ${what}`, async () => {
      const { api, tokens, revoke, refreshes } = await stage({ axios: config })
      const inner = api.defaults.adapter as AxiosAdapter
      api.defaults.adapter = async own =>
        Object.assign(await inner({ ...own, validateStatus: null }), { request: { responseURL } })
      revoke()
      expect((await api.get('/orders')).status).toBe(200)
      expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-2'], 1])
    })
  }

  it('may name another host without a scheme', async () => {
    const { api, tokens, revoke, refreshes } = await stage()
    const inner = api.defaults.adapter as AxiosAdapter
    api.defaults.adapter = async config =>
      Object.assign(await inner({ ...config, validateStatus: null }), {
        request: { responseURL: '//evil.example/orders' },
      })
    revoke()
    expect((await api.get('/orders')).status).toBe(401)
    expect([tokens(), refreshes.length]).toEqual([['at-1'], 0])
  })

  it('comes from axios-mock-adapter with an absolute URL and a body, too', async () => {
    const { api, revoke, tokens } = await stage({ attach: false })
    const options: AttachOptions = { allowedOrigins: [API] }
    const auth = createAuth({ refresh: async () => ({ access_token: 'at-2' }) })
    onTestFinished(() => auth.dispose())
    await auth.login({ access_token: 'at-1', refresh_token: 'rt-1' })
    attachAuth(api, auth, options)
    revoke()
    const mock = new MockAdapter(api as never)
    mock.onPost(`${API}/orders`).replyOnce(401).onPost(`${API}/orders`).reply(201)
    expect((await api.post(`${API}/orders`, { n: 1 })).status).toBe(201)
    expect(tokens()).toEqual([])
    expect(mock.history['post']).toHaveLength(2)
  })
})

describe('a redirect that is still under way', () => {
  it('keeps the next request waiting, and does not count when it ends elsewhere', async () => {
    const gate = deferred()
    const { api, auth, sent, pass } = await stage({
      auth: { refresh: undefined },
      attach: {
        renewal: serverRenewal({
          collect: ({ headers }) =>
            headers['x-new']
              ? { access_token: headers['x-new'], refresh_token: 'rt-9', expires_in: 300 }
              : undefined,
        }),
      },
      respond: async ({ url, token }) => {
        if (url.endsWith('/away')) {
          await gate.promise
          return { status: 401 }
        }
        return token === 'at-1' ? { headers: { 'x-new': 'at-9' } } : {}
      },
    })
    const inner = api.defaults.adapter as AxiosAdapter
    api.defaults.adapter = async config => {
      const response = await inner({ ...config, validateStatus: null })
      const responseURL = config.url === '/away' ? 'https://evil.example/' : ''
      return Object.assign(response, { request: { responseURL } })
    }
    pass(LIFETIME)
    const calls = ['/away', '/a', '/b'].map(path => api.get(path))
    await settle()
    expect(sent).toHaveLength(1)
    gate.resolve()
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([401, 200, 200])
    expect(sent.map(({ token, headers }) => [token, headers['X-Refresh-Token']])).toEqual([
      ['at-1', 'rt-1'],
      ['at-1', 'rt-1'],
      ['at-9', 'rt-9'],
    ])
    expect(auth.getState().status).toBe('authenticated')
  })
})
