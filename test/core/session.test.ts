import {
  type AuthLock,
  type LogoutContext,
  memoryStorage,
  SessionExpiredError,
  SignedOutError,
} from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { markStorage } from '../../src/core/storage.js'
import {
  accessToken,
  alone,
  type Cell,
  cell,
  DAY,
  type Deferred,
  deferred,
  encodeStored,
  engineView,
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
  type Stored,
  settle,
  storedRecord,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

/** For a page that has its shared storage to itself. */
const lock: AuthLock = { request: (_name, _options, callback) => callback() }

function withoutRefreshToken(options: Parameters<typeof storedRecord>[0]): Stored {
  const { refreshToken: _, ...record } = storedRecord(options)
  return record
}

describe('login', () => {
  it('starts a session at once, before storage has answered', async () => {
    const { auth, events } = open({ storage: cell(null, { asynchronous: true }) })
    await auth.ready
    const tokens = pair()
    void auth.login(tokens)
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    await settle()
    expect(events.names).toEqual(['login'])
  })

  it.each(['login', '*', 'subscribe'] as const)(
    'is told to a listener of %s when the tokens are stored, since it may leave the page',
    async name => {
      const written = deferred()
      const { auth } = open({ storage: { ...memoryStorage(), setItem: () => written.promise } })
      const listener = vi.fn()
      if (name === 'subscribe') auth.subscribe(listener)
      else auth.on(name as 'login', listener)
      const done = watch(auth.login(pair()))
      await pass(SECOND)
      expect(listener).not.toHaveBeenCalled()
      written.resolve()
      await settle()
      expect(listener).toHaveBeenCalledTimes(1)
      expect(done.status).toBe('fulfilled')
    },
  )

  it('in a listener is told when its tokens are stored, too', async () => {
    let written = deferred()
    written.resolve()
    const { auth, events } = open({ storage: { ...memoryStorage(), setItem: () => written.promise } })
    await auth.login(pair())
    auth.on('logout', () => {
      written = deferred()
      void auth.login(pair())
    })
    await auth.logout()
    expect(events.names).toEqual(['login', 'logout'])
    written.resolve()
    await settle()
    expect(events.names).toEqual(['login', 'logout', 'login'])
  })

  it('that a logout ends while it is being stored delays no listener of the logout', async () => {
    const { auth, events } = open({ storage: { ...memoryStorage(), setItem: () => new Promise(() => {}) } })
    void auth.login(pair())
    await settle()
    watch(auth.logout())
    expect(events.names).toEqual(['login', 'logout'])
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    await pass(10 * SECOND)
  })

  it('is told after two seconds where the storage hangs', async () => {
    const { auth, events } = open({ storage: { ...memoryStorage(), setItem: () => new Promise(() => {}) } })
    watch(auth.login(pair()))
    await pass(2 * SECOND)
    expect(events.names).toEqual(['login', 'warning'])
    expect(events.statuses).toEqual(['authenticated'])
  })

  it('resolves when the tokens are stored', async () => {
    const written = deferred()
    const storage = cell()
    const { auth } = open({ storage: Object.assign(storage, { setItem: () => written.promise }) })
    const done = watch(auth.login(pair()))
    await settle()
    expect(done.status).toBe('pending')
    written.resolve()
    await settle()
    expect(done.status).toBe('fulfilled')
  })

  it('in place of a session begins another', async () => {
    const { auth, events } = open()
    await auth.login(pair({ sub: 'ada' }))
    const next = pair({ sub: 'grace' })
    await auth.login(next)
    expect(auth.getState()).toMatchObject({ claims: { sub: 'grace' } })
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(events.names).toEqual(['login', 'login'])
  })

  it('of the same user begins another session, too', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    await pass(5 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    await auth.login(pair())
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(refresh.calls).toHaveLength(1)
  })

  it('inherits nothing: no refresh token, no end, no scope', async () => {
    const storage = cell()
    const { auth } = open({ storage })
    await auth.login({ ...pair(), refresh_expires_in: 3_600, scope: 'admin' })
    await auth.login(alone())
    expect(storage.record).not.toHaveProperty('refreshToken')
    expect(storage.record).not.toHaveProperty('refreshExpiresAt')
    expect(storage.record).not.toHaveProperty('scope')
    await pass(5 * MINUTE)
    await expect(auth.getAccessToken()).rejects.toMatchObject({ reason: 'no_refresh_token' })
  })

  it('revives an expired state', async () => {
    const { auth, refresh } = open({ refresh: refreshStub(() => Promise.reject(invalidGrant())) })
    await auth.login(pair())
    await rejection(auth.refresh())
    expect(auth.getState().status).toBe('expired')
    const tokens = pair()
    await auth.login(tokens)
    expect(auth.getState()).toMatchObject({ status: 'authenticated' })
    expect(auth.getState()).not.toHaveProperty('reason')
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(refresh.calls).toHaveLength(1)
  })

  it('wins over the restore that is under way', async () => {
    const first = deferred<ReturnType<typeof storedRecord>>()
    const { auth } = open({ storage: recordStorage({ get: () => first.promise, set() {}, remove() {} }) })
    expect(auth.getState()).toEqual({ status: 'loading' })
    const tokens = pair({ sub: 'grace' })
    await auth.login(tokens)
    first.resolve(storedRecord())
    await auth.ready
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(auth.getState()).toMatchObject({ claims: { sub: 'grace' } })
  })

  it('of nonsense changes nothing, during a flight neither', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    const done = watch(auth.refresh())
    await settle()
    await expect(auth.login({} as never)).rejects.toBeInstanceOf(TypeError)
    const { access_token } = refresh.last.answer()
    await settle()
    expect(done.status).toBe('fulfilled')
    expect(await auth.getAccessToken()).toBe(access_token)
  })
})

