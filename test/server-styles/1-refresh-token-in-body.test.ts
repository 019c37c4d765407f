import { refreshRequest } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { connect } from '../../examples/server-styles/refresh-token-in-body.js'
import { tellStory, useScene } from './scene.js'

const setScene = useScene(connect)

describe('server style 1: the refresh token in the JSON body, the access token in Authorization', () => {
  it.each([true, false])('stays logged in through nine expiries with rotation %s', async rotation => {
    await tellStory(await setScene({ rotation }), { rotation })
  })

  it('answers the expired token with 401 invalid_token, which no caller sees', async () => {
    const { api, backend, client, login } = await setScene()
    const { accessToken = '' } = await login()
    backend.expireAccessTokens()
    const raw = await client.orders(accessToken)
    expect([raw.status, raw.headers.get('WWW-Authenticate')]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ])
    expect((await api.get('/api/orders')).status).toBe(200)
  })

  it('sends the refresh token under another name, and reads an answer of another shape', async () => {
    const { connect, login, pass, server, spent } = await setScene()
    const tokens = await login()
    const { api, auth } = connect({
      refresh: refreshRequest({
        url: `${server.url}/auth/refresh`,
        field: 'refresh_token',
        read: async response => ({ ...(await response.json()), tokenType: 'bearer' }),
      }),
    })
    await auth.login(tokens)
    for (let round = 0; round < 3; round++) {
      pass(300_000)
      expect((await api.get('/api/orders')).status).toBe(200)
    }
    expect(new Set(spent()).size).toBe(3)
  })

  it('ends the session once, for a whole burst, when the refresh token was revoked', async () => {
    const { api, auth, backend, events, login, pass } = await setScene()
    await login()
    backend.revokeRefreshTokens()
    pass(300_000)
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => api.get('/api/orders')))
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'ERR_SESSION_EXPIRED', reason: 'refresh_rejected' },
      })
    }
    expect(events.of('sessionExpired')).toHaveLength(1)
    expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'refresh_rejected' })
    expect(backend.stats).toMatchObject({ rejected: 1, unauthorized: 0 })
    await login()
    expect((await api.get('/api/orders')).status).toBe(200)
  })

  it('passes the 401 of a wrong password to the login, with and without a session', async () => {
    const { auth, backend, login } = await setScene()
    await expect(login('ada', 'byron')).rejects.toMatchObject({ response: { status: 401 } })
    await login()
    await expect(login('ada', 'byron', { skipAuth: true })).rejects.toMatchObject({
      response: { status: 401 },
    })
    expect(auth.getState().status).toBe('authenticated')
    expect(backend.stats).toMatchObject({ refreshes: 0, rejected: 0 })
  })
})
