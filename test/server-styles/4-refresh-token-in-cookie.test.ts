import { describe, expect, it } from 'vitest'
import type { ServerOptions } from '../../demo/server/start.js'
import { connect } from '../../examples/server-styles/refresh-token-in-cookie.js'
import { createBrowser, visit } from './browser.js'
import { burst, expectOneEnd, MINUTE, tellStory, useScene } from './scene.js'

const setScene = useScene((server, options) => {
  const connection = connect(server, options)
  // The adapter of axios that sends through the page's `fetch`.
  connection.api.defaults.adapter = 'fetch'
  return connection
})

/** A page that was just opened, where no user is logged in. */
async function openPage(options?: ServerOptions) {
  const browser = createBrowser()
  visit(browser, 'http://127.0.0.1/')
  const scene = await setScene({ transport: 'cookie', csrf: true, ...options })
  await scene.auth.ready
  const before = { ...scene.backend.stats }
  return { ...scene, browser, before }
}

describe('server style 4: the refresh token in an HttpOnly cookie', () => {
  it('is anonymous, not expired, where no user has logged in', async () => {
    const { auth, before, events } = await openPage()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual([])
    expect(before).toMatchObject({ rejected: 1, refreshes: 0 })
  })

  it.each([true, false])('stays logged in through nine expiries with rotation %s', async rotation => {
    const browser = createBrowser()
    visit(browser, 'http://127.0.0.1/')
    const scene = await setScene({ transport: 'cookie', csrf: true, rotation })
    await scene.auth.ready
    // The restore, which found no session, is not part of the story.
    scene.backend.reset()
    await tellStory(scene, { rotation })
  })

  it('never shows the refresh token to a script, nor sends it beside the auth path', async () => {
    const { browser, burst, login, pass, server } = await openPage()
    expect(await login()).not.toHaveProperty('refreshToken')
    const cookies = await browser.jar.getCookies(`${server.url}/auth/refresh`)
    expect(cookies).toContainEqual(
      expect.objectContaining({ key: 'refresh', httpOnly: true, sameSite: 'strict', path: '/auth' }),
    )
    expect(document.cookie).toMatch(/^csrf=[^;]+$/)
    pass(5 * MINUTE)
    await burst()
    const api = server.log.since(0).filter(({ path }) => path.startsWith('/api/'))
    expect(api.map(({ refreshTokenId }) => refreshTokenId)).toEqual(Array(20).fill(undefined))
    expect(await browser.jar.getCookieString(`${server.url}/api/orders`)).toMatch(/^csrf=[^;]+$/)
  })

  it('restores the session on reload, silently, with one refresh each time', async () => {
    const { auth, backend, before, connect, login } = await openPage()
    await login()
    auth.dispose()
    for (let reload = 1; reload <= 3; reload++) {
      const { api, auth: restored, events } = connect()
      expect(restored.getState().status).toBe('loading')
      await burst(api)
      expect(restored.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
      expect(events.of('refreshed').map(({ reason }) => reason)).toEqual(['restore'])
      expect(events.names).toEqual(['refreshed'])
      expect(backend.stats.refreshes).toBe(before.refreshes + reload)
      restored.dispose()
    }
  })

  it('logs out at the server, which deletes the cookie', async () => {
    const { auth, backend, browser, events, login, server } = await openPage()
    await login()
    await auth.logout()
    expect(backend.stats.logouts).toBe(1)
    expect(await browser.jar.getCookieString(`${server.url}/auth/refresh`)).not.toContain('refresh=')
    expect(events.of('warning')).toEqual([])
  })

  it('keeps the session, and is misconfigured, when the csrf echo is missing', async () => {
    const { api, auth, backend, browser, events, login, pass, server } = await openPage()
    await login()
    // A cookie that no script can read cannot be echoed.
    browser.jar.setCookieSync(`${document.cookie}; Path=/; HttpOnly`, server.url)
    pass(5 * MINUTE)
    await expect(api.get('/api/orders')).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    expect(events.of('refreshFailed')).toMatchObject([{ class: 'misconfigured', attempts: 1 }])
    expect(auth.getState()).toMatchObject({
      status: 'authenticated',
      error: {
        code: 'ERR_REFRESH_FAILED',
        cause: { message: expect.stringContaining('403 (csrf_mismatch)') },
      },
    })
    expect(backend.stats).toMatchObject({ refreshes: 0, unauthorized: 0 })
  })

  it('ends the session once when the cookie was revoked, and begins another by a login', async () => {
    const { api, auth, backend, before, events, login, pass } = await openPage()
    await login()
    backend.revokeRefreshTokens()
    pass(5 * MINUTE)
    await expectOneEnd({ api, auth, events }, 'refresh_rejected')
    expect(backend.stats).toMatchObject({ rejected: before.rejected + 1, unauthorized: 0 })
    await login()
    await burst(api)
  })
})
