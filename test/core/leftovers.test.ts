/** An application that changes the storage of its session between two releases leaves no token in the old one. */
import {
  type AuthOptions,
  cookieSession,
  indexedDBStorage,
  memoryStorage,
  sharedStorage,
  type TokenStorage,
  webStorage,
} from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createLock } from '../support/channel.js'
import {
  alone,
  cell,
  expectNoToken,
  httpError,
  open,
  pair,
  pass,
  refreshStub,
  SECOND,
  type Stored,
  storedRecord,
  useFakeTime,
} from '../support/core.js'
import { createLocalArea, type LocalArea, readRow, useDatabases, writeRow } from '../support/origin.js'

useFakeTime()

let local: LocalArea
let session: LocalArea

beforeEach(() => {
  useDatabases()
  local = createLocalArea()
  session = createLocalArea()
  vi.stubGlobal('BroadcastChannel', undefined)
  vi.stubGlobal('localStorage', local.view())
  vi.stubGlobal('sessionStorage', session.view())
})

const KEY = 'tokenflight:default'

const releases: Record<string, () => AuthOptions> = {
  webStorage: () => ({ storage: webStorage() }),
  'webStorage of another key': () => ({ storage: webStorage(localStorage, { key: 'mine' }) }),
  sessionStorage: () => ({ storage: webStorage(sessionStorage) }),
  indexedDBStorage: () => ({ storage: indexedDBStorage() }),
  'indexedDBStorage of another database': () => ({ storage: indexedDBStorage({ database: 'mine' }) }),
  memoryStorage: () => ({ storage: memoryStorage() }),
  'its own storage': () => ({ storage: cell() }),
  'its own shared storage': () => ({ storage: cell(null, { shared: true }), lock: createLock() }),
  'its own asynchronous storage': () => ({ storage: cell(null, { asynchronous: true }) }),
  cookie: () => ({ storage: cookieSession(), lock: createLock(), logout: async () => {} }),
}

/** A page of a release. Its server knows no cookie. */
async function visit(release: string) {
  const refresh = refreshStub(() => Promise.reject(httpError(401)))
  const opened = open({ ...releases[release]?.(), refresh, autoRefresh: 'off' })
  await pass(SECOND)
  return opened
}
async function row(): Promise<unknown> {
  const all = await indexedDB.databases()
  return all.some(({ name }) => name === KEY) ? readRow(KEY, 'record') : undefined
}
/** The value, mapped at once if it is there at once. */
function then(value: unknown, map: (value: unknown) => unknown): never {
  return (value instanceof Promise ? value.then(map) : map(value)) as never
}
/** All that the origin holds. */
const stored = async (): Promise<unknown[]> => [
  ...local.items.values(),
  ...session.items.values(),
  await row(),
]

const persistent = ['webStorage', 'sessionStorage', 'indexedDBStorage']
const withoutTokens = { accessToken: undefined, refreshToken: undefined }
const changes = persistent.flatMap(from =>
  Object.keys(releases)
    .filter(to => to !== from)
    .map(to => [from, to] as const),
)

describe('a change of the storage', () => {
  it.each(changes)('from %s to %s leaves no token behind', async (from, to) => {
    const before = await visit(from)
    const login = before.auth.login(pair())
    await pass(SECOND)
    await login
    expect(JSON.stringify(await stored())).toContain('rt-secret')
    before.auth.dispose()
    const after = await visit(to)
    expectNoToken(await stored())
    expect(await after.auth.getAccessToken()).toBeUndefined()
    expect(after.auth.getState()).toEqual({ status: 'anonymous' })
    expect(after.refresh.reasons).toEqual(to === 'cookie' ? ['restore'] : [])
    expect(after.events.of('warning')).toEqual([])
  })

  it.each(changes)(
    'from %s to %s and a login leave the new tokens in the new one alone',
    async (from, to) => {
      const before = await visit(from)
      const spent = pair()
      const old = before.auth.login(spent)
      await pass(SECOND)
      await old
      before.auth.dispose()
      const after = await visit(to)
      const tokens = to === 'cookie' ? alone() : pair()
      const login = after.auth.login(tokens)
      await pass(SECOND)
      await login
      expect(await after.auth.getAccessToken()).toBe(tokens.access_token)
      expect(JSON.stringify(await stored())).not.toContain(spent.refresh_token)
    },
  )

  it('lets the page of an earlier release go on with its session', async () => {
    const refresh = refreshStub(async () => pair())
    const before = open({ storage: webStorage(), refresh, autoRefresh: 'off' })
    const login = before.auth.login(pair())
    await pass(SECOND)
    await login
    const after = await visit('indexedDBStorage')
    expect(after.auth.getState()).toEqual({ status: 'anonymous' })
    const done = before.auth.refresh()
    await pass(SECOND)
    await done
    expect(before.auth.getState().status).toBe('authenticated')
    // No page sends a refresh token that another page has spent.
    expect([new Set(refresh.spent).size, after.refresh.calls.length]).toEqual([1, 0])
  })
})

