/** A storage that takes nothing more: the refresh token that was spent does not stay in it. */
import { IDBObjectStore } from 'fake-indexeddb'
import { indexedDBStorage, sharedStorage, type TokenStorage, webStorage } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import {
  alone,
  cell,
  httpError,
  type Opened,
  open,
  pair,
  pass,
  recordStorage,
  SECOND,
  type Stored,
  storedRecord,
  useFakeTime,
} from '../support/core.js'
import { createLocalArea, createLocks, readRow, useDatabases } from '../support/origin.js'

useFakeTime()

let isFull: boolean

beforeEach(() => {
  useDatabases()
  isFull = false
  vi.stubGlobal('BroadcastChannel', undefined)
  vi.stubGlobal('navigator', { locks: createLocks() })
})

const refuse = (): void => {
  if (isFull) throw new DOMException('The quota has been exceeded', 'QuotaExceededError')
}

interface Full {
  readonly storage: TokenStorage
  /** Its content, as text. */
  stored(): Promise<string>
}

/** `localStorage`, or something like it. */
function web(isSession = false): Full {
  const area = createLocalArea()
  const view = area.view()
  const full = {
    ...view,
    setItem(key: string, value: string) {
      refuse()
      view.setItem(key, value)
    },
  } as Storage
  vi.stubGlobal(isSession ? 'sessionStorage' : 'localStorage', full)
  return { storage: webStorage(full), stored: async () => [...area.items.values()].join() }
}

const storages: Record<string, () => Full> = {
  localStorage: () => web(),
  'localStorage without IndexedDB'() {
    vi.stubGlobal('indexedDB', undefined)
    return web()
  },
  sessionStorage: () => web(true),
  IndexedDB() {
    const { put } = IDBObjectStore.prototype
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...all) {
      refuse()
      return put.apply(this, all)
    })
    const stored = async () => JSON.stringify((await readRow('tokenflight:default', 'record')) ?? '')
    return { storage: indexedDBStorage(), stored }
  },
  'a storage of the application': () => {
    const inner = cell()
    const storage: TokenStorage = {
      getItem: key => inner.getItem(key),
      removeItem: key => inner.removeItem(key),
      setItem(key, value) {
        refuse()
        return inner.setItem(key, value)
      },
    }
    return { storage, stored: async () => JSON.stringify(inner.record ?? '') }
  },
  'a shared storage of the application that rejects': () => {
    const inner = cell(null, { shared: true, asynchronous: true })
    const storage = sharedStorage({
      getItem: key => inner.getItem(key),
      removeItem: key => inner.removeItem(key),
      async setItem(key, value) {
        refuse()
        await inner.setItem(key, value)
      },
    })
    return { storage, stored: async () => JSON.stringify(inner.record ?? '') }
  },
}

/** A session that is stored. */
async function live(full: Full): Promise<Opened> {
  const opened = open({ storage: full.storage, autoRefresh: 'off', retry: 0 })
  await does(opened.auth.login(pair({ sub: 'ada' })))
  expect(await full.stored()).toContain('rt-secret')
  return opened
}
async function does(work: Promise<unknown>): Promise<void> {
  const settled = Promise.allSettled([work])
  await pass(3 * SECOND)
  await settled
}

describe.each(Object.entries(storages))('%s that is full', (_, create) => {
  it('loses the refresh token that was spent, and memory carries on with the new one', async () => {
    const full = create()
    const { auth, refresh, events } = await live(full)
    isFull = true
    const done = auth.refresh()
    await pass(SECOND)
    const tokens = refresh.last.answer(pair({ sub: 'ada' }))
    await does(done)
    expect(await full.stored()).not.toContain('rt-secret')
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(events.of('warning').length).toBeGreaterThan(0)
    const again = auth.refresh()
    await pass(SECOND)
    expect(refresh.spent[1]).toBe(tokens.refresh_token)
    refresh.last.answer(pair({ sub: 'ada' }))
    await does(again)
    expect(auth.getState().status).toBe('authenticated')
  })

  it('lets no page that opens later send it', async () => {
    const full = create()
    const { auth, refresh } = await live(full)
    isFull = true
    const done = auth.refresh()
    await pass(SECOND)
    refresh.last.answer(pair({ sub: 'ada' }))
    await does(done)
    const next = open({ storage: full.storage, autoRefresh: 'off' })
    await pass(SECOND)
    expect(next.auth.getState()).toEqual({ status: 'anonymous' })
    expect(await next.auth.getAccessToken()).toBeUndefined()
    expect(next.refresh.calls).toHaveLength(0)
  })

  it('does not bring the last user back after the login of another', async () => {
    const full = create()
    const { auth } = await live(full)
    isFull = true
    await does(auth.login(pair({ sub: 'grace' })))
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'grace' } })
    expect(await full.stored()).not.toContain('rt-secret')
  })

  it('does not bring the last user back where neither has a refresh token', async () => {
    const full = create()
    const { auth } = open({ storage: full.storage, autoRefresh: 'off' })
    const [ada, grace] = [alone({ sub: 'ada' }), alone({ sub: 'grace' })]
    await does(auth.login(ada))
    expect(await full.stored()).toContain(ada.access_token)
    isFull = true
    await does(auth.login(grace))
    expect(await full.stored()).not.toContain(ada.access_token)
    expect(await auth.getAccessToken()).toBe(grace.access_token)
  })

  it('holds no token after a logout', async () => {
    const full = create()
    const { auth } = await live(full)
    isFull = true
    await does(auth.logout())
    expect(await full.stored()).not.toContain('rt-secret')
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('keeps the refresh token that is still good when it cannot note a failure', async () => {
    const full = create()
    const { auth, refresh } = await live(full)
    isFull = true
    const done = auth.refresh()
    await pass(SECOND)
    refresh.last.fail(httpError(503))
    await does(done)
    expect(await full.stored()).toContain(refresh.spent[0])
    expect(auth.getState().status).toBe('authenticated')
  })

  it('takes the session up again when there is room', async () => {
    const full = create()
    const { auth, refresh } = await live(full)
    for (const full of [true, false]) {
      isFull = full
      const done = auth.refresh()
      await pass(SECOND)
      refresh.last.answer(pair({ sub: 'ada' }))
      await does(done)
    }
    const next = open({ storage: full.storage, autoRefresh: 'off' })
    await pass(SECOND)
    expect(await next.auth.getAccessToken()).toBe(await auth.getAccessToken())
    expect(next.refresh.calls).toHaveLength(0)
  })
})

