import { describe, expect, it } from 'vitest'
import type { ServerOptions } from '../../demo/server/start.js'
import { type Client, useServers } from './client.js'

const start = useServers()

describe('an access token that is refreshed itself (transport access)', () => {
  const open = async (options?: ServerOptions) => {
    let now = Date.now()
    const client = await start({ transport: 'access', clock: { now: () => now }, ...options })
    const pass = (milliseconds: number) => {
      now += milliseconds
    }
    const refresh = (bearer: string) => client.send('POST', '/auth/refresh', { bearer })
    return { client, pass, refresh, backend: client.server.backend }
  }
  const refused = (description: string) => ({
    status: 400,
    body: { error: 'invalid_grant', error_description: expect.stringContaining(description) },
  })

  it('gives no refresh token, and takes the access token in Authorization, expired or not', async () => {
    const { client, refresh, backend } = await open()
    const first = await client.login()
    expect(first).not.toHaveProperty('refreshToken')
    const second = await refresh(first.accessToken)
    expect(second.body).toMatchObject({ expiresIn: 300, refreshExpiresIn: 86_400, tokenType: 'Bearer' })
    expect(second.body).not.toHaveProperty('refreshToken')
    backend.expireAccessTokens()
    expect((await client.orders(second.body.accessToken)).status).toBe(401)
    const third = await refresh(second.body.accessToken)
    expect((await client.orders(third.body.accessToken)).status).toBe(200)
    expect(backend.stats).toMatchObject({ refreshes: 2, rejected: 0, reuses: 0 })
  })

  it('takes it for as long after the login as the refresh token lifetime says, however often it was refreshed', async () => {
    const { client, pass, refresh, backend } = await open({ refreshTokenLifetime: 900_000 })
    const { accessToken } = await client.login()
    pass(600_000)
    const second = await refresh(accessToken)
    expect(second.body).toMatchObject({ expiresIn: 300, refreshExpiresIn: 300 })
    pass(299_999)
    const third = await refresh(second.body.accessToken)
    expect(third.status).toBe(200)
    pass(1)
    expect(await refresh(third.body.accessToken)).toMatchObject(refused('can no longer be refreshed'))
    expect((await client.orders(third.body.accessToken)).status).toBe(200)
    expect(backend.stats).toMatchObject({ refreshes: 2, rejected: 1 })
  })

  it('ends the session of an access token that is refreshed twice, unless a grace window is open', async () => {
    const { client, pass, refresh, backend } = await open({ graceWindow: 10_000 })
    const { accessToken } = await client.login()
    const answers = [await refresh(accessToken), await refresh(accessToken)]
    expect(answers[1]?.body.accessToken).toBe(answers[0]?.body.accessToken)
    backend.expireAccessTokens()
    const sibling = await refresh(accessToken)
    expect((await refresh(sibling.body.accessToken)).status).toBe(200)
    pass(10_000)
    expect(await refresh(accessToken)).toMatchObject(refused('its session has ended'))
    expect((await client.orders(sibling.body.accessToken)).status).toBe(401)
    expect(backend.stats).toMatchObject({ refreshes: 4, repeats: 2, reuses: 1 })
  })

  it('refreshes one access token any number of times without rotation', async () => {
    const { client, refresh, backend } = await open({ rotation: false })
    const { accessToken } = await client.login()
    const second = await refresh(accessToken)
    for (const token of [accessToken, second.body.accessToken])
      expect((await refresh(token)).status).toBe(200)
    expect(backend.stats).toMatchObject({ refreshes: 3, reuses: 0 })
  })

  it.each([
    ['refresh', 200],
    ['all', 200],
    ['none', 400],
  ] as const)('is refreshed after the keys rolled as far as they keep: %s means %d', async (keep, status) => {
    const { client, refresh, backend } = await open()
    const { accessToken } = await client.login()
    backend.rotateKeys({ keep })
    expect((await client.orders(accessToken)).status).toBe(keep === 'all' ? 200 : 401)
    expect((await refresh(accessToken)).status).toBe(status)
  })

  it('lets revoked access tokens live to their end, and refreshes none of them', async () => {
    const { client, refresh, backend } = await open()
    const { accessToken } = await client.login()
    backend.revokeRefreshTokens()
    expect((await client.orders(accessToken)).status).toBe(200)
    expect(await refresh(accessToken)).toMatchObject(refused('was revoked'))
  })

  it('logs out by the access token, also by one that is signed by a retired key', async () => {
    const { client, refresh, backend } = await open()
    const { accessToken } = await client.login()
    backend.rotateKeys()
    expect((await client.send('POST', '/auth/logout', { bearer: accessToken })).status).toBe(204)
    expect(await refresh(accessToken)).toMatchObject(refused('has ended'))
    expect(backend.stats).toMatchObject({ logouts: 1, refreshes: 0 })
  })

  it('refuses a request without a token, a forged token, and the refresh token of another style', async () => {
    const { client, refresh, backend } = await open({ transport: 'body' })
    const { accessToken, refreshToken } = await client.login()
    backend.configure({ transport: 'access' })
    expect(await client.send('POST', '/auth/refresh')).toMatchObject({
      status: 400,
      body: { error: 'invalid_request', error_description: expect.stringContaining('Authorization') },
    })
    expect(await refresh('forged')).toMatchObject(refused('not a token of this server'))
    expect(await refresh(refreshToken)).toMatchObject(refused('no access token'))
    // It was given beside a refresh token, which is the one to be refreshed.
    expect(await refresh(accessToken)).toMatchObject(refused('unknown'))
    expect(backend.stats).toMatchObject({ refreshes: 0, rejected: 4 })
  })

  it('issues an access token that can be refreshed', async () => {
    const { refresh, backend } = await open()
    const issued = await backend.issue('ada')
    expect(issued).not.toHaveProperty('refreshToken')
    expect((await refresh(issued.accessToken)).status).toBe(200)
    expect(backend.stats).toMatchObject({ logins: 0, refreshes: 1 })
  })
})

