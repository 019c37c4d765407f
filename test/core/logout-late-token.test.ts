// @vitest-environment happy-dom
/** A refresh token that arrives after the logout. */
import { describe, expect, it, vi } from 'vitest'
import {
  accessToken,
  alone,
  cell,
  DAY,
  jumpWall,
  type open,
  pair,
  pass,
  refreshStub,
  SECOND,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'
import {
  down,
  logoutEndpoint,
  openCookie,
  openPage,
  restored,
  up,
  useLogoutPages,
} from '../support/logout-pages.js'

useFakeTime()

/** A cookie session that logs out while its refresh has no answer. */
async function logOutDuringRefresh() {
  const endpoint = logoutEndpoint()
  const { auth, refresh } = openCookie({ refresh: refreshStub(), logout: endpoint.logout })
  await pass(SECOND)
  refresh.last.answer(alone())
  await restored(auth)
  watch(auth.refresh())
  await settle()
  await auth.logout()
  return { auth, refresh, endpoint }
}

useLogoutPages()

describe('a refresh token that arrives after the logout', () => {
  const flying = async (options: Parameters<typeof open>[0] = {}) => {
    const endpoint = logoutEndpoint()
    const opened = openPage({ logout: endpoint.logout, ...options })
    const tokens = pair()
    await opened.auth.login(tokens)
    const refreshed = watch(opened.auth.refresh())
    await settle()
    return { ...opened, endpoint, tokens, refreshed }
  }

  it('is revoked, too', async () => {
    const { auth, refresh, endpoint, tokens, refreshed } = await flying()
    await auth.logout()
    expect(refreshed).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    const late = refresh.last.answer()
    await settle()
    expect(endpoint.calls).toEqual([
      { accessToken: tokens.access_token, refreshToken: tokens.refresh_token },
      { accessToken: late.access_token, refreshToken: late.refresh_token },
    ])
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('is revoked after a reload where the server was down', async () => {
    const storage = cell()
    const { auth, refresh, endpoint, tokens } = await flying({ storage })
    endpoint.answer = down
    await auth.logout()
    const late = refresh.last.answer()
    await settle()
    auth.dispose()
    endpoint.answer = up
    endpoint.calls.length = 0
    openPage({ storage, logout: endpoint.logout })
    await settle()
    expect(endpoint.calls.map(({ refreshToken }) => refreshToken).sort()).toEqual(
      [tokens.refresh_token, late.refresh_token].sort(),
    )
    await settle()
    expect(storage.record).toBeNull()
  })

  it('is revoked when its answer comes after refreshTimeout', async () => {
    const { auth, refresh, endpoint } = await flying()
    await pass(11 * SECOND)
    await auth.logout()
    const late = refresh.last.answer()
    await settle()
    expect(endpoint.calls.at(-1)).toEqual({
      accessToken: late.access_token,
      refreshToken: late.refresh_token,
    })
    expect(endpoint.calls).toHaveLength(2)
  })

  it('is revoked when it is another tab that has logged out', async () => {
    const storage = cell(null, { shared: true })
    const { auth, refresh, endpoint } = await flying({ storage })
    const other = openPage({ storage, logout: endpoint.logout })
    await restored(other.auth)
    await other.auth.logout()
    const late = refresh.last.answer()
    await pass(SECOND)
    expect(endpoint.calls.map(({ refreshToken }) => refreshToken)).toContain(late.refresh_token)
    expect(endpoint.calls).toHaveLength(2)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(JSON.stringify(storage.record)).not.toContain(late.refresh_token)
  })

  it('is revoked when another tab logged out and no channel reported it', async () => {
    vi.stubGlobal('BroadcastChannel', undefined)
    const storage = cell(null, { shared: true })
    const { auth, refresh, endpoint } = await flying({ storage })
    const other = openPage({ storage, logout: endpoint.logout })
    await restored(other.auth)
    await other.auth.logout()
    const late = refresh.last.answer()
    await pass(SECOND)
    expect(endpoint.calls.map(({ refreshToken }) => refreshToken)).toContain(late.refresh_token)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('is revoked although a login has followed', async () => {
    const { auth, refresh, endpoint } = await flying()
    await auth.logout()
    await auth.login(pair({ sub: 'grace' }))
    const late = refresh.last.answer()
    await settle()
    expect(endpoint.calls.at(-1)?.refreshToken).toBe(late.refresh_token)
    expect(auth.getState()).toMatchObject({ claims: { sub: 'grace' } })
  })

  it('is revoked alone where the session of a login that has followed is refreshed later', async () => {
    const { auth, refresh, endpoint, tokens } = await flying()
    await auth.logout()
    await auth.login(pair({ sub: 'grace' }))
    const late = refresh.last.answer()
    await settle()
    for (let round = 0; round < 2; round++) {
      watch(auth.refresh())
      await settle()
      refresh.last.answer(pair({ sub: 'grace' }))
      await settle()
    }
    expect(endpoint.calls.map(({ refreshToken }) => refreshToken)).toEqual([
      tokens.refresh_token,
      late.refresh_token,
    ])
    expect(refresh.calls).toHaveLength(3)
  })

  it('is sent again if the first call fails, although the login that followed is older than a day', async () => {
    const { auth, refresh, endpoint } = await flying()
    await auth.logout()
    await auth.login(pair({ sub: 'grace' }))
    endpoint.answer = down
    // The device sleeps, and no timer runs.
    jumpWall(2 * DAY)
    const late = refresh.last.answer()
    await settle()
    endpoint.answer = up
    await pass(SECOND)
    const told = { accessToken: late.access_token, refreshToken: late.refresh_token }
    expect(endpoint.calls.slice(1)).toEqual([told, told])
  })

  it('is not sent twice where the server does not rotate', async () => {
    const { auth, refresh, endpoint, tokens } = await flying()
    await auth.logout()
    refresh.last.answer({ access_token: accessToken(), refresh_token: tokens.refresh_token })
    await settle()
    refresh.last.answer(alone())
    await settle()
    expect(endpoint.calls).toHaveLength(1)
  })

  it('is not revoked where another login, and no logout, ended its session', async () => {
    const { auth, refresh, endpoint } = await flying()
    await auth.login(pair({ sub: 'grace' }))
    refresh.last.answer()
    await settle()
    expect(endpoint.calls).toEqual([])
  })

  it('as a cookie makes the page tell the server again', async () => {
    const { auth, refresh, endpoint } = await logOutDuringRefresh()
    const late = refresh.last.answer(alone())
    await settle()
    expect(endpoint.calls).toHaveLength(2)
    expect(endpoint.calls[1]).toEqual({ accessToken: late.access_token })
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('as a cookie of another user is not taken where another tab has logged out and no channel reported it', async () => {
    vi.stubGlobal('BroadcastChannel', undefined)
    const endpoint = logoutEndpoint()
    const { auth, refresh, events } = openCookie({ refresh: refreshStub(), logout: endpoint.logout })
    await pass(SECOND)
    refresh.last.answer(alone())
    await restored(auth)
    watch(auth.refresh())
    await settle()
    const other = openCookie({ logout: endpoint.logout })
    watch(other.auth.logout())
    await pass(SECOND)
    refresh.last.answer(alone({ sub: 'grace' }))
    await pass(SECOND)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual(['refreshed', 'logout'])
    expect(endpoint.calls).toHaveLength(2)
  })

  it('as a cookie is left alone after another login, since the call would delete the new cookie', async () => {
    const { auth, refresh, endpoint } = await logOutDuringRefresh()
    await auth.login(alone({ sub: 'grace' }))
    refresh.last.answer(alone())
    await settle()
    expect(endpoint.calls).toHaveLength(1)
  })
})