describe('the storage of a session', () => {
  it.each(persistent)('keeps it over two reloads: %s', async release => {
    const first = await visit(release)
    const tokens = pair()
    const login = first.auth.login(tokens)
    await pass(SECOND)
    await login
    first.auth.dispose()
    const second = await visit(release)
    expect(await second.auth.getAccessToken()).toBe(tokens.access_token)
    second.auth.dispose()
    const third = await visit(release)
    expect(await third.auth.getAccessToken()).toBe(tokens.access_token)
  })
})

describe('a record of another storage', () => {
  it.each<[what: string, tokens: object]>([
    ['an access token', { refreshToken: undefined }],
    ['a refresh token', { accessToken: undefined }],
    ['tokens to revoke', { ...withoutTokens, ended: 'logout', revoke: [{ refreshToken: 'rt-1' }] }],
  ])('is removed where it holds %s alone', async (_, tokens) => {
    await writeRow(KEY, 'record', { ...storedRecord(), ...tokens })
    local.view().setItem(KEY, JSON.stringify({ ...storedRecord(), ...tokens }))
    vi.stubGlobal('localStorage', local.view())
    await visit('sessionStorage')
    expect([local.items.has(KEY), await row()]).toEqual([false, undefined])
  })

  it.each(['webStorage', 'memoryStorage'])(
    'is removed by a page on %s in a browser that lists no databases',
    async release => {
      await writeRow(KEY, 'record', storedRecord())
      const { databases } = indexedDB
      Object.assign(indexedDB, { databases: undefined })
      await visit(release)
      Object.assign(indexedDB, { databases })
      expect(await row()).toBeUndefined()
    },
  )
})

describe('a storage of the application that keeps the session in a storage of the page', () => {
  const sync = (area: Storage): TokenStorage => ({
    getItem: key => area.getItem(key),
    setItem: (key, value) => area.setItem(key, value),
    removeItem: key => area.removeItem(key),
  })
  const later = (area: TokenStorage): TokenStorage => ({
    getItem: async key => area.getItem(key),
    setItem: async (key, value) => area.setItem(key, value),
    removeItem: async key => area.removeItem(key),
  })
  /** Parses the text that it reads, as unstorage does. */
  const parsing = (storage: TokenStorage): TokenStorage => {
    const parse = (text: unknown) => JSON.parse(text as string)
    return { ...storage, getItem: key => then(storage.getItem(key), parse) }
  }
  /** Keeps the members in an order of its own, as databases do. */
  const sorting = (storage: TokenStorage): TokenStorage => {
    const sort = (text: unknown) => {
      const members = Object.entries(JSON.parse(text as string) ?? {}).sort()
      return members.length ? JSON.stringify(Object.fromEntries(members)) : null
    }
    return { ...storage, getItem: key => then(storage.getItem(key), sort) }
  }

  it.each<[what: string, make: () => TokenStorage]>([
    ['localStorage itself', () => localStorage],
    ['functions around localStorage', () => sync(localStorage)],
    ['functions around sessionStorage', () => sync(sessionStorage)],
    ['asynchronous functions', () => later(localStorage)],
    ['sharedStorage(localStorage)', () => sharedStorage(localStorage)],
    ['sharedStorage around asynchronous functions', () => sharedStorage(later(localStorage))],
    ['functions around indexedDBStorage', () => later(indexedDBStorage())],
    ['webStorage around functions', () => webStorage(sync(localStorage) as Storage)],
    ['sharedStorage(webStorage())', () => sharedStorage(webStorage())],
    ['functions that parse', () => parsing(sync(localStorage))],
    ['asynchronous functions that parse', () => parsing(later(localStorage))],
    ['asynchronous functions that parse, around sessionStorage', () => parsing(later(sessionStorage))],
    ['sharedStorage around functions that parse', () => sharedStorage(parsing(sync(localStorage)))],
    ['sharedStorage around asynchronous ones', () => sharedStorage(parsing(later(localStorage)))],
    ['webStorage around functions that parse', () => webStorage(parsing(sync(localStorage)) as Storage)],
    ['functions that change the order of the members', () => sorting(sync(localStorage))],
    ['functions that parse and change the order', () => parsing(sorting(later(localStorage)))],
  ])('keeps it after a reload: %s', async (_, make) => {
    const tokens = pair()
    const page = async () => {
      const opened = open({ storage: make(), autoRefresh: 'off' })
      await pass(SECOND)
      return opened
    }
    const before = await page()
    const login = before.auth.login(tokens)
    await pass(SECOND)
    await login
    before.auth.dispose()
    expect(await (await page()).auth.getAccessToken()).toBe(tokens.access_token)
    expect(await (await page()).auth.getAccessToken()).toBe(tokens.access_token)
  })

  it('keeps a login that comes while it is read', async () => {
    const first = open({ storage: later(localStorage), autoRefresh: 'off' })
    await pass(SECOND)
    await first.auth.login(pair())
    const second = open({ storage: later(localStorage), autoRefresh: 'off' })
    const tokens = pair()
    const login = second.auth.login(tokens)
    await pass(SECOND)
    await login
    expect(local.items.get(KEY)).toContain(tokens.refresh_token)
  })

  it('keeps a login of another tab that comes while it is slow to read', async () => {
    const first = open({ storage: sync(localStorage), autoRefresh: 'off' })
    await first.auth.login(pair())
    const slow = (key: string): Promise<string | null> =>
      new Promise(resolve => setTimeout(() => resolve(localStorage.getItem(key)), 500))
    open({ storage: { ...later(localStorage), getItem: slow }, autoRefresh: 'off' })
    const tokens = pair()
    await first.auth.login(tokens)
    await pass(SECOND)
    expect(local.items.get(KEY)).toContain(tokens.refresh_token)
  })
})

