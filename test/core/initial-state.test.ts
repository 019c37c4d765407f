/** The state that a server rendered stays on the page until the browser knows better. */
import type { AuthenticatedState, AuthState } from 'tokenflight'
import { cookieSession, createAuth } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { Channel } from '../support/channel.js'
import {
  alone,
  deferred,
  httpError,
  jwt,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  SECOND,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'
import { becomePage } from '../support/page.js'

useFakeTime()

const rendered: AuthState = {
  status: 'authenticated',
  claims: { sub: 'ada', name: 'Ada' },
  expiresAt: 1_800_000_000_000,
  refreshing: false,
}
const openCookie = (options: Parameters<typeof open>[0] = {}) =>
  open({ storage: cookieSession(), autoRefresh: 'off', initialState: rendered, ...options })

describe('initialState of a cookie session', () => {
  it('is the state until the server has answered the restore', async () => {
    const { auth, refresh, events } = openCookie()
    expect(auth.getState()).toEqual(rendered)
    const first = auth.getState()
    await pass(1.5 * SECOND)
    expect(auth.getState()).toBe(first)
    expect(events.statuses).toEqual([])
    refresh.last.answer(alone({ sub: 'ada' }))
    await settle()
    await auth.ready
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
    expect(auth.getState()).not.toMatchObject({ claims: { name: 'Ada' } })
    expect(events.statuses).toEqual(['authenticated'])
    expect(refresh.reasons).toEqual(['restore'])
  })

  it.each<[string, () => unknown]>([
    ['a 503', () => httpError(503)],
    ['a network error', () => new TypeError('Failed to fetch')],
    ['a 429', () => httpError(429)],
  ])('stays, with the error, if the restore fails with %s', async (_, failure) => {
    const { auth, refresh, events } = openCookie({ retry: 0 })
    await settle()
    refresh.last.fail(failure())
    await auth.ready
    expect(auth.getState()).toEqual({
      ...rendered,
      error: expect.objectContaining({ code: 'ERR_REFRESH_FAILED' }),
    })
    expect(events.statuses).not.toContain('anonymous')
    expect(refresh.calls).toHaveLength(1)
  })

  it('stays, with the error, if the refresh hangs, and makes room for the late answer', async () => {
    const { auth, refresh } = openCookie({ retry: 0 })
    await pass(15 * SECOND)
    expect(auth.getState()).toMatchObject({ ...rendered, error: { code: 'ERR_REFRESH_FAILED' } })
    refresh.last.answer(alone({ sub: 'grace' }))
    await settle()
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'grace' } })
    expect(auth.getState()).not.toHaveProperty('error')
    expect(refresh.calls).toHaveLength(1)
  })

  it('stays over two outages, until a later request restores the session', async () => {
    const { auth, refresh, events } = openCookie({ retry: 0 })
    await settle()
    refresh.last.fail(httpError(503))
    await auth.ready
    await pass(5 * SECOND)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(2)
    refresh.last.fail(httpError(503))
    await settle()
    expect(auth.getState()).toMatchObject({ ...rendered, error: { code: 'ERR_REFRESH_FAILED' } })
    await pass(10 * SECOND)
    watch(auth.getAccessToken())
    await settle()
    refresh.last.answer(alone({ sub: 'ada' }))
    await settle()
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
    expect(auth.getState()).not.toHaveProperty('error')
    expect(new Set(events.statuses)).toEqual(new Set(['authenticated']))
    expect(refresh.reasons).toEqual(['restore', 'restore', 'restore'])
  })

  it('ends when the server refuses the restore', async () => {
    const { auth, refresh } = openCookie()
    await settle()
    refresh.last.fail(httpError(401))
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(refresh.calls).toHaveLength(1)
  })

  it('ends at once with a logout', async () => {
    const { auth } = openCookie()
    await settle()
    const done = auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    await pass(5 * SECOND)
    await done
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('ends at once with a login', async () => {
    const { auth } = openCookie()
    await settle()
    await auth.login(pair({ sub: 'grace' }))
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'grace' } })
  })

  it('keeps its claims for its own session alone where both tokens are cookies', async () => {
    const expiresAt = Date.now() + 5 * MINUTE
    const initialState: AuthState = { ...rendered, expiresAt }
    const { auth, refresh } = openCookie({ storage: cookieSession({ access: 'cookie' }), initialState })
    await auth.ready
    expect(auth.getState()).toMatchObject({ claims: { sub: 'ada' }, expiresAt })
    await auth.login({ expires_in: 900 } as never)
    expect(auth.getState()).toMatchObject({ status: 'authenticated', expiresAt: Date.now() + 15 * MINUTE })
    expect(auth.getState()).not.toHaveProperty('claims')
    expect(refresh.calls).toHaveLength(0)
  })

  it('does not pass its claims on to a later login that is refreshed', async () => {
    const initialState: AuthState = { ...rendered, expiresAt: Date.now() + 5 * MINUTE }
    const { auth, refresh } = openCookie({ storage: cookieSession({ access: 'cookie' }), initialState })
    await auth.ready
    await auth.login({ expires_in: 900 } as never)
    const refreshed = watch(auth.refresh())
    await settle()
    refresh.last.answer({ expires_in: 600 } as never)
    await settle()
    expect(refreshed.status).toBe('fulfilled')
    expect(auth.getState()).toMatchObject({ status: 'authenticated', expiresAt: Date.now() + 10 * MINUTE })
    expect(auth.getState()).not.toHaveProperty('claims')
  })

  it('does not pass its claims on to the login of another tab', async () => {
    becomePage()
    Channel.install()
    const initialState: AuthState = { ...rendered, expiresAt: Date.now() + 5 * MINUTE }
    const hidden = { storage: cookieSession({ access: 'cookie' }), initialState }
    const [page, other] = [openCookie(hidden), openCookie(hidden)]
    await pass(SECOND)
    await other.auth.login({ expires_in: 900 } as never)
    await pass(SECOND)
    expect(page.auth.getState()).toMatchObject({ status: 'authenticated', expiresAt: expect.any(Number) })
    expect(page.auth.getState()).not.toHaveProperty('claims')
    expect(page.refresh.calls).toHaveLength(0)
  })

  it('does not come back when a later refresh fails', async () => {
    const { auth, refresh } = openCookie({ retry: 0 })
    await settle()
    refresh.last.answer(alone({ sub: 'grace' }))
    await auth.ready
    await auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    watch(auth.getAccessToken())
    await settle()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it.each<[string, AuthState]>([
    ['anonymous', { status: 'anonymous' }],
    ['expired', { status: 'expired', reason: 'refresh_rejected' }],
  ])('may be `%s`', async (status, initialState) => {
    const { auth, refresh } = openCookie({ initialState, retry: 0 })
    expect(auth.getState()).toEqual(initialState)
    await settle()
    refresh.last.fail(httpError(503))
    await auth.ready
    expect(auth.getState()).toMatchObject({ ...initialState, status, error: { code: 'ERR_REFRESH_FAILED' } })
  })

  it('hides nothing if it is `loading`: the server knew nothing', async () => {
    const { auth, refresh } = openCookie({ initialState: { status: 'loading' }, retry: 0 })
    expect(auth.getState()).toEqual({ status: 'loading' })
    await settle()
    refresh.last.fail(httpError(503))
    await auth.ready
    expect(auth.getState()).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
  })

  it('gives no token and lets requests wait for the restore', async () => {
    const { auth, refresh } = openCookie()
    const asked = watch(auth.getAccessToken())
    await settle()
    expect(asked.status).toBe('pending')
    const { access_token } = refresh.last.answer(alone())
    await settle()
    expect(asked.value).toBe(access_token)
    expect(refresh.calls).toHaveLength(1)
  })
})

