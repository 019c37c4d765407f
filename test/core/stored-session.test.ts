/** The stored session. */
import { memoryStorage, webStorage } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import {
  accessToken,
  cell,
  expectNoToken,
  HOUR,
  isShared,
  MINUTE,
  opaque,
  open,
  pair,
  pass,
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
import { becomePage } from '../support/page.js'

useFakeTime()

describe('a stored record', () => {
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

  it('that is a tombstone reads as no session', async () => {
    const storage = cell({ generation: 5, version: 0, savedAt: START, ended: 'logout' }, { shared: true })
    const { auth, events } = open({ storage, name: 'tombstone' })
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual([])
    await auth.login(pair())
    expect(storage.record?.generation).toBeGreaterThan(5)
  })

  it('that is a tombstone of an expired session reads as no session, and reports the expiry once', async () => {
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
    await expectMemory('no-web-storage')
  })

  it('that the browser forbids warns, and memory carries on', async () => {
    const forbidden = (): never => {
      throw new DOMException('The operation is insecure', 'SecurityError')
    }
    const original = Object.getOwnPropertyDescriptor(globalThis, 'localStorage')
    Object.defineProperty(globalThis, 'localStorage', { get: forbidden, configurable: true })
    try {
      await expectMemory('forbidden')
    } finally {
      if (original) Object.defineProperty(globalThis, 'localStorage', original)
      else Reflect.deleteProperty(globalThis, 'localStorage')
    }
  })
})

/** A session whose storage does not work warns, and lives in memory. */
async function expectMemory(name: string): Promise<void> {
  const { auth, events } = open({ storage: webStorage(), name })
  await auth.ready
  const tokens = pair()
  const login = watch(auth.login(tokens))
  await pass(10 * SECOND)
  expect(login.status).toBe('fulfilled')
  expect(await auth.getAccessToken()).toBe(tokens.access_token)
  expect(events.of('warning').length).toBeGreaterThanOrEqual(1)
}