describe('a login that finds a later record in the storage', () => {
  it('is stored all the same, and who waits for its token is served', async () => {
    const storage = cell(null, { shared: true })
    const { auth, refresh } = open({ storage, lock, autoRefresh: 'off' })
    storage.record = storedRecord({ generation: 1e11 })
    const tokens = pair()
    await auth.login(tokens)
    expect(storage.record).toMatchObject({ accessToken: tokens.access_token })
    expect(storage.record?.generation).toBeGreaterThan(1e11)
    await pass(5 * MINUTE)
    const outcome = watch(auth.getAccessToken())
    await settle()
    const next = refresh.last.answer()
    await settle()
    expect(outcome).toEqual({ status: 'fulfilled', value: next.access_token })
    expect(refresh.spent).toEqual([tokens.refresh_token])
  })
})

describe('logout', () => {
  it('before an asynchronous storage was read ends that session at the server, too', async () => {
    const stored = storedRecord()
    const logout = vi.fn(async (_: LogoutContext) => {})
    const storage = cell(stored, { shared: true, asynchronous: true })
    const { auth, events, refresh } = open({ storage, logout })
    const done = auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    await done
    expect(logout).toHaveBeenCalledExactlyOnceWith({
      accessToken: stored.accessToken,
      refreshToken: stored.refreshToken,
      signal: expect.any(AbortSignal),
    })
    expect(storage.record).toMatchObject({ ended: 'logout' })
    expect(storage.record).not.toHaveProperty('refreshToken')
    expect([events.names, refresh.calls.length]).toEqual([[], 0])
  })

  it('before a storage was read that held nobody tells the server nothing', async () => {
    const logout = vi.fn(async () => {})
    const { auth } = open({ storage: cell(null, { asynchronous: true }), logout })
    await auth.logout()
    expect(logout).not.toHaveBeenCalled()
  })

  it('ends the session locally at once, before anything is awaited', async () => {
    const storage = cell()
    const { auth, events } = open({ storage })
    await auth.login(pair())
    void auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual(['login', 'logout'])
    expect(events.of('logout')).toEqual([{ source: 'local' }])
    expect(await auth.getAccessToken()).toBeUndefined()
    await settle()
    expect(storage.record).toBeNull()
  })

  it('when nobody is logged in is harmless', async () => {
    const logout = vi.fn(async () => {})
    const { auth, events } = open({ logout })
    await auth.logout()
    await auth.logout()
    expect(events.names).toEqual([])
    expect(logout).not.toHaveBeenCalled()
  })

  it('twice is one', async () => {
    const logout = vi.fn(async () => {})
    const { auth, events } = open({ logout })
    await auth.login(pair())
    await Promise.all([auth.logout(), auth.logout()])
    expect(events.names).toEqual(['login', 'logout'])
    expect(logout).toHaveBeenCalledTimes(1)
  })

  it('clears an expired state', async () => {
    const { auth } = open()
    await auth.login(alone())
    await pass(5 * MINUTE)
    await rejection(auth.getAccessToken())
    expect(auth.getState().status).toBe('expired')
    await auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
  })

  it('during the restore wins over what storage holds', async () => {
    const first = deferred<ReturnType<typeof storedRecord>>()
    const { auth } = open({ storage: recordStorage({ get: () => first.promise, set() {}, remove() {} }) })
    await auth.logout()
    first.resolve(storedRecord())
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
  })

  it('tells the server with both tokens and a signal', async () => {
    const logout = vi.fn(async (_: LogoutContext) => {})
    const { auth } = open({ logout })
    const tokens = pair()
    await auth.login(tokens)
    await auth.logout()
    expect(logout).toHaveBeenCalledExactlyOnceWith({
      refreshToken: tokens.refresh_token,
      accessToken: tokens.access_token,
      signal: expect.any(AbortSignal),
    })
  })

  it('has ended the session when the server is told', async () => {
    let seen: unknown
    const { auth } = open({
      logout: async () => {
        seen = [auth.getState().status, await auth.getAccessToken()]
      },
    })
    await auth.login(pair())
    await auth.logout()
    expect(seen).toEqual(['anonymous', undefined])
  })

  it.each<[string, () => Promise<unknown>]>([
    [
      'throws',
      () => {
        throw new Error('bug')
      },
    ],
    ['rejects', () => Promise.reject(httpError(503))],
    ['is offline', () => Promise.reject(new TypeError('Failed to fetch'))],
  ])('that %s at the server is a warning, and the session is over', async (_, logout) => {
    const storage = cell()
    const { auth, events } = open({ logout, storage })
    await auth.login(pair())
    await auth.logout()
    expect(events.names).toEqual(['login', 'logout', 'warning'])
    expect(events.of('warning')[0]?.message).toMatch(/logout did not reach the server/)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(storage.record).toMatchObject({ ended: 'logout' })
    expect(storage.record).not.toHaveProperty('accessToken')
  })

  it('that hangs at the server waits two seconds, and its signal ends the call', async () => {
    let signal: AbortSignal | undefined
    const { auth, events } = open({
      logout: context => {
        signal = context.signal
        return new Promise(() => {})
      },
    })
    await auth.login(pair())
    const done = watch(auth.logout())
    await pass(2 * SECOND - 1)
    expect(done.status).toBe('pending')
    await pass(1)
    expect(done.status).toBe('fulfilled')
    expect(signal?.aborted).toBe(false)
    await pass(8 * SECOND)
    expect(signal?.aborted).toBe(true)
    expect(events.names).toEqual(['login', 'logout', 'warning'])
    expect(events.of('warning')[0]).toMatchObject({
      error: { cause: { message: 'no answer within 10000 ms' } },
    })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('at the server does not touch a session that begins meanwhile', async () => {
    const told = deferred()
    const { auth } = open({ logout: () => told.promise })
    await auth.login(pair({ sub: 'ada' }))
    void auth.logout()
    const next = pair({ sub: 'grace' })
    await auth.login(next)
    told.reject(httpError(401))
    await settle()
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'grace' } })
  })

  it('may be followed by a login at once', async () => {
    const storage = cell(null, { asynchronous: true })
    const { auth } = open({ storage })
    await auth.login(pair({ sub: 'ada' }))
    const out = auth.logout()
    const next = pair({ sub: 'grace' })
    await auth.login(next)
    await out
    await settle()
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(storage.record?.accessToken).toBe(next.access_token)
  })
})

