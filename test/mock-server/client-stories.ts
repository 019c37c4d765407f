/** The styles `'access'` and `'cookies'` of `mockAuth`, played with the real client: by axios and by fetch. */
import axios from 'axios'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { type Auth, type AuthOptions, cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import { mockAuth } from 'tokenflight/msw'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { recordEvents } from '../support/core.js'

const BURST = 20
const MINUTE = 60_000

/** Sends a request of the application; resolves to the name in the answer, or to the status of a refusal. */
type Get = (path: string) => Promise<string | number>

/** @param base where the server is: an origin, or empty for that of the page */
export function tellClientStories(base: string): void {
  const backend = mockAuth({ baseUrl: `${base}/auth` })
  const server = setupServer(
    ...backend.handlers,
    http.get(
      `${base}/orders`,
      backend.protect((_info, { sub }) => HttpResponse.json({ of: sub })),
    ),
  )
  /** The requests that reached the server, in order; those to `/orders` with their `Authorization`. */
  const seen: { path: string; authorization: string | null; body: string }[] = []
  server.events.on('request:start', async ({ request }) => {
    const { pathname: path } = new URL(request.url)
    const entry = { path, authorization: request.headers.get('Authorization'), body: '' }
    seen.push(entry)
    entry.body = await request.clone().text()
  })
  const seenAt = (path: string) => seen.filter(entry => entry.path === path)

  beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'], now: new Date('2026-01-01T00:00:00Z') })
    seen.length = 0
  })
  afterEach(() => {
    vi.useRealTimers()
    backend.reset()
    // A logout lasts until the next login, also in the pages that follow.
    if (typeof localStorage !== 'undefined') localStorage.clear()
  })
  afterAll(() => server.close())

  const tell = (path: string, init: RequestInit) => fetch(`${base}/auth${path}`, { method: 'POST', ...init })
  const styles: Record<'access' | 'cookies', () => AuthOptions> = {
    access: () => ({
      refresh: refreshRequest({ url: `${base}/auth/refresh`, send: 'access' }),
      logout: ({ accessToken }) => tell('/logout', { headers: { Authorization: `Bearer ${accessToken}` } }),
    }),
    cookies: () => ({
      storage: cookieSession({ access: 'cookie' }),
      refresh: refreshRequest({ url: `${base}/auth/refresh` }),
      logout: () => tell('/logout', { credentials: 'include' }),
    }),
  }

  const clients: Record<string, (auth: Auth) => Get> = {
    axios(auth) {
      const api = axios.create({ baseURL: base || location.origin, withCredentials: true })
      attachAuth(api, auth)
      return path =>
        api.get(path).then(
          ({ data }) => data.of,
          error => error.response?.status ?? Promise.reject(error),
        )
    },
    fetch(auth) {
      const api = authFetch(auth, base ? { allowedOrigins: [base] } : {})
      return async path => {
        const response = await api(base + path, { credentials: 'include' })
        return response.ok ? ((await response.json()) as { of: string }).of : response.status
      }
    },
  }

  describe.each(Object.entries(clients))('by %s', (_, connect) => {
    /** The application, as it is when it has just been opened. */
    const open = async (style: keyof typeof styles) => {
      const auth = createAuth({ retry: 0, ...styles[style]() })
      onTestFinished(() => auth.dispose())
      const get = connect(auth)
      await auth.ready
      const login = async () => {
        const credentials = JSON.stringify({ username: 'ada', password: 'lovelace' })
        const answer = await tell('/login', { body: credentials, credentials: 'include' })
        await auth.login((await answer.json()) as object)
      }
      const burst = () => Promise.allSettled(Array.from({ length: BURST }, () => get('/orders')))
      return { auth, get, login, burst, events: recordEvents(auth) }
    }
    const start = async (style: keyof typeof styles) => {
      backend.configure({ transport: style })
      const opened = await open(style)
      expect(opened.auth.getState()).toEqual({ status: 'anonymous' })
      // The restore that found no cookie is not part of the story.
      backend.reset()
      backend.configure({ transport: style })
      return opened
    }
    const own = Array(BURST).fill({ status: 'fulfilled', value: 'ada' })

    describe.each(['access', 'cookies'] as const)('in the style %s', style => {
      it('logs in, and meets a 401 with one refresh and a replay', async () => {
        const { auth, get, login, events } = await start(style)
        await login()
        expect(await get('/orders')).toBe('ada')
        backend.expireAccessTokens()
        expect(await get('/orders')).toBe('ada')
        expect(backend.stats).toMatchObject({
          requests: 5,
          logins: 1,
          refreshes: 1,
          unauthorized: 1,
          reuses: 0,
        })
        expect(seenAt('/orders')).toHaveLength(3)
        expect(events.of('refreshed')).toMatchObject([{ reason: 'rejected', attempts: 1 }])
        expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: false })
        expect(events.of('warning')).toEqual([])
      })

      it('shares one refresh among 20 requests at once, whichever way the token ended', async () => {
        const { auth, login, burst, events } = await start(style)
        await login()
        backend.expireAccessTokens()
        expect(await burst()).toEqual(own)
        expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: BURST })
        vi.advanceTimersByTime(5 * MINUTE)
        expect(await burst()).toEqual(own)
        expect(backend.stats).toMatchObject({ refreshes: 2, unauthorized: BURST })
        vi.advanceTimersByTime(4.5 * MINUTE)
        const refreshed = new Promise(resolve => auth.on('refreshed', resolve))
        expect(await burst()).toEqual(own)
        await refreshed
        backend.rotateKeys()
        expect(await burst()).toEqual(own)
        expect(backend.stats).toMatchObject({ refreshes: 4, unauthorized: 2 * BURST, rejected: 0, reuses: 0 })
        expect(events.of('refreshed').map(({ reason }) => reason)).toEqual([
          'rejected',
          'expired',
          'ahead',
          'rejected',
        ])
      })

      it('waits for a slow refresh, and keeps the session through a failed one', async () => {
        const { auth, get, login, burst } = await start(style)
        await login()
        backend.expireAccessTokens()
        backend.failNextRefresh({ status: 503, retryAfter: 0 })
        await expect(get('/orders')).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED' })
        expect(auth.getState().status).toBe('authenticated')
        backend.delayRefresh(5)
        await auth.refresh()
        expect(await burst()).toEqual(own)
        expect(backend.stats).toMatchObject({ failures: 1, refreshes: 1, unauthorized: 1, rejected: 0 })
      })

      const revoke = () => {
        backend.revokeRefreshTokens()
        backend.expireAccessTokens()
      }
      it.each<[state: string, happen: () => void]>([
        ['is revoked', revoke],
        ['is too old', () => void vi.advanceTimersByTime(24 * 60 * MINUTE)],
      ])('ends the session once when the token to refresh with %s', async (_, happen) => {
        const { auth, login, burst, events } = await start(style)
        await login()
        happen()
        const outcomes = await burst()
        expect(outcomes).toEqual(
          Array(BURST).fill({
            status: 'rejected',
            reason: expect.objectContaining({ code: 'ERR_SESSION_EXPIRED' }),
          }),
        )
        expect(auth.getState().status).toBe('expired')
        expect(events.of('sessionExpired')).toHaveLength(1)
        expect(backend.stats).toMatchObject({ rejected: 1, refreshes: 0 })
        await login()
        expect(await burst()).toEqual(own)
      })

      it('logs out at the server, and sends nothing of the session afterwards', async () => {
        const { auth, get, login, events } = await start(style)
        await login()
        await auth.logout()
        await vi.waitFor(() => expect(backend.stats.logouts).toBe(1))
        expect(auth.getState()).toEqual({ status: 'anonymous' })
        expect(await get('/orders')).toBe(401)
        expect(seenAt('/orders')).toMatchObject([{ authorization: null }])
        expect(backend.stats).toMatchObject({ refreshes: 0, rejected: 0, unauthorized: 1 })
        expect(events.of('warning')).toEqual([])
      })

      it('accepts the tokens of issue as a login', async () => {
        const { auth, burst } = await start(style)
        await auth.login(await backend.issue('ada'))
        expect(await burst()).toEqual(own)
        backend.expireAccessTokens()
        expect(await burst()).toEqual(own)
        expect(backend.stats).toMatchObject({ logins: 0, refreshes: 1, rejected: 0 })
      })
    })

    it('sends the access token itself for a refresh, and no body (style access)', async () => {
      const { auth, get, login } = await start('access')
      await login()
      const first = await auth.getAccessToken()
      backend.expireAccessTokens()
      await get('/orders')
      expect(seenAt('/auth/refresh')).toMatchObject([{ authorization: `Bearer ${first}`, body: '{}' }])
      expect(await auth.getAccessToken()).not.toBe(first)
    })

    it('shows no script a token, and restores the session after a reload (style cookies)', async () => {
      const { auth, get, login } = await start('cookies')
      await login()
      expect(await auth.getAccessToken()).toBeUndefined()
      expect(auth.getState()).toMatchObject({ expiresAt: Date.now() + 5 * MINUTE })
      expect(await get('/orders')).toBe('ada')
      auth.dispose()
      const reloaded = await open('cookies')
      expect(reloaded.auth.getState()).toMatchObject({ status: 'authenticated' })
      expect(await reloaded.get('/orders')).toBe('ada')
      expect(backend.stats).toMatchObject({ logins: 1, refreshes: 1, unauthorized: 0 })
      expect(new Set(seen.map(({ authorization }) => authorization))).toEqual(new Set([null]))

      await reloaded.auth.logout()
      await vi.waitFor(() => expect(backend.stats.logouts).toBe(1))
      reloaded.auth.dispose()
      if (typeof localStorage !== 'undefined') localStorage.clear()
      const again = await open('cookies')
      expect(again.auth.getState()).toEqual({ status: 'anonymous' })
    })
  })
}
