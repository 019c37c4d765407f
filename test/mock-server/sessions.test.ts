import { decodeProtectedHeader } from 'jose'
import { describe, expect, it } from 'vitest'
import { useServers } from './client.js'

const start = useServers()

describe('rotation', () => {
  it('ends the whole session when a spent refresh token comes back', async () => {
    const client = await start()
    const { refreshToken } = await client.login()
    const { body } = await client.refresh(refreshToken)
    const reused = await client.refresh(refreshToken)
    expect(reused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(reused.body.error_description).toContain('used before')
    expect((await client.refresh(body.refreshToken)).status).toBe(400)
    expect((await client.orders(body.accessToken)).status).toBe(401)
    expect(client.server.backend.stats).toMatchObject({ refreshes: 1, reuses: 1, rejected: 2 })
  })

  it('leaves other sessions of the same user alone', async () => {
    const client = await start()
    const [one, other] = [await client.login(), await client.login()]
    await client.refresh(one.refreshToken)
    await client.refresh(one.refreshToken)
    expect((await client.orders(other.accessToken)).status).toBe(200)
    expect((await client.refresh(other.refreshToken)).status).toBe(200)
  })

  it('only refuses the spent token where reuse detection is off', async () => {
    const client = await start({ reuseDetection: false })
    const { refreshToken } = await client.login()
    const { body } = await client.refresh(refreshToken)
    expect(await client.refresh(refreshToken)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
    expect((await client.refresh(body.refreshToken)).status).toBe(200)
    expect(client.server.backend.stats).toMatchObject({ refreshes: 2, reuses: 0, rejected: 1 })
  })

  it('grants exactly one of many simultaneous refreshes with the same token', async () => {
    const client = await start({ reuseDetection: false })
    const { refreshToken } = await client.login()
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.refresh(refreshToken)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(client.server.backend.stats).toMatchObject({ refreshes: 1, rejected: 19 })
  })

  it('answers the previous refresh token with its successor while the grace window is open', async () => {
    let now = Date.now()
    const client = await start({ graceWindow: 5_000, clock: { now: () => now } })
    const first = await client.login()
    const second = (await client.refresh(first.refreshToken)).body
    now += 4_999
    const repeated = (await client.refresh(first.refreshToken)).body
    expect(repeated).toMatchObject({ accessToken: second.accessToken, refreshToken: second.refreshToken })
    client.server.backend.expireAccessTokens()
    const again = (await client.refresh(first.refreshToken)).body
    expect(again.refreshToken).toBe(second.refreshToken)
    expect((await client.orders(again.accessToken)).status).toBe(200)
    now += 1
    expect((await client.refresh(first.refreshToken)).status).toBe(400)
    expect(client.server.backend.stats).toMatchObject({ refreshes: 3, repeats: 2, reuses: 1 })
  })

  it('takes no token but the one before, even within the grace window', async () => {
    const client = await start({ graceWindow: 5_000 })
    const first = await client.login()
    const second = (await client.refresh(first.refreshToken)).body
    await client.refresh(second.refreshToken)
    expect((await client.refresh(first.refreshToken)).status).toBe(400)
    expect(client.server.backend.stats.reuses).toBe(1)
  })
})

describe('protected resources', () => {
  it('challenges without an error code where there are no credentials', async () => {
    const client = await start()
    const bare = await client.send('GET', '/api/orders')
    expect(bare.status).toBe(401)
    expect(bare.headers.get('WWW-Authenticate')).toBe('Bearer realm="tokenflight"')
    const basic = await client.send('GET', '/api/orders', { headers: { Authorization: 'Basic YTpi' } })
    expect(basic.headers.get('WWW-Authenticate')).toBe('Bearer realm="tokenflight"')
    expect(client.server.backend.stats.unauthorized).toBe(2)
  })

  it.each(['', 'two words', 'a,b'])('refuses the malformed credentials %o with 400', async value => {
    const client = await start()
    const answer = await client.send('GET', '/api/orders', { headers: { Authorization: `Bearer ${value}` } })
    expect(answer.status).toBe(400)
    expect(answer.headers.get('WWW-Authenticate')).toContain('error="invalid_request"')
  })

  it('refuses a refresh token, a forged token and rubbish with invalid_token, and repeats none of them', async () => {
    const client = await start()
    const { accessToken, refreshToken } = await client.login()
    const stranger = await (await start()).login()
    const [header, , signature] = accessToken.split('.')
    const forged = `${header}.${btoa(JSON.stringify({ sub: 'root', token_use: 'access' })).replaceAll('=', '')}.${signature}`
    for (const token of [refreshToken, stranger.accessToken, forged, 'rubbish', `${accessToken}x`]) {
      const refused = await client.orders(token)
      expect(refused.status).toBe(401)
      expect(refused.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
      expect(JSON.stringify([refused.body, ...refused.headers])).not.toContain(token)
    }
    expect(client.server.backend.stats.unauthorized).toBe(5)
  })

  it('refuses an access token as a refresh token', async () => {
    const client = await start()
    const { accessToken } = await client.login()
    const refused = await client.refresh(accessToken)
    expect(refused.body).toEqual({
      error: 'invalid_grant',
      error_description: 'An access token is no refresh token',
    })
  })
})

describe('the end of a session', () => {
  it('refuses both tokens after a logout by either of them', async () => {
    const client = await start()
    for (const by of ['access', 'refresh'] as const) {
      const { accessToken, refreshToken } = await client.login()
      const init = by === 'access' ? { bearer: accessToken } : { json: { refreshToken } }
      expect((await client.send('POST', '/auth/logout', init)).status).toBe(204)
      expect((await client.orders(accessToken)).status).toBe(401)
      expect((await client.refresh(refreshToken)).body).toMatchObject({ error: 'invalid_grant' })
      expect((await client.send('POST', '/auth/logout', init)).status).toBe(204)
    }
    expect(client.server.backend.stats).toMatchObject({ logouts: 2, reuses: 0 })
  })

  it('takes an expired access token for a logout, but no refresh token in its place', async () => {
    const client = await start()
    const { accessToken, refreshToken } = await client.login()
    expect((await client.send('POST', '/auth/logout', { bearer: refreshToken })).status).toBe(401)
    expect((await client.send('POST', '/auth/logout')).body).toMatchObject({ error: 'invalid_request' })
    client.server.backend.expireAccessTokens()
    expect((await client.send('POST', '/auth/logout', { bearer: accessToken })).status).toBe(204)
    expect(client.server.backend.stats.logouts).toBe(1)
  })

  it('lets access tokens live on when refresh tokens are revoked', async () => {
    const client = await start()
    const { accessToken, refreshToken } = await client.login()
    client.server.backend.revokeRefreshTokens()
    expect((await client.refresh(refreshToken)).body.error_description).toContain('revoked')
    expect((await client.orders(accessToken)).status).toBe(200)
    expect(client.server.backend.stats.reuses).toBe(0)
  })

  it('refuses a refresh token at its end', async () => {
    let now = Date.now()
    const client = await start({ refreshTokenLifetime: 1_500, clock: { now: () => now } })
    const { refreshToken } = await client.login()
    now += 1_500
    expect((await client.refresh(refreshToken)).body.error_description).toContain('expired')
  })
})

describe('signing keys', () => {
  it('refuses access tokens of a retired key, while its refresh tokens bring new ones', async () => {
    const client = await start()
    const { accessToken, refreshToken } = await client.login()
    client.server.backend.rotateKeys()
    expect((await client.orders(accessToken)).body.error_description).toContain('retired')
    const { body } = await client.refresh(refreshToken)
    expect(decodeProtectedHeader(body.accessToken).kid).not.toBe(decodeProtectedHeader(accessToken).kid)
    expect((await client.orders(body.accessToken)).status).toBe(200)
    expect((await client.send('GET', '/auth/jwks')).body.keys).toHaveLength(1)
  })

  it('lets all tokens of the old key live in a graceful roll', async () => {
    const client = await start()
    const { accessToken, refreshToken } = await client.login()
    client.server.backend.rotateKeys({ keep: 'all' })
    expect((await client.orders(accessToken)).status).toBe(200)
    expect((await client.send('GET', '/auth/jwks')).body.keys).toHaveLength(2)
    expect((await client.refresh(refreshToken)).status).toBe(200)
  })

  it('ends every session where the old key is thrown away', async () => {
    const client = await start()
    const { accessToken, refreshToken } = await client.login()
    client.server.backend.rotateKeys({ keep: 'none' })
    expect((await client.orders(accessToken)).status).toBe(401)
    expect((await client.refresh(refreshToken)).body).toMatchObject({ error: 'invalid_grant' })
    expect((await client.orders((await client.login()).accessToken)).status).toBe(200)
  })
})

describe('faults', () => {
  it('fails as often and as it was told, and spends nothing', async () => {
    const client = await start()
    const { refreshToken } = await client.login()
    client.server.backend.failNextRefresh({ status: 429, times: 2, retryAfter: 7 })
    for (let round = 0; round < 2; round += 1) {
      const failed = await client.refresh(refreshToken)
      expect(failed.status).toBe(429)
      expect(failed.headers.get('Retry-After')).toBe('7')
      expect(failed.body).not.toHaveProperty('error')
    }
    expect((await client.refresh(refreshToken)).status).toBe(200)
    expect(client.server.backend.stats).toMatchObject({ failures: 2, refreshes: 1, rejected: 0 })
  })

  it('fails with 503, an OAuth error, an HTTP date or a page of HTML', async () => {
    const client = await start()
    const { refreshToken } = await client.login()
    const { backend } = client.server
    const date = 'Thu, 01 Jan 2026 00:00:00 GMT'
    backend.failNextRefresh({ retryAfter: date })
    const failed = await client.refresh(refreshToken)
    expect([failed.status, failed.headers.get('Retry-After')]).toEqual([503, date])
    backend.failNextRefresh({ status: 400, error: 'invalid_grant' })
    expect(await client.refresh(refreshToken)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
    expect(backend.stats).toMatchObject({ failures: 2, rejected: 1 })
    backend.failNextRefresh({ status: 200, body: '<h1>Sign in to the hotel</h1>' })
    expect(await client.refresh(refreshToken)).toMatchObject({
      status: 200,
      body: expect.stringContaining('hotel'),
    })
  })

  it('breaks the connection before the grant, or after it', async () => {
    const client = await start({ reuseDetection: false })
    const { refreshToken } = await client.login()
    client.server.backend.failNextRefresh({ networkError: true })
    await expect(client.refresh(refreshToken)).rejects.toThrow('fetch failed')
    expect(client.server.backend.stats).toMatchObject({ failures: 1, refreshes: 0 })
    client.server.backend.failNextRefresh({ lostAnswer: true })
    await expect(client.refresh(refreshToken)).rejects.toThrow('fetch failed')
    expect(client.server.backend.stats).toMatchObject({ failures: 2, refreshes: 1 })
    expect((await client.refresh(refreshToken)).body.error_description).toContain('used before')
  })

  it('answers late, with tokens that are as fresh as ever', async () => {
    const client = await start()
    const { refreshToken } = await client.login()
    client.server.backend.delayRefresh(60)
    const begun = performance.now()
    const { body } = await client.refresh(refreshToken)
    expect(performance.now() - begun).toBeGreaterThan(50)
    client.server.backend.delayRefresh(0)
    expect((await client.refresh(body.refreshToken)).status).toBe(200)
  })
})
