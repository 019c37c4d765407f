/** The names that a session uses on its origin: none of them can be the application's own. */
import { type AuthOptions, cookieSession, indexedDBStorage, type TokenStorage, webStorage } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { storageKindOf } from '../../src/core/storage.js'
import { Channel } from '../support/channel.js'
import {
  alone,
  open,
  pair,
  pass,
  type RefreshStub,
  refreshStub,
  SECOND,
  useFakeTime,
} from '../support/core.js'
import {
  connect,
  createLocalArea,
  createLocks,
  type LocalArea,
  type Locks,
  useDatabases,
} from '../support/origin.js'

useFakeTime()

let area: LocalArea
let locks: Locks

beforeEach(() => {
  useDatabases()
  Channel.reset()
  area = createLocalArea()
  locks = createLocks()
  vi.stubGlobal('BroadcastChannel', Channel)
  vi.stubGlobal('localStorage', area.view())
  vi.stubGlobal('navigator', { locks })
})

const storages: [what: string, create: () => TokenStorage][] = [
  ['webStorage', () => webStorage()],
  ['indexedDBStorage', () => indexedDBStorage()],
]

/** A session that logs in and refreshes. */
async function live(options: AuthOptions & { refresh?: RefreshStub }) {
  const opened = open({ autoRefresh: 'off', refresh: refreshStub(async () => pair()), ...options })
  const stored = opened.auth.login(
    options.storage && storageKindOf(options.storage).cookie ? alone() : pair(),
  )
  await pass(SECOND)
  await stored
  const done = opened.auth.refresh()
  await pass(SECOND)
  await done
  return opened
}
const databases = async (): Promise<unknown[]> => (await indexedDB.databases()).map(({ name }) => name)
const channels = (): string[] => [...new Set([...Channel.all].map(({ name }) => name))]

describe.each([
  ['shop', 'tokenflight:shop'],
  ['tokenflight', 'tokenflight:tokenflight'],
  [undefined, 'tokenflight:default'],
])('a session that is named %s', (name, key) => {
  it.each(storages)('names all that it uses after itself, with a prefix: %s', async (_, create) => {
    await live({ storage: create(), name })
    const entries = [...area.items.keys()]
    expect(new Set([...entries, ...(await databases()), ...locks.asked, ...channels()])).toEqual(
      new Set([key]),
    )
  })

  it('does so in cookie mode', async () => {
    await live({ name, storage: cookieSession(), refresh: refreshStub(async () => alone()) })
    expect(new Set([...(await databases()), ...locks.asked, ...channels()])).toEqual(new Set([key]))
  })

  it('does so without Web Locks', async () => {
    vi.stubGlobal('navigator', undefined)
    await live({ name, storage: webStorage() })
    expect(new Set([...(await databases()), ...channels()])).toEqual(new Set([key]))
  })
})

describe('an application that uses the name of its session for things of its own', () => {
  it.each(storages)('creates its database, also after the session: %s', async (_, create) => {
    await live({ storage: create(), name: 'shop' })
    const database = await connect('shop', { store: 'orders' })
    expect([...database.objectStoreNames]).toEqual(['orders'])
    database.close()
  })

  it.each(storages)(
    'keeps its entry and its lock, and hears no token on its channel: %s',
    async (_, create) => {
      area.view().setItem('shop', 'mine')
      locks.freeze('shop')
      const channel = new Channel('shop')
      const heard = vi.fn()
      channel.onmessage = heard
      const { refresh } = await live({ storage: create(), name: 'shop' })
      expect(refresh.calls).toHaveLength(1)
      expect(area.items.get('shop')).toBe('mine')
      expect(heard).not.toHaveBeenCalled()
    },
  )

  it('hears no token on its channel in cookie mode', async () => {
    const heard = vi.fn()
    new Channel('shop').onmessage = heard
    await live({ name: 'shop', storage: cookieSession(), refresh: refreshStub(async () => alone()) })
    expect(Channel.posts).toBeGreaterThan(0)
    expect(heard).not.toHaveBeenCalled()
  })
})
