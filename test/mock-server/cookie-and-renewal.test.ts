import { describe, expect, it } from 'vitest'
import { useServers } from './client.js'

const start = useServers()

describe('the refresh token in a cookie (transport cookie)', () => {
  const refresh = (client: Awaited<ReturnType<typeof start>>, csrf = client.cookies.get('csrf') ?? '') =>
    client.send('POST', '/auth/refresh', { headers: { 'X-CSRF-Token': csrf } })

  it('sets it HttpOnly, SameSite=Strict and scoped to the auth path, beside a readable csrf cookie', async () => {
    const client = await start({ transport: 'cookie' })
    const answer = await client.send('POST', '/auth/login', {
      json: { username: 'ada', password: 'lovelace' },
    })
    expect(answer.body).not.toHaveProperty('refreshToken')
    const [csrf, refreshCookie] = answer.headers.getSetCookie()
    expect(csrf).toMatch(/^csrf=[^;]+; Path=\/; Max-Age=86400; SameSite=Strict$/)
    expect(refreshCookie).toMatch(/^refresh=[^;]+; Path=\/auth; Max-Age=86400; SameSite=Strict; HttpOnly$/)
  })

  it('rotates the cookie with each refresh', async () => {
    const client = await start({ transport: 'cookie' })
    await client.login()
    const first = client.cookies.get('refresh')
    const answer = await refresh(client)
    expect(answer.body).toEqual(expect.not.objectContaining({ refreshToken: expect.anything() }))
    expect((await client.orders(answer.body.accessToken)).status).toBe(200)
    expect(client.cookies.get('refresh')).not.toBe(first)
    expect((await refresh(client)).status).toBe(200)
    expect(client.server.backend.stats).toMatchObject({ refreshes: 2, reuses: 0 })
  })

  it('refuses a refresh and a logout without the csrf echo with 403, where csrf is on', async () => {
    const client = await start({ transport: 'cookie', csrf: true })
    await client.login()
    const problem = (error_description: string) => ({
      status: 403,
      body: { error: 'csrf_mismatch', error_description: expect.stringContaining(error_description) },
    })
    expect(await client.send('POST', '/auth/refresh')).toMatchObject(
      problem('X-CSRF-Token, which is missing'),
    )
    expect(await refresh(client, '')).toMatchObject(problem('which is empty'))
    expect(await refresh(client, 'forged')).toMatchObject(problem('which does not match it'))
    expect(await client.send('POST', '/auth/logout')).toMatchObject(problem('which is missing'))
    expect((await refresh(client)).status).toBe(200)
    expect(client.server.backend.stats).toMatchObject({ refreshes: 1, rejected: 3, logouts: 0 })
  })

  it('needs no csrf echo where csrf is off, and still refuses one that is wrong', async () => {
    const client = await start({ transport: 'cookie', csrf: false })
    await client.login()
    expect((await client.send('POST', '/auth/refresh')).status).toBe(200)
    expect((await refresh(client)).status).toBe(200)
    expect((await refresh(client, '')).status).toBe(200)
    expect(await refresh(client, 'forged')).toMatchObject({ status: 403, body: { error: 'csrf_mismatch' } })
    const forged = { headers: { 'X-CSRF-Token': 'forged' } }
    expect((await client.send('POST', '/auth/logout', forged)).status).toBe(403)
    expect((await client.send('POST', '/auth/logout')).status).toBe(204)
    expect(client.cookies.size).toBe(0)
    expect(client.server.backend.stats).toMatchObject({ refreshes: 3, rejected: 1, logouts: 1 })
  })

  it('tells a page without a login that it is anonymous', async () => {
    const client = await start({ transport: 'cookie' })
    expect(await client.send('POST', '/auth/refresh')).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
  })

  it('removes both cookies on logout, and the session with them', async () => {
    const client = await start({ transport: 'cookie' })
    const { accessToken } = await client.login()
    const kept = new Map(client.cookies)
    const headers = { 'X-CSRF-Token': client.cookies.get('csrf') ?? '' }
    expect((await client.send('POST', '/auth/logout', { headers })).status).toBe(204)
    expect(client.cookies.size).toBe(0)
    expect((await client.orders(accessToken)).status).toBe(401)
    for (const [name, value] of kept) client.cookies.set(name, value)
    expect(await refresh(client)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })
})

describe('both tokens on every request (renewal server)', () => {
  const orders = (
    client: Awaited<ReturnType<typeof start>>,
    tokens: { accessToken: string; refreshToken: string },
  ) =>
    client.send('GET', '/api/orders', {
      bearer: tokens.accessToken,
      headers: { 'X-Refresh-Token': tokens.refreshToken },
    })

  it('hands out new tokens on an ordinary answer once the access token has expired', async () => {
    const client = await start({ renewal: 'server' })
    const tokens = await client.login()
    const fresh = await orders(client, tokens)
    expect(fresh.headers.get('X-Access-Token')).toBeNull()
    client.server.backend.expireAccessTokens()
    const renewed = await orders(client, tokens)
    expect(renewed.status).toBe(200)
    const next = {
      accessToken: renewed.headers.get('X-Access-Token') ?? '',
      refreshToken: renewed.headers.get('X-Refresh-Token') ?? '',
    }
    expect((await orders(client, next)).headers.get('X-Access-Token')).toBeNull()
    const me = await client.send('GET', '/auth/me', { bearer: next.accessToken })
    expect(me.body).toMatchObject({ username: 'ada' })
    expect(client.server.backend.stats).toMatchObject({ refreshes: 1, unauthorized: 0, reuses: 0 })
  })

  it('answers a burst that carries the same expired pair with one and the same new pair', async () => {
    const client = await start({ renewal: 'server' })
    const tokens = await client.login()
    client.server.backend.expireAccessTokens()
    const answers = await Promise.all(Array.from({ length: 30 }, () => orders(client, tokens)))
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200))
    expect(new Set(answers.map(({ headers }) => headers.get('X-Refresh-Token'))).size).toBe(1)
    expect(new Set(answers.map(({ headers }) => headers.get('X-Access-Token'))).size).toBe(1)
    expect(client.server.backend.stats).toMatchObject({
      reuses: 0,
      unauthorized: 0,
      refreshes: 30,
      repeats: 29,
    })
  })

  it('refuses when the refresh token is no good either', async () => {
    const client = await start({ renewal: 'server' })
    const tokens = await client.login()
    client.server.backend.expireAccessTokens()
    client.server.backend.revokeRefreshTokens()
    const refused = await orders(client, tokens)
    expect(refused.status).toBe(401)
    expect(refused.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
    expect((await client.orders(tokens.accessToken)).status).toBe(401)
  })

  it('refuses to renew one session with the refresh token of another', async () => {
    const client = await start({ renewal: 'server' })
    const { accessToken } = await client.login()
    const { refreshToken } = await client.login()
    client.server.backend.expireAccessTokens()
    const refused = await orders(client, { accessToken, refreshToken })
    expect([refused.status, refused.headers.get('X-Access-Token')]).toEqual([401, null])
    expect(client.server.backend.stats).toMatchObject({ refreshes: 0, rejected: 1, unauthorized: 1 })
  })

  it('does not renew unless it was asked to be such a server', async () => {
    const client = await start()
    const tokens = await client.login()
    client.server.backend.expireAccessTokens()
    expect((await orders(client, tokens)).status).toBe(401)
  })
})
