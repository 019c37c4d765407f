import { memoryStorage, type TokenStorage, webStorage } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import {
  accessToken,
  cell,
  type Deferred,
  deferred,
  encodeStored,
  expectNoToken,
  HOUR,
  invalidGrant,
  isShared,
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
import { createLocks } from '../support/origin.js'
import { becomePage } from '../support/page.js'

useFakeTime()

const boom = (): never => {
  throw new Error('storage is broken')
}

type Faults = Partial<TokenStorage>

/** A storage of which some operations misbehave. */
function faulty(faults: Faults, options: Parameters<typeof cell>[1] = {}): TokenStorage {
  return Object.assign(cell(null, options), faults)
}

describe('a storage that fails', () => {
  const rejecting = (): Promise<never> => Promise.reject(new Error('storage is broken'))

  it.each<[string, Faults]>([
    ['throws on get', { getItem: boom }],
    ['rejects on get', { getItem: rejecting }],
    ['throws on set', { setItem: boom }],
    ['rejects on set', { setItem: rejecting }],
    ['throws on everything', { getItem: boom, setItem: boom, removeItem: boom }],
    ['rejects on everything', { getItem: rejecting, setItem: rejecting, removeItem: rejecting }],
  ])('and %s leaves a session in memory, and a warning tells', async (_, faults) => {
    const { auth, refresh, events } = open({
      storage: faulty(faults),
      refresh: refreshStub(async () => pair()),
      autoRefresh: 'off',
    })
    await auth.ready
    const tokens = pair()
    await auth.login(tokens)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    await pass(5 * MINUTE)
    const next = await auth.getAccessToken()
    expect(next).not.toBe(tokens.access_token)
    expect(refresh.spent).toEqual([tokens.refresh_token])
    await auth.refresh()
    expect(refresh.calls).toHaveLength(2)
    await auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.of('warning').length).toBeGreaterThanOrEqual(1)
    for (const warning of events.of('warning')) {
      expect(warning.message).toMatch(/storage/i)
      expect(warning.error).toBeInstanceOf(Error)
      expectNoToken(warning)
    }
  })

  it.each<[string, Faults]>([
    ['throws', { removeItem: boom }],
    ['rejects', { removeItem: rejecting }],
  ])('and %s on remove still ends the session', async (_, faults) => {
    const { auth, events } = open({
      storage: faulty(faults),
      refresh: refreshStub(() => Promise.reject(invalidGrant())),
    })
    await auth.login(pair())
    await rejection(auth.refresh())
    expect(auth.getState().status).toBe('expired')
    expect(events.of('sessionExpired')).toHaveLength(1)
    await auth.login(pair())
    await auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.of('warning').length).toBeGreaterThanOrEqual(2)
  })

  it.each(['login', 'logout', 'refresh'] as const)(
    'and its warning comes without another operation: %s',
    async method => {
      const storage = cell()
      const { auth, events } = open({ storage, refresh: refreshStub(async () => pair()) })
      await auth.login(pair())
      storage.setItem = boom
      storage.removeItem = boom
      await (method === 'login' ? auth.login(pair()) : auth[method]())
      await settle()
      expect(events.of('warning')).toHaveLength(1)
    },
  )

  it('because it is full keeps the tokens that the server has rotated', async () => {
    const storage = cell()
    const { auth, refresh, events } = open({ storage, refresh: refreshStub(async () => pair()) })
    await auth.login(pair())
    vi.spyOn(storage, 'setItem').mockImplementation(() => {
      throw new DOMException('The quota has been exceeded', 'QuotaExceededError')
    })
    await auth.refresh()
    await auth.refresh()
    expect(new Set(refresh.spent).size).toBe(2)
    expect(events.of('refreshed')).toHaveLength(2)
    expect(events.of('warning').length).toBeGreaterThanOrEqual(1)
  })

  it('and works again is written again', async () => {
    const storage = cell()
    let isBroken = true
    const { setItem } = storage
    storage.setItem = (key, value) => (isBroken ? boom() : setItem(key, value))
    const { auth } = open({ storage, refresh: refreshStub(async () => pair()) })
    await auth.login(pair())
    expect(storage.record).toBeNull()
    isBroken = false
    await auth.refresh()
    expect(storage.record?.accessToken).toBe(await auth.getAccessToken())
  })

  it('and hangs on get makes nobody wait for ever', async () => {
    const { auth, events } = open({ storage: faulty({ getItem: () => new Promise(() => {}) }) })
    const ready = watch(auth.ready)
    const asked = watch(auth.getAccessToken())
    await pass(5 * SECOND)
    expect(ready.status).toBe('fulfilled')
    expect(asked).toEqual({ status: 'fulfilled', value: undefined })
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.of('warning')).toMatchObject([
      {
        message: 'Storage failed to read; the session goes on in memory',
        error: { cause: { message: 'no answer within 2000 ms' } },
      },
    ])
  })

  it('and can be read no longer, nor written, says which', async () => {
    const storage = cell(null, { shared: true })
    const { auth, events } = open({
      storage,
      name: 'which',
      refresh: refreshStub(async () => pair()),
    })
    await auth.login(pair())
    Object.assign(storage, { getItem: boom })
    await auth.refresh()
    expect(events.of('warning').map(({ message }) => message)).toEqual([
      'Storage failed to read; the session goes on in memory',
      'Storage failed to write; the session goes on in memory',
    ])
  })

  it('and hangs on set makes nobody wait for ever', async () => {
    const { auth, refresh, events } = open({ storage: faulty({ setItem: () => new Promise(() => {}) }) })
    const login = watch(auth.login(pair()))
    await pass(5 * SECOND)
    expect(login.status).toBe('fulfilled')
    const done = watch(auth.refresh())
    await settle()
    refresh.last.answer()
    await pass(5 * SECOND)
    expect(done.status).toBe('fulfilled')
    expect(events.of('warning').length).toBeGreaterThanOrEqual(2)
  })

  it('and hangs on remove makes no logout wait for ever', async () => {
    const { auth } = open({ storage: faulty({ removeItem: () => new Promise(() => {}) }) })
    await auth.login(pair())
    const out = watch(auth.logout())
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    await pass(5 * SECOND)
    expect(out.status).toBe('fulfilled')
  })

  it('late on get does not overwrite what happened meanwhile', async () => {
    const first = deferred<string | null>()
    const { auth } = open({ storage: faulty({ getItem: () => first.promise }) })
    await pass(5 * SECOND)
    const tokens = pair({ sub: 'grace' })
    await auth.login(tokens)
    first.resolve(encodeStored(storedRecord()))
    await settle()
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
  })

  it('so slowly that a short token dies meanwhile hands out no dead token', async () => {
    const { auth, refresh } = open({
      storage: faulty({ setItem: () => new Promise(resolve => setTimeout(resolve, 1_900)) }),
      autoRefresh: 'off',
    })
    void auth.login(pair({ lifetime: 1_500 }))
    await pass(2 * SECOND)
    const asked = watch(auth.getAccessToken())
    await settle()
    const { access_token } = refresh.last.answer(pair({ lifetime: 1_500 }))
    await pass(1_950)
    expect(asked.value).not.toBe(access_token)
    await pass(MINUTE)
    expect(asked.status).not.toBe('pending')
  })

  it('does not fail a refresh that worked', async () => {
    const { auth, events } = open({
      storage: faulty({ setItem: boom }),
      refresh: refreshStub(async () => pair()),
    })
    await auth.login(pair())
    await auth.refresh()
    expect(events.of('refreshFailed')).toEqual([])
    expect(events.of('refreshed')).toHaveLength(1)
  })
})