describe('both tokens in cookies (transport cookies)', () => {
  const open = (options?: ServerOptions) => start({ transport: 'cookies', csrf: false, ...options })
  const refresh = (client: Client) => client.send('POST', '/auth/refresh')
  const orders = (client: Client) => client.send('GET', '/api/orders')

  it('sets both HttpOnly, the access cookie on every path, and tells the expiry without a token', async () => {
    const client = await open()
    const answer = await client.send('POST', '/auth/login', {
      json: { username: 'ada', password: 'lovelace' },
    })
    expect(answer.body).toEqual({
      expiresIn: 300,
      refreshExpiresIn: 86_400,
      tokenType: 'Bearer',
      scope: 'orders:read orders:write',
    })
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^csrf=[^;]+; Path=\/; Max-Age=86400; SameSite=Strict$/),
      expect.stringMatching(/^refresh=[^;]+; Path=\/auth; Max-Age=86400; SameSite=Strict; HttpOnly$/),
      expect.stringMatching(/^access=[^;]+; Path=\/; Max-Age=300; SameSite=Strict; HttpOnly$/),
    ])
  })

  it('lets requests pass by the access cookie alone', async () => {
    const client = await open()
    expect((await orders(client)).headers.get('WWW-Authenticate')).toBe('Bearer realm="tokenflight"')
    await client.login()
    expect((await orders(client)).body).toMatchObject({ customer: 'ada' })
    expect((await client.send('GET', '/auth/me')).body).toMatchObject({ username: 'ada' })
    const access = client.cookies.get('access') ?? ''
    client.cookies.delete('access')
    expect((await client.orders(access)).status).toBe(401)
    client.cookies.set('access', client.cookies.get('refresh') ?? '')
    expect((await orders(client)).headers.get('WWW-Authenticate')).toContain('no access token')
    expect(client.server.backend.stats).toMatchObject({ unauthorized: 3 })
  })

  it('refreshes both by the refresh cookie, once the access token has expired', async () => {
    const client = await open()
    await client.login()
    const before = new Map(client.cookies)
    client.server.backend.expireAccessTokens()
    expect((await orders(client)).headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
    const answer = await refresh(client)
    expect([answer.status, Object.keys(answer.body)]).toEqual([
      200,
      ['expiresIn', 'refreshExpiresIn', 'tokenType', 'scope'],
    ])
    expect((await orders(client)).status).toBe(200)
    for (const name of ['access', 'refresh']) expect(client.cookies.get(name)).not.toBe(before.get(name))
    expect(client.cookies.get('csrf')).toBe(before.get('csrf'))
    expect(client.server.backend.stats).toMatchObject({ refreshes: 1, unauthorized: 1, reuses: 0 })
  })

  it('keeps the refresh cookie where tokens do not rotate', async () => {
    const client = await open({ rotation: false })
    await client.login()
    const before = new Map(client.cookies)
    await refresh(client)
    expect(client.cookies.get('refresh')).toBe(before.get('refresh'))
    expect(client.cookies.get('access')).not.toBe(before.get('access'))
  })

  it('demands the csrf echo at refresh and logout, where csrf is on', async () => {
    const client = await open({ csrf: true })
    await client.login()
    expect(await refresh(client)).toMatchObject({ status: 403, body: { error: 'csrf_mismatch' } })
    client.cookies.delete('refresh')
    expect((await client.send('POST', '/auth/logout')).status).toBe(403)
    const headers = { 'X-CSRF-Token': client.cookies.get('csrf') ?? '' }
    expect((await client.send('POST', '/auth/logout', { headers })).status).toBe(204)
    expect(client.server.backend.stats).toMatchObject({ rejected: 1, refreshes: 0, logouts: 1 })
  })

  it('removes every cookie on logout, and the session with them', async () => {
    const client = await open()
    await client.login()
    const kept = new Map(client.cookies)
    expect((await client.send('POST', '/auth/logout')).status).toBe(204)
    expect(client.cookies.size).toBe(0)
    for (const [name, value] of kept) client.cookies.set(name, value)
    expect((await orders(client)).status).toBe(401)
    expect(await refresh(client)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    client.cookies.set('access', 'forged')
    client.cookies.delete('refresh')
    expect((await client.send('POST', '/auth/logout')).status).toBe(204)
    expect(client.server.backend.stats).toMatchObject({ logouts: 1 })
  })

  it('meets a page without a session with a refusal', async () => {
    const client = await open()
    expect(await refresh(client)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect((await client.send('POST', '/auth/logout')).status).toBe(204)
  })

  it('issues tokens that a request carries as cookies', async () => {
    const client = await open()
    const { accessToken, refreshToken = '' } = await client.server.backend.issue('grace')
    client.cookies.set('access', accessToken)
    expect((await orders(client)).body).toMatchObject({ customer: 'grace' })
    client.cookies.set('refresh', refreshToken)
    expect((await refresh(client)).status).toBe(200)
  })
})
