/** The requests that leave with a token, and those that do not. */

import { createAuth } from 'tokenflight'
import { type AuthFetch, authFetch } from 'tokenflight/fetch'
import { describe, expect, expectTypeOf, it, vi } from 'vitest'
import { API, settle } from '../support/axios.js'
import { recordStorage } from '../support/core.js'
import { stage } from '../support/fetch.js'

describe('a request to an allowed origin', () => {
  it.each([
    ['a string', `${API}/orders`],
    ['a URL', new URL(`${API}/orders`)],
    ['a Request', new Request(`${API}/orders`)],
  ])('carries the access token, given as %s', async (_, input) => {
    const { api, sent } = await stage()
    const response = await api(input)
    expect(response.status).toBe(200)
    expect(sent).toMatchObject([{ method: 'GET', url: `${API}/orders`, token: 'at-1' }])
  })

  it.each([
    ['a plain object', { 'Content-Type': 'text/x', 'X-One': '1' }],
    ['Headers', new Headers({ 'Content-Type': 'text/x', 'X-One': '1' })],
    ['a list', [['Content-Type', 'text/x'] as [string, string], ['X-One', '1'] as [string, string]]],
  ])('keeps method, body and the headers of %s, and writes to none of them', async (_, headers) => {
    const { api, sent } = await stage()
    const before = [...new Headers(headers)]
    const init = Object.freeze({ method: 'PUT', body: 'tea', headers: Object.freeze(headers) as HeadersInit })
    await api(`${API}/orders?a=1&a=2`, init)
    expect(sent).toMatchObject([
      {
        method: 'PUT',
        url: `${API}/orders?a=1&a=2`,
        body: 'tea',
        token: 'at-1',
        headers: { 'content-type': 'text/x', 'x-one': '1' },
      },
    ])
    expect([...new Headers(init.headers)]).toEqual(before)
  })

  it('joins headers whose names differ in case alone, as fetch does', async () => {
    const { api, sent } = await stage()
    const headers = { 'X-One': '1', 'x-one': '2', 'X-ONE': '0', constructor: 'c', 'X-Two': '3' }
    await api(`${API}/orders`, { headers })
    const { authorization, ...received } = sent[0]?.headers ?? {}
    expect(received).toEqual(Object.fromEntries(new Headers(headers)))
    expect(received).toMatchObject({ 'x-one': '1, 2, 0', constructor: 'c' })
    expect(authorization).toBe('Bearer at-1')
  })

  it('hands on members of init that only this fetch knows, beside a Request, and again with its replay', async () => {
    const { api, sent, revoke } = await stage()
    const dispatcher = { name: 'agent' }
    const init = { method: 'POST', body: 'tea', headers: { 'X-One': '1' }, dispatcher } as RequestInit
    revoke()
    expect((await api(new Request(`${API}/orders`, { headers: { 'X-Old': '1' } }), init)).status).toBe(200)
    expect(sent).toMatchObject([
      { method: 'POST', body: 'tea', token: 'at-1', headers: { 'x-one': '1' }, init: { dispatcher } },
      { method: 'POST', body: 'tea', token: 'at-2', headers: { 'x-one': '1' }, init: { dispatcher } },
    ])
    expect(sent.map(({ headers }) => headers['x-old'])).toEqual([undefined, undefined])
    await api(new Request(`${API}/orders`))
    expect(sent[2]?.init).toBeUndefined()
  })

  it('takes the members of init over those of the Request, as fetch does', async () => {
    const { api, sent } = await stage()
    const request = new Request(`${API}/orders`, { method: 'POST', body: 'old', headers: { 'X-Old': '1' } })
    await api(request, { body: 'new', headers: { 'X-New': '1' } })
    expect(sent).toMatchObject([{ method: 'POST', body: 'new', token: 'at-1', headers: { 'x-new': '1' } }])
    expect(sent[0]?.headers).not.toHaveProperty('x-old')
  })

  it('takes a Request in place of init, as fetch does', async () => {
    const { api, sent } = await stage()
    await api(`${API}/there`, new Request(`${API}/here`, { method: 'POST', body: 'tea' }))
    expect(sent).toMatchObject([{ url: `${API}/there`, method: 'POST', body: 'tea', token: 'at-1' }])
  })

  it('leaves a Request as fetch leaves it: its body used, its headers as they were', async () => {
    const { api } = await stage()
    const request = new Request(`${API}/orders`, { method: 'POST', body: 'tea' })
    await api(request)
    expect(request.bodyUsed).toBe(true)
    expect(request.headers.has('Authorization')).toBe(false)
  })

  it('keeps referrer and referrer policy of a Request', async () => {
    const { api, sent } = await stage()
    await api(new Request(`${API}/orders`, { referrerPolicy: 'no-referrer', cache: 'no-store' }))
    expect(sent[0]?.input).toMatchObject({ referrerPolicy: 'no-referrer', cache: 'no-store' })
  })

  it('carries nothing while no user is logged in, and its 401 is its own', async () => {
    const { api, sent, refreshes } = await stage({ login: false })
    const response = await api(`${API}/orders`)
    expect(response.status).toBe(401)
    expect(sent).toMatchObject([{ token: undefined }])
    expect(refreshes).toEqual([])
  })

  it('waits for the restore of a session that is being read', async () => {
    const { api, sent } = await stage({
      login: false,
      respond: () => Response.json({}),
      auth: {
        storage: recordStorage({
          get: async () => ({ generation: 1, version: 1, accessToken: 'at-stored', savedAt: 1 }),
          set() {},
          remove() {},
        }),
      },
    })
    await api(`${API}/orders`)
    expect(sent).toMatchObject([{ token: 'at-stored' }])
  })
})

