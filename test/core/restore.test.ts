/** The start of a page, and a storage that other pages write to. */
import { cookieSession, memoryStorage, type TokenStorage } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { markStorage } from '../../src/core/storage.js'
import {
  accessToken,
  alone,
  type Cell,
  cell,
  DAY,
  deferred,
  encodeStored,
  engineView,
  HOUR,
  httpError,
  invalidGrant,
  MINUTE,
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

function withoutRefreshToken(options: Parameters<typeof storedRecord>[0]): Stored {
  const { refreshToken: _, ...record } = storedRecord(options)
  return record
}

describe('a restore that asks the server', () => {
  const ways: [what: string, storage: () => TokenStorage, reason: string][] = [
    ['by its cookie', () => cookieSession(), 'restore'],
    [
      'with stored tokens that have both expired',
      () => cell(storedRecord({ ago: HOUR, refreshExpiresAt: Date.now() - MINUTE })),
      'expired',
    ],
  ]

  it.each(ways)(
    'calls the refresh function after createAuth, which it may use: %s',
    async (_, storage, reason) => {
      const tokens = pair()
      const seen: unknown[] = []
      const refresh = refreshStub(() => {
        seen.push(auth.getState().status)
        return Promise.resolve(tokens)
      })
      const { auth } = open({ storage: storage(), refresh, retry: 0 })
      expect(refresh.calls).toHaveLength(0)
      await auth.ready
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      expect([seen.length, refresh.reasons]).toEqual([1, [reason]])
    },
  )

  it.each(ways)('sends no request if a login comes first: %s', async (_, storage) => {
    const { auth, refresh } = open({ storage: storage(), retry: 0 })
    const tokens = pair()
    await auth.login(tokens)
    await auth.ready
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: false })
    expect(refresh.calls).toHaveLength(0)
  })
})

describe('a storage that others write to', () => {
  /** Writes of other tabs come between our writes, this many times. */
  const contested = (rivals: ((ours: Stored) => Stored)[]) => {
    const storage = cell()
    const records = {
      shared: true,
      get: () => storage.record,
      set() {},
      remove() {},
      isAt: () => false,
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
    // Everything that began in it goes on, also after a refresh.
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

  it('and is overwritten with an old copy gets the newer record back, once', async () => {
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

  it('and that forgets every write is not written to for ever', async () => {
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

describe('restore', () => {
  it.each([
    ['', HOUR],
    [' that ends just now', 5 * MINUTE],
  ])('of a dead session without a refresh token%s ends it, without a request', async (_, ago) => {
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
    expect(refresh.reasons).toEqual(['expired'])
  })

  it('of a dead session whose refresh token seems to have ended goes on if the server takes it', async () => {
    const storage = cell(storedRecord({ ago: HOUR, refreshExpiresAt: Date.now() - MINUTE }))
    const refresh = refreshStub(async () => alone())
    const { auth, events } = open({ storage, autoRefresh: 'off', refresh })
    await auth.ready
    expect(auth.getState()).toMatchObject({ status: 'authenticated' })
    // Its end differs from the record.
    expect(auth.getState()).not.toHaveProperty('sessionExpiresAt')
    expect(storage.record?.refreshExpiresAt).toBeUndefined()
    expect(events.names).toEqual(['refreshed'])
  })

  it('of a good token whose refresh token has ended makes no request', async () => {
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

  it('of a record that was written by hand, of generation 0, has its session', async () => {
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
    const records = { shared: false, get: () => record, set() {}, remove() {}, isAt: () => false }
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

  it('from an asynchronous storage leaves a login alone that comes first, although the storage holds a session', async () => {
    const record = storedRecord({ generation: START / 1_000 + MINUTE, ago: HOUR })
    const first = deferred<Stored>()
    const { auth, refresh } = open({
      storage: recordStorage({ get: () => first.promise, set() {}, remove() {} }),
      autoRefresh: 'off',
    })
    const tokens = pair()
    watch(auth.login(tokens))
    await settle()
    first.resolve(record)
    await settle()
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(refresh.calls).toHaveLength(0)
  })

  it('from an empty asynchronous storage is anonymous after loading', async () => {
    const { auth, events } = open({ storage: cell(null, { asynchronous: true }) })
    expect(auth.getState()).toEqual({ status: 'loading' })
    expect(await auth.getAccessToken()).toBeUndefined()
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual([])
  })

  it('of a good token makes no request', async () => {
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

  it('keeps the back-off that an earlier page left', async () => {
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

  it('of a back-off from the distant future locks no user out', async () => {
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
