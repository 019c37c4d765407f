import { cookieSession, createAuth } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import {
  accessToken,
  alone,
  DAY,
  engineView,
  HOUR,
  httpError,
  invalidGrant,
  MINUTE,
  open,
  pair,
  pass,
  REFRESH_TIMEOUT,
  recordEvents,
  refreshStub,
  rejection,
  SECOND,
  settle,
  track,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

const openCookie = (options: Parameters<typeof open>[0] = {}) =>
  open({ storage: cookieSession(), autoRefresh: 'off', ...options })

describe('a page that loads in cookie mode', () => {
  it('asks once, with reason restore and without tokens', async () => {
    const { auth, refresh, events } = openCookie()
    expect(auth.getState()).toEqual({ status: 'loading' })
    const asked = [watch(auth.getAccessToken()), watch(auth.getAccessToken())]
    await settle()
    expect(refresh.reasons).toEqual(['restore'])
    expect('refreshToken' in refresh.last).toBe(false)
    expect('accessToken' in refresh.last).toBe(false)
    expect(asked.map(({ status }) => status)).toEqual(['pending', 'pending'])
    const { access_token } = refresh.last.answer(alone())
    await settle()
    await auth.ready
    expect(asked.map(({ value }) => value)).toEqual([access_token, access_token])
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
    expect(events.names).not.toContain('login')
    expect(events.statuses).toEqual(['authenticated'])
    expect(refresh.calls).toHaveLength(1)
  })

  it.each<[string, () => unknown]>([
    ['401', () => httpError(401)],
    ['403', () => httpError(403)],
    ['invalid_grant', () => invalidGrant()],
    ['400 without a body', () => httpError(400)],
    ['400 of a validator', () => httpError(400, { message: ['refreshToken must be a string'] })],
    ['400 of an OAuth server', () => httpError(400, { error: 'invalid_request' })],
    ['422', () => httpError(422, { msg: 'no token' })],
    ['200 with an error', () => httpError(200, { error: 'no_session' })],
  ])('is anonymous, not expired, after a refusal by %s', async (_, failure) => {
    const { auth, refresh, events } = openCookie()
    await settle()
    refresh.last.fail(failure())
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
    expect(events.names).not.toContain('sessionExpired')
    expect(events.names).not.toContain('logout')
    await auth.getAccessToken()
    expect(refresh.calls).toHaveLength(1)
  })

  it.each<[string, () => unknown]>([
    ['a network error', () => new TypeError('Failed to fetch')],
    ['a 503', () => httpError(503)],
    ['a wrong URL', () => httpError(404)],
    ['a wrong client', () => httpError(400, { error: 'invalid_client' })],
    ['the page of a firewall', () => httpError(403, '<html>Blocked</html>')],
  ])('is anonymous with an error after %s', async (_, failure) => {
    const { auth, refresh, events } = openCookie({ retry: 0 })
    await settle()
    refresh.last.fail(failure())
    await auth.ready
    expect(auth.getState()).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
    expect(events.of('refreshFailed')).toHaveLength(1)
  })

  it('tries again with the next request after a network error', async () => {
    const { auth, refresh } = openCookie({ retry: 0 })
    await settle()
    refresh.last.fail(new TypeError('Failed to fetch'))
    await auth.ready
    await pass(2 * SECOND)
    const asked = watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['restore', 'restore'])
    const { access_token } = refresh.last.answer(alone())
    await settle()
    expect(asked.value).toBe(access_token)
    expect(auth.getState()).not.toHaveProperty('error')
  })

  it('does not storm while the network is down', async () => {
    const { auth, refresh } = openCookie({
      refresh: refreshStub(() => Promise.reject(new TypeError('Failed to fetch'))),
    })
    await pass(30 * SECOND)
    await auth.ready
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const { length } = refresh.calls
    await rejection(auth.getAccessToken())
    for (let time = 0; time < 50; time++) {
      const error = await rejection(auth.getAccessToken())
      expect(error.code).toBe('ERR_REFRESH_FAILED')
    }
    expect(refresh.calls.length).toBeLessThanOrEqual(length + 1)
  })

  it('is ready although the refresh hangs', async () => {
    const { auth } = openCookie()
    const ready = watch(auth.ready)
    await pass(REFRESH_TIMEOUT)
    expect(ready.status).toBe('fulfilled')
    expect(auth.getState()).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
  })

  it('takes a late answer to its restore', async () => {
    const { auth, refresh } = openCookie()
    await pass(15 * SECOND)
    expect(auth.getState().status).toBe('anonymous')
    const { access_token } = refresh.last.answer(alone())
    await settle()
    expect(auth.getState()).toMatchObject({ status: 'authenticated' })
    expect(await auth.getAccessToken()).toBe(access_token)
    expect(refresh.calls).toHaveLength(1)
  })

  it('takes a late refusal of its restore', async () => {
    const { auth, refresh } = openCookie()
    await pass(15 * SECOND)
    expect(auth.getState()).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
    refresh.last.fail(httpError(401))
    await settle()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
    expect(refresh.calls).toHaveLength(1)
  })

  it('offline is anonymous with an error after one attempt, and tries again when online', async () => {
    vi.stubGlobal('navigator', { onLine: false })
    const { auth, refresh } = openCookie({
      refresh: refreshStub(async () => {
        if (!navigator.onLine) throw new TypeError('Failed to fetch')
        return alone()
      }),
    })
    await auth.ready
    expect(auth.getState()).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
    expect(refresh.calls).toHaveLength(1)
    vi.stubGlobal('navigator', { onLine: true })
    await pass(SECOND)
    expect(await auth.getAccessToken()).toBeDefined()
    expect(refresh.reasons).toEqual(['restore', 'restore'])
  })

  it('keeps a login that comes during its restore', async () => {
    const { auth, refresh, events } = openCookie()
    await settle()
    const tokens = alone({ sub: 'grace' })
    await auth.login(tokens)
    expect(refresh.calls[0]?.signal.aborted).toBe(true)
    refresh.calls[0]?.answer(alone({ sub: 'ada' }))
    await settle()
    await auth.ready
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(auth.getState()).toMatchObject({ claims: { sub: 'grace' } })
    expect(auth.getState()).not.toHaveProperty('error')
    expect(events.names).toEqual(['login'])
  })

  it('keeps a logout that comes during its restore', async () => {
    const { auth, refresh } = openCookie()
    await settle()
    await auth.logout()
    expect(refresh.calls[0]?.signal.aborted).toBe(true)
    refresh.calls[0]?.answer(alone())
    await settle()
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
    expect(refresh.calls).toHaveLength(1)
  })
})