describe('an asynchronous storage', () => {
  it('that is slow keeps writes in their order', async () => {
    const gates: Deferred<void>[] = []
    const landed: (string | undefined)[] = []
    const { auth } = open({
      storage: recordStorage({
        get: () => null,
        async set(record) {
          const gate = deferred()
          gates.push(gate)
          await gate.promise
          landed.push(record.accessToken)
        },
        remove() {},
      }),
    })
    const first = pair()
    const second = pair()
    const logins = [watch(auth.login(first)), watch(auth.login(second))]
    await settle()
    // Whichever way the storage would reorder them, the first must land before the second starts.
    expect(gates).toHaveLength(1)
    gates[0]?.resolve()
    await settle()
    const third = pair()
    logins.push(watch(auth.login(third)))
    await settle()
    expect(gates).toHaveLength(2)
    gates[1]?.resolve()
    await settle()
    gates[2]?.resolve()
    await settle()
    expect(landed).toEqual([first, second, third].map(({ access_token }) => access_token))
    expect(gates).toHaveLength(3)
    expect(logins.map(({ status }) => status)).toEqual(Array(3).fill('fulfilled'))
  })

  /** An asynchronous storage whose first write lands when told, however late. */
  const sluggish = () => {
    const storage = cell(null, { asynchronous: true })
    const { promise, resolve } = deferred()
    const { setItem } = storage
    storage.setItem = async (key, value) => {
      storage.setItem = setItem
      await promise
      await setItem(key, value)
    }
    return { storage, land: resolve }
  }

  it('whose write lands after a later one is written again', async () => {
    const { storage, land } = sluggish()
    const { auth, events } = open({ storage })
    void auth.login(pair())
    await pass(2 * SECOND)
    expect(events.of('warning')).toHaveLength(1)
    const next = pair()
    await auth.login(next)
    expect(storage.record?.accessToken).toBe(next.access_token)
    land()
    await settle()
    expect(storage.record?.accessToken).toBe(next.access_token)
    expect(storage.writes.map(record => record?.accessToken)).toEqual([
      next.access_token,
      expect.any(String),
      next.access_token,
    ])
    expect(events.of('warning')).toHaveLength(1)
  })

  it('whose write lands late, and nothing came after it, is not written again', async () => {
    const { storage, land } = sluggish()
    const { auth } = open({ storage })
    const tokens = pair()
    void auth.login(tokens)
    await pass(2 * SECOND)
    land()
    await settle()
    expect(storage.writes.map(record => record?.accessToken)).toEqual([tokens.access_token])
  })

  it('of a logout and a login at once holds the login', async () => {
    const storage = cell(null, { asynchronous: true })
    const { auth } = open({ storage })
    await auth.login(pair())
    const next = pair()
    const both = [auth.logout(), auth.login(next)]
    await Promise.all(both)
    expect(storage.record?.accessToken).toBe(next.access_token)
  })

  it('of a login and a logout at once holds nothing', async () => {
    const storage = cell(null, { asynchronous: true })
    const { auth } = open({ storage })
    await Promise.all([auth.login(pair()), auth.logout()])
    expect(storage.record).toBeNull()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })
})

