/** The access token goes on every request of the instance to an allowed origin, and on no other. */
import axios, { type AxiosRequestConfig } from 'axios'
import { attachAuth } from 'tokenflight/axios'
import { describe, expect, it, vi } from 'vitest'
import { API, rejection, respondWith, settle, stage } from '../support/axios.js'

const EVIL = 'https://evil.example'

describe('attaching', () => {
  it('sends the access token with every request of the instance', async () => {
    const { api, sent, refreshes } = await stage()
    await api.get('/orders')
    await api.post('orders', { id: 1 })
    await api.request({ url: `${API}/absolute`, method: 'put' })
    await api(`${API.toUpperCase()}/case`)
    await api.get('//api.example.test/protocol-relative', { baseURL: '' }).catch(() => {})
    expect(sent.slice(0, 4).map(({ headers }) => headers['Authorization'])).toEqual(
      Array(4).fill('Bearer at-1'),
    )
    expect(refreshes).toHaveLength(0)
  })

  it('sends no token while no user is logged in, and leaves the 401 of such a request alone', async () => {
    const { api, tokens, statuses, refreshes } = await stage({ login: false })
    const error = await rejection(api.get('/orders'))
    expect(error.response?.status).toBe(401)
    expect(axios.isAxiosError(error)).toBe(true)
    expect([tokens(), statuses(), refreshes.length]).toEqual([[undefined], [401], 0])
  })

  it('waits for the restore, and sends no token if it finds no session', async () => {
    const storage = { getItem: async () => null, setItem: () => {}, removeItem: () => {} }
    const { api, tokens, refreshes } = await stage({ login: false, auth: { storage }, respond: () => ({}) })
    await api.get('/orders')
    expect([tokens(), refreshes.length]).toEqual([[undefined], 0])
  })

  it('sends the token of a login that came after it was attached, and none after the logout', async () => {
    const { api, auth, tokens, good } = await stage({ login: false })
    good.add('late')
    await auth.login({ access_token: 'late', refresh_token: 'r', expires_in: 60 })
    await api.get('/a')
    await auth.logout()
    await rejection(api.get('/b'))
    expect(tokens()).toEqual(['late', undefined])
  })

  it('adds a token to the headers of the request and changes nothing else in it', async () => {
    const { api, sent } = await stage()
    const config = { headers: { 'X-Mine': 'a' }, params: { page: 2 } }
    await api.get('/orders', config)
    expect(sent[0]).toMatchObject({ method: 'get', url: `${API}/orders`, params: { page: 2 } })
    expect(sent[0]?.headers).toMatchObject({ 'X-Mine': 'a', Authorization: 'Bearer at-1' })
    expect(config).toEqual({ headers: { 'X-Mine': 'a' }, params: { page: 2 } })
  })
})

describe('requests that are left alone', () => {
  const own: Record<string, AxiosRequestConfig> = {
    'an Authorization of its own': { headers: { Authorization: 'Bearer mine' } },
    'an authorization in lower case': { headers: { authorization: 'Bearer mine' } },
    'an Authorization that is switched off': { headers: { Authorization: false as never } },
    'credentials in config.auth': { auth: { username: 'u', password: 'p' } },
    'a user name in its URL': { url: 'https://u:p@api.example.test/orders' },
    skipAuth: { skipAuth: true },
  }
  for (const [what, config] of Object.entries(own)) {
    it(`leaves a request with ${what} alone, its 401 included`, async () => {
      const { api, sent, refreshes } = await stage({ respond: () => ({ status: 401 }) })
      const error = await rejection(api.request({ url: '/orders', ...config }))
      expect(error.response?.status).toBe(401)
      expect(sent).toHaveLength(1)
      expect(String(sent[0]?.headers['Authorization'])).not.toContain('at-1')
      expect(refreshes).toHaveLength(0)
    })
  }

  it('does not wait for a refresh with them', async () => {
    const { api, pass, sent, refreshes } = await stage({ manual: true })
    pass(3_600_000)
    const waiting = api.get('/waits').catch(() => {})
    await rejection(api.get('/login', { skipAuth: true }))
    await rejection(api.get('/own', { headers: { Authorization: 'Bearer mine' } }))
    expect(sent.map(({ url }) => url)).toEqual([`${API}/login`, `${API}/own`])
    expect(refreshes).toHaveLength(1)
    refreshes[0]?.answer()
    await waiting
  })

  it('heeds a skipAuth that an interceptor sets', async () => {
    const { api, tokens } = await stage({ respond: () => ({}) })
    api.interceptors.request.use(config => Object.assign(config, { skipAuth: config.url === '/public' }))
    await api.get('/public')
    await api.get('/private')
    expect(tokens()).toEqual([undefined, 'at-1'])
  })

  it('leaves an Authorization of an interceptor alone, registered before or after', async () => {
    const { api, instance, auth, tokens } = await stage({ respond: () => ({}), attach: false })
    const authorize = (target: typeof api): unknown =>
      target.interceptors.request.use(config => {
        config.headers.set('Authorization', 'Bearer mine')
        return config
      })
    const other = instance()
    authorize(api)
    attachAuth(api, auth)
    attachAuth(other, auth)
    authorize(other)
    await api.get('/a')
    await other.get('/b')
    expect(tokens()).toEqual(['mine', 'mine'])
  })
})

