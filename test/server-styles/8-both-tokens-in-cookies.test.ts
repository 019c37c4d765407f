import { describe, expect, it } from 'vitest'
import { connect } from '../../examples/server-styles/both-tokens-in-cookies.js'
import { createBrowser, visit } from './browser.js'
import { burst, expectOneEnd, MINUTE, tellStory, useScene } from './scene.js'

const setScene = useScene((server, options) => {
  const connection = connect(server, options)
  // The adapter of axios that sends through the page's `fetch`.
  connection.api.defaults.adapter = 'fetch'
  return connection
})

/** A page that was just opened, where no user is logged in. */
async function openPage(rotation?: boolean) {
  const browser = createBrowser()
  visit(browser, 'http://127.0.0.1/')
  const scene = await setScene({ transport: 'cookies', csrf: false, rotation })
  await scene.auth.ready
  expect(scene.backend.stats).toMatchObject({ rejected: 1, refreshes: 0 })
  expect(scene.auth.getState()).toEqual({ status: 'anonymous' })
  // The restore, which found no session, does not count below.
  scene.backend.reset()
  return { ...scene, browser }
}

describe('server style 8: both tokens in HttpOnly cookies', () => {
  it.each([true, false])('stays logged in through nine expiries with rotation %s', async rotation => {
    await tellStory(await openPage(rotation), { rotation, isHidden: true })
  })

  it('shows no script a token, and sends the refresh token to the auth path alone', async () => {
    const { auth, browser, login, server } = await openPage()
    const answer = await login()
    expect(Object.keys(answer)).toEqual(['expiresIn', 'refreshExpiresIn', 'tokenType', 'scope'])
    expect(auth.getState()).toMatchObject({ status: 'authenticated', expiresAt: expect.any(Number) })
    expect(await auth.getAccessToken()).toBeUndefined()
    expect(document.cookie).toMatch(/^csrf=[^;]+$/)
    const cookies = await browser.jar.getCookies(`${server.url}/auth/refresh`)
    expect(cookies.filter(({ httpOnly }) => httpOnly).map(({ key, path }) => [key, path])).toEqual([
      ['refresh', '/auth'],
      ['access', '/'],
    ])
    expect(await browser.jar.getCookieString(`${server.url}/api/orders`)).not.toContain('refresh=')
  })

  it('restores the session on reload, silently, with one refresh each time', async () => {
    const { auth, backend, connect, login } = await openPage()
    await login()
    auth.dispose()
    for (let reload = 1; reload <= 3; reload++) {
      const { api, auth: restored, events } = connect()
      expect(restored.getState().status).toBe('loading')
      await burst(api)
      expect(restored.getState().status).toBe('authenticated')
      expect(events.of('refreshed').map(({ reason }) => reason)).toEqual(['restore'])
      expect(backend.stats).toMatchObject({ refreshes: reload, unauthorized: 0 })
      restored.dispose()
    }
  })

  it('logs out at the server, which deletes both cookies', async () => {
    const { api, auth, backend, browser, events, login, server } = await openPage()
    await login()
    await auth.logout()
    expect(backend.stats.logouts).toBe(1)
    expect(await browser.jar.getCookieString(`${server.url}/auth/refresh`)).toBe('')
    await expect(api.get('/api/orders')).rejects.toMatchObject({ response: { status: 401 } })
    expect(backend.stats).toMatchObject({ refreshes: 0, unauthorized: 1 })
    expect(events.of('warning')).toEqual([])
  })

  it('ends the session once when the cookie was revoked, and begins another by a login', async () => {
    const { api, auth, backend, events, login, pass } = await openPage()
    await login()
    backend.revokeRefreshTokens()
    pass(5 * MINUTE)
    await expectOneEnd({ api, auth, events }, 'refresh_rejected')
    expect(backend.stats).toMatchObject({ rejected: 1, unauthorized: 0 })
    await login()
    await burst(api)
  })
})