describe('a synchronous storage', () => {
  it('holds nothing as soon as logout was called, since the page may be about to go', async () => {
    const storage = cell()
    const { auth } = open({ storage })
    await auth.login(pair())
    void auth.logout()
    expect(storage.record).toBeNull()
  })

  it('that is shared keeps a record which came while a refresh was under way', async () => {
    const storage = cell(null, { shared: true })
    const { auth, refresh } = open({ storage, name: 'meanwhile', lock: createLocks() })
    await auth.login(pair({ sub: 'ada' }))
    const outcome = watch(auth.refresh())
    await settle()
    const bob = storedRecord({ generation: (storage.record?.generation ?? 0) + 2 })
    storage.record = bob
    refresh.last.answer(pair({ sub: 'ada' }))
    await settle()
    expect(outcome).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(storage.record).toEqual(bob)
    expect(await auth.getAccessToken()).toBe(bob.accessToken)
    expect(refresh.calls).toHaveLength(1)
  })
})

describe('what storage holds', () => {
  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['a string', 'garbage'],
    ['a number', 7],
    ['true', true],
    ['an empty object', {}],
    ['an array', []],
    ['a record without a generation', { version: 1, savedAt: START, accessToken: 'a' }],
    ['a record without a version', { generation: 1, savedAt: START, accessToken: 'a' }],
    ['a record without a date', { generation: 1, version: 1, accessToken: 'a' }],
    [
      'a record whose generation is a string',
      { generation: '1', version: 1, savedAt: START, accessToken: 'a' },
    ],
    [
      'a record whose generation is not finite',
      { generation: Number.NaN, version: 1, savedAt: START, accessToken: 'a' },
    ],
    [
      'a record that could not be outbid',
      { generation: Number.MAX_VALUE, version: 1, savedAt: START, accessToken: 'a' },
    ],
    ['a record whose token is a number', { generation: 1, version: 1, savedAt: START, accessToken: 7 }],
    [
      'a record whose token has a line break',
      { generation: 1, version: 1, savedAt: START, accessToken: 'a\nb' },
    ],
    [
      'a record whose refresh token is an object',
      { generation: 1, version: 1, savedAt: START, accessToken: 'a', refreshToken: {} },
    ],
    [
      'a record whose end is a string',
      { generation: 1, version: 1, savedAt: START, accessToken: 'a', expiresAt: 'soon' },
    ],
    [
      'a record whose lifetime is null',
      { generation: 1, version: 1, savedAt: START, accessToken: 'a', lifetime: null },
    ],
    ['a record of another package', { access_token: 'a', refresh_token: 'b', expires_at: START }],
  ])('reads as empty when it is %s', async (_, record) => {
    const storage = cell(record as Stored)
    const { auth, refresh } = open({ storage })
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
    expect(refresh.calls).toHaveLength(0)
    const tokens = pair()
    await auth.login(tokens)
    expect(storage.record?.accessToken).toBe(tokens.access_token)
  })

  it.each<[kind: string, overrides: Partial<Stored>, isRead: boolean]>([
    ['generation', { generation: 1e12 }, true],
    ['generation', { generation: 1e12 + 1 }, false],
    ['version', { version: 1e12 }, true],
    ['version', { version: 1e12 + 1 }, false],
  ])('has a %s that can be counted on, or is empty: %o', async (_, overrides, isRead) => {
    const { auth } = open({ storage: cell(storedRecord(overrides)) })
    await auth.ready
    expect(auth.getState().status).toBe(isRead ? 'authenticated' : 'anonymous')
  })

  it.each<[length: number, status: string]>([
    [39, 'expired'],
    [40, 'authenticated'],
  ])(
    'ends a session for a reason that another version knows, if it is one: of %i characters',
    async (length, status) => {
      const storage = cell(null, { shared: true })
      const { auth } = open({ storage, name: 'reason', refresh: refreshStub(async () => pair()) })
      await auth.login(pair())
      const ended = 'x'.repeat(length) as 'logout'
      storage.record = {
        generation: (storage.record?.generation ?? 0) + 2,
        version: 0,
        savedAt: START,
        ended,
      }
      await auth.refresh().catch(() => {})
      await settle()
      expect(auth.getState()).toMatchObject(status === 'expired' ? { status, reason: ended } : { status })
    },
  )

  it('notes a failure between the tokens that it had and those that come next', async () => {
    const storage = cell(null, { shared: true })
    const { auth } = open({
      storage,
      name: 'between',
      retry: 0,
      refresh: refreshStub(() => Promise.reject(new TypeError('Failed to fetch'))),
    })
    await auth.login(pair())
    const { version = 0 } = storage.record ?? {}
    vi.spyOn(Math, 'random').mockReturnValue(0.9)
    await rejection(auth.refresh())
    expect(storage.record?.retryAt).toEqual(expect.any(Number))
    expect(storage.record?.version).toBeGreaterThan(version)
    expect(storage.record?.version).toBeLessThan(Math.floor(version) + 1)
  })

  it('may have members that another version has added', async () => {
    const storage = cell({ ...storedRecord(), addedInVersion9: { a: 1 } } as Stored)
    const { auth } = open({ storage })
    expect(await auth.getAccessToken()).toBe(storage.record?.accessToken)
  })

  it('of an opaque token is served until a 401', async () => {
    const accessToken = opaque('at')
    const storage = cell({ generation: 1, version: 1, savedAt: START - HOUR, accessToken })
    const { auth } = open({ storage })
    expect(await auth.getAccessToken()).toBe(accessToken)
  })

  it('is one record that survives JSON', async () => {
    const storage = cell()
    const { auth } = open({ storage })
    await auth.login({ ...pair(), refresh_expires_in: 3_600, scope: 'read' })
    const { record } = storage
    expect(JSON.parse(JSON.stringify(record))).toEqual(record)
    expect(record).toMatchObject({
      savedAt: START,
      expiresAt: START + 5 * MINUTE,
      lifetime: 5 * MINUTE,
      refreshExpiresAt: START + HOUR,
      refreshLifetime: HOUR,
      scope: 'read',
    })
  })

  it('counts sessions and versions upwards', async () => {
    const storage = cell()
    const { auth } = open({ storage, refresh: refreshStub(async () => pair()) })
    await auth.login(pair())
    const first = storage.record!
    await auth.refresh()
    const second = storage.record!
    await auth.login(pair())
    const third = storage.record!
    expect(second.generation).toBe(first.generation)
    expect(second.version).toBeGreaterThan(first.version)
    expect(third.generation).toBeGreaterThan(second.generation)
  })

  it('after a logout is nothing on a storage of one tab', async () => {
    const storage = cell()
    const { auth } = open({ storage })
    await auth.login(pair())
    await auth.logout()
    expect(storage.record).toBeNull()
  })

  it('after a logout is a tombstone without tokens on a shared storage', async () => {
    const storage = cell(null, { shared: true })
    const { auth } = open({ storage, name: 'tombstone' })
    await auth.login(pair())
    const { generation } = storage.record!
    await auth.logout()
    expect(storage.record).toMatchObject({ ended: 'logout' })
    expect(storage.record?.generation).toBeGreaterThan(generation)
    expect(storage.record).not.toHaveProperty('accessToken')
    expect(storage.record).not.toHaveProperty('refreshToken')
    expectNoToken(storage.record)
  })

  it('that is a tombstone reads as nobody', async () => {
    const storage = cell({ generation: 5, version: 0, savedAt: START, ended: 'logout' }, { shared: true })
    const { auth, events } = open({ storage, name: 'tombstone' })
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual([])
    await auth.login(pair())
    expect(storage.record?.generation).toBeGreaterThan(5)
  })

  it('that is a tombstone of an expired session reads as nobody, and says it was expired to nobody twice', async () => {
    const storage = cell(
      { generation: 5, version: 0, savedAt: START, ended: 'refresh_rejected' },
      { shared: true },
    )
    const { auth, events } = open({ storage, name: 'tombstone' })
    await auth.ready
    expect(['anonymous', 'expired']).toContain(auth.getState().status)
    expect(events.of('sessionExpired')).toEqual([])
  })

  it('keeps the refresh token when nothing but the access token was renewed', async () => {
    const storage = cell()
    const { auth } = open({ storage, refresh: refreshStub(async () => ({ access_token: accessToken() })) })
    const tokens = pair()
    await auth.login(tokens)
    await auth.refresh()
    expect(storage.record?.refreshToken).toBe(tokens.refresh_token)
  })
})

