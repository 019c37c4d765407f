import { describe, expect, it } from 'vitest'
import { connect } from '../../examples/server-styles/both-tokens-at-refresh.js'
import { MINUTE, tellStory, useScene } from './scene.js'

const setScene = useScene(connect)

describe('server style 3: both tokens together, each checked against the store', () => {
  it.each([true, false])('stays logged in through nine expiries with rotation %s', async rotation => {
    await tellStory(await setScene({ transport: 'both', rotation }), { rotation })
  })

  it('sends the pair that belongs together, also after many rotations', async () => {
    const { burst, login, pass, server } = await setScene({ transport: 'both' })
    await login()
    for (let round = 0; round < 3; round++) {
      pass(5 * MINUTE)
      await burst()
    }
    const log = server.log.since(0)
    const refreshes = log.filter(({ path }) => path === '/auth/refresh')
    expect(refreshes).toHaveLength(3)
    // The access token of each refresh is the one that the requests before it carried.
    for (const { id, accessTokenId } of refreshes.slice(1)) {
      expect(accessTokenId).toBe(
        log.filter(entry => entry.id < id && entry.path === '/api/echo').at(-1)?.accessTokenId,
      )
    }
  })

  it.each(['accessToken', 'refreshToken'] as const)(
    'ends the session when the server finds the %s to be of another one',
    async stolen => {
      const { api, auth, backend, client, events, pass } = await setScene({ transport: 'both' })
      const mine = await client.login()
      const other = await client.login('grace', 'hopper')
      await auth.login({ ...mine, [stolen]: other[stolen] })
      pass(5 * MINUTE)
      await expect(api.get('/api/orders')).rejects.toMatchObject({
        code: 'ERR_SESSION_EXPIRED',
        reason: 'refresh_rejected',
      })
      expect(events.of('sessionExpired')).toHaveLength(1)
      expect(backend.stats).toMatchObject({ rejected: 1, refreshes: 0, unauthorized: 0 })
    },
  )
})
