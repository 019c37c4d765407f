import { refreshRequest } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { connect } from '../../examples/server-styles/four-cases.js'
import { BURST, MINUTE, next, useScene } from './scene.js'

const setScene = useScene(connect)
/** The refresh token ends before the access token of the same answer does. */
const shortSession = {
  transport: 'both',
  accessTokenLifetime: 10 * MINUTE,
  refreshTokenLifetime: 4 * MINUTE,
} as const

describe('server style 9: the four cases of two tokens that end', () => {
  it('both valid: there is nothing to do', async () => {
    const { backend, burst, events, login, pass } = await setScene({ transport: 'both' })
    await login()
    for (let round = 0; round < 3; round++) {
      pass(MINUTE)
      await burst()
    }
    expect(backend.stats).toMatchObject({ refreshes: 0, rejected: 0, unauthorized: 0 })
    expect(events.names).toEqual(['login'])
  })

  it.each([true, false])(
    'access token expired, refresh token valid: a new access token, with rotation %s',
    async rotation => {
      const { auth, backend, burst, connection, login, pass } = await setScene({
        transport: 'both',
        rotation,
      })
      await login()
      for (let round = 1; round <= 3; round++) {
        pass(5 * MINUTE)
        await burst()
        expect(backend.stats).toMatchObject({ refreshes: round, rejected: 0, unauthorized: 0 })
      }
      expect(auth.getState().status).toBe('authenticated')
      expect(connection.notices).toEqual([])
    },
  )

  it('access token valid, refresh token expired: a server that offers it gives a new pair', async () => {
    const { auth, backend, burst, connection, events, login, pass } = await setScene(shortSession)
    await login()
    for (let round = 1; round <= 3; round++) {
      pass(5 * MINUTE)
      const refreshed = next(auth, 'refreshed')
      await burst()
      await refreshed
      // Asked once, behind requests that left with a token that is good.
      expect(backend.stats).toMatchObject({ refreshes: round, rejected: 0, unauthorized: 0 })
    }
    await burst()
    expect(backend.stats.refreshes).toBe(3)
    expect(connection.notices).toEqual([])
    expect(events.names).not.toContain('sessionExpired')
  })

  it('access token valid, refresh token expired: elsewhere the session lives as long as the access token', async () => {
    const { backend, connect, login, pass, server } = await setScene({
      ...shortSession,
      transport: 'body',
    })
    const {
      api: own,
      auth,
      events: heard,
    } = connect({
      refresh: refreshRequest({ url: `${server.url}/auth/refresh` }),
    })
    await auth.login(await login())
    pass(5 * MINUTE)
    const { requests } = backend.stats
    for (let round = 0; round < 3; round++) await own.get('/api/orders')
    expect(auth.getState().status).toBe('authenticated')
    // The preset has nothing to send without a refresh token: the server heard of it nothing at all.
    expect(backend.stats).toMatchObject({ requests: requests + 3, refreshes: 0, rejected: 0 })
    pass(5 * MINUTE)
    const outcomes = await Promise.allSettled(Array.from({ length: BURST }, () => own.get('/api/orders')))
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        reason: { code: 'ERR_SESSION_EXPIRED', reason: 'refresh_token_expired' },
      })
    }
    expect(heard.of('sessionExpired')).toMatchObject([{ reason: 'refresh_token_expired' }])
    // Then the refresh token is all that is left, and the server decides, once.
    expect(backend.stats).toMatchObject({ requests: requests + 4, rejected: 1, unauthorized: 0 })
  })

  it('access token valid, refresh token expired: a server that says no is asked once', async () => {
    const { api, auth, backend, events, login, pass } = await setScene({
      ...shortSession,
      auth: { retry: 2 },
    })
    await login()
    pass(5 * MINUTE)
    backend.failNextRefresh({ status: 400, error: 'invalid_grant' })
    const failed = next(auth, 'refreshFailed')
    for (let round = 0; round < 3; round++) expect((await api.get('/api/orders')).status).toBe(200)
    await failed
    for (let round = 0; round < 3; round++) expect((await api.get('/api/orders')).status).toBe(200)
    expect(backend.stats).toMatchObject({ failures: 1, refreshes: 0, rejected: 1 })
    expect(events.names).not.toContain('sessionExpired')
    pass(5 * MINUTE)
    await expect(api.get('/api/orders')).rejects.toMatchObject({ reason: 'refresh_token_expired' })
    expect(backend.stats).toMatchObject({ failures: 1, refreshes: 0, unauthorized: 0 })
  })

  it('both expired: the server is asked once, and then login again, once', async () => {
    const { api, auth, backend, burst, connection, events, login, pass } = await setScene({
      transport: 'both',
      refreshTokenLifetime: 10 * MINUTE,
    })
    await login()
    await burst()
    const { requests } = backend.stats
    pass(10 * MINUTE)
    const outcomes = await Promise.allSettled(Array.from({ length: BURST }, () => api.get('/api/orders')))
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        reason: { code: 'ERR_SESSION_EXPIRED', reason: 'refresh_token_expired' },
      })
    }
    expect(backend.stats).toMatchObject({ requests: requests + 1, refreshes: 0, rejected: 1 })
    expect(events.of('sessionExpired')).toHaveLength(1)
    expect(connection.notices).toContain('refresh_token_expired')
    expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'refresh_token_expired' })
    await login()
    await burst()
    expect(auth.getState().status).toBe('authenticated')
  })
})
