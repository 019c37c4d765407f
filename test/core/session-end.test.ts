/** The end of a session, and the notice before it. */
import { SessionExpiredError } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import {
  accessToken,
  alone,
  cell,
  DAY,
  deferred,
  HOUR,
  httpError,
  invalidGrant,
  jwt,
  MINUTE,
  opaque,
  open,
  pair,
  pass,
  recordStorage,
  refreshStub,
  rejection,
  SECOND,
  START,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

describe('the end of a session', () => {
  it('happens once, with any number of waiters', async () => {
    const storage = cell()
    const { auth, refresh, events } = open({ storage })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const asked = [
      ...Array.from({ length: 25 }, () => watch(auth.getAccessToken())),
      ...Array.from({ length: 25 }, () => watch(auth.refresh())),
    ]
    await settle()
    refresh.last.fail(invalidGrant())
    await settle()
    for (const { status, error } of asked) {
      expect(status).toBe('rejected')
      expect(error).toBeInstanceOf(SessionExpiredError)
    }
    expect(events.names).toEqual(['login', 'sessionExpired'])
    expect(events.of('sessionExpired')[0]).toMatchObject({ reason: 'refresh_rejected' })
    expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'refresh_rejected' })
    expect(storage.record).toBeNull()
    expect(refresh.calls).toHaveLength(1)
  })

  it('fails getAccessToken() and refresh() at once, without a call, until the next login', async () => {
    const { auth, refresh, events } = open()
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    refresh.last.fail(invalidGrant())
    await settle()
    for (let time = 0; time < 20; time++) {
      await expect(auth.getAccessToken()).rejects.toBeInstanceOf(SessionExpiredError)
      await expect(auth.getAccessToken({ forceRefresh: true })).rejects.toBeInstanceOf(SessionExpiredError)
      await expect(auth.refresh()).rejects.toBeInstanceOf(SessionExpiredError)
      await pass(HOUR)
    }
    expect(refresh.calls).toHaveLength(1)
    expect(events.of('sessionExpired')).toHaveLength(1)
  })

  it('has an error that tells the user to log in again, and that names no option', async () => {
    const { auth } = open({ refresh: refreshStub(() => Promise.reject(invalidGrant())) })
    await auth.login(pair())
    const error = await rejection(auth.refresh())
    expect(error.message).toMatch(/log in/i)
    expect(error.message).not.toMatch(/skip/)
    expect(error).toMatchObject({ code: 'ERR_SESSION_EXPIRED', reason: 'refresh_rejected' })
    expect(error.cause).toMatchObject({ response: { status: 400 } })
  })

  it('is known to everyone when the event comes', async () => {
    const storage = cell()
    const { auth, refresh } = open({ storage })
    await auth.login(pair())
    const seen: unknown[] = []
    auth.on('sessionExpired', () => seen.push(auth.getState().status, storage.record))
    watch(auth.refresh())
    await settle()
    refresh.last.fail(invalidGrant())
    await settle()
    expect(seen).toEqual(['expired', null])
  })

  it('does not take a session with it that begins while the end is being stored', async () => {
    const removed = deferred()
    const { auth, refresh, events } = open({
      storage: recordStorage({ get: () => null, set() {}, remove: () => removed.promise }),
    })
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    refresh.last.fail(invalidGrant())
    await settle()
    const next = pair({ sub: 'grace' })
    const login = auth.login(next)
    removed.resolve()
    await login
    await settle()
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'grace' } })
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(events.names).toEqual(['login', 'login'])
  })

  it('waits for a storage that is slow, but not for ever', async () => {
    const { auth, refresh, events } = open({
      storage: recordStorage({ get: () => null, set() {}, remove: () => new Promise(() => {}) }),
    })
    await auth.login(pair())
    const asked = watch(auth.refresh())
    await settle()
    refresh.last.fail(invalidGrant())
    await pass(5 * SECOND)
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SESSION_EXPIRED' } })
    expect(events.of('sessionExpired')).toHaveLength(1)
  })

  it('after the end is one per session', async () => {
    const { auth, events } = open({ refresh: refreshStub(() => Promise.reject(invalidGrant())) })
    for (let time = 1; time <= 3; time++) {
      await auth.login(pair())
      await rejection(auth.refresh())
      await rejection(auth.refresh())
      expect(events.of('sessionExpired')).toHaveLength(time)
    }
  })

  it('names the refresh token as expired where it looks so and the server refuses it', async () => {
    const { auth, refresh, events } = open({
      autoRefresh: 'off',
      refresh: refreshStub(() => Promise.reject(httpError(401))),
    })
    const tokens = pair()
    await auth.login({ ...tokens, refresh_expires_in: 600 })
    await pass(10 * MINUTE)
    await expect(auth.getAccessToken()).rejects.toMatchObject({ reason: 'refresh_token_expired' })
    await expect(auth.getAccessToken()).rejects.toMatchObject({ reason: 'refresh_token_expired' })
    expect(refresh.spent).toEqual([tokens.refresh_token])
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_token_expired' }])
  })

  it('names the refresh token as expired where its own claims show that', async () => {
    const { auth, refresh } = open({ refresh: refreshStub(() => Promise.reject(invalidGrant())) })
    const refresh_token = jwt({ iat: START / 1000, exp: START / 1000 + 600 })
    await auth.login({ access_token: accessToken(), refresh_token })
    await pass(10 * MINUTE)
    await expect(auth.refresh()).rejects.toMatchObject({ reason: 'refresh_token_expired' })
    expect(refresh.spent).toEqual([refresh_token])
  })

  it('names it as rejected a moment before it looks expired', async () => {
    const { auth } = open({
      autoRefresh: 'off',
      refresh: refreshStub(() => Promise.reject(invalidGrant())),
    })
    await auth.login({ ...pair(), refresh_expires_in: 600 })
    await pass(10 * MINUTE - 1)
    await expect(auth.getAccessToken()).rejects.toMatchObject({ reason: 'refresh_rejected' })
  })

  it('does not come while the server cannot be asked about a refresh token that looks expired', async () => {
    const refresh = refreshStub((_, number) => (number < 3 ? Promise.reject(httpError(503)) : pair()))
    const { auth, events } = open({ autoRefresh: 'off', retry: 0, refresh })
    const tokens = pair()
    await auth.login({ ...tokens, refresh_expires_in: 600 })
    await pass(HOUR)
    for (let time = 0; time < 2; time++) {
      await expect(auth.getAccessToken()).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 1 })
      expect(auth.getState().status).toBe('authenticated')
      await pass(MINUTE)
    }
    expect(await auth.getAccessToken()).toBeDefined()
    expect(refresh.spent).toEqual(Array(3).fill(tokens.refresh_token))
    expect(events.of('sessionExpired')).toEqual([])
  })

  it.each<[string, object, object]>([
    ['names no end', { refresh_expires_in: 1_800 }, {}],
    ['names it again', { refresh_expires_in: 1_800 }, { refresh_expires_in: 1_800 }],
    ['named it in another spelling', { refreshExpiresIn: '1800' }, {}],
  ])(
    'does not come from an idle timeout that the server extends, whose answer %s',
    async (_, first, later) => {
      const refresh = refreshStub(async () => ({ ...alone(), ...later }))
      const { auth, events } = open({ autoRefresh: 'off', refresh })
      const { refresh_token } = pair()
      await auth.login({ ...alone(), refresh_token, ...first })
      for (let time = 0; time < 5; time++) {
        await pass(20 * MINUTE)
        expect(await auth.getAccessToken()).toBeDefined()
      }
      expect(refresh.spent).toEqual(Array(5).fill(refresh_token))
      expect(events.of('sessionExpired')).toEqual([])
    },
  )

  it('of a device with a wrong clock is counted from the arrival of the refresh token', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    const issuedAt = START - DAY
    const refresh_token = jwt({ iat: issuedAt / 1000, exp: issuedAt / 1000 + 3_600 })
    await auth.login({ access_token: accessToken({ issuedAt }), refresh_token })
    await pass(30 * MINUTE)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(1)
  })
})

