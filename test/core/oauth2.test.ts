/** The presets of OAuth 2.0. */
import { HttpResponse, http } from 'msw'
import { createAuth, type OAuth2RevokeOptions, oauth2Refresh, oauth2Revoke } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { deferred, expectNoToken, rejection, track } from '../support/core.js'
import {
  AT,
  call,
  endpoint,
  RT,
  record,
  request,
  type Seen,
  seen,
  server,
  TOKENS,
  usePresetServer,
} from '../support/preset-server.js'

usePresetServer()

describe('oauth2Refresh', () => {
  const refresh = (options: object = {}) =>
    oauth2Refresh({ tokenEndpoint: TOKENS, clientId: 'spa', ...options })

  it('sends the grant of RFC 6749 section 6, form encoded', async () => {
    endpoint.answer = () => HttpResponse.json({ access_token: 'a', token_type: 'Bearer', expires_in: 300 })
    expect(await call(refresh())).toMatchObject({ access_token: 'a', expires_in: 300 })
    const [{ method, url, headers, body }] = seen as [Seen]
    expect({ method, url }).toEqual({ method: 'POST', url: TOKENS })
    expect(headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/)
    expect(headers.accept).toBe('application/json')
    expect(headers).not.toHaveProperty('authorization')
    expect([...new URLSearchParams(body)]).toEqual([
      ['grant_type', 'refresh_token'],
      ['refresh_token', RT],
      ['client_id', 'spa'],
    ])
  })

  it('sends a scope only where it is asked for', async () => {
    await call(refresh({ scope: 'read write' }))
    expect(new URLSearchParams(seen[0]!.body).getAll('scope')).toEqual(['read write'])
    await call(refresh({ scope: undefined }))
    expect(new URLSearchParams(seen[1]!.body).has('scope')).toBe(false)
  })

  it('encodes each reserved character once', async () => {
    await call(refresh({ clientId: 'a b&c=ž' }), { refreshToken: 'x+y/z=&' })
    const body = new URLSearchParams(seen[0]!.body)
    expect(body.get('refresh_token')).toBe('x+y/z=&')
    expect(body.get('client_id')).toBe('a b&c=ž')
  })

  it('adds further fields, which never replace those of the grant', async () => {
    await call(refresh({ params: { audience: 'https://api.example', resource: 'a b', client_id: 'evil' } }))
    await call(refresh({ params: { grant_type: 'password', refresh_token: 'evil' } }))
    expect(Object.fromEntries(new URLSearchParams(seen[0]!.body))).toEqual({
      audience: 'https://api.example',
      resource: 'a b',
      grant_type: 'refresh_token',
      refresh_token: RT,
      client_id: 'spa',
    })
    expect(new URLSearchParams(seen[1]!.body).getAll('refresh_token')).toEqual([RT])
    expect(new URLSearchParams(seen[1]!.body).getAll('grant_type')).toEqual(['refresh_token'])
  })

  it('adds further headers, and keeps the type of its own body', async () => {
    await call(refresh({ headers: { 'X-Tenant': 'acme', 'Content-Type': 'text/plain', Accept: '*/*' } }))
    expect(seen[0]?.headers).toMatchObject({ 'x-tenant': 'acme', accept: '*/*' })
    expect(seen[0]?.headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/)
  })

  it.each([null, 'audience=a', { audience: 7 }, { audience: undefined }, ['a', 7]])(
    'throws a TypeError for params that are no strings: %j',
    params => {
      expect(() => refresh({ params })).toThrow(/`params` must be an object of strings/)
    },
  )

  it.each([null, 'X-A: 1', () => ({})])('throws a TypeError for headers that are none: %s', headers => {
    expect(() => refresh({ headers: headers as never })).toThrow(/`headers` must be an object of headers/)
  })

  it('takes no client secret', () => {
    for (const name of ['clientSecret', 'client_secret'])
      expect(() => refresh({ [name]: 'hush' })).toThrow(`oauth2Refresh has no option \`${name}\``)
  })

  it('sends no cookies elsewhere', async () => {
    await call(refresh())
    expect(seen[0]?.credentials).not.toBe('include')
  })

  it('sends nothing without a refresh token', async () => {
    const error = await rejection(call(refresh(), { accessToken: AT }) as Promise<unknown>)
    expect(error.message).toContain('no refresh token to send')
    expect(seen).toHaveLength(0)
  })

  it('uses the fetch that it is given', async () => {
    const spy = vi.fn<typeof fetch>(async () => endpoint.answer())
    await call(refresh({ fetch: spy }))
    expect(spy).toHaveBeenCalledTimes(1)
  })
})

