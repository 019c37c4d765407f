/** A login: its tokens, its record, and the session that it replaces. */
import { type AuthLock, memoryStorage } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import {
  alone,
  cell,
  deferred,
  engineView,
  expectNoToken,
  invalidGrant,
  MINUTE,
  open,
  pair,
  pass,
  recordStorage,
  refreshStub,
  rejection,
  SECOND,
  settle,
  storedRecord,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

/** For a page that has its shared storage to itself. */
const lock: AuthLock = { request: (_name, _options, callback) => callback() }

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
    'reaches a listener of %s when the tokens are stored, because it may leave the page',
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

  it.each<[mistake: string, options: (token: string) => unknown, message: string]>([
    [
      'a refresh token in place of its options',
      token => token,
      'tokenflight: `options` must be an object, got string',
    ],
    [
      'a refresh token as `remember`',
      token => ({ remember: token }),
      'tokenflight: `remember` must be a boolean, got string',
    ],
  ])('with %s is refused without the token in the message', async (_, options, message) => {
    const { access_token, refresh_token } = pair()
    const storage = cell()
    const { auth, events } = open({ storage })
    const error = await rejection(auth.login({ access_token }, options(refresh_token) as never))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toBe(message)
    expectNoToken(error)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect([storage.writes, events.names]).toEqual([[], []])
  })

  it('in a listener is reported when its tokens are stored, too', async () => {
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

  it('is reported after two seconds where the storage hangs', async () => {
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