describe('a session without a refresh token', () => {
  it('lives as long as its access token', async () => {
    const { auth, refresh, events } = open({ autoRefresh: 'off' })
    const tokens = alone()
    await auth.login(tokens)
    expect(auth.getState()).toMatchObject({
      expiresAt: START + 5 * MINUTE,
      sessionExpiresAt: START + 5 * MINUTE,
    })
    await pass(5 * MINUTE - 1)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    await pass(1)
    await expect(auth.getAccessToken()).rejects.toMatchObject({
      code: 'ERR_SESSION_EXPIRED',
      reason: 'no_refresh_token',
    })
    expect(refresh.calls).toHaveLength(0)
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'no_refresh_token' }])
  })

  it('that is opaque and without a lifetime lives until a 401', async () => {
    const { auth } = open()
    const access_token = opaque('at')
    await auth.login({ access_token })
    await pass(DAY)
    expect(await auth.getAccessToken()).toBe(access_token)
  })

  it('is not ended by refresh() while its token is good', async () => {
    const { auth, refresh } = open()
    const tokens = alone()
    await auth.login(tokens)
    await expect(auth.refresh()).rejects.toMatchObject({
      code: 'ERR_REFRESH_FAILED',
      message: 'There is no refresh token',
    })
    expect(refresh.calls).toHaveLength(0)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(auth.getState().status).toBe('authenticated')
  })

  it('asks for nothing when the end of a refresh token that it never had has come', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    const tokens = alone({ lifetime: HOUR })
    await auth.login({ ...tokens, refresh_expires_in: 600 })
    await pass(10 * MINUTE)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    await rejection(auth.refresh())
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(refresh.calls).toHaveLength(0)
  })

  it('ends, where there is a timer, by itself', async () => {
    const { auth, events } = open({ autoRefresh: 'always' })
    await auth.login(alone())
    await pass(5 * MINUTE)
    expect(auth.getState().status).toBe('expired')
    expect(events.of('sessionExpired')).toHaveLength(1)
  })
})

