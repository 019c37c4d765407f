/** The preset refreshRequest, and the promises of both refresh presets. */
import { HttpResponse, http } from 'msw'
import {
  cookieSession,
  createAuth,
  oauth2Refresh,
  type RefreshFunction,
  type RefreshRequestOptions,
  refreshRequest,
} from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { expectNoToken, opaque, pair, rejection, track } from '../support/core.js'
import {
  AT,
  call,
  endpoint,
  RT,
  request,
  type Seen,
  seen,
  server,
  TOKENS,
  URL,
  usePresetServer,
} from '../support/preset-server.js'

usePresetServer()

describe('refreshRequest', () => {
  it('posts the refresh token as JSON by default', async () => {
    const tokens = await call(request())
    expect(tokens).toMatchObject({ accessToken: 'new-access', refreshToken: 'new-refresh', expiresIn: 300 })
    expect(seen).toHaveLength(1)
    const [{ method, url, headers, body }] = seen as [Seen]
    expect({ method, url, body: JSON.parse(body) }).toEqual({
      method: 'POST',
      url: URL,
      body: { refreshToken: RT },
    })
    expect(headers['content-type']).toMatch(/^application\/json/)
    expect(headers.accept).toBe('application/json')
    expect(headers).not.toHaveProperty('authorization')
  })

  it('names the member of the body as field says', async () => {
    await call(request({ field: 'refresh_token' }))
    expect(JSON.parse(seen[0]!.body)).toEqual({ refresh_token: RT })
  })

  it('sends it as a bearer token in mode header, and an empty object, which servers read as JSON', async () => {
    await call(request({ send: 'header' }))
    expect(seen[0]?.headers.authorization).toBe(`Bearer ${RT}`)
    expect(seen[0]?.body).toBe('{}')
    expect(seen[0]?.headers['content-type']).toBe('application/json')
  })

  it.each(['body', 'header', 'both', 'cookie', 'access'] as const)(
    'says that it is JSON in mode %s, with any headers',
    async send => {
      await call(request({ send, headers: { 'Content-Type': 'text/plain' } }))
      expect(seen[0]?.headers['content-type']).toBe('application/json')
      expect(JSON.parse(`${seen[0]?.body}`)).toBeTypeOf('object')
    },
  )

  it('asks for the media type that its headers name, as servers with versions expect', async () => {
    const accept = 'application/vnd.shop.v2+json'
    await call(request({ headers: { accept } }))
    await call(oauth2Refresh({ tokenEndpoint: TOKENS, clientId: 'spa', headers: { accept } }))
    expect(seen.map(({ headers }) => headers.accept)).toEqual([accept, accept])
  })

  it('sends both in mode both', async () => {
    await call(request({ send: 'both', field: 'rt' }))
    expect(seen[0]?.headers.authorization).toBe(`Bearer ${AT}`)
    expect(JSON.parse(seen[0]!.body)).toEqual({ rt: RT })
  })

  it('sends none of them in mode cookie, and the cookies', async () => {
    await call(request({ send: 'cookie' }), {})
    expect(seen[0]?.credentials).toBe('include')
    expect(seen[0]?.headers).not.toHaveProperty('authorization')
    expect(seen[0]?.body).toBe('{}')
    await call(request({ send: 'cookie' }))
    expect(JSON.stringify(seen[1])).not.toContain(RT)
    expect(JSON.stringify(seen[1])).not.toContain(AT)
  })

  it('sends no cookies to other origins in the other modes', async () => {
    for (const send of ['body', 'header', 'both'] as const) await call(request({ send }))
    expect(seen.map(({ credentials }) => credentials)).toEqual(Array(3).fill('same-origin'))
  })

  it('asks for a new pair with the access token alone in mode both', async () => {
    await call(request({ send: 'both' }), { accessToken: AT })
    expect(seen[0]?.headers.authorization).toBe(`Bearer ${AT}`)
    expect(seen[0]?.body).not.toContain(RT)
  })

  it.each(['body', 'header'] as const)('sends nothing in mode %s without a refresh token', async send => {
    const error = await rejection(call(request({ send }), { accessToken: AT }) as Promise<unknown>)
    expect(error.message).toContain('no refresh token to send')
    expect(seen).toHaveLength(0)
  })

  it('sends the access token alone in mode access, also where there is a refresh token', async () => {
    await call(request({ send: 'access' }), { accessToken: AT })
    await call(request({ send: 'access' }))
    for (const { headers, body } of seen) {
      expect(headers.authorization).toBe(`Bearer ${AT}`)
      expect(body).toBe('{}')
    }
  })

  it('sends nothing in mode access without an access token', async () => {
    const error = await rejection(call(request({ send: 'access' }), { refreshToken: RT }) as Promise<unknown>)
    expect(error.message).toContain('no access token to send')
    expect(seen).toHaveLength(0)
  })

  it('adds the members of body to the JSON, and the refresh token wins', async () => {
    const body = { mode: 'json', device: { id: 7 }, refreshToken: 'old' }
    await call(request({ body }))
    expect(JSON.parse(seen[0]!.body)).toEqual({ mode: 'json', device: { id: 7 }, refreshToken: RT })
    expect(body.refreshToken).toBe('old')
  })

  it.each(['header', 'cookie', 'access'] as const)('adds them in mode %s, too', async send => {
    await call(request({ send, body: { grant_type: 'refresh_token' } }))
    expect(JSON.parse(seen[0]!.body)).toEqual({ grant_type: 'refresh_token' })
  })

  it('sends the refresh token in the header that `header` names, as it is and nowhere else', async () => {
    await call(request({ header: 'X-Refresh-Token' }))
    await call(request({ header: 'X-Refresh-Token', send: 'header' }))
    for (const { headers, body } of seen) {
      expect(headers['x-refresh-token']).toBe(RT)
      expect(headers).not.toHaveProperty('authorization')
      expect(body).toBe('{}')
    }
  })

  it('sends both tokens in headers in mode both with `header`', async () => {
    await call(request({ header: 'X-Refresh-Token', send: 'both', body: { device: 7 } }))
    expect(seen[0]?.headers).toMatchObject({ 'x-refresh-token': RT, authorization: `Bearer ${AT}` })
    expect(JSON.parse(seen[0]!.body)).toEqual({ device: 7 })
  })

  it.each<[string, Partial<RefreshRequestOptions>, Record<string, string>]>([
    ['header', { send: 'header' }, { authorization: `Bearer ${RT}` }],
    ['cookie', { send: 'cookie' }, {}],
    ['access', { send: 'access' }, { authorization: `Bearer ${AT}` }],
    ['header with a name', { header: 'X-Refresh-Token' }, { 'x-refresh-token': RT }],
  ])('gets in mode %s with method GET: no body, no content type', async (_, options, expected) => {
    await call(request({ method: 'GET', ...options }))
    const { method, body, headers, url } = seen[0] as Seen
    expect([method, body, url]).toEqual(['GET', '', URL])
    expect(headers).toMatchObject(expected)
    expect(headers).not.toHaveProperty('content-type')
  })

  it.each<[string, Partial<RefreshRequestOptions>, RegExp]>([
    [
      'a GET in mode body',
      { method: 'GET', send: 'body' },
      /`method` must be 'POST' where the request has a body/,
    ],
    ['a GET in mode both', { method: 'GET', send: 'both' }, /`method` must be 'POST'/],
    ['a GET with `body`', { method: 'GET', send: 'cookie', body: {} }, /`method` must be 'POST'/],
    ['another method', { method: 'PUT' as never }, /`method` must be 'GET' or 'POST', got PUT/],
    ['a lower-case method', { method: 'get' as never }, /`method` must be 'GET' or 'POST', got get/],
    ['`header` in mode cookie', { header: 'X-RT', send: 'cookie' }, /`send` must be 'header' or 'both'/],
    ['`header` in mode body', { header: 'X-RT', send: 'body' }, /`send` must be 'header' or 'both'/],
    ['`header` in mode access', { header: 'X-RT', send: 'access' }, /`send` must be 'header' or 'both'/],
    ['an invalid header', { header: 'X RT' }, /`header` must be the name of a header, got X RT/],
    ['an empty header', { header: '' }, /`header` must be the name of a header/],
    ['a body that is a text', { body: '{}' as never }, /`body` must be an object of further members/],
    ['a body that is a list', { body: [1] as never }, /`body` must be an object of further members/],
    ['a body that is null', { body: null as never }, /`body` must be an object of further members/],
    [
      'headers that are a function',
      { headers: (() => ({})) as never },
      /`headers` must be an object of headers/,
    ],
    ['headers that are a text', { headers: 'X-A: 1' as never }, /`headers` must be an object of headers/],
    ['another mode', { send: 'query' as never }, /`send` must be 'body', 'header', .* got query/],
  ])('throws a TypeError for %s', (_, options, message) => {
    expect(() => request(options)).toThrow(message)
    expect(() => request(options)).toThrow(TypeError)
  })

  it('never puts a token in the URL', async () => {
    for (const send of ['body', 'header', 'both', 'cookie', 'access'] as const) await call(request({ send }))
    for (const { url } of seen) expect(url).toBe(URL)
  })

  it('does not outlive the page, follows no redirect, and is never cached', async () => {
    const spy = vi.fn<typeof fetch>(async () => endpoint.answer())
    await call(request({ fetch: spy }))
    expect(spy.mock.calls[0]?.[1]).toMatchObject({ keepalive: false, redirect: 'manual', cache: 'no-store' })
  })

  it('gets an answer where `fetch` refuses the members that it does not implement, as in workers at the edge', async () => {
    vi.stubGlobal('Request', class {})
    const spy = vi.fn<typeof fetch>(async (_, init) => {
      const refused = ['mode', 'credentials', 'cache', 'referrer'].find(name => name in (init ?? {}))
      if (refused) throw new Error(`The '${refused}' field on 'RequestInitializerDict' is not implemented.`)
      return endpoint.answer()
    })
    for (const send of ['body', 'header', 'both', 'access'] as const)
      expect(await call(request({ send, fetch: spy }))).toMatchObject({ accessToken: 'new-access' })
    expect(spy).toHaveBeenCalledTimes(4)
  })

  it('reads a refusal of a mock that has no method but `json`', async () => {
    const answer = { ok: false, status: 401, json: async () => ({ error: 'invalid_grant' }) }
    const fetch = vi.fn().mockResolvedValue(answer)
    expect(await rejection(call(request({ fetch })))).toMatchObject({ status: 401, error: 'invalid_grant' })
  })

  it('adds the headers that it is given, and keeps its own', async () => {
    await call(request({ headers: { 'X-Tenant': 'acme', Accept: 'text/plain' } }))
    expect(seen[0]?.headers).toMatchObject({ 'x-tenant': 'acme' })
    expect(seen[0]?.headers['content-type']).toMatch(/json/)
    await call(request({ headers: [['X-Tenant', 'list']] }))
    await call(request({ headers: new Headers({ 'X-Tenant': 'bag' }) }))
    expect(seen.slice(1).map(({ headers }) => headers['x-tenant'])).toEqual(['list', 'bag'])
  })

  it('does not write to the headers that it is given', async () => {
    const headers = new Headers({ 'X-Tenant': 'acme' })
    await call(request({ headers, send: 'both' }))
    expect(Object.fromEntries(headers)).toEqual({ 'x-tenant': 'acme' })
  })

  it('gives its signal to fetch', async () => {
    server.use(http.post(URL, () => new Promise<Response>(() => {})))
    const controller = new AbortController()
    const pending = rejection(call(request(), undefined, controller.signal) as Promise<unknown>)
    controller.abort()
    expect((await pending).name).toBe('AbortError')
  })

  it('looks the global fetch up at each call', async () => {
    const refresh = request()
    const spy = vi.fn<typeof fetch>(async () => endpoint.answer())
    vi.stubGlobal('fetch', spy)
    await call(refresh)
    expect(spy).toHaveBeenCalledTimes(1)
    expect(seen).toHaveLength(0)
  })

  it('uses the fetch that it is given', async () => {
    const spy = vi.fn<typeof fetch>(async () => endpoint.answer())
    await call(request({ fetch: spy }))
    expect(spy).toHaveBeenCalledTimes(1)
    expect(seen).toHaveLength(0)
  })

  it('takes a relative URL to fetch as it is', async () => {
    const spy = vi.fn<typeof fetch>(async () => endpoint.answer())
    await call(request({ url: '/auth/refresh', fetch: spy }))
    expect(String(spy.mock.calls[0]?.[0])).toBe('/auth/refresh')
  })

  it('reads the new access token from the Authorization header of the answer where the body has none', async () => {
    endpoint.answer = () =>
      HttpResponse.json({ ok: true }, { headers: { Authorization: 'Bearer from-the-header' } })
    expect(await call(request())).toMatchObject({ accessToken: 'from-the-header' })
    endpoint.answer = () =>
      new Response(null, { status: 204, headers: { Authorization: 'bearer from-an-empty-answer' } })
    expect(await call(request())).toMatchObject({ accessToken: 'from-an-empty-answer' })
    endpoint.answer = () =>
      HttpResponse.json({ refresh_token: 'r2' }, { headers: { Authorization: 'Bearer a2' } })
    expect(await call(request())).toMatchObject({ accessToken: 'a2', refresh_token: 'r2' })
  })

  it.each([
    ['Bearer  two-spaces', 'two-spaces'],
    ['Bearer two words', undefined],
    ['Proxy-Bearer another-scheme', undefined],
    ['Bearer', undefined],
  ])('reads the header %j as the token %s', async (header, token) => {
    endpoint.answer = () => HttpResponse.json({ ok: true }, { headers: { Authorization: header } })
    const outcome = await Promise.resolve(call(request())).then(
      answer => (answer as { accessToken: string }).accessToken,
      () => undefined,
    )
    expect(outcome).toBe(token)
  })

  it.each(['access_token', 'accessToken', 'access'])('prefers the body, which says %s', async member => {
    endpoint.answer = () =>
      HttpResponse.json({ [member]: 'from-the-body' }, { headers: { Authorization: 'Bearer other' } })
    expect(await call(request())).toEqual({ [member]: 'from-the-body' })
  })

  it('reads an unusual answer as read says', async () => {
    endpoint.answer = () => HttpResponse.json({ data: { token: 'inner', renew: 'inner-rt' } })
    const read = async (response: Response) => {
      const { data } = (await response.json()) as { data: { token: string; renew: string } }
      return { accessToken: data.token, refreshToken: data.renew }
    }
    expect(await call(request({ read }))).toEqual({ accessToken: 'inner', refreshToken: 'inner-rt' })
  })

  it('takes the answer of a fetch whose answers cannot be cloned', async () => {
    const headers = new Headers()
    const body = { access_token: 'new-access' }
    const answer = { ok: true, status: 200, headers, json: async () => body } as unknown as Response
    expect(await call(request({ fetch: async () => answer }))).toEqual(body)
  })

  it.each<[string, Partial<RefreshRequestOptions>]>([
    ['POST', { method: 'POST' }],
    ['GET', { method: 'GET', send: 'both', header: 'X-Refresh' }],
  ])('sends a %s where the option says it', async (method, options) => {
    await call(request(options))
    expect(seen.map(each => each.method)).toEqual([method])
  })

  it('does not hand an answer that failed to read', async () => {
    const read = vi.fn()
    endpoint.answer = () => HttpResponse.json({ error: 'invalid_grant' }, { status: 400 })
    await rejection(call(request({ read })) as Promise<unknown>)
    expect(read).not.toHaveBeenCalled()
  })

  describe('csrf', () => {
    const csrf = { cookie: 'XSRF-TOKEN', header: 'X-XSRF-TOKEN' }

    it.each(['', 7, 'X XSRF', ' X-XSRF', 'X-XSRF:', 'X-XSRF\r\nX-Admin'])(
      'is a TypeError where its header can name none: %j',
      header => {
        const misuse = (): unknown => refreshRequest({ url: '/refresh', csrf: { ...csrf, header } as never })
        expect(misuse).toThrow(/`csrf` must be the names of a cookie and a header/)
      },
    )
    const withCookies = (cookie: string): void => void vi.stubGlobal('document', { cookie })

    it.each([
      ['XSRF-TOKEN=abc', 'abc'],
      ['a=1; XSRF-TOKEN=abc; b=2', 'abc'],
      ['NOT-XSRF-TOKEN=no; XSRF-TOKEN=yes', 'yes'],
      ['XSRF-TOKEN=a%2Fb%3D', 'a/b='],
      ['XSRF-TOKEN=a=b==', 'a=b=='],
      ['XSRF-TOKEN=100%', '100%'],
    ])('copies the cookie of %j into the header', async (cookie, expected) => {
      withCookies(cookie)
      await call(request({ send: 'cookie', csrf }), {})
      expect(seen[0]?.headers['x-xsrf-token']).toBe(expected)
    })

    it.each(['', 'other=1'])('sends no value where there is no cookie: %j', async cookie => {
      withCookies(cookie)
      await call(request({ send: 'cookie', csrf }), {})
      expect(seen[0]?.headers['x-xsrf-token'] ?? '').toBe('')
    })

    it('works where there is no document', async () => {
      await call(request({ send: 'cookie', csrf }), {})
      expect(seen).toHaveLength(1)
    })

    it.each<[string, object, string]>([
      ['misconfigured', { message: 'CSRF token mismatch' }, 'ERR_REFRESH_FAILED'],
      ['a rejection where it says invalid_grant', { error: 'invalid_grant' }, 'ERR_SESSION_EXPIRED'],
    ])('makes a 403 %s', async (_, body, code) => {
      endpoint.answer = () => HttpResponse.json(body, { status: 403 })
      const auth = track(createAuth({ refresh: request({ csrf }) }))
      await auth.login(pair())
      expect((await rejection(auth.refresh())).code).toBe(code)
      auth.dispose()
    })
  })
})

