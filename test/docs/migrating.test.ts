// @vitest-environment happy-dom
/** The figures of the migration guides, before and after, counted at the server. */
import axios from 'axios'
import { describe, expect, it, vi } from 'vitest'
import { settle } from '../support/axios.js'
import { backend, burst, lateRefusal, outcome, start, useServer } from './migrating.js'

useServer()
const all = (value: unknown, count = 5) => Array(count).fill(value)

describe('from axios-auth-refresh', () => {
  const former = () => start(() => import('../../examples/migrating/axios-auth-refresh/before.js'))
  const latter = () => start(() => import('../../examples/migrating/axios-auth-refresh/after.js'))

  it('before: of five requests that meet a 401 together, one is sent again and four are lost', async () => {
    const { api } = await former()
    backend.expireAccessTokens()
    expect((await burst(api)).sort()).toEqual([200, 401, 401, 401, 401])
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 5, requests: 7 })
  })

  it('after: all five are sent again', async () => {
    const { api } = await latter()
    backend.expireAccessTokens()
    expect(await burst(api)).toEqual(all(200))
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 5, requests: 11 })
  })

  it('before: a 401 that comes late costs a second refresh; after: none', async () => {
    const old = await former()
    backend.expireAccessTokens()
    expect(await lateRefusal(old)).toEqual([200, 200])
    expect(backend.stats.refreshes).toBe(2)
    backend.reset()
    const present = await latter()
    backend.expireAccessTokens()
    expect(await lateRefusal(present)).toEqual([200, 200])
    expect(backend.stats.refreshes).toBe(1)
  })
})

describe('from axios-jwt', () => {
  const former = () => start(() => import('../../examples/migrating/axios-jwt/before.js'))
  const load = () => import('../../examples/migrating/axios-jwt/after.js')

  it('before: a token that the server revoked stays refused; after: one refresh', async () => {
    const { api } = await former()
    backend.expireAccessTokens()
    expect(await burst(api)).toEqual(all(401))
    expect(backend.stats).toMatchObject({ refreshes: 0, unauthorized: 5, requests: 5 })
    backend.reset()
    const present = await start(load)
    backend.expireAccessTokens()
    expect(await burst(present.api)).toEqual(all(200))
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 5 })
  })

  it('before: a dead refresh token is sent again by each request; after: once, and the session ends', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] })
    const old = await former()
    vi.advanceTimersByTime(300_000)
    backend.revokeRefreshTokens()
    for (let request = 0; request < 5; request++) await outcome(old.api.get('/shelf'))
    expect(backend.stats).toMatchObject({ rejected: 5, requests: 5 })
    expect(localStorage.getItem('auth-tokens-test')).toMatch(/refreshToken/)
    backend.reset()
    localStorage.clear()
    const { auth, api } = await start(load)
    const ends = vi.fn()
    auth?.on('sessionExpired', ends)
    vi.advanceTimersByTime(300_000)
    backend.revokeRefreshTokens()
    expect(await outcome(api.get('/shelf'))).toBe('ERR_SESSION_EXPIRED')
    for (let request = 1; request < 5; request++) expect(await outcome(api.get('/shelf'))).toBe(401)
    expect(backend.stats).toMatchObject({ rejected: 1, requests: 5 })
    expect(ends).toHaveBeenCalledTimes(1)
  })

  it('takes over the session that was there, without a login', async () => {
    const { tokens } = await former()
    const key = 'auth-tokens-test'
    expect(JSON.parse(localStorage.getItem(key) ?? '')).toMatchObject({ refreshToken: tokens.refreshToken })
    vi.resetModules()
    const { adoptSession, api, auth } = await load()
    await adoptSession(key)
    expect(localStorage.getItem(key)).toBeNull()
    expect(await burst(api)).toEqual(all(200))
    expect(backend.stats).toMatchObject({ refreshes: 0, unauthorized: 0, requests: 5 })
    await adoptSession(key)
    expect(auth.getState().status).toBe('authenticated')
    auth.dispose()
  })
})