describe('a session in cookie mode', () => {
  const start = async (options: Parameters<typeof open>[0] = {}) => {
    const opened = openCookie(options)
    await settle()
    const tokens = alone()
    opened.refresh.last.answer(tokens)
    await opened.auth.ready
    return { ...opened, tokens }
  }

  it('refreshes without a refresh token', async () => {
    const { auth, refresh, tokens } = await start()
    await pass(5 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['restore', 'expired'])
    expect('refreshToken' in refresh.last).toBe(false)
    expect(refresh.last.accessToken).toBe(tokens.access_token)
    const { access_token } = refresh.last.answer(alone())
    await settle()
    expect(asked.value).toBe(access_token)
  })

  it('never keeps a refresh token, though the server sends one', async () => {
    const opened = openCookie()
    await settle()
    opened.refresh.last.answer(pair())
    await opened.auth.ready
    await opened.auth.login(pair())
    watch(opened.auth.refresh())
    await settle()
    expect('refreshToken' in opened.refresh.last).toBe(false)
  })

  it('that the server refuses later ends as expired', async () => {
    const { auth, refresh, events } = await start()
    await pass(5 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    refresh.last.fail(httpError(401))
    await settle()
    expect(asked.error).toMatchObject({ code: 'ERR_SESSION_EXPIRED', reason: 'refresh_rejected' })
    expect(auth.getState().status).toBe('expired')
    expect(events.of('sessionExpired')).toHaveLength(1)
    await rejection(auth.getAccessToken())
    expect(refresh.calls).toHaveLength(2)
  })

  it('survives a failure', async () => {
    const { auth, refresh } = await start({ retry: 0 })
    await pass(5 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    refresh.last.fail(httpError(503))
    await settle()
    expect(asked.error).toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    expect(auth.getState()).toMatchObject({ status: 'authenticated', error: { code: 'ERR_REFRESH_FAILED' } })
  })

  it('that turns out to be of another user is another session', async () => {
    const { auth, refresh, events } = await start()
    await pass(5 * MINUTE)
    const engine = engineView(auth)
    const session = engine.session()
    const asked = watch(auth.getAccessToken())
    await settle()
    const next = refresh.last.answer(alone({ sub: 'grace' }))
    await settle()
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(engine.session()).not.toBe(session)
    expect(auth.getState()).toMatchObject({ claims: { sub: 'grace' } })
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(events.names).toContain('login')
  })

  it('whose cookie is known to have ended lives until its access token ends, and starts no storm', async () => {
    const { auth, refresh, events } = await start({ autoRefresh: 'always' })
    const tokens = alone({ lifetime: HOUR })
    await auth.login({ ...tokens, refresh_expires_in: 600 })
    const { length } = refresh.calls
    let timers = 0
    const original = globalThis.setTimeout
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((callback: () => void, delay?: number) => {
      if (++timers > 1_000) throw new Error('A storm of timers')
      return original(callback, delay)
    }) as typeof setTimeout)
    events.statuses.length = 0
    for (let minute = 0; minute < 59; minute++) {
      await pass(MINUTE)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
    }
    // Asked once for new ones, as in storage mode, or not at all.
    expect(refresh.calls.length).toBeLessThanOrEqual(length + 1)
    expect(events.statuses.length).toBeLessThan(10)
    refresh.last.fail(httpError(401))
    await pass(MINUTE)
    const asked = watch(auth.getAccessToken())
    await pass(100)
    refresh.last.fail(httpError(401))
    await pass(100)
    expect(asked.error).toMatchObject({ reason: 'refresh_token_expired' })
    expect(refresh.calls.length).toBeLessThanOrEqual(length + 2)
    expect(events.of('sessionExpired')).toHaveLength(1)
  })

  it('of an opaque token stays the same session when the server hands out another', async () => {
    const opened = openCookie()
    await settle()
    opened.refresh.last.answer({ access_token: 'opaque-1' })
    await opened.auth.ready
    const session = engineView(opened.auth).session()
    const done = watch(opened.auth.refresh())
    await settle()
    opened.refresh.last.answer({ access_token: 'opaque-2' })
    await settle()
    expect(done.status).toBe('fulfilled')
    expect(engineView(opened.auth).session()).toBe(session)
  })

  it.each(['login', 'logout'] as const)('%s during a flight aborts its request', async method => {
    const { auth, refresh } = await start()
    await pass(5 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    const { signal } = refresh.last
    expect(signal.aborted).toBe(false)
    if (method === 'login') await auth.login(alone({ sub: 'grace' }))
    else await auth.logout()
    expect(signal.aborted).toBe(true)
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(refresh.calls).toHaveLength(2)
  })

  it('tells the server of a logout with the tokens that exist', async () => {
    const logout = vi.fn(async () => {})
    const { auth, tokens } = await start({ logout })
    await auth.logout()
    expect(logout).toHaveBeenCalledExactlyOnceWith({
      accessToken: tokens.access_token,
      signal: expect.any(AbortSignal),
    })
  })

  it('tells the server of a logout although no session was found: the cookie may be there', async () => {
    const logout = vi.fn(async () => {})
    const { auth, refresh } = openCookie({ logout, retry: 0 })
    await settle()
    refresh.last.fail(new TypeError('Failed to fetch'))
    await auth.ready
    await auth.logout()
    expect(logout).toHaveBeenCalledTimes(1)
  })

  it('after a logout does not ask again by itself', async () => {
    const { auth, refresh } = await start()
    await auth.logout()
    expect(await auth.getAccessToken()).toBeUndefined()
    await pass(DAY)
    expect(await auth.getAccessToken()).toBeUndefined()
    expect(refresh.calls).toHaveLength(1)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('of a server-side render makes its own request and sets no timer', async () => {
    const { auth, refresh } = openCookie({ autoRefresh: 'active', refresh: refreshStub(async () => alone()) })
    await auth.ready
    expect(refresh.calls).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('refresh() of an anonymous page finds a login that was made elsewhere', async () => {
    const { auth, refresh, events } = openCookie()
    await settle()
    refresh.last.fail(httpError(401))
    await auth.ready
    const done = watch(auth.refresh())
    await settle()
    const { access_token } = refresh.last.answer(alone())
    await settle()
    expect(done.status).toBe('fulfilled')
    expect(await auth.getAccessToken()).toBe(access_token)
    expect(auth.getState().status).toBe('authenticated')
    expect(events.names).toEqual(['login', 'refreshed'])
  })

  it('refresh() of an anonymous page that is refused is no failure, and the page stays anonymous', async () => {
    const { auth, refresh, events } = openCookie()
    await settle()
    refresh.last.fail(httpError(401))
    await auth.ready
    const done = watch(auth.refresh())
    await settle()
    refresh.last.fail(httpError(401))
    await settle()
    expect(done.status).toBe('fulfilled')
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect([events.names, refresh.calls.length]).toEqual([[], 2])
  })
})

describe('cookie mode without a refresh function', () => {
  it('is anonymous at once', async () => {
    const auth = track(createAuth({ storage: cookieSession() }))
    const events = recordEvents(auth)
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
    await auth.login({ access_token: accessToken() })
    await pass(5 * MINUTE)
    await expect(auth.getAccessToken()).rejects.toMatchObject({ reason: 'no_refresh_token' })
    expect(events.of('sessionExpired')).toHaveLength(1)
  })
})