describe.each<[string, () => RefreshFunction]>([
  ['refreshRequest', () => request()],
  ['oauth2Refresh', () => oauth2Refresh({ tokenEndpoint: TOKENS, clientId: 'spa' })],
])('an answer to %s', (_, make) => {
  const outcome = async (): Promise<Error & Record<string, unknown>> => {
    const auth = track(createAuth({ refresh: make(), retry: 0 }))
    await auth.login(pair())
    const error = await rejection(auth.refresh())
    auth.dispose()
    return error
  }

  it.each<[string, () => Response, string]>([
    [
      '400 invalid_grant',
      () => HttpResponse.json({ error: 'invalid_grant' }, { status: 400 }),
      'ERR_SESSION_EXPIRED',
    ],
    [
      '400 invalid_client',
      () => HttpResponse.json({ error: 'invalid_client' }, { status: 400 }),
      'ERR_REFRESH_FAILED',
    ],
    [
      '401 invalid_client',
      () => HttpResponse.json({ error: 'invalid_client' }, { status: 401 }),
      'ERR_REFRESH_FAILED',
    ],
    ['401', () => new Response(null, { status: 401 }), 'ERR_SESSION_EXPIRED'],
    [
      '401 of NestJS',
      () =>
        HttpResponse.json(
          { statusCode: 401, message: 'jwt expired', error: 'Unauthorized' },
          { status: 401 },
        ),
      'ERR_SESSION_EXPIRED',
    ],
    ['403', () => new Response(null, { status: 403 }), 'ERR_SESSION_EXPIRED'],
    [
      '400 in HTML',
      () => new Response('<html>', { status: 400, headers: { 'Content-Type': 'text/html' } }),
      'ERR_REFRESH_FAILED',
    ],
    ['400 with nothing', () => new Response(null, { status: 400 }), 'ERR_SESSION_EXPIRED'],
    ['409 with nothing', () => new Response(null, { status: 409 }), 'ERR_REFRESH_FAILED'],
    ['404', () => new Response('<html>', { status: 404 }), 'ERR_REFRESH_FAILED'],
    ['429', () => new Response(null, { status: 429 }), 'ERR_REFRESH_FAILED'],
    ['500', () => HttpResponse.json({ error: 'server_error' }, { status: 500 }), 'ERR_REFRESH_FAILED'],
    ['503', () => new Response(null, { status: 503 }), 'ERR_REFRESH_FAILED'],
    ['a network error', () => HttpResponse.error() as Response, 'ERR_REFRESH_FAILED'],
    [
      '200 in HTML: a captive portal',
      () => new Response('<!doctype html>', { headers: { 'Content-Type': 'text/html' } }),
      'ERR_REFRESH_FAILED',
    ],
    ['200 with nothing', () => new Response(null), 'ERR_REFRESH_FAILED'],
    ['200 with an error', () => HttpResponse.json({ error: 'invalid_grant' }), 'ERR_SESSION_EXPIRED'],
    [
      '200 with an error of its own',
      () => HttpResponse.json({ error: 'bad_refresh_token' }),
      'ERR_SESSION_EXPIRED',
    ],
    ['200 with null', () => HttpResponse.json(null), 'ERR_REFRESH_FAILED'],
    ['200 with an array', () => HttpResponse.json([1]), 'ERR_REFRESH_FAILED'],
    ['200 without an access token', () => HttpResponse.json({ refresh_token: 'r' }), 'ERR_REFRESH_FAILED'],
    [
      'a redirect',
      () => new Response(null, { status: 302, headers: { Location: 'https://evil.example/' } }),
      'ERR_REFRESH_FAILED',
    ],
  ])('of %s is classed', async (_name, response, code) => {
    endpoint.answer = response
    expect((await outcome()).code).toBe(code)
    expect(seen).toHaveLength(1)
  })

  it('with Retry-After is obeyed', async () => {
    endpoint.answer = () => new Response(null, { status: 503, headers: { 'Retry-After': '120' } })
    const error = await outcome()
    expect(error.retryAt).toBeGreaterThan(Date.now() + 110_000)
  })

  it('that failed leaves nothing of itself in the error but its code', async () => {
    const secret = opaque('leak')
    endpoint.answer = () =>
      HttpResponse.json(
        { error: 'invalid_scope', error_description: secret, debug: { token: secret } },
        { status: 400, headers: { 'X-Debug': secret, 'Retry-After': '1' } },
      )
    const error = await outcome()
    expectNoToken(error)
    const cause = error.cause as Error & Record<string, unknown>
    expectNoToken(cause)
    expect(cause.message).toContain('400')
    expect(cause.message).toContain('invalid_scope')
    expect(JSON.stringify(cause)).not.toContain(RT)
  })

  it('whose error is long or odd is not quoted', async () => {
    const secret = opaque('leak')
    for (const error of [`invalid ${secret}`, secret.repeat(9), { token: secret }, [secret]]) {
      endpoint.answer = () => HttpResponse.json({ error }, { status: 400 })
      const failure = await outcome()
      expectNoToken(failure)
      expectNoToken(failure.cause)
    }
  })

  it('that works is a refresh', async () => {
    const auth = track(createAuth({ refresh: make() }))
    await auth.login({ access_token: 'old-access', refresh_token: 'old-refresh', expires_in: 300 })
    await auth.refresh()
    expect(await auth.getAccessToken()).toBe('new-access')
    auth.dispose()
  })
})