describe('a request that says how it goes', () => {
  it.each([
    ['a plain object, in any case', { aUTHORIZATION: 'Basic YTpi' }],
    ['Headers', new Headers({ Authorization: 'Basic YTpi' })],
    ['a list', [['authorization', 'Basic YTpi'] as [string, string]]],
  ])('is left alone with its own Authorization in %s, its 401 included', async (_, headers) => {
    const { api, sent, refreshes } = await stage()
    const response = await api(`${API}/orders`, { headers })
    expect(response.status).toBe(401)
    expect(sent.map(request => request.headers['authorization'])).toEqual(['Basic YTpi'])
    expect(refreshes).toEqual([])
  })

  it('is left alone with its own Authorization in a Request', async () => {
    const { api, sent } = await stage()
    await api(new Request(`${API}/orders`, { headers: { Authorization: 'Basic YTpi' } }))
    expect(sent[0]?.headers['authorization']).toBe('Basic YTpi')
  })

  it('is left alone with skipAuth, its 401 included, even when the session has expired', async () => {
    const { api, sent, refreshes, pass } = await stage()
    pass(10 * 60_000)
    const response = await api(`${API}/auth/login`, { method: 'POST', skipAuth: true })
    expect(response.status).toBe(401)
    expect(sent).toMatchObject([{ token: undefined }])
    expect(refreshes).toEqual([])
  })

  it.each([
    ['a path prefix', '/auth'],
    ['a RegExp on the URL', /auth\/log/],
    [
      'a predicate on the request',
      (request: { url: string; method: string; headers: Headers }) =>
        request.url === `${API}/auth/login` &&
        request.method === 'POST' &&
        request.headers.get('X-Kind') === 'login',
    ],
  ])('is left alone by skip: %s', async (_, skip) => {
    const { api, sent } = await stage({ fetch: { skip } })
    await api(`${API}/auth/login`, { method: 'POST', headers: { 'X-Kind': 'login' } })
    await api(new Request(`${API}/auth/login`, { method: 'POST', headers: { 'X-Kind': 'login' } }))
    await api(`${API}/authors`)
    expect(sent.map(({ token }) => token)).toEqual([undefined, undefined, 'at-1'])
  })

  it('is shown to skip with its method in upper case, as it leaves', async () => {
    const { api, sent } = await stage({ fetch: { skip: ({ method }) => method === 'DELETE' } })
    await api(`${API}/orders`, { method: 'delete' })
    await api(`${API}/orders`, { method: 'post' })
    expect(sent.map(({ method, token }) => [method, token])).toEqual([
      ['DELETE', undefined],
      ['POST', 'at-1'],
    ])
  })

  it('is cared for when skip throws, which is a warning', async () => {
    const { api, sent, warnings } = await stage({
      fetch: {
        skip: () => {
          throw new Error('skip')
        },
      },
    })
    expect((await api(`${API}/orders`)).status).toBe(200)
    expect(sent).toMatchObject([{ token: 'at-1' }])
    expect(warnings).toHaveLength(1)
  })

  it('carries the token in the header and the format of the options', async () => {
    const { api, sent } = await stage({
      fetch: { header: { name: 'X-Token', format: token => `T ${token}` } },
      respond: () => Response.json({}),
    })
    await api(`${API}/orders`)
    await api(new Request(`${API}/orders`))
    await api(`${API}/orders`, { headers: { 'x-token': 'mine' } })
    expect(sent.map(({ headers }) => headers['x-token'])).toEqual(['T at-1', 'T at-1', 'mine'])
  })
})

