import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, it } from 'vitest'
import { form, useServers } from './client.js'

const start = useServers()

describe('OAuth 2.0', () => {
  const token = (client: Awaited<ReturnType<typeof start>>, parameters: Record<string, string>) =>
    client.send('POST', '/auth/token', form(parameters))

  it('grants a form encoded refresh_token and answers as RFC 6749 does', async () => {
    const client = await start({ clientId: 'spa' })
    const { refreshToken } = await client.login()
    const answer = await token(client, {
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: 'spa',
      scope: 'orders:read',
    })
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      refresh_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 300,
      refresh_expires_in: 86_400,
      scope: 'orders:read',
    })
    expect(decodeJwt(answer.body.access_token).scope).toBe('orders:read')
    expect([answer.headers.get('Cache-Control'), answer.headers.get('Pragma')]).toEqual([
      'no-store',
      'no-cache',
    ])
  })

  it('keeps the refresh token where it does not rotate', async () => {
    const client = await start({ rotation: false })
    const { refreshToken } = await client.login()
    const parameters = { grant_type: 'refresh_token', refresh_token: refreshToken }
    for (let round = 0; round < 2; round += 1) {
      const { status, body } = await token(client, parameters)
      expect(status).toBe(200)
      expect(body).not.toHaveProperty('refresh_token')
      expect(body.refresh_expires_in).toBeLessThanOrEqual(86_400)
    }
    expect(client.server.backend.stats).toMatchObject({ refreshes: 2, reuses: 0 })
  })

  it.each([
    [{}, 400, 'invalid_request'],
    [{ grant_type: 'password' }, 400, 'unsupported_grant_type'],
    [{ grant_type: 'refresh_token', client_id: 'spa' }, 400, 'invalid_request'],
    [{ grant_type: 'refresh_token', refresh_token: 'x', client_id: 'other' }, 401, 'invalid_client'],
    [{ grant_type: 'refresh_token', refresh_token: 'x', client_id: 'spa' }, 400, 'invalid_grant'],
  ])('refuses %o', async (parameters, status, error) => {
    const client = await start({ clientId: 'spa' })
    expect(await token(client, parameters)).toMatchObject({ status, body: { error } })
    expect(client.server.backend.stats).toMatchObject({ rejected: 1, refreshes: 0 })
  })

  it('refuses a scope beyond the grant, another encoding and a repeated parameter', async () => {
    const client = await start()
    const { refreshToken } = await client.login('grace', 'hopper')
    const parameters = { grant_type: 'refresh_token', refresh_token: refreshToken }
    expect(await token(client, { ...parameters, scope: 'orders:write' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_scope' },
    })
    expect(await client.send('POST', '/auth/token', { json: parameters })).toMatchObject({
      body: { error: 'invalid_request', error_description: expect.stringContaining('content type') },
    })
    const body = new URLSearchParams([...Object.entries(parameters), ['grant_type', 'refresh_token']])
    expect(await client.send('POST', '/auth/token', { body })).toMatchObject({
      body: { error: 'invalid_request' },
    })
    expect((await token(client, parameters)).status).toBe(200)
  })

  it('signs with the kid that it publishes', async () => {
    const client = await start()
    const { accessToken } = await client.login()
    const { keys } = (await client.send('GET', '/auth/jwks')).body
    expect(keys).toEqual([
      expect.objectContaining({ kid: decodeProtectedHeader(accessToken).kid, use: 'sig' }),
    ])
    expect(keys[0]).not.toHaveProperty('d')
  })
})