describe('logout during a flight', () => {
  it('drops the late tokens and tells the waiters', async () => {
    const storage = cell()
    const { auth, refresh, events } = open({ storage })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const asked = Array.from({ length: 5 }, () => watch(auth.getAccessToken()))
    const refreshed = watch(auth.refresh())
    await settle()
    await auth.logout()
    for (const { status, error } of [...asked, refreshed]) {
      expect(status).toBe('rejected')
      expect(error).toBeInstanceOf(SignedOutError)
    }
    refresh.last.answer()
    await settle()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
    expect(storage.record).toBeNull()
    expect(events.names).toEqual(['login', 'logout'])
  })

  it.each<[string, unknown]>([
    ['is rejected', invalidGrant()],
    ['fails', httpError(503)],
  ])('that %s afterwards changes nothing', async (_, failure) => {
    const { auth, refresh, events } = open()
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    await auth.logout()
    refresh.last.fail(failure)
    await pass(MINUTE)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual(['login', 'logout'])
    expect(refresh.calls).toHaveLength(1)
  })

  it('between two attempts stops the flight', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.9)
    const { auth, refresh } = open()
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    refresh.last.fail(httpError(503))
    await settle()
    await auth.logout()
    await pass(MINUTE)
    expect(refresh.calls).toHaveLength(1)
  })

  it('while the new tokens are being stored drops them', async () => {
    const writes: Deferred<void>[] = []
    let record: unknown = null
    const storage = {
      get: () => null,
      set: (tokens: unknown) => {
        const write = deferred()
        writes.push(write)
        return write.promise.then(() => {
          record = tokens
        })
      },
      remove: () => {
        record = null
      },
    }
    const { auth, refresh } = open({ storage: recordStorage(storage) })
    const login = auth.login(pair())
    writes[0]?.resolve()
    await login
    await pass(5 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    refresh.last.answer()
    await settle()
    expect(asked.status).toBe('pending')
    const out = auth.logout()
    await settle()
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    writes[1]?.resolve()
    await out
    await settle()
    expect(record).toBeNull()
    expect(await auth.getAccessToken()).toBeUndefined()
  })
})