describe('a session of axios-jwt in the storage', () => {
  it.each(['{"accessToken":', '{}', 'null'])('stays where it is of no use: %s', async left => {
    localStorage.setItem('auth-tokens-test', left)
    vi.resetModules()
    const { adoptSession, auth } = await import('../../examples/migrating/axios-jwt/after.js')
    await adoptSession('auth-tokens-test')
    expect(localStorage.getItem('auth-tokens-test')).toBe(left)
    expect(auth.getState().status).toBe('anonymous')
    expect(backend.stats.requests).toBe(0)
    auth.dispose()
  })
})

describe('from a hand-written queue', () => {
  const former = () => start(() => import('../../examples/migrating/hand-written-queue/before.js'))
  const latter = () => start(() => import('../../examples/migrating/hand-written-queue/after.js'))

  it('both send five refused requests again after one refresh', async () => {
    for (const application of [former, latter]) {
      backend.reset()
      const { api } = await application()
      backend.expireAccessTokens()
      expect(await burst(api)).toEqual(all(200))
      expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 5, requests: 11 })
    }
  })

  it('before: a refresh answered with 503 loses all and leads to the login; after: it is tried again', async () => {
    const old = await former()
    backend.expireAccessTokens()
    backend.failNextRefresh({ status: 503 })
    backend.delayRefresh(50)
    expect(await burst(old.api)).toEqual(all(503))
    expect(old.toLogin).toHaveBeenCalledWith('/login')
    backend.reset()
    vi.restoreAllMocks()
    const present = await latter()
    backend.expireAccessTokens()
    backend.failNextRefresh({ status: 503 })
    expect(await burst(present.api)).toEqual(all(200))
    expect(present.toLogin).not.toHaveBeenCalled()
    expect(backend.stats).toMatchObject({ failures: 1, refreshes: 1 })
  })

  it('before: a 401 that comes late costs a second refresh; after: none', async () => {
    for (const [application, refreshes] of [
      [former, 2],
      [latter, 1],
    ] as const) {
      backend.reset()
      const started = await application()
      backend.expireAccessTokens()
      expect(await lateRefusal(started)).toEqual([200, 200])
      expect(backend.stats.refreshes).toBe(refreshes)
    }
  })

  it('before: a request aborted while it waits hangs until the refresh is done; after: it rejects at once', async () => {
    for (const [application, isPatient] of [
      [former, true],
      [latter, false],
    ] as const) {
      backend.reset()
      const { api, paths } = await application()
      backend.expireAccessTokens()
      backend.delayRefresh(3_000)
      const first = outcome(api.get('/first'))
      await vi.waitFor(() => expect(paths).toContain('/auth/refresh'))
      const controller = new AbortController()
      const arrived: number[] = []
      const validateStatus = (status: number) => arrived.push(status) > 0 && status === 200
      const second = outcome(api.get('/second', { signal: controller.signal, validateStatus }))
      // Afterwards, a request that starts during the refresh is not sent with the rejected token.
      if (isPatient) await vi.waitFor(() => expect(arrived).toEqual([401]))
      await settle()
      expect(arrived).toEqual(isPatient ? [401] : [])
      controller.abort()
      const refreshes = await second.then(() => backend.stats.refreshes)
      expect(refreshes).toBe(isPatient ? 1 : 0)
      expect([await first, await second]).toEqual([200, axios.AxiosError.ERR_CANCELED])
    }
  })

  it('before: a token known to have ended is sent in vain; after: it never leaves', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] })
    for (const [application, refusals] of [
      [former, 5],
      [latter, 0],
    ] as const) {
      backend.reset()
      const { api } = await application()
      vi.advanceTimersByTime(300_000)
      expect(await burst(api)).toEqual(all(200))
      expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: refusals })
    }
  })
})
