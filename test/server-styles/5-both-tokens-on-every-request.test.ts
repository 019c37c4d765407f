import { AxiosError } from 'axios'
import { describe, expect, it } from 'vitest'
import { connect } from '../../examples/server-styles/both-tokens-on-every-request.js'
import { BURST, MINUTE, useScene } from './scene.js'

const setScene = useScene(connect)
const renewal = 'server' as const

/** The two tokens as the resources of the server received them, in order. */
const seen = ({ server }: Awaited<ReturnType<typeof setScene>>) =>
  server.log
    .since(0)
    .filter(({ path }) => path.startsWith('/api/'))
    .map(({ accessTokenId, refreshTokenId, status }) => ({ accessTokenId, refreshTokenId, status }))

describe('server style 5: both tokens on every request, renewal by the server', () => {
  it.each([true, false])(
    'sends one request with a dead access token first, and the others with the collected tokens, with rotation %s',
    async rotation => {
      const scene = await setScene({ renewal, rotation })
      const { auth, backend, burst, events, login, pass } = scene
      await login()
      await burst()
      expect(backend.stats).toMatchObject({ refreshes: 0, unauthorized: 0 })
      for (let round = 1; round <= 3; round++) {
        pass(5 * MINUTE)
        const before = seen(scene).length
        await burst()
        const requests = seen(scene).slice(before)
        expect(requests).toHaveLength(BURST)
        // One carries the dead token, with the refresh token that renews it; no other request carries either.
        const first = requests.filter(({ refreshTokenId }) => refreshTokenId !== undefined)
        expect(first).toHaveLength(1)
        const rest = requests.filter(({ refreshTokenId }) => refreshTokenId === undefined)
        expect(new Set(rest.map(({ accessTokenId }) => accessTokenId)).size).toBe(1)
        expect(rest[0]?.accessTokenId).not.toBe(first[0]?.accessTokenId)
        expect(backend.stats).toMatchObject({
          logins: 1,
          refreshes: round,
          repeats: 0,
          reuses: 0,
          rejected: 0,
          unauthorized: 0,
        })
      }
      const spent = seen(scene).flatMap(({ refreshTokenId }) => refreshTokenId ?? [])
      expect(new Set(spent).size).toBe(rotation ? 3 : 1)
      expect(events.of('refreshed')).toHaveLength(3)
      expect(events.names).not.toContain('sessionExpired')
      expect(events.of('warning')).toEqual([])
      expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
    },
  )

  it('takes tokens of the server before the client knows of the end, within its grace window', async () => {
    const { backend, burst, events, login } = await setScene({ renewal })
    await login()
    for (let round = 1; round <= 3; round++) {
      backend.expireAccessTokens()
      await burst()
      expect(backend.stats).toMatchObject({ unauthorized: 0, reuses: 0, rejected: 0 })
      const { refreshes } = backend.stats
      await burst()
      expect(backend.stats.refreshes).toBe(refreshes)
    }
    expect(events.names).not.toContain('sessionExpired')
  })

  it('sends the refresh token with every request, to this server and no other', async () => {
    const { api, login, client } = await setScene({ renewal })
    await login()
    const sent: unknown[] = []
    api.defaults.adapter = async config => {
      sent.push([config.headers.has('Authorization'), config.headers.has('X-Refresh-Token')])
      return { data: '', status: 200, statusText: '', headers: {}, config }
    }
    await api.get('/api/orders')
    await api.get('https://elsewhere.example/orders')
    await api.get(client.server.url.replace('127.0.0.1', 'localhost'))
    expect(sent).toEqual([
      [true, true],
      [false, false],
      [false, false],
    ])
  })

  it('tries the next request with both tokens when the first one breaks on the way', async () => {
    const { api, backend, burst, events, login, pass } = await setScene({ renewal })
    await login()
    pass(5 * MINUTE)
    const adapter = api.defaults.adapter ?? 'http'
    api.defaults.adapter = config => Promise.reject(new AxiosError('socket hang up', 'ECONNRESET', config))
    await expect(api.get('/api/orders')).rejects.toThrow()
    api.defaults.adapter = adapter
    // After the back-off of the failure.
    pass(MINUTE)
    await burst()
    expect(events.names).not.toContain('sessionExpired')
    expect(backend.stats).toMatchObject({ refreshes: 1, repeats: 0, unauthorized: 0 })
  })

  it('ends the session once when the server refuses both, although a whole burst hears of it', async () => {
    const { api, auth, backend, events, login, pass } = await setScene({ renewal })
    await login()
    pass(5 * MINUTE)
    backend.revokeRefreshTokens()
    const outcomes = await Promise.allSettled(Array.from({ length: BURST }, () => api.get('/api/orders')))
    expect(outcomes.map(({ status }) => status)).toEqual(Array(BURST).fill('rejected'))
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_rejected' }])
    expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'refresh_rejected' })
    // The request that went first got the answer; no other request was sent.
    expect(backend.stats).toMatchObject({ rejected: 1, refreshes: 0, unauthorized: 1 })
    await expect(api.get('/api/orders')).rejects.toMatchObject({ response: { status: 401 } })
    expect(backend.stats).toMatchObject({ rejected: 1, refreshes: 0, unauthorized: 2 })
    await login()
    expect((await api.get('/api/orders')).status).toBe(200)
  })

  it('ends the session after one request when both tokens seem to be over', async () => {
    const { api, backend, events, login, pass } = await setScene({
      renewal,
      refreshTokenLifetime: 10 * MINUTE,
    })
    await login()
    const { requests } = backend.stats
    pass(10 * MINUTE)
    await expect(api.get('/api/orders')).rejects.toMatchObject({ reason: 'refresh_token_expired' })
    expect(events.of('sessionExpired')).toHaveLength(1)
    expect(backend.stats.requests).toBe(requests + 1)
  })
})