describe('a request to another origin', () => {
  it.each([
    'https://evil.example/orders',
    `${API.replace('https', 'http')}/orders`,
    `${API}:8443/orders`,
    `${API}.evil.example/orders`,
    `${API}@evil.example/orders`,
    `https://evil.example/${API}/`,
    `https:\\\\evil.example\\orders`,
    ' https://evil.example/orders',
    'HTTPS://EVIL.example/orders',
  ])('carries no token: %s', async url => {
    const urls: string[] = []
    const seen: RequestInit[] = []
    const { auth } = await stage()
    const own = authFetch(auth, {
      allowedOrigins: [API],
      fetch: async (input, init) => {
        urls.push(String(input))
        seen.push(init ?? {})
        return Response.json({}, { status: 401 })
      },
    })
    await own(url)
    expect(urls).toEqual([url])
    expect(JSON.stringify(seen)).not.toMatch(/at-1/)
  })

  it('carries no token in a Request, and its 401 starts nothing', async () => {
    const { api, sent, refreshes } = await stage()
    const response = await api(new Request('https://evil.example/orders'))
    expect(response.status).toBe(401)
    expect(sent).toMatchObject([{ url: 'https://evil.example/orders', token: undefined }])
    expect(refreshes).toEqual([])
  })

  it('is one for a URL whose host the caller changes while the request waits', async () => {
    const { api, sent, refreshes, pass } = await stage({ manual: true })
    pass(10 * 60_000)
    const url = new URL(`${API}/orders`)
    const init = { headers: { 'X-One': '1' } as Record<string, string>, method: 'POST' }
    const answer = api(url, init)
    url.host = 'evil.example'
    init.headers['X-One'] = '2'
    init.method = 'DELETE'
    await settle()
    refreshes[0]?.answer()
    await answer
    expect(sent).toMatchObject([
      { url: `${API}/orders`, method: 'POST', token: 'at-2', headers: { 'x-one': '1' } },
    ])
  })

  it('is one for a blob: URL, which has the origin of its creator, also when the session has expired', async () => {
    const { auth, pass } = await stage({ refresh: () => Promise.reject({ status: 401 }) })
    const calls: unknown[] = []
    const own = authFetch(auth, {
      allowedOrigins: [API],
      fetch: async (...call) => {
        calls.push(call)
        return new Response('blob')
      },
    })
    const url = `blob:${API}/0b1e`
    await own(url)
    pass(3_600_000)
    await expect(own(`${API}/orders`)).rejects.toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
    expect(await (await own(url)).text()).toBe('blob')
    expect(calls).toEqual([
      [url, undefined],
      [url, undefined],
    ])
  })

  it('passes an invalid URL to fetch, which throws its own error', async () => {
    const { api } = await stage()
    await expect(api('/no/page/here')).rejects.toThrow(TypeError)
  })
})

