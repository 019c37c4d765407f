import { decodeJwt } from 'jose'
import { describe, expect, it } from 'vitest'
import { connect } from '../../examples/server-styles/access-token-refreshed.js'
import { expectOneEnd, MINUTE, tellStory, useScene } from './scene.js'

const setScene = useScene(connect)

describe('server style 7: the access token is refreshed itself', () => {
  it.each([true, false])('stays logged in through nine expiries with rotation %s', async rotation => {
    // Each refresh takes the latest access token, whether the one before it is spent or not.
    await tellStory(await setScene({ transport: 'access', rotation }), { rotation: true })
  })

  it('refreshes a token that expired long ago, with nothing but that token', async () => {
    const { auth, backend, burst, login, pass, spent } = await setScene({ transport: 'access' })
    expect(await login()).not.toHaveProperty('refreshToken')
    const first = await auth.getAccessToken()
    pass(23 * 60 * MINUTE)
    await burst()
    expect(await auth.getAccessToken()).not.toBe(first)
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 0 })
    expect(spent()).toEqual([decodeJwt(first ?? '').jti])
  })

  it('ends the session once when the time to refresh in is over, and begins another by a login', async () => {
    const { api, auth, backend, burst, events, login, pass } = await setScene({ transport: 'access' })
    await login()
    pass(24 * 60 * MINUTE - 1)
    await burst()
    pass(5 * MINUTE)
    await expectOneEnd({ api, auth, events }, 'refresh_token_expired')
    expect(backend.stats).toMatchObject({ refreshes: 1, rejected: 1, unauthorized: 0 })
    await login()
    await burst()
  })
})
