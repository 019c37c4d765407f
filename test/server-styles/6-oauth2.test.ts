import type { AuthOptions } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { connect } from '../../examples/server-styles/oauth2.js'
import { MINUTE, tellStory, useScene } from './scene.js'

const setScene = useScene(connect)
const setNarrowScene = useScene((server: string, options?: AuthOptions) =>
  connect(server, options, 'orders:read'),
)

describe('server style 6: the refresh_token grant of OAuth 2.0', () => {
  it.each([true, false])('stays logged in through nine expiries with rotation %s', async rotation => {
    // The server takes a form from its own client, and refuses anything else.
    await tellStory(await setScene({ clientId: 'spa', rotation }), { rotation })
  })

  it('asks for the scope that it was told, and gets no more', async () => {
    const { auth, burst, login, pass } = await setNarrowScene({ clientId: 'spa' })
    await login()
    expect(auth.getState()).toMatchObject({ claims: { scope: 'orders:read orders:write' } })
    for (let round = 0; round < 3; round++) {
      pass(5 * MINUTE)
      await burst()
      expect(auth.getState()).toMatchObject({ claims: { scope: 'orders:read' } })
    }
  })

  it.each([true, false])(
    'knows the end of the refresh token by refresh_expires_in, with rotation %s, and asks once before the session ends',
    async rotation => {
      const { api, auth, backend, burst, events, login, now, pass } = await setScene({
        clientId: 'spa',
        rotation,
        refreshTokenLifetime: 12 * MINUTE,
      })
      await login()
      const sessionEnd = now() + 12 * MINUTE
      pass(5 * MINUTE)
      await burst()
      const expected = rotation ? now() + 12 * MINUTE : sessionEnd
      const { sessionExpiresAt = 0 } = auth.getState() as { sessionExpiresAt?: number }
      expect(Math.abs(sessionExpiresAt - expected)).toBeLessThan(1_000)
      pass(12 * MINUTE)
      await expect(api.get('/api/orders')).rejects.toMatchObject({ reason: 'refresh_token_expired' })
      expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_token_expired' }])
      expect(backend.stats).toMatchObject({ refreshes: 1, rejected: 1, unauthorized: 0 })
    },
  )

  it.each([
    ['a client that the server does not know', { clientId: 'another' }],
    ['a scope beyond the grant', { users: { ada: { password: 'lovelace', scope: 'profile' } } }],
  ])('keeps the session, and names the mistake, with %s', async (_what, options) => {
    const { api, auth, events, login, pass } = await setNarrowScene(options)
    await login()
    pass(4.5 * MINUTE)
    expect((await api.get('/api/orders')).status).toBe(200)
    pass(MINUTE)
    await expect(api.get('/api/orders')).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    expect(events.of('refreshFailed')[0]).toMatchObject({ class: 'misconfigured', attempts: 1 })
    expect(events.names).not.toContain('sessionExpired')
    expect(auth.getState()).toMatchObject({ status: 'authenticated', error: { code: 'ERR_REFRESH_FAILED' } })
  })

  it('ends the session once after the reuse of a stolen refresh token', async () => {
    const { api, backend, burst, client, events, login, pass } = await setScene({ clientId: 'spa' })
    const { refreshToken = '' } = (await login()) as { refreshToken?: string }
    pass(5 * MINUTE)
    await burst()
    expect(await client.refresh(refreshToken)).toMatchObject({ status: 400 })
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => api.get('/api/orders')))
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ reason: { code: 'ERR_SESSION_EXPIRED', reason: 'refresh_rejected' } })
    }
    expect(events.of('sessionExpired')).toHaveLength(1)
    expect(backend.stats).toMatchObject({ reuses: 1 })
  })
})