describe('memoryStorage', () => {
  it('keeps strings, and each call makes another one', () => {
    const storage = memoryStorage()
    void storage.setItem('a', 'b')
    expect([storage.getItem('a'), storage.getItem('b')]).toEqual(['b', null])
    expect(memoryStorage().getItem('a')).toBeNull()
    void storage.removeItem('a')
    expect(storage.getItem('a')).toBeNull()
  })

  it('is the default, of each Auth its own', async () => {
    const one = open()
    const other = open()
    await one.auth.login(pair())
    expect(await other.auth.getAccessToken()).toBeUndefined()
  })
})

describe('webStorage', () => {
  beforeEach(becomePage)

  /** A `Storage` of one page. */
  function area(initial: Record<string, string> = {}): Storage {
    const entries = new Map(Object.entries(initial))
    return {
      getItem: (key: string) => entries.get(key) ?? null,
      setItem: (key: string, value: string) => void entries.set(key, String(value)),
      removeItem: (key: string) => void entries.delete(key),
      clear: () => entries.clear(),
      key: (index: number) => [...entries.keys()][index] ?? null,
      get length() {
        return entries.size
      },
    }
  }

  it('holds one JSON entry under its key', async () => {
    const storage = area()
    vi.stubGlobal('sessionStorage', storage)
    const { auth } = open({ storage: webStorage(storage, { key: 'my-app' }) })
    await auth.ready
    const tokens = pair()
    await auth.login(tokens)
    expect(storage.length).toBe(1)
    expect(JSON.parse(storage.getItem('my-app') ?? '')).toMatchObject({ accessToken: tokens.access_token })
    await auth.logout()
    await settle()
    expect(storage.getItem('my-app') ?? '').not.toContain(tokens.access_token)
  })

  it('uses the key tokenflight:default by default', async () => {
    const storage = area()
    vi.stubGlobal('sessionStorage', storage)
    const { auth } = open({ storage: webStorage(storage) })
    await auth.login(pair())
    expect(storage.getItem('tokenflight:default')).not.toBeNull()
  })

  it.each(['', '{', 'undefined', 'null', '[]', '7', '"text"', '{"accessToken":"a"}', '\u0000'])(
    'reads %j as empty',
    async text => {
      const storage = area({ 'tokenflight:default': text })
      vi.stubGlobal('sessionStorage', storage)
      const { auth } = open({ storage: webStorage(storage) })
      await auth.ready
      expect(auth.getState()).toEqual({ status: 'anonymous' })
    },
  )

  it('in sessionStorage is named as the Auth is, unless a key is given', async () => {
    const storage = area()
    vi.stubGlobal('sessionStorage', storage)
    const { auth } = open({ storage: webStorage(storage), name: 'mine' })
    await auth.login(pair())
    expect(storage.key(0)).toBe('tokenflight:mine')
    const next = open({ storage: webStorage(storage), name: 'mine' })
    expect(await next.auth.getAccessToken()).toBe(await auth.getAccessToken())
  })

  it('keeps its record under the key that the application names', async () => {
    const storage = area()
    const { auth } = open({ storage: webStorage(storage, { key: 'mine' }) })
    await auth.login(pair())
    expect([storage.length, storage.key(0)]).toEqual([1, 'mine'])
  })

  it('is a storage of strings for others, too', () => {
    const storage = area()
    const wrapped = webStorage(storage)
    void wrapped.setItem('a', 'b')
    expect([storage.getItem('a'), wrapped.getItem('a')]).toEqual(['b', 'b'])
    void wrapped.removeItem('a')
    expect(storage.length).toBe(0)
  })

  it.each<[what: string, property: PropertyDescriptor]>([
    ['is missing', { value: undefined }],
    [
      'is forbidden',
      {
        get() {
          throw new DOMException('The operation is insecure', 'SecurityError')
        },
      },
    ],
  ])('is shared where sessionStorage %s', (_, property) => {
    const original = Object.getOwnPropertyDescriptor(globalThis, 'sessionStorage')
    Object.defineProperty(globalThis, 'sessionStorage', { ...property, configurable: true })
    try {
      expect(isShared(webStorage())).toBe(true)
      expect(isShared(webStorage(area()))).toBe(true)
    } finally {
      if (original) Object.defineProperty(globalThis, 'sessionStorage', original)
      else Reflect.deleteProperty(globalThis, 'sessionStorage')
    }
  })

  it('is shared for localStorage and not for sessionStorage', () => {
    const local = area()
    const session = area()
    vi.stubGlobal('localStorage', local)
    vi.stubGlobal('sessionStorage', session)
    expect(isShared(webStorage())).toBe(true)
    expect(isShared(webStorage(local))).toBe(true)
    expect(isShared(webStorage(session))).toBe(false)
  })

  it('without any Web Storage warns, and memory carries on', async () => {
    vi.stubGlobal('localStorage', undefined)
    vi.stubGlobal('sessionStorage', undefined)
    const { auth, events } = open({ storage: webStorage(), name: 'no-web-storage' })
    await auth.ready
    const tokens = pair()
    const login = watch(auth.login(tokens))
    await pass(10 * SECOND)
    expect(login.status).toBe('fulfilled')
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(events.of('warning').length).toBeGreaterThanOrEqual(1)
  })

  it('that the browser forbids warns, and memory carries on', async () => {
    const forbidden = (): never => {
      throw new DOMException('The operation is insecure', 'SecurityError')
    }
    const original = Object.getOwnPropertyDescriptor(globalThis, 'localStorage')
    Object.defineProperty(globalThis, 'localStorage', { get: forbidden, configurable: true })
    try {
      const { auth, events } = open({ storage: webStorage(), name: 'forbidden' })
      await auth.ready
      const tokens = pair()
      const login = watch(auth.login(tokens))
      await pass(10 * SECOND)
      expect(login.status).toBe('fulfilled')
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      expect(events.of('warning').length).toBeGreaterThanOrEqual(1)
    } finally {
      if (original) Object.defineProperty(globalThis, 'localStorage', original)
      else Reflect.deleteProperty(globalThis, 'localStorage')
    }
  })
})
