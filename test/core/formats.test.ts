/** Two versions of the package at the same time: each leaves alone the formats that it does not know. */
import { cookieSession, indexedDBStorage, type TokenStorage, webStorage } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { openRecords } from '../../src/core/storage.js'
import { Channel, createLock } from '../support/channel.js'
import {
  alone,
  cell,
  httpError,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  SECOND,
  type Stored,
  storedRecord,
  useFakeTime,
  watch,
} from '../support/core.js'
import { connect, createLocalArea, createLocks, readRow, useDatabases, writeRow } from '../support/origin.js'

useFakeTime()

beforeEach(() => {
  useDatabases()
  vi.stubGlobal('BroadcastChannel', undefined)
  vi.stubGlobal('navigator', { locks: createLocks() })
})

const KEY = 'tokenflight:default'

/** A record that a later version might store: its tokens are encrypted, and much else is as today. */
const later = (): Stored => ({ ...storedRecord({ generation: 9e9 }), format: 2, accessToken: 'ciphertext' })

interface Place {
  readonly storage: TokenStorage
  read(): Promise<unknown>
  /** Another page writes. */
  write(record: Stored): Promise<void>
}

function web(name: 'localStorage' | 'sessionStorage'): Place {
  const area = createLocalArea()
  const own = area.view()
  vi.stubGlobal(name, own)
  return {
    storage: webStorage(own),
    read: async () => JSON.parse(area.items.get(KEY) ?? 'null'),
    write: async record => area.view().setItem(KEY, JSON.stringify(record)),
  }
}
function own(options?: Parameters<typeof cell>[1]): Place {
  const storage = cell(null, options)
  return {
    storage,
    read: async () => storage.record,
    async write(record) {
      storage.record = record
    },
  }
}

const places: Record<string, () => Place> = {
  localStorage: () => web('localStorage'),
  sessionStorage: () => web('sessionStorage'),
  IndexedDB: () => ({
    storage: indexedDBStorage(),
    read: async () => (await readRow(KEY, 'record')) ?? null,
    write: record => writeRow(KEY, 'record', record),
  }),
  'a storage of the application': () => own(),
  'an asynchronous storage of the application': () => own({ asynchronous: true }),
  'a shared storage of the application': () => own({ shared: true }),
}
const shared = ['localStorage', 'IndexedDB', 'a shared storage of the application']

async function does(work: Promise<unknown>): Promise<void> {
  const outcome = watch(work)
  await pass(3 * SECOND)
  expect(outcome.status).not.toBe('pending')
}

describe.each(Object.entries(places))('a record of a later version in %s', (_, create) => {
  const found = async () => {
    const place = create()
    const record = later()
    await place.write(record)
    // The view of the page that opens now.
    void openRecords(place.storage, KEY).get()
    const refresh = refreshStub(async () => pair())
    const page = open({ storage: place.storage, refresh, autoRefresh: 'off' })
    await pass(SECOND)
    return { ...page, place, record }
  }

  it('is no session, sends nothing, and stays as it is', async () => {
    const { auth, refresh, place, record } = await found()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
    await does(auth.refresh())
    expect(refresh.calls).toHaveLength(0)
    expect(await place.read()).toEqual(record)
  })

  it('is replaced by a login', async () => {
    const { auth, place } = await found()
    const tokens = pair()
    await does(auth.login(tokens))
    expect(await place.read()).toMatchObject({ accessToken: tokens.access_token })
    const next = open({ storage: place.storage, autoRefresh: 'off' })
    await pass(SECOND)
    expect(await next.auth.getAccessToken()).toBe(tokens.access_token)
  })

  it('does not survive a logout', async () => {
    const { auth, place } = await found()
    await does(auth.logout())
    expect(JSON.stringify(await place.read())).not.toContain('ciphertext')
  })
})