describe('a session of another name', () => {
  it.each(Object.keys(releases))('keeps its tokens where one begins on %s', async to => {
    const other = open({ name: 'other', storage: webStorage(), autoRefresh: 'off' })
    const login = other.auth.login(pair())
    await pass(SECOND)
    await login
    await visit(to)
    const next = open({ name: 'other', storage: webStorage(), autoRefresh: 'off' })
    expect(await next.auth.getAccessToken()).toBe(await other.auth.getAccessToken())
  })
})

describe('a value that is not a token of a session', () => {
  it.each<[what: string, text: string]>([
    ['an entry of the application', '{"theme":"dark"}'],
    ['text', 'dark'],
    ['how a session ended', JSON.stringify({ generation: 1, version: 0, savedAt: 1, ended: 'logout' })],
    ['a record of a later version', JSON.stringify({ ...storedRecord(), format: 99 })],
  ])('stays where it is: %s', async (_, text) => {
    local.view().setItem(KEY, text)
    vi.stubGlobal('localStorage', local.view())
    await visit('indexedDBStorage')
    expect(local.items.get(KEY)).toBe(text)
  })

  it('keeps a record of a later version in the database, too', async () => {
    const record: Stored = { ...storedRecord(), format: 99 }
    await writeRow(KEY, 'record', record)
    await visit('webStorage')
    expect(await readRow(KEY, 'record')).toEqual(record)
  })
})

describe('a page', () => {
  it.each(['memoryStorage', 'sessionStorage', 'its own storage'])(
    'on %s creates no database',
    async release => {
      await visit(release)
      expect(await indexedDB.databases()).toEqual([])
    },
  )

  it('that shares its session creates no second database beside that of the application', async () => {
    await writeRow('application', 'theme', 'dark')
    await visit('its own shared storage')
    expect((await indexedDB.databases()).map(({ name }) => name)).toEqual(['application'])
  })

  it('that may use no storage at all is served from memory', async () => {
    const forbidden = (): never => {
      throw new DOMException('The operation is insecure', 'SecurityError')
    }
    vi.stubGlobal('indexedDB', { open: forbidden, databases: forbidden, deleteDatabase: forbidden })
    vi.stubGlobal('localStorage', { getItem: forbidden })
    const { auth, events } = await visit('memoryStorage')
    const tokens = pair()
    await auth.login(tokens)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(events.of('warning')).toEqual([])
  })
})