describe('the page', () => {
  it('is the allowed origin by default, also for relative URLs that its base resolves', async () => {
    vi.stubGlobal('location', { href: `${API}/app/page`, origin: API })
    const { auth } = await stage()
    const urls: unknown[] = []
    const api = authFetch(auth, {
      fetch: async (input, init) => {
        urls.push([String(input), new Headers(init?.headers).get('Authorization')])
        return new Response()
      },
    })
    await api('orders')
    await api('//evil.example/orders')
    await api('/\t/evil.example/orders')
    vi.stubGlobal('document', { baseURI: 'https://cdn.example/' })
    await api('orders')
    expect(urls).toEqual([
      ['orders', 'Bearer at-1'],
      ['//evil.example/orders', null],
      ['/\t/evil.example/orders', null],
      ['orders', null],
    ])
  })

  it('names the argument that is no session', () => {
    expect(() => authFetch({} as never)).toThrow(/createAuth/)
  })
})

describe('authFetch', () => {
  it('sends with the global fetch of the moment', async () => {
    const { auth } = await stage()
    const api = authFetch(auth, { allowedOrigins: [API] })
    const send = vi.fn(async () => new Response('later'))
    vi.stubGlobal('fetch', send)
    expect(await (await api(`${API}/orders`)).text()).toBe('later')
    expect(send).toHaveBeenCalledExactlyOnceWith(`${API}/orders`, {
      headers: { Authorization: 'Bearer at-1' },
    })
  })

  it.each<[string, (api: AuthFetch) => AuthFetch]>([
    ['itself', api => api],
    ['inside a function', api => (input, init) => api(input, init)],
  ])('may become the global fetch: %s', async (_, wrap) => {
    const { auth, network, revoke, sent } = await stage()
    vi.stubGlobal('fetch', network)
    vi.stubGlobal('fetch', wrap(authFetch(auth, { allowedOrigins: [API] })))
    revoke()
    expect((await fetch(`${API}/orders`)).status).toBe(200)
    await auth.logout()
    expect((await fetch(`${API}/public`)).status).toBe(401)
    expect(sent.map(({ token }) => token)).toEqual(['at-1', 'at-2', undefined])
  })

  it('never throws, with any input', async () => {
    const { api } = await stage()
    await expect(api(`${API}/orders`, { headers: { 'bad name': 'x' } })).rejects.toThrow(TypeError)
    await expect(api(`${API}/orders`, { headers: [['one']] as never })).rejects.toThrow(TypeError)
  })

  it('mixes no two sessions on a page', async () => {
    const one = await stage({ respond: () => Response.json({}) })
    const two = createAuth({ refresh: async () => ({ access_token: 'at-other' }) })
    await two.login({ access_token: 'at-other' })
    const other = authFetch(two, { allowedOrigins: [API], fetch: one.network })
    await Promise.all([one.api(`${API}/one`), other(`${API}/two`)])
    expect(one.sent).toMatchObject([
      { url: `${API}/one`, token: 'at-1' },
      { url: `${API}/two`, token: 'at-other' },
    ])
    two.dispose()
  })

  it('goes wherever a fetch goes', () => {
    expectTypeOf<AuthFetch>().toExtend<typeof fetch>()
    expectTypeOf<AuthFetch>()
      .parameter(1)
      .toExtend<(RequestInit & { skipAuth?: boolean | undefined }) | undefined>()
  })
})