describe.each(shared)('a record of a later version that appears beside a session, in %s', name => {
  const beside = async () => {
    const place = places[name]?.() as Place
    const refresh = refreshStub()
    const page = open({ storage: place.storage, refresh, autoRefresh: 'off', retry: 0 })
    await does(page.auth.login(pair()))
    const record = later()
    await place.write(record)
    return { ...page, place, record }
  }

  it('survives a refresh, and the session goes on in memory', async () => {
    const { auth, refresh, events, place, record } = await beside()
    const done = auth.refresh()
    await pass(SECOND)
    const tokens = refresh.last.answer(pair())
    await does(done)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(await place.read()).toEqual(record)
    expect(events.of('warning').length).toBeGreaterThan(0)
  })

  it('survives a refresh that fails, and its back-off', async () => {
    const { auth, refresh, place, record } = await beside()
    const done = auth.refresh()
    await pass(SECOND)
    refresh.last.fail(httpError(503))
    await does(done)
    expect(auth.getState().status).toBe('authenticated')
    expect(await place.read()).toEqual(record)
  })

  it('survives the end of that session', async () => {
    const { auth, refresh, events, place, record } = await beside()
    const done = auth.refresh()
    await pass(SECOND)
    refresh.last.fail(httpError(400, { error: 'invalid_grant' }))
    await does(done)
    expect(auth.getState().status).toBe('expired')
    expect(events.of('sessionExpired')).toHaveLength(1)
    expect(await place.read()).toEqual(record)
  })
})

describe('a message of a later version', () => {
  it('on the channel of a cookie session changes nothing', async () => {
    Channel.install()
    const refresh = refreshStub(async () => alone())
    const { auth } = open({ storage: cookieSession(), lock: createLock(), refresh, autoRefresh: 'off' })
    await pass(SECOND)
    const token = await auth.getAccessToken()
    const { refreshToken: _, ...record } = later()
    const stranger = new Channel(KEY)
    for (const message of [{ record }, { record: { ...record, ended: 'logout' } }])
      stranger.postMessage(message)
    await pass(SECOND)
    expect(await auth.getAccessToken()).toBe(token)
    expect(refresh.calls).toHaveLength(1)
  })
})

describe('the ledger of a later version', () => {
  it('hides no session, and delays nothing', async () => {
    const area = createLocalArea()
    const storage = webStorage(area.view())
    const page = open({ storage, refresh: refreshStub(async () => pair()), autoRefresh: 'off' })
    await does(page.auth.login(pair()))
    await writeRow(KEY, `ledger:${KEY}`, { format: 2, generation: 9e9, version: 1, savedAt: Date.now() })
    const next = open({ storage, refresh: refreshStub(async () => pair()), autoRefresh: 'off' })
    await pass(5 * MINUTE)
    const token = watch(next.auth.getAccessToken())
    await pass(200)
    expect(token.status).toBe('fulfilled')
    expect(next.refresh.calls).toHaveLength(1)
  })
})

describe('the database of a session', () => {
  it('is not upgraded under a tab that has it open', async () => {
    const tab = await connect(KEY)
    const changed = vi.fn()
    tab.onversionchange = changed
    const { auth, refresh } = open({
      storage: indexedDBStorage(),
      refresh: refreshStub(async () => pair()),
      autoRefresh: 'off',
    })
    await does(auth.login(pair()))
    await does(auth.refresh())
    expect(refresh.calls).toHaveLength(1)
    expect(changed).not.toHaveBeenCalled()
    expect(tab.version).toBe(1)
    tab.close()
  })

  it('blocks no other tab that upgrades or deletes it', async () => {
    const { auth } = open({ storage: indexedDBStorage(), autoRefresh: 'off' })
    await does(auth.login(pair()))
    const deleting = indexedDB.deleteDatabase(KEY)
    const blocked = vi.fn()
    const deleted = vi.fn()
    Object.assign(deleting, { onblocked: blocked, onsuccess: deleted })
    await pass(100)
    expect([blocked.mock.calls.length, deleted.mock.calls.length]).toEqual([0, 1])
    const upgraded = await connect(KEY, { version: 2 })
    upgraded.close()
    await pass(100)
    expect(auth.getState().status).toBe('authenticated')
  })
})