describe('origins', () => {
  const tricks: Record<string, AxiosRequestConfig> = {
    'an absolute URL': { url: `${EVIL}/x` },
    'a protocol-relative URL': { url: '//evil.example/x' },
    'a user name that looks like the host': { url: 'https://api.example.test@evil.example/x' },
    'user info that looks like the origin': { url: 'https://api.example.test:443@evil.example/x' },
    'a host that begins like ours': { url: 'https://api.example.test.evil.example/x' },
    'another port': { url: 'https://api.example.test:8443/x' },
    'another scheme': { url: 'http://api.example.test/x' },
    'a subdomain': { url: 'https://sub.api.example.test/x' },
    'a base URL of its own': { baseURL: EVIL, url: '/x' },
    'a base URL that is made longer': { baseURL: 'https://api.example.test.evil.example', url: 'x' },
    'a base URL that ends in user info': { baseURL: 'https://api.example.test@', url: 'evil.example' },
    backslashes: { url: 'https:\\\\evil.example/x', baseURL: '' },
    'a backslash before the at sign': { url: 'https://evil.example\\@api.example.test/x' },
    'white space before it': { url: ' https://evil.example/x', baseURL: '' },
    'a tab in the scheme': { url: 'ht\ttps://evil.example/x', baseURL: '' },
    'upper case': { url: 'HTTPS://EVIL.EXAMPLE/x' },
  }
  for (const [what, config] of Object.entries(tricks)) {
    it(`sends no token with ${what}`, async () => {
      const { api, sent, refreshes } = await stage({ respond: () => ({ status: 401 }) })
      await rejection(api.request(config))
      // axios itself refuses some of them before they leave.
      expect(sent.map(({ headers }) => headers['Authorization'])).toEqual(sent.map(() => undefined))
      expect(refreshes).toHaveLength(0)
    })
  }

  it('counts the URL that leaves when another interceptor rewrites it, registered before or after', async () => {
    const { api, auth, instance, tokens } = await stage({ attach: false, respond: () => ({}) })
    const rewrite = (target: typeof api, change: AxiosRequestConfig): void =>
      void target.interceptors.request.use(config => Object.assign(config, change))
    const [first, second, third] = [instance(), instance(), instance()]
    rewrite(first, { url: `${EVIL}/x` })
    for (const target of [first, second, third]) attachAuth(target, auth)
    rewrite(second, { baseURL: EVIL })
    third.interceptors.request.use(async config => ({ ...config, url: '//evil.example/' }), undefined)
    for (const target of [first, second, third]) await target.get('/orders')
    expect(tokens()).toEqual([undefined, undefined, undefined])
  })

  it('sends the token where an interceptor leads a request home', async () => {
    const { api, tokens } = await stage()
    api.interceptors.request.use(config => Object.assign(config, { url: '/orders' }))
    await api.get(`${EVIL}/x`)
    expect(tokens()).toEqual(['at-1'])
  })

  it('takes a URL where axios takes a text, under the same rule', async () => {
    const { instance, auth, sent, refreshes, revoke } = await stage({ attach: false })
    const api = instance()
    delete api.defaults.baseURL
    attachAuth(api, auth, { allowedOrigins: [API], skip: /open/ })
    const get = (url: URL) => api.get(url as unknown as string, { validateStatus: () => true })
    revoke()
    for (const url of [`${API}/orders`, `${EVIL}/orders`, `${API}/open`]) await get(new URL(url))
    expect(sent.map(({ url, token }) => [String(url), token])).toEqual([
      [`${API}/orders`, 'at-1'],
      [`${API}/orders`, 'at-2'],
      [`${EVIL}/orders`, undefined],
      [`${API}/open`, undefined],
    ])
    expect(refreshes).toHaveLength(1)
  })

  it('takes no blob: URL for one of its origin, also when the session has expired', async () => {
    const { instance, auth, sent, refreshes, pass } = await stage({
      attach: false,
      refresh: () => Promise.reject({ status: 401 }),
    })
    const api = instance()
    // With a base URL axios takes it for a path.
    delete api.defaults.baseURL
    attachAuth(api, auth, { allowedOrigins: [API] })
    const blob = `blob:${API}/0b1e`
    for (const url of [blob, blob.toUpperCase(), ` ${blob}`]) await rejection(api.get(url))
    pass(3_600_000)
    await rejection(api.get(`${API}/orders`))
    expect(auth.getState().status).toBe('expired')
    expect((await rejection(api.get(blob))).response?.status).toBe(401)
    expect(sent.map(({ token }) => token)).toEqual(Array(4).fill(undefined))
    expect(refreshes).toHaveLength(1)
  })

  it('counts the base of the document, which a relative URL is resolved against', async () => {
    vi.stubGlobal('location', { origin: API, href: `${API}/app` })
    vi.stubGlobal('document', { baseURI: `${API}/app` })
    const { api, tokens } = await stage({ axios: { baseURL: '/api' }, respond: () => ({}) })
    await api.get('/orders')
    await api.get('orders', { baseURL: '' })
    vi.stubGlobal('document', { baseURI: 'https://cdn.example/assets/' })
    await api.get('/orders')
    await api.get('orders', { baseURL: '' })
    await api.get('\\\\evil.example', { baseURL: '/' })
    expect(tokens()).toEqual(['at-1', 'at-1', undefined, undefined, undefined])
  })

  it('resolves against the page where there is no base URL', async () => {
    vi.stubGlobal('location', { origin: API, href: `${API}/app` })
    const { instance, auth, tokens } = await stage({ attach: false, respond: () => ({}) })
    const api = instance()
    delete api.defaults.baseURL
    attachAuth(api, auth)
    await api.get('/orders')
    await api.get('//evil.example/orders')
    expect(tokens()).toEqual(['at-1', undefined])
  })

  it('takes the page for the default origin, never a <base href>', async () => {
    vi.stubGlobal('location', { origin: API, href: `${API}/app` })
    vi.stubGlobal('document', { baseURI: 'https://cdn.example/assets/' })
    const { api, tokens } = await stage({ axios: { baseURL: '' }, respond: () => ({}) })
    await api.get('orders')
    await api.get(`${API}/orders`)
    expect(tokens()).toEqual([undefined, 'at-1'])
  })

  it('sends the token to every origin that is allowed, and then no longer to that of the base URL by itself', async () => {
    const { api, tokens } = await stage({
      attach: { allowedOrigins: ['https://one.example', 'https://two.example:8443/'] },
      respond: () => ({}),
    })
    await api.get('https://one.example/x')
    await api.get('https://two.example:8443/x')
    await api.get('https://two.example/x')
    await api.get('/x')
    expect(tokens()).toEqual(['at-1', 'at-1', undefined, undefined])
  })
})