describe('another login during a flight', () => {
  it.each(['login', 'logout'] as const)('or a logout leaves its request alone: %s', async method => {
    const { auth, refresh } = open()
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    await (method === 'login' ? auth.login(pair()) : auth.logout())
    // An answer may be on its way that spends the refresh token: a server must be able to finish it.
    expect(refresh.last.signal.aborted).toBe(false)
    expect(refresh.calls).toHaveLength(1)
  })

  it('drops the late tokens, and waiters of the old session get no token of the new one', async () => {
    const storage = cell()
    const { auth, refresh } = open({ storage })
    await auth.login(pair({ sub: 'ada' }))
    await pass(5 * MINUTE)
    const old = watch(auth.getAccessToken())
    await settle()
    const next = pair({ sub: 'grace' })
    await auth.login(next)
    expect(old).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    refresh.last.answer(pair({ sub: 'ada' }))
    await settle()
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(auth.getState()).toMatchObject({ claims: { sub: 'grace' } })
    expect(storage.record?.accessToken).toBe(next.access_token)
  })

  it('is not ended by a late rejection of the old one', async () => {
    const { auth, refresh, events } = open()
    await auth.login(pair({ sub: 'ada' }))
    watch(auth.refresh())
    await settle()
    await auth.login(pair({ sub: 'grace' }))
    refresh.last.fail(invalidGrant())
    await settle()
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'grace' } })
    expect(events.names).toEqual(['login', 'login'])
  })

  it('may refresh while the old flight still hangs', async () => {
    const { auth, refresh } = open()
    await auth.login(pair({ sub: 'ada' }))
    watch(auth.refresh())
    await settle()
    const grace = pair({ sub: 'grace' })
    await auth.login(grace)
    const done = watch(auth.refresh())
    await settle()
    expect(refresh.spent[1]).toBe(grace.refresh_token)
    const { access_token } = refresh.last.answer(pair({ sub: 'grace' }))
    await settle()
    expect(done.status).toBe('fulfilled')
    refresh.calls[0]?.answer(pair({ sub: 'ada' }))
    await settle()
    expect(await auth.getAccessToken()).toBe(access_token)
  })

  it('never lends its token to a request that began before it', async () => {
    const { auth, refresh } = open()
    await auth.login(pair({ sub: 'ada' }))
    await pass(5 * MINUTE)
    const engine = engineView(auth)
    const session = engine.session()
    await auth.login(pair({ sub: 'grace' }))
    const error = await rejection(Promise.resolve(engine.acquire(session)))
    expect(error.code).toBe('ERR_SIGNED_OUT')
    expect(refresh.calls).toHaveLength(0)
  })

  it('never lends its token to a request that began before a logout and a login', async () => {
    const { auth } = open()
    await auth.login(pair({ sub: 'ada' }))
    const engine = engineView(auth)
    const session = engine.session()
    await auth.logout()
    await auth.login(pair({ sub: 'ada' }))
    const error = await rejection(Promise.resolve(engine.acquire(session)))
    expect(error.code).toBe('ERR_SIGNED_OUT')
  })

  it('a request with forceRefresh that began before it gets no token of it', async () => {
    const { auth, refresh } = open()
    await auth.login(pair({ sub: 'ada' }))
    const asked = watch(auth.getAccessToken({ forceRefresh: true }))
    await settle()
    await auth.login(pair({ sub: 'grace' }))
    await settle()
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(refresh.calls).toHaveLength(1)
  })
})

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

  it('has an error that says what to do, and that names no option', async () => {
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

  it('names it as expired where it says so itself', async () => {
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

describe('the four cases of two ends', () => {
  it('both expired: log in again', async () => {
    const refresh = refreshStub(() => Promise.reject(invalidGrant()))
    const { auth } = open({ autoRefresh: 'off', refresh })
    await auth.login({ ...pair(), refresh_expires_in: 600 })
    await pass(HOUR)
    await expect(auth.getAccessToken()).rejects.toMatchObject({
      code: 'ERR_SESSION_EXPIRED',
      reason: 'refresh_token_expired',
    })
    // No clock decides: the server was asked, once.
    expect(refresh.calls).toHaveLength(1)
  })

  it('access token expired, refresh token good: a new access token', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    await auth.login({ ...pair(), refresh_expires_in: 3_600 })
    await pass(10 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['expired'])
    const { access_token } = refresh.last.answer()
    await settle()
    expect(asked.value).toBe(access_token)
  })

  it('both good: nothing to do', async () => {
    const { auth, refresh } = open()
    await auth.login({ ...pair(), refresh_expires_in: 3_600 })
    await auth.getAccessToken()
    expect(refresh.calls).toHaveLength(0)
  })

  describe('access token good, refresh token expired', () => {
    const start = async (options: Parameters<typeof open>[0] = {}) => {
      const opened = open({ autoRefresh: 'off', ...options })
      const tokens = pair({ lifetime: HOUR })
      await opened.auth.login({ ...tokens, refresh_expires_in: 600 })
      await pass(10 * MINUTE)
      return { ...opened, tokens }
    }

    it('the session lives until the access token ends', async () => {
      const { auth, tokens, events } = await start({
        refresh: refreshStub(() => Promise.reject(httpError(400))),
      })
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      await pass(50 * MINUTE - 1)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      expect(events.of('sessionExpired')).toEqual([])
      await pass(1)
      await expect(auth.getAccessToken()).rejects.toMatchObject({ reason: 'refresh_token_expired' })
      expect(events.of('sessionExpired')).toHaveLength(1)
    })

    it('a new pair is asked for, once, without the dead refresh token', async () => {
      const { auth, refresh, tokens } = await start()
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      await settle()
      expect(refresh.calls).toHaveLength(1)
      expect(refresh.last.refreshToken).toBeUndefined()
      expect('refreshToken' in refresh.last).toBe(false)
      expect(refresh.last.accessToken).toBe(tokens.access_token)
      refresh.last.fail(httpError(401))
      await settle()
      for (let minute = 0; minute < 40; minute++) {
        expect(await auth.getAccessToken()).toBe(tokens.access_token)
        await pass(MINUTE)
      }
      expect(refresh.calls).toHaveLength(1)
    })

    it.each([
      [503, 'transient', true],
      [404, 'misconfigured', true],
      [401, 'rejected', false],
    ])(
      'a question that fails with %i (%s) is told, and shown in the state: %j',
      async (status, failure, isShown) => {
        const { auth, refresh, events } = await start()
        await auth.getAccessToken()
        await settle()
        refresh.last.fail(httpError(status))
        await settle()
        const [event] = events.of('refreshFailed')
        expect(event).toMatchObject({ class: failure, attempts: 1, error: { code: 'ERR_REFRESH_FAILED' } })
        expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: false })
        expect((auth.getState() as { error?: unknown }).error).toBe(isShown ? event?.error : undefined)
      },
    )

    it('a question that fails is a matter of this page: nothing is written that would hold up another', async () => {
      const storage = cell(null, { shared: true })
      const { auth, refresh, events } = await start({ storage, lock })
      await auth.getAccessToken()
      await settle()
      const { record } = storage
      refresh.last.fail(httpError(503))
      await settle()
      expect(events.of('refreshFailed')).toHaveLength(1)
      expect(storage.record).toBe(record)
    })

    it('a new pair that comes carries the session on', async () => {
      const { auth, refresh, events } = await start()
      await auth.getAccessToken()
      await settle()
      const next = refresh.last.answer(pair({ lifetime: HOUR }))
      await settle()
      expect(await auth.getAccessToken()).toBe(next.access_token)
      expect(auth.getState()).not.toHaveProperty('sessionExpiresAt')
      await pass(HOUR)
      watch(auth.getAccessToken())
      await settle()
      expect(refresh.last.refreshToken).toBe(next.refresh_token)
      expect(events.of('sessionExpired')).toEqual([])
    })

    it.each<[string, () => unknown]>([
      ['rejected', () => invalidGrant()],
      ['refused with 401', () => httpError(401)],
      ['failed', () => httpError(503)],
      ['lost', () => new TypeError('Failed to fetch')],
    ])('an ask that is %s ends nothing', async (_, failure) => {
      const { auth, refresh, events, tokens } = await start()
      await auth.getAccessToken()
      await settle()
      refresh.last.fail(failure())
      await pass(MINUTE)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      expect(auth.getState().status).toBe('authenticated')
      expect(events.of('sessionExpired')).toEqual([])
      expect(refresh.calls).toHaveLength(1)
    })

    it('the ask disturbs no request, and only the timer or a request notices', async () => {
      const { refresh } = await start({ autoRefresh: 'always' })
      await settle()
      expect(refresh.calls).toHaveLength(1)
      expect(refresh.last.refreshToken).toBeUndefined()
    })

    it.each<[string, () => unknown]>([
      ['refused', () => httpError(401)],
      ['failed', () => httpError(503)],
    ])(
      'a request that waits because the access token died during an ask that is %s gets no dead token',
      async (_, failure) => {
        const { auth, refresh, tokens } = await start({ refreshTimeout: 2 * HOUR })
        await auth.getAccessToken()
        await settle()
        expect(refresh.calls).toHaveLength(1)
        await pass(50 * MINUTE)
        const asked = watch(auth.getAccessToken())
        await settle()
        expect(asked.status).toBe('pending')
        refresh.last.fail(failure())
        await settle()
        // The refresh token is all that is left.
        expect(refresh.spent).toEqual([undefined, tokens.refresh_token])
        refresh.last.fail(invalidGrant())
        await settle()
        expect(asked.value).not.toBe(tokens.access_token)
        expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SESSION_EXPIRED' } })
      },
    )

    it('a request that waits because the access token died during an ask that hangs gets no dead token', async () => {
      const { auth, tokens } = await start()
      await pass(50 * MINUTE - 5 * SECOND)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      await pass(5 * SECOND)
      const asked = watch(auth.getAccessToken())
      await pass(20 * SECOND)
      expect(asked.status).toBe('rejected')
    })

    it('an ask that is refused late ends nothing', async () => {
      const { auth, refresh, tokens, events } = await start()
      await auth.getAccessToken()
      await pass(15 * SECOND)
      refresh.last.fail(httpError(401))
      await pass(5 * SECOND)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      expect(auth.getState().status).toBe('authenticated')
      expect(events.of('sessionExpired')).toEqual([])
      expect(refresh.calls).toHaveLength(1)
    })

    it('an ask that is answered late is kept', async () => {
      const { auth, refresh } = await start()
      await auth.getAccessToken()
      await pass(15 * SECOND)
      const { access_token } = refresh.last.answer(pair({ lifetime: HOUR }))
      await settle()
      expect(await auth.getAccessToken()).toBe(access_token)
      expect(refresh.calls).toHaveLength(1)
    })

    it('a 401 during an ask that is refused is not replayed with the same token', async () => {
      const { auth, refresh, tokens } = await start()
      const engine = engineView(auth)
      const ticket = await engine.acquire(engine.session())
      await settle()
      const refused = watch(Promise.resolve(engine.rejectGrant(ticket!)))
      await settle()
      refresh.last.fail(httpError(400))
      await settle()
      expect(refresh.spent).toEqual([undefined, tokens.refresh_token])
      const next = refresh.last.answer()
      await settle()
      expect(refused.value?.accessToken).toBe(next.access_token)
    })

    it('refresh() whose ask is refused rejects, and the session lives', async () => {
      const { auth, refresh, tokens } = await start()
      const done = watch(auth.refresh())
      await settle()
      expect('refreshToken' in refresh.last).toBe(false)
      refresh.last.fail(httpError(401))
      await settle()
      expect(done).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED' } })
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
    })

    it('a 401 then has the refresh token sent once, and its refusal is the end', async () => {
      const { auth, refresh, tokens } = await start()
      const engine = engineView(auth)
      const ticket = await engine.acquire(engine.session())
      await settle()
      refresh.last.fail(httpError(400))
      await settle()
      const refused = rejection(Promise.resolve(engine.rejectGrant(ticket!)))
      await settle()
      expect(refresh.spent).toEqual([undefined, tokens.refresh_token])
      refresh.last.fail(httpError(400))
      expect(await refused).toMatchObject({ code: 'ERR_SESSION_EXPIRED', reason: 'refresh_token_expired' })
      expect(refresh.calls).toHaveLength(2)
    })
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

  it('comes before sessionExpired, once each, in a session that nobody renews', async () => {
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
      'is unknown where another one comes that says nothing',
      () => opaque('rt'),
      () => ({ refresh_token: opaque('rt') }),
      undefined,
    ],
    [
      'is that of another one that says so',
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

describe('a storage that others write to', () => {
  /** What others have stored comes in between each write of ours, so often. */
  const contested = (rivals: ((ours: Stored) => Stored)[]) => {
    const storage = cell()
    const records = {
      shared: true,
      get: () => storage.record,
      set() {},
      remove() {},
      async commit(ours: Stored) {
        storage.record = rivals.shift()?.(ours) ?? ours
        return storage.record
      },
    }
    return markStorage(storage, { records: () => records }) as Cell
  }
  const newer = (ours: Stored): Stored =>
    storedRecord({
      generation: ours.generation + 100,
      version: 1.5,
      accessToken: accessToken({ sub: 'grace' }),
    })

  it.each([1, 2])('%i times during a login keeps the login', async times => {
    const rivals: ((ours: Stored) => Stored)[] = []
    const storage = contested(rivals)
    const { auth, refresh, events } = open({ storage, autoRefresh: 'off' })
    await settle()
    for (let time = 0; time < times; time++) rivals.push(newer)
    const tokens = pair()
    const login = auth.login(tokens)
    const session = engineView(auth).session()
    await login
    expect(storage.record?.accessToken).toBe(tokens.access_token)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(events.names).toEqual(['login'])
    // Whatever began in it goes on, also after a refresh.
    expect(engineView(auth).session()).toBe(session)
    watch(auth.refresh())
    await settle()
    refresh.last.answer()
    await settle()
    expect(engineView(auth).session()).toBe(session)
    expect(refresh.spent).toEqual([tokens.refresh_token])
  })

  it.each([1, 2])('%i times during a logout keeps the logout', async times => {
    const rivals: ((ours: Stored) => Stored)[] = []
    const storage = contested(rivals)
    const { auth, events } = open({ storage, autoRefresh: 'off' })
    await auth.login(pair())
    for (let time = 0; time < times; time++) rivals.push(newer)
    await auth.logout()
    expect(storage.record).toMatchObject({ ended: 'logout' })
    expect(storage.record).not.toHaveProperty('accessToken')
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual(['login', 'logout'])
  })

  it('while a refused session ends has the newer one live', async () => {
    const rivals: ((ours: Stored) => Stored)[] = []
    const storage = contested(rivals)
    const { auth, refresh, events } = open({ storage, autoRefresh: 'off' })
    await auth.login(pair())
    const done = watch(auth.refresh())
    await settle()
    rivals.push(newer)
    refresh.last.fail(invalidGrant())
    await pass(2 * SECOND)
    expect(done).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'grace' } })
    expect(storage.record).toHaveProperty('accessToken')
    expect(events.of('sessionExpired')).toEqual([])
  })

  it('and is overwritten with an old copy gets back what is newer here, once', async () => {
    const storage = cell(null, { shared: true })
    const { auth, refresh } = open({ storage, autoRefresh: 'off', refresh: refreshStub(async () => pair()) })
    await auth.login(pair())
    const old = storage.record
    await auth.refresh()
    const { record } = storage
    storage.record = old
    storage.writes.length = 0
    void auth.refresh()
    expect(storage.record).toBe(old)
    await settle()
    expect(storage.writes[0]).toEqual(record)
    expect(refresh.spent[1]).toBe(record?.refreshToken)
  })

  it('and that forgets what is written to it is not written to for ever', async () => {
    const storage = cell(null, { shared: true })
    const { auth, refresh } = open({
      storage,
      autoRefresh: 'off',
      retry: 0,
      refresh: refreshStub(() => Promise.reject(httpError(503))),
    })
    await auth.login(pair())
    const old = { ...storage.record, generation: 1 } as Stored
    const set = vi.fn()
    Object.assign(storage, { get: () => old, set })
    for (let minute = 0; minute < 5; minute++) {
      watch(auth.refresh())
      await pass(MINUTE)
    }
    // Each failure is news of its own: written once, and brought back once.
    expect(set.mock.calls.length).toBeLessThanOrEqual(3 * refresh.calls.length)
    expect(auth.getState().status).toBe('authenticated')
  })

  it('and holds the mere stamp of a record that was lost says nothing', async () => {
    const storage = cell(null, { shared: true })
    const { auth, refresh, events } = open({ storage, autoRefresh: 'off' })
    await auth.login(pair())
    storage.record = { generation: 9e9, version: 1, savedAt: Date.now() }
    watch(auth.refresh())
    await settle()
    expect(auth.getState().status).toBe('authenticated')
    expect([refresh.calls.length, events.names]).toEqual([1, ['login']])
  })

  it('while a login is being stored ends it with nothing that is read meanwhile', async () => {
    const written = deferred()
    const storage = cell(null, { shared: true })
    const { auth } = open({ storage, autoRefresh: 'off' })
    storage.setItem = () => written.promise
    storage.getItem = () =>
      encodeStored(storedRecord({ generation: 9e9, accessToken: accessToken({ sub: 'grace' }) }))
    const tokens = pair()
    const login = watch(auth.login(tokens))
    const done = watch(auth.refresh())
    await settle()
    expect(auth.getState()).toMatchObject({ claims: { sub: 'ada' } })
    written.resolve()
    await pass(SECOND)
    expect([login.status, done.status]).not.toContain('rejected')
  })
})

describe('failures', () => {
  it.each([
    [true, 1],
    [false, undefined],
  ])('are noted in the record where it is shared: %j', async (shared, failures) => {
    const storage = cell(null, { shared })
    const { auth } = open({
      storage,
      retry: 0,
      autoRefresh: 'off',
      refresh: refreshStub(() => Promise.reject(httpError(503))),
    })
    const tokens = pair()
    await auth.login(tokens)
    const { length } = storage.writes
    await rejection(auth.refresh())
    await settle()
    expect(storage.record?.accessToken).toBe(tokens.access_token)
    expect(storage.record?.failures).toBe(failures)
    expect(storage.writes.length > length).toBe(shared)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
  })
})

describe('refresh()', () => {
  it('of nobody takes no turn', async () => {
    const request = vi.fn()
    const { auth, refresh } = open({ storage: cell(null, { shared: true }), lock: { request } })
    await auth.refresh()
    expect([request.mock.calls.length, refresh.calls.length]).toEqual([0, 0])
  })

  it('waits for the session that is being restored', async () => {
    const first = deferred<Stored>()
    const { auth, refresh } = open({
      storage: recordStorage({ get: () => first.promise, set() {}, remove() {} }),
    })
    const done = watch(auth.refresh())
    await settle()
    expect([done.status, refresh.calls.length]).toEqual(['pending', 0])
    const record = storedRecord()
    first.resolve(record)
    await settle()
    expect(refresh.spent).toEqual([record.refreshToken])
    refresh.last.answer()
    await settle()
    expect(done.status).toBe('fulfilled')
  })
})

describe('restore', () => {
  it.each([
    ['', HOUR],
    [' that ends just now', 5 * MINUTE],
  ])('of a dead session without a refresh token%s ends it, and asks nobody', async (_, ago) => {
    const storage = cell(withoutRefreshToken({ ago }))
    const { auth, refresh, events } = open({ storage, autoRefresh: 'off' })
    await auth.ready
    expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'no_refresh_token' })
    expect(storage.record).toBeNull()
    expect([events.names, refresh.calls.length]).toEqual([['sessionExpired'], 0])
  })

  it.each([
    ['seems to have ended', 1],
    ['seems to end just now', 0],
  ])('of a dead session whose refresh token %s asks once, and ends it if that is refused', async (_, ago) => {
    const storage = cell(storedRecord({ ago: HOUR, refreshExpiresAt: Date.now() - ago }))
    const spent = storage.record?.refreshToken
    const refresh = refreshStub(() => Promise.reject(invalidGrant()))
    const { auth, events } = open({ storage, autoRefresh: 'off', refresh })
    await auth.ready
    expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'refresh_token_expired' })
    expect(storage.record).toBeNull()
    expect([events.names, refresh.spent]).toEqual([['sessionExpired'], [spent]])
  })

  it('of a dead session whose refresh token seems to have ended goes on if the server takes it', async () => {
    const storage = cell(storedRecord({ ago: HOUR, refreshExpiresAt: Date.now() - MINUTE }))
    const refresh = refreshStub(async () => alone())
    const { auth, events } = open({ storage, autoRefresh: 'off', refresh })
    await auth.ready
    expect(auth.getState()).toMatchObject({ status: 'authenticated' })
    // Its end is not what the record said.
    expect(auth.getState()).not.toHaveProperty('sessionExpiresAt')
    expect(storage.record?.refreshExpiresAt).toBeUndefined()
    expect(events.names).toEqual(['refreshed'])
  })

  it('of a good token whose refresh token has ended asks nobody', async () => {
    const record = storedRecord({ ago: MINUTE, refreshExpiresAt: Date.now() - 1 })
    const { auth, refresh } = open({ storage: cell(record), autoRefresh: 'off' })
    await auth.ready
    await settle()
    expect(auth.getState()).toMatchObject({ status: 'authenticated' })
    expect(refresh.calls).toHaveLength(0)
  })

  it('of a good token without a refresh token has its session', async () => {
    const record = withoutRefreshToken({ ago: MINUTE })
    const { auth, events } = open({ storage: cell(record), autoRefresh: 'off' })
    await auth.ready
    expect(await auth.getAccessToken()).toBe(record.accessToken)
    expect(events.names).toEqual([])
  })

  it('of a record that somebody wrote by hand, of generation 0, has its session', async () => {
    const record = storedRecord({ generation: 0, version: 1 })
    const { auth } = open({ storage: cell(record), autoRefresh: 'off' })
    expect(await auth.getAccessToken()).toBe(record.accessToken)
  })

  it('that breaks is a warning, and ready resolves', async () => {
    let reads = 0
    const record = Object.defineProperty(storedRecord(), 'lifetime', {
      get() {
        if (++reads > 2) throw new Error('a getter')
        return MINUTE
      },
    })
    const records = { shared: false, get: () => record, set() {}, remove() {} }
    const storage = markStorage(memoryStorage(), { records: () => records })
    const { auth, events } = open({ storage })
    await auth.ready
    expect(events.of('warning')).toMatchObject([
      { message: 'The restore failed', error: { message: 'a getter' } },
    ])
    const tokens = pair()
    await auth.login(tokens)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
  })

  it('from a synchronous storage is done when createAuth returns', async () => {
    const storage = cell(storedRecord())
    const { auth, refresh } = open({ storage })
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
    await auth.ready
    expect(await auth.getAccessToken()).toBe(storage.record?.accessToken)
    expect(refresh.calls).toHaveLength(0)
  })

  it('from an empty synchronous storage is anonymous at once', () => {
    const { auth } = open({ storage: cell() })
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('from an asynchronous storage is loading first, and requests wait', async () => {
    const first = deferred<ReturnType<typeof storedRecord> | null>()
    const { auth, events } = open({
      storage: recordStorage({ get: () => first.promise, set() {}, remove() {} }),
    })
    expect(auth.getState()).toEqual({ status: 'loading' })
    const asked = watch(auth.getAccessToken())
    const ready = watch(auth.ready)
    await settle()
    expect([asked.status, ready.status]).toEqual(['pending', 'pending'])
    const record = storedRecord()
    first.resolve(record)
    await settle()
    expect(asked.value).toBe(record.accessToken)
    expect(ready.status).toBe('fulfilled')
    expect(events.statuses).toEqual(['authenticated'])
  })

  it('from an empty asynchronous storage is anonymous after loading', async () => {
    const { auth, events } = open({ storage: cell(null, { asynchronous: true }) })
    expect(auth.getState()).toEqual({ status: 'loading' })
    expect(await auth.getAccessToken()).toBeUndefined()
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual([])
  })

  it('of a good token calls nobody', async () => {
    const { auth, refresh, events } = open({ storage: cell(storedRecord({ ago: MINUTE })) })
    await auth.ready
    await auth.getAccessToken()
    expect(refresh.calls).toHaveLength(0)
    expect(events.names).toEqual([])
  })

  it('of a dead token waits for the first request', async () => {
    const { auth, refresh } = open({ storage: cell(storedRecord({ ago: HOUR })), autoRefresh: 'off' })
    await auth.ready
    await settle()
    expect(refresh.calls).toHaveLength(0)
    expect(auth.getState().status).toBe('authenticated')
    const asked = watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(1)
    refresh.last.answer()
    await settle()
    expect(asked.status).toBe('fulfilled')
  })

  it('goes on with the stored refresh token', async () => {
    const record = storedRecord()
    const { auth, refresh } = open({ storage: cell(record) })
    watch(auth.refresh())
    await settle()
    expect(refresh.spent).toEqual([record.refreshToken])
  })

  it('keeps the cool-down that an earlier page left', async () => {
    const record = storedRecord({ ago: HOUR, failures: 3, retryAt: START + MINUTE, retryStrict: true })
    const { auth, refresh } = open({ storage: cell(record) })
    await expect(auth.getAccessToken()).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 0 })
    // The server said so: not even by force.
    const force = { forceRefresh: true }
    await expect(auth.getAccessToken(force)).rejects.toMatchObject({
      code: 'ERR_REFRESH_FAILED',
      attempts: 0,
    })
    expect(refresh.calls).toHaveLength(0)
    await pass(MINUTE + 1)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(1)
  })

  it('of a cool-down from the distant future does not lock anybody out', async () => {
    const record = storedRecord({ ago: HOUR, failures: 3, retryAt: START + 10 * 365 * DAY })
    const { auth, refresh } = open({ storage: cell(record) })
    await rejection(auth.getAccessToken())
    watch(auth.refresh())
    await settle()
    expect(refresh.calls).toHaveLength(1)
  })

  it('ready never rejects', async () => {
    const { auth, events } = open({
      storage: recordStorage({ get: () => Promise.reject(new Error('broken')), set() {}, remove() {} }),
    })
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual(['warning'])
  })
})

