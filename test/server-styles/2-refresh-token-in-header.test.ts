import { refreshRequest } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { connect } from '../../examples/server-styles/refresh-token-in-header.js'
import { MINUTE, tellStory, useScene } from './scene.js'

const setScene = useScene(connect)

describe('server style 2: the refresh token in Authorization, the new access token in a response header', () => {
  it.each([true, false])('stays logged in through nine expiries with rotation %s', async rotation => {
    await tellStory(await setScene({ transport: 'header', rotation }), { rotation })
  })

  it('reads tokens that come in headers alone, by a `read` of three lines', async () => {
    const { backend, connect, login, pass, server, spent } = await setScene({ transport: 'header' })
    const tokens = await login()
    const { api, auth } = connect({
      refresh: refreshRequest({
        url: `${server.url}/auth/refresh`,
        send: 'header',
        read: ({ headers }) => ({
          accessToken: headers.get('Authorization')?.replace('Bearer ', ''),
          refreshToken: headers.get('X-Refresh-Token'),
        }),
      }),
    })
    await auth.login(tokens)
    for (let round = 1; round <= 3; round++) {
      pass(5 * MINUTE)
      expect((await api.get('/api/orders')).status).toBe(200)
      expect(backend.stats).toMatchObject({ refreshes: round, unauthorized: 0, reuses: 0 })
    }
    expect(new Set(spent()).size).toBe(3)
  })

  it('sends the refresh token to the refresh endpoint alone', async () => {
    const { burst, login, pass, server } = await setScene({ transport: 'header' })
    await login()
    pass(5 * MINUTE)
    await burst()
    const others = server.log.since(0).filter(({ path }) => path !== '/auth/refresh')
    expect(others.map(({ refreshTokenId }) => refreshTokenId)).toEqual(Array(21).fill(undefined))
  })
})