describe('the message of a failed refresh', () => {
  const failure = async (answer: () => Response, options: Partial<RefreshRequestOptions> = {}) => {
    const fetch = async (): Promise<Response> => answer()
    const { message } = await rejection(call(request({ fetch, ...options })) as Promise<unknown>)
    return message.replace(/^.*endpoint answered /, '')
  }
  const json = (body: unknown, status = 500) => HttpResponse.json(body as object, { status }) as Response
  const names = 'one two three four five six seven eight nine ten eleven twelve thirteen'.split(' ')

  it.each<[string, () => Response, string]>([
    ['the names of an object', () => json({ code: 1, detail: 2 }), 'with the members code, detail'],
    [
      'twelve names at most',
      () => json(Object.fromEntries(names.map(name => [name, 1]))),
      `with the members ${names.slice(0, 12).join(', ')}`,
    ],
    ['no name that may be a secret', () => json({ 'a-b': 1, x1: 2, abcdefghijklmnopqrstuvwxyz: 3 }), ''],
    ['no members of a list', () => json(['first', 'second']), ''],
    ['no members of a text', () => json('text'), ''],
  ])('has %s', async (_name, answer, expected) => {
    const tail = expected && ` ${expected}`
    expect(await failure(answer)).toBe(`500, application/json${tail}`)
  })

  it.each<[string, string]>([
    ['text/html; charset=utf-8', '500, text/html'],
    [' "text/html"', '500'],
    ['x'.repeat(80), `500, ${'x'.repeat(60)}`],
  ])('names the content type %j, as far as it is one', async (type, expected) => {
    expect(await failure(() => new Response(null, { status: 500, headers: { 'Content-Type': type } }))).toBe(
      expected,
    )
  })

  it.each<[number, RegExp]>([
    [300, /a redirect is not followed/],
    [399, /a redirect is not followed/],
    [400, /^400; check `/],
    [405, /^405; check `/],
    [415, /^415; check `/],
    [422, /^422; check `/],
    [500, /^500$/],
  ])('advises about status %i', async (status, expected) => {
    expect(await failure(() => new Response(null, { status }))).toMatch(expected)
  })

  it('tells of a redirect whose status the browser hides', async () => {
    const hidden = { ok: false, status: 0, type: 'opaqueredirect', headers: new Headers() }
    const answer = Object.assign(Object.create(hidden), { text: async () => '' }) as Response
    expect(await failure(() => answer)).toMatch(/^with a redirect; a redirect is not followed/)
  })

  it('does without the body of an answer that breaks off', async () => {
    const broken = new ReadableStream({ start: controller => controller.error(new Error('reset')) })
    const fetch = async (): Promise<Response> => new Response(broken, { status: 502 })
    const error = await rejection(call(request({ fetch })) as Promise<unknown>)
    expect(error).toMatchObject({ message: 'The refresh endpoint answered 502', data: '' })
  })

  it('has no members of null', async () => {
    expect(await failure(() => json(null))).toBe('500, application/json')
  })

  it('has the failure of `read` as its cause', async () => {
    const cause = new Error('no such member')
    const read = (): never => {
      throw cause
    }
    const error = await rejection(call(request({ read })) as Promise<unknown>)
    expect(error.cause).toBe(cause)
    expect(error.message).toContain('200')
  })
})

describe('a preset that has nothing to send', () => {
  it.each<[string, () => RefreshFunction]>([
    ['refreshRequest', () => request()],
    ['oauth2Refresh', () => oauth2Refresh({ tokenEndpoint: TOKENS, clientId: 'spa' })],
  ])('%s that the application calls for a cookie is misconfigured, and sends nothing', async (_, make) => {
    const preset = make()
    const refresh: RefreshFunction = context => preset(context)
    const auth = track(createAuth({ refresh, storage: cookieSession(), retry: 0 }))
    const classes: string[] = []
    auth.on('refreshFailed', event => void classes.push(event.class))
    await auth.ready
    expect(classes).toEqual(['misconfigured'])
    expect(auth.getState()).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
    expect(seen).toHaveLength(0)
    auth.dispose()
  })
})