describe('initialState of a stored session', () => {
  it('is the state until an asynchronous storage has been read', async () => {
    const stored = deferred<null>()
    const storage = { getItem: () => stored.promise, setItem: async () => {}, removeItem: async () => {} }
    const { auth, events } = open({ storage, initialState: rendered })
    await settle()
    expect(auth.getState()).toEqual(rendered)
    stored.resolve(null)
    await settle()
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.statuses).toEqual(['anonymous'])
  })

  it('is not shown if the session is known at once', async () => {
    const { auth } = open({ initialState: rendered })
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })
})

describe('initialState', () => {
  it('is frozen in the state, and left as it is in the options', async () => {
    const mine = { ...rendered }
    const { auth } = openCookie({ initialState: mine, refresh: refreshStub() })
    expect(Object.isFrozen(auth.getState())).toBe(true)
    expect(Object.isFrozen(mine)).toBe(false)
    expect(mine).toEqual(rendered)
  })

  it.each<[string, unknown]>([
    ['a text', 'authenticated'],
    ['null', null],
    ['another status', { status: 'logged in' }],
    ['no status', {}],
    ['a token answer', { access_token: 'secret' }],
  ])('is refused with a TypeError that names the option if it is %s', (_, initialState) => {
    expect(() => createAuth({ initialState: initialState as never })).toThrow(TypeError)
    expect(() => createAuth({ initialState: initialState as never })).toThrow(/initialState/)
    expect(() => createAuth({ initialState: initialState as never })).not.toThrow(/secret/)
  })
})

