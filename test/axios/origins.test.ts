/** Which origins see a token: every reading of a URL, the default at the time of sending, and the warnings. */
import axios, { type AxiosInstance, type AxiosRequestConfig, type CreateAxiosDefaults } from 'axios'
import { type Auth, createAuth } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { API, LIFETIME, type Loopback, loopback, session, settle, stage } from '../support/axios.js'
import { stage as fetchStage } from '../support/fetch.js'

const EVIL = 'https://evil.example'

describe('allowAbsoluteUrls: false', () => {
  const elsewhere: Record<string, AxiosRequestConfig> = {
    'an absolute URL': { url: `${EVIL}/x` },
    'a protocol-relative URL': { url: '//evil.example/x' },
    'a scheme in upper case': { url: 'HTTPS://EVIL.EXAMPLE/x' },
    'user info that looks like the API': { url: `${API}@evil.example/x` },
    'a base URL elsewhere and an absolute URL of the API': { baseURL: EVIL, url: `${API}/x` },
    'a base URL that ends in two slashes': { baseURL: `${API}//`, url: `${EVIL}/x` },
    'no base URL, with which axios 1.8 asks the page for the URL': { baseURL: '', url: `${API}/x` },
    'no base URL and a backslash, before which axios 1.8 puts a slash': {
      baseURL: '',
      url: '\\evil.example/x',
    },
    'the number 0 in place of false': { url: `${EVIL}/x`, allowAbsoluteUrls: 0 as never },
  }
  for (const [what, config] of Object.entries(elsewhere)) {
    it(`sends no token where one reading of the URL leads elsewhere: ${what}`, async () => {
      const { api, tokens, refreshes } = await stage({
        axios: { allowAbsoluteUrls: false },
        respond: () => ({ status: 401 }),
      })
      const { status } = await api.request({ ...config, validateStatus: () => true })
      expect([status, tokens(), refreshes.length]).toEqual([401, [undefined], 0])
    })
  }

  it('sends the token where every reading of the URL leads to the API', async () => {
    const { api, tokens, warnings } = await stage({ axios: { allowAbsoluteUrls: false } })
    await api.get('/orders')
    await api.get(`${API}/orders`)
    expect([tokens(), warnings]).toEqual([['at-1', 'at-1'], []])
  })

  it('skips a request when one reading of its URL is skipped', async () => {
    const { api, tokens } = await stage({
      axios: { baseURL: `${API}/v1`, allowAbsoluteUrls: false },
      attach: { skip: ['/public', /\/v1\/https/] },
      respond: () => ({}),
    })
    await api.get(`${API}/public/a`)
    await api.get(`${API}/orders`)
    await api.get('/orders')
    expect(tokens()).toEqual([undefined, undefined, 'at-1'])
  })

  for (const adapter of ['http', 'fetch'] as const) {
    it(`keeps the token away from another server, however the ${adapter} adapter reads the URL`, async () => {
      const server = (): Promise<Loopback> =>
        loopback((_request, _incoming, outgoing) => void outgoing.end('{}'))
      const [home, evil] = [await server(), await server()]
      const { api } = await session(home.url, { adapter, allowAbsoluteUrls: false })
      await api.get(`${evil.url}/x`)
      await api.get(`${home.url}/x`, { baseURL: evil.url })
      expect([...home.arrived, ...evil.arrived].map(({ token }) => token)).toEqual([undefined, undefined])
      await api.get('/orders')
      expect(home.arrived.at(-1)).toMatchObject({ url: '/orders', token: 'at-1' })
    })
  }
})