describe('one Auth and many clients', () => {
  it('makes one refresh for all instances that share it', async () => {
    const { api, auth, instance, tokens, statuses, refreshes, revoke } = await stage({ manual: true })
    const others = [instance(), instance({ baseURL: `${API}/v2` })]
    for (const other of others) attachAuth(other, auth)
    revoke()
    const answers = Promise.all([api, ...others].map(one => one.get('/orders')))
    await settle()
    refreshes[0]?.answer()
    expect((await answers).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(refreshes).toHaveLength(1)
    expect(tokens()).toEqual(['at-1', 'at-1', 'at-1', 'at-2', 'at-2', 'at-2'])
    expect(statuses()).toEqual([401, 401, 401, 200, 200, 200])
  })

  it('keeps two sessions of a page apart', async () => {
    const mine = await stage({ prefix: 'mine-' })
    const theirs = await stage({ prefix: 'theirs-' })
    mine.revoke()
    await Promise.all([mine.api.get('/a'), theirs.api.get('/b')])
    expect([mine.tokens(), mine.refreshes.length]).toEqual([['mine-at-1', 'mine-at-2'], 1])
    expect([theirs.tokens(), theirs.refreshes.length]).toEqual([['theirs-at-1'], 0])
  })

  it('lets a call that began before another login never leave with the token of that login', async () => {
    const { api, auth, tokens, good } = await stage()
    good.add('other')
    const gate = new Promise<void>(resolve => setImmediate(resolve))
    api.interceptors.request.use(async config => {
      await gate
      return config
    })
    const call = rejection<Error>(api.get('/orders'))
    await auth.login({ access_token: 'other', refresh_token: 'r', expires_in: 60 })
    expect(await call).toMatchObject({ code: 'ERR_SIGNED_OUT' })
    expect(tokens()).toEqual([])
  })
})

describe('a value that passes through', () => {
  it('takes an adapter that hands on plain headers', async () => {
    const { api, adapter, tokens } = await stage()
    const around = api.defaults.adapter
    expect(around).toBe(adapter)
    api.interceptors.request.use(config => {
      const inner = axios.getAdapter(config.adapter)
      config.adapter = own => inner({ ...own, headers: { ...own.headers } as never })
      return config
    })
    await api.get('/orders')
    expect(tokens()).toEqual(['at-1'])
  })

  it('gives the application the config as it came, without the token', async () => {
    const { api, adapter } = await stage()
    const { config } = await api.get('/orders')
    expect(config.headers.has('Authorization')).toBe(false)
    expect(config.adapter).toBe(adapter)
    expect(config.beforeRedirect).toBeUndefined()
  })

  it('resolves with the answer of the adapter', async () => {
    const answer = { status: 204, data: '', headers: { 'x-page': '2' } }
    const { api } = await stage({ axios: { adapter: config => respondWith(config, answer) } })
    const { status, headers } = await api.get('/orders')
    expect([status, headers['x-page']]).toEqual([204, '2'])
  })
})