describe('initialState of a session whose access token is a cookie', () => {
  const { expiresAt: _, ...lasting } = rendered as AuthenticatedState
  const openHidden = (options: Parameters<typeof open>[0] = {}) =>
    openCookie({ storage: cookieSession({ access: 'cookie' }), initialState: lasting, ...options })
  const answerOf = (sub: string) => ({ id_token: jwt({ sub }) }) as never

  it.each([
    ['ada', { sub: 'ada', name: 'Ada' }],
    ['bob', undefined],
  ])('names the user only if the restore finds the session of that user: %s', async (sub, claims) => {
    const { auth, refresh } = openHidden()
    await settle()
    refresh.last.answer(answerOf(sub))
    await auth.ready
    expect(auth.getState()).toMatchObject({ status: 'authenticated' })
    expect((auth.getState() as AuthenticatedState).claims).toEqual(claims)
  })

  it('ends with a refresh that brings another user', async () => {
    const { auth, refresh } = openHidden({ initialState: { ...lasting, expiresAt: Date.now() + 5 * MINUTE } })
    await auth.ready
    expect(auth.getState()).toMatchObject({ claims: { sub: 'ada' } })
    const refreshed = watch(auth.refresh())
    await settle()
    refresh.last.answer(answerOf('bob'))
    await settle()
    expect(refreshed).toMatchObject({ error: { code: 'ERR_SIGNED_OUT' } })
    expect(auth.getState()).toEqual({ status: 'authenticated', refreshing: false })
  })

  it('names the user of a login in another tab from before this page', async () => {
    becomePage()
    Channel.install()
    const two = open({ storage: cookieSession({ access: 'cookie' }), logout: async () => {} })
    await settle()
    await two.auth.login({} as never)
    await pass(SECOND)
    const openedAt = Date.now()
    const clock = { now: () => Date.now(), monotonic: () => Date.now() - openedAt }
    const one = openHidden({ logout: async () => {}, clock })
    await pass(100)
    expect(one.refresh.calls).toHaveLength(0)
    expect(one.auth.getState()).toMatchObject({ claims: { sub: 'ada' } })
  })

  it('does not name the user of a login in another tab during the restore', async () => {
    becomePage()
    Channel.install()
    const one = openHidden({ logout: async () => {} })
    const two = open({ storage: cookieSession({ access: 'cookie' }), logout: async () => {} })
    await settle()
    await two.auth.login({} as never)
    await pass(100)
    expect(one.auth.getState()).toEqual({ status: 'authenticated', refreshing: false })
  })
})