describe('oauth2Revoke', () => {
  const REVOKE = 'https://id.example/oauth/revoke'
  let replies: (Response | (() => Response))[]

  beforeEach(() => {
    replies = []
    server.use(
      http.post(REVOKE, async ({ request }) => {
        await record(request.clone() as Request)
        const reply = replies.shift() ?? new Response(null, { status: 200 })
        return typeof reply === 'function' ? reply() : reply
      }),
    )
  })
  const revoke = (tokens: { refreshToken?: string; accessToken?: string }, options: object = {}) =>
    oauth2Revoke({ endpoint: REVOKE, clientId: 'spa', ...options })({
      ...tokens,
      signal: new AbortController().signal,
    })
  const fields = () => seen.map(({ body }) => Object.fromEntries(new URLSearchParams(body)))

  it('revokes both tokens as RFC 7009 says, form encoded', async () => {
    await revoke({ refreshToken: RT, accessToken: AT })
    expect(fields()).toEqual([
      { token: RT, token_type_hint: 'refresh_token', client_id: 'spa' },
      { token: AT, token_type_hint: 'access_token', client_id: 'spa' },
    ])
    for (const { url, method, headers, credentials } of seen) {
      expect([url, method, credentials]).toEqual([REVOKE, 'POST', 'same-origin'])
      expect(headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/)
      expect(headers).not.toHaveProperty('authorization')
    }
  })

  it('sends the second request after the answer to the first, since both concern the same rows', async () => {
    const first = deferred<Response>()
    const spy = vi.fn<typeof fetch>(async () => new Response(null)).mockReturnValueOnce(first.promise)
    const revoked = revoke({ refreshToken: RT, accessToken: AT }, { fetch: spy })
    await Promise.resolve()
    expect(spy).toHaveBeenCalledTimes(1)
    first.resolve(new Response(null))
    await revoked
    expect(spy).toHaveBeenCalledTimes(2)
  })

  it.each<[string, { refreshToken?: string; accessToken?: string }, string[]]>([
    ['a refresh token', { refreshToken: RT }, [RT]],
    ['an access token', { accessToken: AT }, [AT]],
    ['no token', {}, []],
  ])('revokes the tokens that exist: %s', async (_, tokens, expected) => {
    await revoke(tokens)
    expect(fields().map(({ token }) => token)).toEqual(expected)
  })

  it('does not mind a server that revokes no access tokens', async () => {
    replies = [
      new Response(null),
      HttpResponse.json({ error: 'unsupported_token_type' }, { status: 400 }) as Response,
    ]
    await expect(revoke({ refreshToken: RT, accessToken: AT })).resolves.toBeUndefined()
    expect(seen).toHaveLength(2)
  })

  it.each([503, 429, 401, 404])('rejects where the server answers %i, and has sent both', async status => {
    replies = [new Response(null, { status }), new Response(null)]
    const error = await rejection(revoke({ refreshToken: RT, accessToken: AT }))
    expect(error.message).toContain(`The revocation endpoint answered ${status}`)
    expect(error.message).toContain(status === 404 ? 'check `endpoint`' : '')
    expectNoToken(error)
    expect(seen).toHaveLength(2)
  })

  it('outlives the page, which a logout often leaves', async () => {
    await revoke({ refreshToken: RT, accessToken: AT })
    expect(seen.map(({ keepalive }) => keepalive)).toEqual([true, true])
  })

  it('rejects with the reason of its fetch', async () => {
    const fetch = (): Promise<never> => Promise.reject(undefined)
    await expect(revoke({ refreshToken: RT }, { fetch })).rejects.toBeUndefined()
  })

  it('follows no redirect', async () => {
    replies = [() => new Response(null, { status: 302, headers: { Location: 'https://evil.example/' } })]
    const error = await rejection(revoke({ refreshToken: RT }))
    expect(error.message).toContain('a redirect is not followed: set `endpoint`')
    expect(seen).toHaveLength(1)
  })

  it('uses the fetch that it is given', async () => {
    const spy = vi.fn<typeof fetch>(async () => new Response(null))
    await revoke({ refreshToken: RT }, { fetch: spy })
    expect(spy).toHaveBeenCalledTimes(1)
    expect(seen).toHaveLength(0)
  })

  it.each([
    [{ endpoint: '' }, '`endpoint` must be a non-empty string'],
    [{ clientId: undefined }, '`clientId` must be a non-empty string'],
    [{ fetch: 7 }, '`fetch` must be a function'],
  ])('throws a TypeError for %j', (options, message) => {
    const misuse = (): unknown =>
      oauth2Revoke({ endpoint: REVOKE, clientId: 'spa', ...options } as OAuth2RevokeOptions)
    expect(misuse).toThrow(message)
  })

  it('is the logout of a session', async () => {
    const auth = track(
      createAuth({ refresh: request(), logout: oauth2Revoke({ endpoint: REVOKE, clientId: 'spa' }) }),
    )
    await auth.login({ access_token: AT, refresh_token: RT })
    await auth.logout()
    expect(fields().map(({ token }) => token)).toEqual([RT, AT])
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })
})
