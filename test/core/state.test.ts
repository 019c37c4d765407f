import { type AuthenticatedState, createAuth } from 'tokenflight'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  accessToken,
  alone,
  cell,
  expectNoToken,
  httpError,
  invalidGrant,
  jwt,
  MINUTE,
  open,
  pair,
  pass,
  recordEvents,
  refreshStub,
  refreshTo,
  rejection,
  START,
  settle,
  storedRecord,
  track,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

describe('the state', () => {
  it('is the same reference until something changes', async () => {
    const { auth, refresh } = open()
    const anonymous = auth.getState()
    expect(auth.getState()).toBe(anonymous)
    await auth.logout()
    expect(auth.getState()).toBe(anonymous)
    await auth.login(pair())
    const authenticated = auth.getState()
    expect(authenticated).not.toBe(anonymous)
    await auth.getAccessToken()
    await auth.getAccessToken()
    await pass(MINUTE)
    expect(auth.getState()).toBe(authenticated)
    const done = watch(auth.refresh())
    const refreshing = auth.getState()
    expect(refreshing).not.toBe(authenticated)
    expect(auth.getState()).toBe(refreshing)
    await settle()
    expect(auth.getState()).toBe(refreshing)
    refresh.last.answer()
    await settle()
    expect(done.status).toBe('fulfilled')
    expect(auth.getState()).not.toBe(refreshing)
  })

  it('is frozen, every kind of it', async () => {
    const { auth, refresh } = open({ storage: cell(null, { asynchronous: true }) })
    const seen = [auth.getState()]
    auth.subscribe(() => void seen.push(auth.getState()))
    await auth.ready
    await auth.login(pair())
    await refreshTo(auth, () => refresh.last.fail(invalidGrant()))
    await auth.logout()
    expect(seen.map(({ status }) => status)).toEqual([
      'loading',
      'anonymous',
      'authenticated',
      'authenticated',
      'expired',
      'anonymous',
    ])
    for (const state of seen) {
      expect(Object.isFrozen(state)).toBe(true)
      expect(() => Object.assign(state, { status: 'authenticated', hacked: true })).toThrow(TypeError)
    }
  })

  it('that was handed out never changes afterwards', async () => {
    const { auth } = open({ refresh: refreshStub(async () => pair({ sub: 'ada', lifetime: 10 * MINUTE })) })
    await auth.login(pair())
    const before = auth.getState()
    const copy = structuredClone(before)
    await auth.refresh()
    await auth.logout()
    expect(before).toEqual(copy)
  })

  it('holds claims that a caller cannot change', async () => {
    const { auth } = open()
    await auth.login({ access_token: jwt({ sub: 'ada', exp: START / 1000 + 300, roles: ['user'] }) })
    const state = auth.getState()
    if (state.status !== 'authenticated') throw new Error('expected a session')
    try {
      Object.assign(state.claims!, { sub: 'mallory' })
    } catch {
      // Frozen is one way.
    }
    const again = auth.getState()
    if (again.status !== 'authenticated') throw new Error('expected a session')
    expect(again.claims?.sub).toBe('ada')
  })

  it('holds claims of any depth, frozen to the bottom', async () => {
    const depth = 50_000
    const payload = Buffer.from(`{"deep":${'['.repeat(depth)}${']'.repeat(depth)}}`).toString('base64url')
    const { auth } = open()
    await auth.login({ access_token: `eyJhbGciOiJub25lIn0.${payload}.x` })
    let frozen = 0
    const { claims } = auth.getState() as AuthenticatedState
    for (let value: unknown = claims?.deep; Array.isArray(value); value = value[0]) {
      if (Object.isFrozen(value)) frozen++
    }
    expect(frozen).toBe(depth)
  })

  it('never shows a token: not in properties, not in JSON, not when printed', async () => {
    const { auth, refresh, events } = open({ storage: cell(null, { asynchronous: true }), retry: 0 })
    const seen: unknown[] = [auth.getState()]
    auth.subscribe(() => void seen.push(auth.getState()))
    await auth.login({ ...pair(), refresh_expires_in: 3_600 })
    await refreshTo(auth, () => refresh.last.fail(httpError(503)))
    await refreshTo(auth, () => refresh.last.answer())
    await refreshTo(auth, () => refresh.last.fail(invalidGrant()))
    expect(seen.length).toBeGreaterThanOrEqual(6)
    for (const state of seen) expectNoToken(state)
    expectNoToken(events.all)
    expectNoToken(auth)
  })

  it('shows no token when an error of an HTTP client is its cause', async () => {
    const { auth, refresh } = open({ retry: 0 })
    await auth.login(pair())
    const error = watch(auth.refresh())
    await settle()
    const { refreshToken, accessToken } = refresh.last
    refresh.last.fail(
      Object.assign(httpError(503), {
        config: {
          data: JSON.stringify({ refreshToken }),
          headers: { Authorization: `Bearer ${accessToken}` },
        },
      }),
    )
    await settle()
    expectNoToken(auth.getState())
    expectNoToken(error.error)
    expect((error.error as Error).cause).toBeDefined()
  })

  it('has no member that is undefined', async () => {
    const { auth, refresh } = open({ retry: 0 })
    const seen: object[] = [auth.getState()]
    auth.subscribe(() => void seen.push(auth.getState()))
    await auth.login({ access_token: 'opaque', refresh_token: 'rt' })
    await refreshTo(auth, () => refresh.last.fail(httpError(503)))
    await auth.logout()
    for (const state of seen) expect(Object.values(state)).not.toContain(undefined)
  })

  it('stays authenticated while refreshing: no signed-out instant', async () => {
    const { auth, refresh, events } = open()
    await auth.login(pair())
    await pass(5 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    refresh.last.answer()
    await settle()
    expect(asked.status).toBe('fulfilled')
    expect(new Set(events.statuses)).toEqual(new Set(['authenticated']))
  })

  it('shows expiresAt and sessionExpiresAt where they are known', async () => {
    const { auth } = open()
    await auth.login({ ...pair(), refresh_expires_in: 600 })
    expect(auth.getState()).toEqual({
      status: 'authenticated',
      claims: expect.objectContaining({ sub: 'ada' }),
      expiresAt: START + 5 * MINUTE,
      sessionExpiresAt: START + 10 * MINUTE,
      refreshing: false,
    })
  })

  it('shows the end of the access token as that of a session that nothing can renew', async () => {
    const auth = track(createAuth())
    await auth.login({ ...pair(), refresh_expires_in: 3_600 })
    expect(auth.getState()).toMatchObject({
      expiresAt: START + 5 * MINUTE,
      sessionExpiresAt: START + 5 * MINUTE,
    })
  })

  it('shows the reason and the error of an end', async () => {
    const { auth } = open({ refresh: refreshStub(() => Promise.reject(invalidGrant())) })
    await auth.login(pair())
    const error = await rejection(auth.refresh())
    expect(auth.getState()).toEqual({ status: 'expired', reason: 'refresh_rejected', error })
  })

  it('holds claims of the type that createAuth was given', async () => {
    interface Mine {
      sub: string
      roles: string[]
    }
    const auth = track(createAuth<Mine>())
    await auth.login({ access_token: jwt({ sub: 'ada', roles: ['admin'], exp: START / 1000 + 60 }) })
    const state = auth.getState()
    if (state.status !== 'authenticated') throw new Error('expected a session')
    expectTypeOf(state.claims).toEqualTypeOf<Mine | undefined>()
    expect(state.claims?.roles).toEqual(['admin'])
  })

  it('of a restored session is like that of a login', async () => {
    const storage = cell(storedRecord())
    const { auth } = open({ storage })
    expect(auth.getState()).toEqual({
      status: 'authenticated',
      claims: expect.objectContaining({ sub: 'ada' }),
      expiresAt: START + 5 * MINUTE,
      refreshing: false,
    })
  })
})

describe('subscribe', () => {
  it('calls after a change, when the state is already new', async () => {
    const { auth } = open()
    const seen: string[] = []
    auth.subscribe(() => void seen.push(auth.getState().status))
    await auth.login(pair())
    await auth.logout()
    expect(seen).toEqual(['authenticated', 'anonymous'])
  })

  it('does not call without a change', async () => {
    const { auth } = open()
    await auth.login(alone())
    const { statuses } = recordEvents(auth)
    await auth.getAccessToken()
    await auth.getAccessToken()
    await pass(MINUTE)
    expect(statuses).toEqual([])
  })

  it('calls once per flight for refreshing and once for the tokens', async () => {
    const { auth, refresh, events } = open()
    await auth.login(pair())
    events.statuses.length = 0
    watch(auth.refresh())
    await settle()
    expect(events.statuses).toHaveLength(1)
    refresh.last.answer()
    await settle()
    expect(events.statuses.length).toBeLessThanOrEqual(2)
  })

  it('returns a function that ends it, idempotent, for this listener only', async () => {
    const { auth } = open()
    let one = 0
    let other = 0
    const stop = auth.subscribe(() => void one++)
    auth.subscribe(() => void other++)
    await auth.login(alone())
    stop()
    stop()
    await auth.logout()
    expect([one, other]).toEqual([1, 2])
  })

  it('twice with one function is two listeners, each with its own end', async () => {
    const { auth } = open()
    let calls = 0
    const listener = (): void => void calls++
    const stop = auth.subscribe(listener)
    auth.subscribe(listener)
    await auth.login(alone())
    expect(calls).toBe(2)
    stop()
    await auth.logout()
    expect(calls).toBe(3)
  })

  it('is called with nothing', async () => {
    const { auth } = open()
    const args: unknown[][] = []
    auth.subscribe(((...all: unknown[]) => void args.push(all)) as () => void)
    await auth.login({ access_token: accessToken() })
    expect(args.flat().filter(value => value !== undefined)).toEqual([])
  })
})