describe('a storage that fails to write', () => {
  it('keeps the record that a later login has left there', async () => {
    let row: Stored | null = null
    const storage = recordStorage({
      shared: true,
      get: async () => row,
      async set({ generation }) {
        row = storedRecord({ generation: generation + 2 })
        refuse()
      },
      async remove() {
        row = null
      },
    })
    const { auth } = open({ storage, autoRefresh: 'off' })
    isFull = true
    await does(auth.login(pair()))
    expect(row).toMatchObject({ accessToken: expect.any(String) })
  })
})

describe('a storage that fails to remove', () => {
  const refuseRemoval = (): never => {
    throw new DOMException('The entry is locked', 'InvalidStateError')
  }
  const storages: Record<string, () => [storage: TokenStorage, items: ReadonlyMap<string, string>]> = {
    'of the application': () => {
      const { items, view } = createLocalArea()
      return [{ ...view(), removeItem: refuseRemoval }, items]
    },
    'of the application, asynchronous'() {
      const { items, view } = createLocalArea()
      const { getItem, setItem } = view()
      const storage: TokenStorage = {
        getItem: async key => getItem(key),
        setItem: async (key, value) => setItem(key, value),
        removeItem: async () => refuseRemoval(),
      }
      return [storage, items]
    },
    'behind webStorage()'() {
      const { items, view } = createLocalArea()
      vi.stubGlobal('sessionStorage', { ...view(), removeItem: refuseRemoval })
      return [webStorage(sessionStorage), items]
    },
  }
  const ends: Record<string, (opened: Opened) => Promise<unknown>> = {
    'a logout': ({ auth }) => auth.logout(),
    async 'the end of the session'({ auth, refresh }) {
      const done = auth.refresh()
      await pass(SECOND)
      refresh.last.fail(httpError(401))
      await done
    },
  }
  const cases = Object.keys(storages).flatMap(name => Object.keys(ends).map(end => [name, end] as const))

  it.each(cases)('%s: holds no token after %s, and restores nothing', async (name, end) => {
    const [storage, items] = storages[name]!()
    const opened = open({ storage, autoRefresh: 'off', retry: 0 })
    await does(opened.auth.login(pair()))
    await does(ends[end]!(opened))
    expect([...items.values()].join()).not.toContain('secret')
    expect(opened.events.of('warning')).toHaveLength(1)
    opened.auth.dispose()
    const next = open({ storage, autoRefresh: 'off' })
    await pass(SECOND)
    expect(next.auth.getState()).toEqual({ status: 'anonymous' })
    expect(await next.auth.getAccessToken()).toBeUndefined()
    expect([next.refresh.calls, next.events.all]).toEqual([[], []])
    const tokens = pair()
    await does(next.auth.login(tokens))
    expect([...items.values()].join()).toContain(tokens.refresh_token)
  })

  it('keeps the next session, although it refuses only after that one was stored', async () => {
    const { items, view } = createLocalArea()
    const { getItem, setItem } = view()
    const storage: TokenStorage = {
      getItem: async key => getItem(key),
      setItem: async (key, value) => setItem(key, value),
      removeItem: () => new Promise(resolve => setTimeout(resolve, 4 * SECOND)).then(refuseRemoval),
    }
    const { auth } = open({ storage, autoRefresh: 'off' })
    await does(auth.login(pair()))
    await does(auth.logout())
    await pass(SECOND)
    const login = pair()
    await does(auth.login(login))
    await pass(10 * SECOND)
    expect([...items.values()].join()).toContain(login.refresh_token)
  })
})