describe('allowedOrigins by default', () => {
  it('follows a base URL that is set after the client was attached', async () => {
    const { api, tokens, warnings } = await stage({ axios: { baseURL: '' }, respond: () => ({}) })
    await api.get(`${API}/early`)
    api.defaults.baseURL = API
    await api.get('/orders')
    await api.get(`${EVIL}/x`)
    api.defaults.baseURL = EVIL
    await api.get(`${API}/orders`)
    await api.get('/x')
    expect(tokens()).toEqual([undefined, 'at-1', undefined, undefined, 'at-1'])
    expect(warnings).toHaveLength(2)
  })

  it('follows a base URL that an interceptor of the application sets in the defaults', async () => {
    const { api, tokens } = await stage({ axios: { baseURL: '' } })
    api.interceptors.request.use(config => {
      api.defaults.baseURL = API
      return Object.assign(config, { baseURL: API })
    })
    await api.get('/orders')
    expect(tokens()).toEqual(['at-1'])
  })

  it('asks for a warning where an interceptor sets another base URL for one request', async () => {
    const { api, tokens, warnings } = await stage({ respond: () => ({}) })
    api.interceptors.request.use(config => Object.assign(config, { baseURL: EVIL }))
    await api.get('/orders')
    await api.get('/orders')
    expect(tokens()).toEqual([undefined, undefined])
    expect(warnings).toEqual([expect.stringMatching(/evil\.example.*`allowedOrigins`/)])
  })

  it('follows the page when its origin changes, as it does between the tests of an application', async () => {
    const { api, tokens } = await stage({ axios: { baseURL: '/api' }, respond: () => ({}) })
    for (const origin of [API, EVIL]) {
      vi.stubGlobal('location', { origin, href: `${origin}/app` })
      await api.get('/orders')
      await api.get(`${API}/orders`)
    }
    expect(tokens()).toEqual(['at-1', 'at-1', 'at-1', undefined])
  })

  const pageless: Record<string, () => AxiosInstance> = {
    'a base URL that is relative': () => axios.create({ baseURL: '/api' }),
    'no base URL': () => axios.create(),
    'a base URL that is protocol-relative': () => axios.create({ baseURL: '//api.example.test' }),
  }
  for (const [what, create] of Object.entries(pageless)) {
    it(`lets a client be attached where there is no page, with ${what}`, async () => {
      const auth: Auth = createAuth()
      onTestFinished(() => auth.dispose())
      const warnings: string[] = []
      auth.on('warning', ({ message }) => void warnings.push(message))
      const api = create()
      api.defaults.adapter = async config => ({ config, data: '', headers: {}, status: 200, statusText: '' })
      let sent: unknown = 'nothing'
      api.interceptors.response.use(response => {
        sent = response.config.headers.get('Authorization')
        return response
      })
      attachAuth(api, auth)
      await api.get('/orders')
      // There was no token to withhold.
      expect(warnings).toEqual([])
      await auth.login({ access_token: 'at-1' })
      for (const url of ['/orders', '/orders', '/other']) await api.get(url)
      expect(sent).toBeUndefined()
      expect(warnings).toEqual([expect.stringMatching(/no origin is allowed.*baseURL.*`allowedOrigins`/)])
    })
  }

  it('lets authFetch be created where there is no page, and follows the page when there is one', async () => {
    const { auth, network, tokens, warnings } = await fetchStage({ respond: () => Response.json({}) })
    const api = authFetch(auth, { fetch: network })
    await api(`${API}/orders`)
    await api(`${API}/orders`)
    expect(warnings).toEqual([expect.stringMatching(/no origin is allowed.*`allowedOrigins`/)])
    vi.stubGlobal('location', { origin: API, href: `${API}/app` })
    await api(`${API}/orders`)
    expect(tokens()).toEqual([undefined, undefined, 'at-1'])
  })

  it('allows nothing on a page whose origin is opaque', async () => {
    vi.stubGlobal('location', { origin: 'null', href: 'about:srcdoc' })
    const { api, tokens } = await stage({ axios: { baseURL: '' }, respond: () => ({}) })
    await api.get(`${API}/orders`)
    await api.get('null/orders').catch(() => {})
    expect(tokens()).toEqual([undefined, undefined])
  })
})

describe('a token that is withheld because of the origin', () => {
  it('causes one warning for each origin, with both clients', async () => {
    const axiosStage = await stage({ respond: () => ({}) })
    const staged = await fetchStage({ respond: () => Response.json({}) })
    for (const url of [`${EVIL}/a?token=1`, `${EVIL}/b`, 'https://cdn.example/c', `${API}/orders`]) {
      await axiosStage.api.get(url)
      await staged.api(url)
    }
    for (const { warnings, tokens } of [axiosStage, staged]) {
      expect(tokens()).toEqual([undefined, undefined, undefined, 'at-1'])
      expect(warnings).toEqual([
        expect.stringContaining('https://evil.example'),
        expect.stringContaining('https://cdn.example'),
      ])
      expect(warnings.join()).not.toMatch(/\/a|token=1|at-1/)
    }
  })

  it('causes a warning for plain HTTP, too, and for a hundred origins at the most', async () => {
    const { api, warnings } = await stage({ respond: () => ({}) })
    for (let count = 0; count < 102; count++) await api.get(`http://h${count}.example/a`)
    expect(warnings).toHaveLength(100)
    expect(warnings.at(-1)).toContain('http://h99.example')
  })

  it('is withheld from every address without an origin, also where the base URL has none', async () => {
    const { api, tokens, warnings } = await stage({
      axios: { baseURL: 'app://local/' },
      respond: () => ({}),
    })
    for (const url of ['orders', 'app://local/x', 'other://x', 'data:text/plain,x']) await api.get(url)
    expect(tokens()).toEqual(Array(4).fill(undefined))
    expect(warnings).toEqual([])
  })

  it('causes no warning where there is no token to withhold, or where the request wants none', async () => {
    const own = { headers: { Authorization: 'Bearer mine' } }
    const { api, auth, warnings } = await stage({ login: false, respond: () => ({}) })
    await api.get(`${EVIL}/x`)
    await auth.login({ access_token: 'at-1' })
    await api.get(`${EVIL}/x`, { skipAuth: true })
    await api.get(`${EVIL}/x`, own)
    await api.get('data:text/plain,x', { baseURL: '' })
    const staged = await fetchStage({ login: false, respond: () => Response.json({}) })
    await staged.api(`${EVIL}/x`)
    await staged.auth.login({ access_token: 'at-1' })
    await staged.api(`${EVIL}/x`, { skipAuth: true })
    await staged.api(`${EVIL}/x`, own)
    expect([warnings, staged.warnings]).toEqual([[], []])
  })

  it('causes no warning for the refresh, which carries its own token to another server', async () => {
    const { api, auth, sent, warnings, pass } = await stage({
      refresh: async ({ refreshToken }, { api, good }) => {
        await api.post(`${EVIL}/token`, { refreshToken })
        good.add('at-2')
        return { access_token: 'at-2', refresh_token: 'rt-2', expires_in: 300 }
      },
      respond: ({ url }) => (url.startsWith(EVIL) ? {} : undefined),
    })
    pass(300_000)
    await api.get('/orders')
    expect(await auth.getAccessToken()).toBe('at-2')
    expect(sent.map(({ token }) => token)).toEqual([undefined, 'at-2'])
    expect(warnings).toEqual([])
  })
})