describe('new tokens', () => {
  it('are stored before anyone is released', async () => {
    const order: string[] = []
    const slow = recordStorage({
      get: () => null,
      remove() {},
      set: async () => {
        await Promise.resolve()
        await Promise.resolve()
        order.push('stored')
      },
    })
    const { auth, refresh } = open({ storage: slow })
    await auth.login(pair())
    order.length = 0
    await pass(5 * MINUTE)
    const asked = auth.getAccessToken().then(() => order.push('released'))
    auth.on('refreshed', () => order.push('told'))
    await settle()
    refresh.last.answer()
    await asked
    await settle()
    expect(order[0]).toBe('stored')
    expect(order).toContain('released')
    expect(order).toContain('told')
  })

  it('are in the storage when the event comes', async () => {
    const storage = cell(null, { asynchronous: true })
    const { auth, refresh } = open({ storage })
    await auth.login(pair())
    let stored: unknown
    auth.on('refreshed', () => {
      stored = storage.record?.accessToken
    })
    watch(auth.refresh())
    await settle()
    const { access_token } = refresh.last.answer()
    await settle()
    expect(stored).toBe(access_token)
  })

  it('of another user are another session, in storage mode too', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    await auth.login(pair({ sub: 'ada' }))
    await pass(5 * MINUTE)
    const old = watch(auth.getAccessToken())
    await settle()
    const next = refresh.last.answer(pair({ sub: 'grace' }))
    await settle()
    expect(old.value).not.toBe(next.access_token)
    expect(old).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
  })

  it.each<[string, () => { access_token: string }]>([
    ['an opaque token', () => ({ access_token: opaque('at') })],
    [
      'a JWT whose sub is an object',
      () => ({ access_token: jwt({ sub: { id: 7 }, iat: START / 1000, exp: START / 1000 + 300 }) }),
    ],
    ['a JWT without sub', () => ({ access_token: jwt({ iat: START / 1000, exp: START / 1000 + 300 }) })],
  ])('that name no user belong to the session that asked for them: %s', async (_, answer) => {
    const { auth, refresh, events } = open()
    const tokens = pair({ sub: 'ada' })
    await auth.login(tokens)
    const session = engineView(auth).session()
    const done = watch(auth.refresh())
    await settle()
    const { access_token } = refresh.last.answer(answer())
    await settle()
    expect(done).toMatchObject({ status: 'fulfilled' })
    expect(engineView(auth).session()).toBe(session)
    expect(await auth.getAccessToken()).toBe(access_token)
    watch(auth.refresh())
    await settle()
    expect(refresh.last.refreshToken).toBe(tokens.refresh_token)
    expect(events.names).toEqual(['login', 'refreshed'])
  })
})
