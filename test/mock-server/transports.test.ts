import { createLocalJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { useServers } from './client.js'

const start = useServers()

describe('both tokens in JSON (transport body)', () => {
  it('answers a login with two signed tokens that differ in typ and use', async () => {
    const client = await start()
    const answer = await client.send('POST', '/auth/login', {
      json: { username: 'ada', password: 'lovelace' },
    })
    expect(answer.headers.get('Cache-Control')).toBe('no-store')
    expect(answer.body).toMatchObject({ expiresIn: 300, refreshExpiresIn: 86_400, tokenType: 'Bearer' })
    const { accessToken, refreshToken } = answer.body
    const keys = createLocalJWKSet((await client.send('GET', '/auth/jwks')).body)
    const access = await jwtVerify(accessToken, keys, { typ: 'at+jwt' })
    const refresh = await jwtVerify(refreshToken, keys, { typ: 'rt+jwt' })
    expect(access.payload).toMatchObject({ sub: 'ada', token_use: 'access', roles: ['admin'] })
    expect(access.payload.exp! - access.payload.iat!).toBe(300)
    expect(refresh.payload).toMatchObject({ sub: 'ada', token_use: 'refresh', sid: access.payload.sid })
    expect(refresh.payload.jti).not.toBe(access.payload.jti)
  })

  it('refreshes by the spelling of simplejwt', async () => {
    const client = await start()
    const { refreshToken } = await client.login()
    const answer = await client.send('POST', '/auth/refresh', { json: { refresh: refreshToken } })
    expect(answer.status).toBe(200)
    const next = answer.body.refreshToken
    expect(await client.send('POST', '/auth/logout', { json: { refresh: next } })).toMatchObject({
      status: 204,
    })
    expect(await client.refresh(next)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })

  it('refreshes by either spelling and spends the refresh token', async () => {
    const client = await start()
    const first = await client.login()
    const second = await client.refresh(first.refreshToken)
    expect(second.status).toBe(200)
    const third = await client.send('POST', '/auth/refresh', {
      json: { refresh_token: second.body.refreshToken },
    })
    expect(third.status).toBe(200)
    expect((await client.orders(third.body.accessToken)).status).toBe(200)
    expect(client.server.backend.stats).toMatchObject({ logins: 1, refreshes: 2, rejected: 0 })
  })

  it('refuses a wrong password with 401 and gives no token', async () => {
    const client = await start()
    const wrong = await client.send('POST', '/auth/login', { json: { username: 'ada', password: 'byron' } })
    expect(wrong.status).toBe(401)
    expect(wrong.body).toEqual({ error: 'invalid_credentials', error_description: expect.any(String) })
    expect(
      (await client.send('POST', '/auth/login', { json: { username: 'toString', password: '' } })).status,
    ).toBe(400)
    expect(client.server.backend.stats.logins).toBe(0)
  })

  it.each([
    ['no body', {}, 'refresh token is missing'],
    ['a body that is not JSON', { body: '{' }, 'not JSON'],
    ['a body that is no object', { body: '[]' }, 'not an object'],
    ['a refresh token that is no string', { body: '{"refreshToken":7}' }, "'refreshToken' is not a string"],
  ])('names the mistake in %s', async (_what, init, description) => {
    const client = await start()
    const answer = await client.send('POST', '/auth/refresh', init)
    expect(answer.status).toBe(400)
    expect(answer.body).toEqual({
      error: 'invalid_request',
      error_description: expect.stringContaining(description),
    })
    expect(client.server.backend.stats).toMatchObject({ rejected: 1, refreshes: 0 })
  })
})

describe('the refresh token in place of the access token (transport header)', () => {
  it('takes it in Authorization and gives the new access token in Authorization', async () => {
    const client = await start({ transport: 'header' })
    const { refreshToken } = await client.login()
    const answer = await client.send('POST', '/auth/refresh', { bearer: refreshToken })
    const accessToken = answer.headers.get('Authorization')?.replace('Bearer ', '') ?? ''
    expect(answer.body).not.toHaveProperty('accessToken')
    expect(answer.headers.get('X-Refresh-Token')).toBe(answer.body.refreshToken)
    expect((await client.orders(accessToken)).status).toBe(200)
    const again = await client.send('POST', '/auth/refresh', { bearer: answer.body.refreshToken })
    expect(again.status).toBe(200)
    expect(client.server.backend.stats).toMatchObject({ refreshes: 2, reuses: 0 })
  })

  it('takes it in the header in which it gives it', async () => {
    const client = await start({ transport: 'header' })
    const { refreshToken } = await client.login()
    const headers = { 'X-Refresh-Token': refreshToken }
    const answer = await client.send('POST', '/auth/refresh', { headers })
    expect(answer.status).toBe(200)
    const again = await client.send('POST', '/auth/refresh', { headers })
    expect(again).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })

  it('refuses an access token there, and a request without a token', async () => {
    const client = await start({ transport: 'header' })
    const { accessToken } = await client.login()
    const wrong = await client.send('POST', '/auth/refresh', { bearer: accessToken })
    expect(wrong).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(await client.send('POST', '/auth/refresh')).toMatchObject({ body: { error: 'invalid_request' } })
    const malformed = await client.send('POST', '/auth/refresh', { bearer: 'two words' })
    expect(malformed).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
    expect(client.server.backend.stats.rejected).toBe(3)
  })
})

describe('both tokens together (transport both)', () => {
  const refresh = (client: Awaited<ReturnType<typeof start>>, accessToken: string, refreshToken?: string) =>
    client.send('POST', '/auth/refresh', { bearer: accessToken, json: { refreshToken } })

  it('takes the refresh token in a header, too', async () => {
    const client = await start({ transport: 'both' })
    const { accessToken, refreshToken } = await client.login()
    client.server.backend.expireAccessTokens()
    const headers = { 'X-Refresh-Token': refreshToken }
    const answer = await client.send('POST', '/auth/refresh', { bearer: accessToken, headers })
    expect(answer.status).toBe(200)
    expect((await client.orders(answer.body.accessToken)).status).toBe(200)
  })

  it('takes an expired access token with its good refresh token', async () => {
    const client = await start({ transport: 'both' })
    const { accessToken, refreshToken } = await client.login()
    client.server.backend.expireAccessTokens()
    const answer = await refresh(client, accessToken, refreshToken)
    expect(answer.status).toBe(200)
    expect((await client.orders(answer.body.accessToken)).status).toBe(200)
  })

  it('refuses tokens of two sessions, and one without the other', async () => {
    const client = await start({ transport: 'both' })
    const one = await client.login()
    const other = await client.login()
    const mixed = await refresh(client, one.accessToken, other.refreshToken)
    expect(mixed.body).toMatchObject({
      error: 'invalid_grant',
      error_description: expect.stringContaining('different'),
    })
    expect(await client.refresh(one.refreshToken)).toMatchObject({ body: { error: 'invalid_request' } })
    expect(client.server.backend.stats).toMatchObject({ refreshes: 0, rejected: 2 })
  })

  it('plays the four cases of valid and expired tokens', async () => {
    let now = Date.now()
    const clock = { now: () => now }
    const client = await start({
      transport: 'both',
      clock,
      accessTokenLifetime: 60_000,
      refreshTokenLifetime: 30_000,
    })
    const { backend } = client.server
    const both = await client.login()
    expect((await refresh(client, both.accessToken, both.refreshToken)).status).toBe(200)

    const late = await client.login()
    now += 30_000
    const anew = await refresh(client, late.accessToken, late.refreshToken)
    expect(anew.body).toMatchObject({ accessToken: expect.any(String), refreshToken: expect.any(String) })
    expect((await refresh(client, anew.body.accessToken)).status).toBe(200)

    backend.configure({ refreshTokenLifetime: 300_000 })
    const stale = await client.login()
    now += 60_000
    expect((await refresh(client, stale.accessToken, stale.refreshToken)).status).toBe(200)

    backend.configure({ refreshTokenLifetime: 30_000 })
    const dead = await client.login()
    now += 60_000
    const refused = await refresh(client, dead.accessToken, dead.refreshToken)
    expect(refused.body).toMatchObject({
      error: 'invalid_grant',
      error_description: expect.stringContaining('expired'),
    })
    expect(await refresh(client, dead.accessToken)).toMatchObject({ status: 400 })
    expect(backend.stats).toMatchObject({ refreshes: 4, rejected: 2 })
  })

  it('does not let a valid access token outweigh a refresh token that was spent or revoked', async () => {
    const client = await start({ transport: 'both' })
    const { accessToken, refreshToken } = await client.login()
    await refresh(client, accessToken, refreshToken)
    expect(await refresh(client, accessToken, refreshToken)).toMatchObject({
      body: { error: 'invalid_grant' },
    })
    expect(client.server.backend.stats).toMatchObject({ reuses: 1 })
    const other = await client.login()
    client.server.backend.revokeRefreshTokens()
    const revoked = await refresh(client, other.accessToken, other.refreshToken)
    expect(revoked.body.error_description).toContain('revoked')
  })

  it('does not let one outweigh a refresh token that was spent before it expired', async () => {
    let now = Date.now()
    const client = await start({ transport: 'both', clock: { now: () => now }, refreshTokenLifetime: 1_000 })
    const { accessToken, refreshToken } = await client.login()
    await refresh(client, accessToken, refreshToken)
    now += 1_000
    expect(await refresh(client, accessToken, refreshToken)).toMatchObject({ status: 400 })
    expect(client.server.backend.stats.refreshes).toBe(1)
  })
})
