/** Storages of the application: the text that they keep, and the storages that fit as they are. */
import { createAuth, sharedStorage, type TokenStorage } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { createLock } from '../support/channel.js'
import { MINUTE, open, pair, pass, refreshStub, SECOND, track, useFakeTime, watch } from '../support/core.js'
import { createLocalArea } from '../support/origin.js'

useFakeTime()

const pause = (delay: number): Promise<void> => new Promise(resolve => setTimeout(resolve, delay))

/** Storages in the shapes that libraries have. */
const shapes: Record<string, (items: Map<string, string>) => TokenStorage> = {
  'Web Storage': () => createLocalArea().view(),
  AsyncStorage: items => ({
    getItem: async key => items.get(key) ?? null,
    setItem: async (key, value) => void items.set(key, value),
    removeItem: async key => void items.delete(key),
  }),
  'a map, whose methods return something': items => ({
    getItem: key => items.get(key),
    setItem: (key, value) => items.set(key, value),
    removeItem: key => items.delete(key),
  }),
  'unstorage, which parses JSON': items => ({
    getItem: async key => JSON.parse(items.get(key) ?? 'null'),
    setItem: async (key, value) => void items.set(key, value),
    removeItem: async key => void items.delete(key),
  }),
}

describe.each(Object.entries(shapes))('a storage like %s', (_, create) => {
  it('keeps the session across pages, and nothing after a logout', async () => {
    const items = new Map<string, string>()
    const storage = create(items)
    const first = open({ storage, name: 'shop' })
    const tokens = pair()
    await first.auth.login(tokens)
    expect(JSON.stringify(await storage.getItem('tokenflight:shop'))).toContain(tokens.refresh_token)
    const { auth, refresh } = open({ storage, name: 'shop' })
    await auth.ready
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    await auth.logout()
    expect((await storage.getItem('tokenflight:shop')) ?? null).toBeNull()
    expect(refresh.calls).toHaveLength(0)
  })

  it('keeps sessions of two names apart', async () => {
    const storage = create(new Map())
    const [ada, grace] = ['ada', 'grace'].map(name => track(createAuth({ name, storage })))
    const tokens = pair()
    await ada!.login(tokens)
    await grace!.ready
    expect([await ada!.getAccessToken(), await grace!.getAccessToken()]).toEqual([
      tokens.access_token,
      undefined,
    ])
  })
})

it('items of a Web Storage that have the names of our own members change nothing', async () => {
  const storage = createLocalArea().view()
  for (const name of ['records', 'cookie', 'lock', 'shared']) {
    storage.setItem(name, 'a value')
    Object.defineProperty(storage, name, { value: 'a value', configurable: true, enumerable: true })
  }
  const { auth } = open({ storage })
  const tokens = pair()
  await auth.login(tokens)
  expect(await auth.getAccessToken()).toBe(tokens.access_token)
})

it.each<[what: string, refreshTimeout: number, answersAfter: number, write: () => Promise<void>]>([
  ['slow', SECOND, 0, () => pause(1.5 * SECOND)],
  ['silent', SECOND, 0, () => new Promise(() => {})],
  ['slow, and the answer late', 10 * SECOND, 9.5 * SECOND, () => pause(1.5 * SECOND)],
])(
  'the limit of a refresh ends with its answer where the storage is %s',
  async (_, refreshTimeout, answersAfter, write) => {
    let isSlow = false
    const storage: TokenStorage = {
      getItem: async () => null,
      setItem: async () => (isSlow ? write() : undefined),
      removeItem: async () => undefined,
    }
    const { auth, refresh, events } = open({ storage, refreshTimeout, autoRefresh: 'off' })
    await auth.login(pair({ lifetime: MINUTE }))
    await pass(MINUTE)
    isSlow = true
    const asked = watch(auth.getAccessToken())
    await pass(answersAfter)
    const { access_token } = refresh.last.answer(pair())
    await pass(3 * SECOND)
    expect(asked).toMatchObject({ status: 'fulfilled', value: access_token })
    expect(events.of('refreshFailed')).toEqual([])
    await pass(20 * SECOND)
    expect(refresh.calls).toHaveLength(1)
  },
)

describe('sharedStorage', () => {
  const shared = (lock = createLock()) => {
    const items = new Map<string, string>()
    return { items, create: () => sharedStorage(shapes['AsyncStorage']!(items), { lock }), lock }
  }

  it('costs several processes one refresh, under the lock of the application', async () => {
    const { create, lock } = shared()
    const request = vi.spyOn(lock, 'request')
    const refresh = refreshStub(() => new Promise(resolve => setTimeout(() => resolve(pair()), 50)))
    const processes = Array.from({ length: 4 }, () =>
      open({ storage: create(), autoRefresh: 'off', refresh }),
    )
    await pass(SECOND)
    const login = watch(processes[0]!.auth.login(pair()))
    await pass(SECOND)
    expect(login.status).toBe('fulfilled')
    await pass(5 * MINUTE)
    const tokens = processes.map(({ auth }) => watch(auth.getAccessToken()))
    await pass(10 * SECOND)
    expect(new Set(tokens.map(({ value }) => value)).size).toBe(1)
    expect(refresh.calls).toHaveLength(1)
    expect(request.mock.calls.every(([name]) => name === 'tokenflight:default')).toBe(true)
  })

  it('keeps a tombstone, so that a late process does not bring a session back', async () => {
    const { create, items } = shared()
    const first = open({ storage: create(), autoRefresh: 'off' })
    await first.auth.login(pair())
    await first.auth.logout()
    expect(JSON.parse(items.get('tokenflight:default') ?? '')).toMatchObject({ ended: 'logout' })
    expect(items.get('tokenflight:default')).not.toMatch(/Token/)
  })

  it.each<[option: string, make: () => unknown, message: RegExp]>([
    ['storage', () => sharedStorage({ get() {}, set() {} } as never), /`storage.getItem` must be a function/],
    [
      'lock',
      () => sharedStorage(shapes['AsyncStorage']!(new Map()), { lock: {} as never }),
      /`lock.request` must be a function/,
    ],
    [
      'locks',
      () => sharedStorage(shapes['AsyncStorage']!(new Map()), { locks: 1 } as never),
      /sharedStorage has no option `locks`/,
    ],
  ])('refuses a wrong %s', (_, make, message) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(message)
  })
})
