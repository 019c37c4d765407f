import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request as nodeRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { useServers } from './client.js'

const start = useServers()

const temporaryDirectory = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tokenflight-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return directory
}

describe('the demo resources', () => {
  it('serves public resources, protects the others, and answers 404 for the rest', async () => {
    const client = await start()
    expect((await client.send('GET', '/api/public')).status).toBe(200)
    expect((await client.send('GET', '/api/orders')).status).toBe(401)
    expect((await client.send('GET', '/nowhere')).status).toBe(404)
    expect((await client.send('GET', '/auth/nowhere')).status).toBe(404)
    const wrong = await client.send('GET', '/auth/login')
    expect([wrong.status, wrong.headers.get('Allow')]).toEqual([405, 'POST'])
  })

  it('echoes the received body, text or bytes, so that a replay can be compared', async () => {
    const client = await start()
    const { accessToken } = await client.login()
    const text = await client.send('PUT', '/api/echo?a=1', { json: { name: 'Zoë' }, bearer: accessToken })
    expect(text.body).toMatchObject({
      method: 'PUT',
      path: '/api/echo?a=1',
      contentType: 'application/json',
      length: 15,
      body: '{"name":"Zoë"}',
    })
    expect(text.body.headers).not.toHaveProperty('authorization')
    const body = new Uint8Array(200_000).fill(255)
    const bytes = await client.send('POST', '/api/echo', { body, bearer: accessToken })
    expect(bytes.body).toMatchObject({
      length: 200_000,
      body: null,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  it('refuses every token at /api/always-401 and waits as long as ?delay= says', async () => {
    const client = await start()
    const { accessToken } = await client.login()
    const refused = await client.send('DELETE', '/api/always-401', { bearer: accessToken })
    expect(refused.headers.get('WWW-Authenticate')).toContain('invalid_token')
    const begun = performance.now()
    expect((await client.send('GET', '/api/orders?delay=50', { bearer: accessToken })).status).toBe(200)
    expect(performance.now() - begun).toBeGreaterThan(45)
  })

  it('answers HEAD with the headers alone', async () => {
    const client = await start()
    const { accessToken } = await client.login()
    const answer = await client.send('HEAD', '/api/orders', { bearer: accessToken })
    expect(answer).toMatchObject({ status: 200 })
    const me = await client.send('HEAD', '/auth/me')
    expect(me.status).toBe(401)
    expect(me.headers.get('WWW-Authenticate')).toContain('Bearer')
  })

  it('reads a refused body to its end, so that the connection serves the next request', async () => {
    const client = await start()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const upload = () =>
      new Promise<number | undefined>((resolve, reject) => {
        const sent = nodeRequest(`${client.server.url}/api/orders`, { method: 'POST', agent }, answer => {
          answer.resume().once('end', () => resolve(answer.statusCode))
        })
        sent.once('error', reject)
        sent.end(Buffer.alloc(3_000_000))
      })
    expect(await upload()).toBe(401)
    expect(await upload()).toBe(401)
  })

  it('survives a client that goes away', async () => {
    const client = await start()
    const { accessToken, refreshToken } = await client.login()
    const { stats } = client.server.backend
    const { requests } = stats
    const leaving = new AbortController()
    const { signal } = leaving
    const gone = client.send('GET', '/api/orders?delay=30000', { bearer: accessToken, signal })
    const refused = expect(gone).rejects.toThrow()
    await vi.waitFor(() => expect(stats.requests).toBe(requests + 1))
    leaving.abort()
    await refused
    await vi.waitFor(() => expect(client.server.log.since(0)).toHaveLength(2))
    expect((await client.refresh(refreshToken)).status).toBe(200)
  })
})

describe('CORS', () => {
  it('lets a page on another port of this machine call with credentials and read the challenge', async () => {
    const client = await start()
    const origin = 'http://127.0.0.1:5173'
    const asked = await client.send('OPTIONS', '/auth/refresh', {
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization,x-csrf-token',
      },
    })
    expect(asked.status).toBe(204)
    expect(asked.headers.get('Access-Control-Allow-Headers')).toBe('authorization,x-csrf-token')
    const answer = await client.send('GET', '/api/orders', { headers: { Origin: origin } })
    expect(answer.headers.get('Access-Control-Allow-Origin')).toBe(origin)
    expect(answer.headers.get('Access-Control-Allow-Credentials')).toBe('true')
    expect(answer.headers.get('Access-Control-Expose-Headers')).toContain('WWW-Authenticate')
    expect(answer.headers.get('Vary')).toContain('Origin')
  })

  it('lets no other origin read an answer or turn a knob', async () => {
    const client = await start()
    const headers = { Origin: 'https://evil.example' }
    const answer = await client.send('GET', '/api/public', { headers })
    expect(answer.headers.get('Access-Control-Allow-Origin')).toBeNull()
    expect((await client.send('POST', '/admin/reset', { headers })).status).toBe(403)
  })
})

describe('the knobs over HTTP', () => {
  it('turns each of them and answers counters and settings', async () => {
    const client = await start()
    const { accessToken, refreshToken } = await client.login()
    const turned = await client.send('POST', '/admin/expire')
    expect(turned.body).toMatchObject({
      stats: { logins: 1 },
      settings: { transport: 'body', rotation: true },
    })
    expect((await client.orders(accessToken)).status).toBe(401)
    await client.send('POST', '/admin/fail-next', { json: { status: 500 } })
    expect((await client.refresh(refreshToken)).status).toBe(500)
    await client.send('POST', '/admin/rotate-keys', { json: { keep: 'none' } })
    expect((await client.refresh(refreshToken)).status).toBe(400)
    await client.send('POST', '/admin/delay', { json: { ms: 1 } })
    const configured = await client.send('POST', '/admin/configure', { json: { accessTokenLifetime: 5000 } })
    expect(configured.body.settings.accessTokenLifetime).toBe(5000)
    const next = await client.login()
    await client.send('POST', '/admin/revoke')
    expect((await client.refresh(next.refreshToken)).body.error_description).toContain('revoked')
    expect((await client.send('GET', '/admin/stats')).body.stats).toMatchObject({
      logins: 2,
      failures: 1,
      rejected: 2,
    })
    expect((await client.send('POST', '/admin/reset')).body.stats).toMatchObject({ logins: 0, requests: 0 })
  })

  it('is a server whose cookie transport demands the csrf echo, until a knob says otherwise', async () => {
    const client = await start()
    await client.send('POST', '/admin/configure', { json: { transport: 'cookie' } })
    await client.login()
    expect((await client.send('POST', '/auth/refresh')).status).toBe(403)
    const relaxed = await client.send('POST', '/admin/configure', { json: { csrf: false } })
    expect(relaxed.body.settings).toMatchObject({ transport: 'cookie', csrf: false })
    expect((await client.send('POST', '/auth/refresh')).status).toBe(200)
    expect(client.server.backend.stats).toMatchObject({ refreshes: 1, rejected: 1 })
  })

  it('names the mistake in a value', async () => {
    const client = await start()
    const wrong = await client.send('POST', '/admin/configure', { json: { transport: 'pigeon' } })
    expect(wrong).toMatchObject({
      status: 400,
      body: { error_description: expect.stringContaining("'transport'") },
    })
    expect((await client.send('POST', '/admin/delay', { json: {} })).status).toBe(400)
    expect((await client.send('POST', '/admin/delay', { body: '{' })).status).toBe(400)
    expect((await client.send('POST', '/admin/toString')).status).toBe(404)
    expect((await client.send('GET', '/admin/expire')).status).toBe(405)
  })

  it('keeps a log of requests with the ids of tokens, never tokens', async () => {
    const client = await start()
    const { accessToken, refreshToken } = await client.login()
    await client.send('GET', '/api/orders', { bearer: accessToken, headers: { 'X-Client': 'tab 1' } })
    await client.refresh(refreshToken)
    client.server.backend.failNextRefresh({ networkError: true })
    await client.refresh(refreshToken).catch(() => {})
    await client.refresh(refreshToken)
    const { entries } = (await client.send('GET', '/admin/log')).body
    expect(entries).toMatchObject([
      { id: 1, method: 'POST', path: '/auth/login', status: 200, username: 'ada' },
      { path: '/api/orders', status: 200, client: 'tab 1', accessTokenId: decodeJwt(accessToken).jti },
      { path: '/auth/refresh', status: 200, refreshTokenId: decodeJwt(refreshToken).jti },
      { path: '/auth/refresh', status: 0 },
      { path: '/auth/refresh', status: 400, error: 'invalid_grant' },
    ])
    expect(JSON.stringify(entries)).not.toContain(refreshToken.split('.')[2])
    expect((await client.send('GET', '/admin/log?since=4')).body.entries).toHaveLength(1)
  })
})

describe('files', () => {
  it('serves a directory and nothing beside it', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'index.html'), '<h1>demo</h1>')
    await writeFile(join(directory, 'page.js'), 'export {}')
    const client = await start({ directory })
    const page = await client.send('GET', '/')
    expect([page.body, page.headers.get('Content-Type')]).toEqual([
      '<h1>demo</h1>',
      'text/html; charset=utf-8',
    ])
    expect((await client.send('GET', '/page.js')).headers.get('Content-Type')).toContain('text/javascript')
    for (const path of ['/..%2f..%2fetc%2fpasswd', '/%00', '/%zz', '/none.js']) {
      expect((await client.send('GET', path)).status).toBe(404)
    }
  })
})