describe('allowedOrigins', () => {
  const auth: Auth = createAuth()
  const wrong = [
    'https://*.example.com',
    'https://*',
    '*',
    'https://%2A.example.com',
    'https://example.com/api',
    'https://example.com/?a=1',
    'https://example.com?',
    'https://example.com/#top',
    'https://user@example.com',
    'ftp://example.com',
    'ws://example.com',
    'blob:https://example.com/0b1e',
    'https://.example.com',
    'https://{app,www}.example.com',
    'https://$API_HOST',
    'https://app.example.com,www.example.com',
    'example.com',
  ]
  for (const origin of wrong) {
    it(`refuses ${origin}, which is not the origin of a server`, () => {
      const allowedOrigins = [API, origin]
      for (const attach of [
        () => attachAuth(axios.create({ baseURL: API }), auth, { allowedOrigins }),
        () => authFetch(auth, { allowedOrigins }),
      ]) {
        expect(attach).toThrow(TypeError)
        expect(attach).toThrow(/^tokenflight: `allowedOrigins` must be origins like/)
      }
    })
  }

  it('takes an origin in any case, with its default port and with a slash at its end', async () => {
    const defaults: CreateAxiosDefaults = { baseURL: '' }
    for (const origin of ['HTTPS://API.Example.Test', `${API}:443`, `${API}/`, 'https://api.example.test']) {
      const { api, tokens } = await stage({ axios: defaults, attach: { allowedOrigins: [origin] } })
      await api.get(`${API}/orders`)
      expect([origin, tokens()]).toEqual([origin, ['at-1']])
    }
  })

  it.each([
    'http://[::1]:8080',
    'https://münchen.example',
    'https://my_api.example',
    'http://127.0.0.1:3000',
  ])('takes %s', allowed => {
    expect(() => authFetch(auth, { allowedOrigins: [allowed] })).not.toThrow()
  })

  it('may be empty: then no token leaves, and the first request warns', async () => {
    const { api, tokens, warnings } = await stage({ attach: { allowedOrigins: [] }, respond: () => ({}) })
    await api.get('/orders')
    await api.get('/orders')
    expect([tokens(), warnings]).toEqual([
      [undefined, undefined],
      [expect.stringContaining('`allowedOrigins`')],
    ])
  })
})

it('a config that the application changes while its call waits takes no token to another origin', async () => {
  const { api, pass, refreshes, sent } = await stage({ manual: true })
  let kept: { baseURL?: string } = {}
  api.interceptors.request.use(config => {
    kept = config
    return config
  })
  pass(LIFETIME)
  const answer = api.get('/orders')
  await settle()
  kept.baseURL = 'https://evil.example.test'
  refreshes[0]?.answer()
  await answer
  expect(sent.map(({ url, token }) => [url, token])).toEqual([[`${API}/orders`, 'at-2']])
})

it.each<[string, AxiosRequestConfig, AxiosRequestConfig, string]>([
  ['URL', {}, { url: '/other' }, API],
  [
    'base URL',
    { url: `${API}/orders`, baseURL: '' },
    { baseURL: EVIL, allowAbsoluteUrls: false },
    `${API}/orders`,
  ],
])('a config without a %s, too, goes to its address at the call', async (_, config, change, address) => {
  const { api, pass, refreshes, sent } = await stage({ manual: true })
  let kept: AxiosRequestConfig = {}
  api.interceptors.request.use(given => {
    kept = given
    if (config.baseURL === '') delete given.baseURL
    return given
  })
  pass(LIFETIME)
  const answer = api.request(config)
  await settle()
  Object.assign(kept, change)
  refreshes[0]?.answer()
  await answer
  expect(sent.map(({ url, token }) => [url, token])).toEqual([[address, 'at-2']])
})

it('a URL object that the application changes while its call waits takes no token to another origin', async () => {
  const { api, pass, refreshes, sent } = await stage({ manual: true })
  pass(LIFETIME)
  const url = new URL(`${API}/orders`)
  // Axios takes it where there is no base URL.
  const answer = api.get(url as never, { baseURL: '' })
  await settle()
  url.host = 'evil.example.test'
  refreshes[0]?.answer()
  await answer
  expect(sent.map(({ url, token }) => [`${url}`, token])).toEqual([[`${API}/orders`, 'at-2']])
})