describe('sessionExpiring', () => {
  it('comes once, 60 s before the refresh token ends', async () => {
    const { auth, events } = open({ autoRefresh: 'always', refresh: refreshStub(async () => alone()) })
    await auth.login({ ...pair(), refresh_expires_in: 3_600 })
    await pass(HOUR - MINUTE - 1)
    expect(events.of('sessionExpiring')).toEqual([])
    await pass(1)
    expect(events.of('sessionExpiring')).toEqual([{ expiresAt: START + HOUR }])
    await pass(MINUTE - 1)
    expect(events.of('sessionExpiring')).toHaveLength(1)
  })

  it('comes a quarter of the lifetime before where that is less', async () => {
    const { auth, events } = open({ autoRefresh: 'always', refresh: refreshStub(async () => alone()) })
    await auth.login({ ...pair(), refresh_expires_in: 120 })
    await pass(90 * SECOND - 1)
    expect(events.of('sessionExpiring')).toEqual([])
    await pass(1)
    expect(events.of('sessionExpiring')).toEqual([{ expiresAt: START + 2 * MINUTE }])
  })

  it('does not come when the refresh token is renewed in time, and comes for the new one', async () => {
    const { auth, events } = open({
      autoRefresh: 'always',
      refresh: refreshStub(async () => ({ ...pair(), refresh_expires_in: 1_800 })),
    })
    await auth.login({ ...pair(), refresh_expires_in: 1_800 })
    await pass(3 * HOUR)
    expect(events.of('sessionExpiring')).toEqual([])
  })

  it('does not come again when the server repeats the same end', async () => {
    const ends = START + HOUR
    const { auth, events } = open({
      autoRefresh: 'always',
      refresh: refreshStub(async () => ({ ...pair(), refresh_expires_in: (ends - Date.now()) / 1000 })),
    })
    await auth.login({ ...pair(), refresh_expires_in: 3_600 })
    await pass(HOUR - 1)
    expect(events.of('sessionExpiring')).toEqual([{ expiresAt: ends }])
  })

  it('does not come for an unknown end', async () => {
    const { auth, events } = open({ autoRefresh: 'always', refresh: refreshStub(async () => pair()) })
    await auth.login({ ...pair(), refresh_expires_in: 0 })
    await pass(DAY)
    expect(events.of('sessionExpiring')).toEqual([])
  })

  it('comes before sessionExpired, once each, in a session that is not renewed', async () => {
    const refresh = refreshStub(() =>
      Promise.reject(Date.now() < START + 10 * MINUTE ? httpError(503) : invalidGrant()),
    )
    const { auth, events } = open({ autoRefresh: 'always', refresh })
    await auth.login({ ...pair(), refresh_expires_in: 600 })
    await pass(HOUR)
    const ends = events.names.filter(name => name.startsWith('session'))
    expect(ends).toEqual(['sessionExpiring', 'sessionExpired'])
  })
})

describe('the end of a refresh token', () => {
  const dated = (lifetime: number): string =>
    jwt({ jti: Math.random(), iat: Date.now() / 1000, exp: (Date.now() + lifetime) / 1000 })
  const IN_TEN_MINUTES = START + 10 * MINUTE

  it.each<[what: string, first: () => string, answer: (first: string) => object, end: number | undefined]>([
    ['is kept where no word is said of it', () => opaque('rt'), () => ({}), IN_TEN_MINUTES],
    [
      'is new where only a lifetime is said',
      () => opaque('rt'),
      () => ({ refresh_expires_in: 600 }),
      START + 15 * MINUTE,
    ],
    [
      'is kept where the same token comes again',
      () => opaque('rt'),
      first => ({ refresh_token: first }),
      IN_TEN_MINUTES,
    ],
    [
      'is new where the same token comes again with a lifetime',
      () => opaque('rt'),
      first => ({ refresh_token: first, refresh_expires_in: 600 }),
      START + 15 * MINUTE,
    ],
    [
      'is kept where the same token says by itself when it ends',
      () => dated(10 * MINUTE),
      first => ({ refresh_token: first }),
      IN_TEN_MINUTES,
    ],
    [
      'is unknown where another one comes without an end',
      () => opaque('rt'),
      () => ({ refresh_token: opaque('rt') }),
      undefined,
    ],
    [
      'is that of another one that has an end',
      () => opaque('rt'),
      () => ({ refresh_token: dated(20 * MINUTE) }),
      START + 25 * MINUTE,
    ],
  ])('%s', async (_, create, answer, end) => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    const first = create()
    await auth.login({ ...alone({ lifetime: HOUR }), refresh_token: first, refresh_expires_in: 600 })
    expect(auth.getState()).toMatchObject({ sessionExpiresAt: IN_TEN_MINUTES })
    await pass(5 * MINUTE)
    const done = watch(auth.refresh())
    await settle()
    refresh.last.answer({ ...alone({ lifetime: HOUR }), ...answer(first) })
    await settle()
    expect(done.status).toBe('fulfilled')
    expect((auth.getState() as { sessionExpiresAt?: number }).sessionExpiresAt).toBe(end)
    expect(refresh.spent).toEqual([first])
  })
})
