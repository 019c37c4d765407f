/** Stored in IndexedDB, and the lease that stands in for Web Locks. */
import { IDBObjectStore } from 'fake-indexeddb'
import { type AuthOptions, indexedDBStorage } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createLease } from '../../src/shared/lease.js'
import { createRefreshMark } from '../../src/shared/refresh-mark.js'
import { Channel } from '../support/channel.js'
import {
  accessToken,
  cell,
  deferred,
  expectNoToken,
  httpError,
  MINUTE,
  open,
  pair,
  pass,
  type RefreshStub,
  refreshStub,
  SECOND,
  type Stored,
  useFakeTime,
  watch,
} from '../support/core.js'
import {
  answers,
  connect,
  createLocalArea,
  ROW,
  readRow,
  stopDatabases,
  useDatabases,
  writeRow,
} from '../support/origin.js'

useFakeTime()

beforeEach(() => {
  useDatabases()
  vi.stubGlobal('BroadcastChannel', undefined)
  // No Web Locks, in every version of Node.
  vi.stubGlobal('navigator', undefined)
})

describe('the mark of a refresh in progress', () => {
  it('of another page stays when the refresh of this page ends', async () => {
    const mark = createRefreshMark('tokenflight:marked', MINUTE, Date.now)
    const begun = watch(mark.begin())
    await answers()
    const other = { id: 7, sentAt: Date.now() }
    await writeRow('tokenflight:marked', 'grant', other)
    begun.value?.()
    await answers()
    expect(await readRow('tokenflight:marked', 'grant')).toEqual(other)
    const waited = watch(mark.wait())
    await pass(SECOND)
    expect(waited.status).toBe('pending')
    await pass(2 * SECOND)
    expect(waited.status).toBe('fulfilled')
  })
})

describe('indexedDBStorage', () => {
  const tab = (options: Partial<AuthOptions> & { refresh?: RefreshStub } = {}) =>
    open({ name: 'shop', storage: indexedDBStorage(), autoRefresh: 'off', ...options })

  it('keeps a session where the next page, of any version, finds it', async () => {
    const first = tab()
    const tokens = pair()
    void first.auth.login(tokens)
    await answers()
    expect(await readRow('tokenflight:shop', 'record')).toMatchObject({
      accessToken: tokens.access_token,
      refreshToken: tokens.refresh_token,
    })
    const next = tab()
    expect(next.auth.getState().status).toBe('loading')
    await answers()
    expect(await next.auth.getAccessToken()).toBe(tokens.access_token)
    expect(next.events.names).toEqual([])
    expect(next.refresh.calls).toHaveLength(0)
    void next.auth.logout()
    await answers()
    expect(await readRow('tokenflight:shop', 'record')).toMatchObject({ ended: 'logout' })
    expect(JSON.stringify(await readRow('tokenflight:shop', 'record'))).not.toContain(tokens.access_token)
    expect([...first.events.of('warning'), ...next.events.of('warning')]).toEqual([])
  })

  it('keeps it in the database that the application names', async () => {
    const { auth } = tab({ storage: indexedDBStorage({ database: 'mine' }) })
    const tokens = pair()
    void auth.login(tokens)
    await answers()
    expect(await readRow('mine', 'record')).toMatchObject({ accessToken: tokens.access_token })
    expect(await indexedDB.databases().then(all => all.map(({ name }) => name))).toEqual(['mine'])
  })

  it('leaves a tombstone that makes the next page write the end to the database', async () => {
    vi.stubGlobal('localStorage', createLocalArea().view())
    const { auth } = tab()
    void auth.login(pair())
    await answers()
    void auth.logout()
    await answers()
    const tombstone = JSON.parse(`${localStorage.getItem('tokenflight:shop:logout')}`)
    expect(tombstone).toMatchObject({ ended: 'logout', revoke: [] })
  })

  it('fits every library that wants Web Storage with promises', async () => {
    const storage = indexedDBStorage()
    const written = watch(Promise.resolve(storage.setItem('a', 'b')))
    await answers()
    expect(written).toEqual({ status: 'fulfilled', value: undefined })
    const read = watch(Promise.resolve(storage.getItem('a')))
    await answers()
    expect(read).toEqual({ status: 'fulfilled', value: 'b' })
    const removed = watch(Promise.resolve(storage.removeItem('a')))
    await answers()
    expect(removed.status).toBe('fulfilled')
    const empty = watch(Promise.resolve(storage.getItem('a')))
    await answers()
    expect(empty).toEqual({ status: 'fulfilled', value: undefined })
  })

  it('restores no session after a logout whose listener has left the page before anything was written', async () => {
    const local = createLocalArea()
    vi.stubGlobal('localStorage', local.view())
    const told: unknown[] = []
    const logout = async () => Promise.reject(httpError(503))
    const page = tab({ logout })
    const tokens = pair()
    void page.auth.login(tokens)
    await answers()
    page.auth.on('logout', () => void told.push(page.auth.getState().status))
    const databases = stopDatabases()
    void page.auth.logout()
    expect(told).toEqual(['anonymous'])
    page.auth.dispose()
    databases.resume({ isGone: true })
    expect(await readRow('tokenflight:shop', 'record')).toMatchObject({ refreshToken: tokens.refresh_token })
    expect([...local.items.keys()]).toEqual(['tokenflight:shop:logout'])
    expectNoToken([...local.items.values()])
    const next = tab()
    await answers()
    expect(next.auth.getState()).toEqual({ status: 'anonymous' })
    expect(await next.auth.getAccessToken()).toBeUndefined()
    expect(next.refresh.calls).toHaveLength(0)
    expectNoToken(await readRow('tokenflight:shop', 'record'))
    const again = pair()
    void next.auth.login(again)
    await answers()
    expect(local.items.size).toBe(0)
    const last = tab()
    await answers()
    expect(await last.auth.getAccessToken()).toBe(again.access_token)
  })

  it('holds the new pair after each refresh', async () => {
    const { auth, refresh, events } = tab({ refresh: refreshStub(async () => pair()) })
    const tokens = pair()
    void auth.login(tokens)
    await answers()
    for (const number of [1, 2]) {
      void auth.refresh()
      await answers()
      expect(refresh.calls).toHaveLength(number)
      expect(await readRow('tokenflight:shop', 'record')).toMatchObject({
        accessToken: await auth.getAccessToken(),
      })
    }
    expect(new Set(refresh.spent).size).toBe(2)
    expect(events.of('warning')).toEqual([])
  })

  it('lets a late answer lose to the login of another tab', async () => {
    const ada = tab()
    void ada.auth.login(pair({ sub: 'ada' }))
    await answers()
    const outcome = watch(ada.auth.refresh())
    await answers()
    const bob = tab()
    await answers()
    const tokens = pair({ sub: 'bob' })
    void bob.auth.login(tokens)
    await answers()
    ada.refresh.last.answer(pair({ sub: 'ada' }))
    await answers()
    expect(outcome.status).not.toBe('pending')
    expect(await readRow('tokenflight:shop', 'record')).toMatchObject({ accessToken: tokens.access_token })
    expect(await ada.auth.getAccessToken()).toBe(tokens.access_token)
    expect(ada.refresh.calls).toHaveLength(1)
  })

  it.each<[what: string, row: unknown]>([
    ['a string', 'garbage'],
    ['a record of another package', { access_token: 'a' }],
  ])('reads %s as empty, and writes over it', async (_, row) => {
    await writeRow('tokenflight:shop', 'record', row)
    const { auth, events } = tab()
    await answers()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    const tokens = pair()
    void auth.login(tokens)
    await answers()
    expect(await readRow('tokenflight:shop', 'record')).toMatchObject({ accessToken: tokens.access_token })
    expect(events.of('warning')).toEqual([])
  })

  it('keeps no connection that another tab would have to wait for', async () => {
    const { auth } = tab({ refresh: refreshStub(async () => pair()) })
    void auth.login(pair())
    await answers()
    void auth.refresh()
    await answers()
    const blocked = vi.fn()
    const gone = deferred()
    const deletion = indexedDB.deleteDatabase('tokenflight:shop')
    deletion.onblocked = blocked
    deletion.onsuccess = () => gone.resolve()
    await answers()
    await gone.promise
    expect(blocked).not.toHaveBeenCalled()
  })

  describe('whose database', () => {
    /** The events of a tab whose login and refresh do not reach the database. */
    const warned = async () => {
      const { auth, events, refresh } = tab({ refresh: refreshStub(async () => pair()) })
      const login = watch(auth.login(pair()))
      await answers()
      const refreshed = watch(auth.refresh())
      await answers()
      expect([login.status, refreshed.status]).toEqual(['fulfilled', 'fulfilled'])
      expect(refresh.calls).toHaveLength(1)
      expect(await auth.getAccessToken()).toEqual(expect.any(String))
      return events
        .of('warning')
        .map(({ message, error }) => [message, error instanceof Error && (error.cause as Error).name])
    }
    const reading = 'Storage failed to read; the session goes on in memory'
    const writing = 'Storage failed to write; the session goes on in memory'

    it('a later version of the application has changed causes a warning at once, and memory takes over', async () => {
      const later = await connect('tokenflight:shop', { version: 2 })
      expect(await warned()).toEqual(
        [reading, writing, reading, writing].map(message => [message, 'VersionError']),
      )
      later.close()
    })

    it('holds something else causes a warning at once, memory takes over, and no call waits for a connection', async () => {
      const other = await connect('tokenflight:shop', { store: 'orders' })
      other.close()
      expect(await warned()).toEqual(
        [reading, writing, reading, writing].map(message => [message, 'NotFoundError']),
      )
      const deleted = vi.fn()
      indexedDB.deleteDatabase('tokenflight:shop').onsuccess = deleted
      await answers()
      expect(deleted).toHaveBeenCalledOnce()
    })

    it('is full causes a warning at once, and memory takes over', async () => {
      const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
        throw new DOMException('full', 'QuotaExceededError')
      })
      expect(await warned()).toEqual([writing, writing].map(message => [message, 'QuotaExceededError']))
      put.mockRestore()
      expect(await readRow('tokenflight:shop', 'record')).toBeUndefined()
    })

    it('turns out to be full when it commits causes a warning at once, and memory takes over', async () => {
      const put = IDBObjectStore.prototype.put
      vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...row) {
        const request = put.apply(this, row)
        const { transaction } = this
        request.onsuccess = () => {
          transaction.abort()
          Object.assign(transaction, { error: new DOMException('full', 'QuotaExceededError') })
        }
        return request
      })
      expect(await warned()).toEqual([writing, writing].map(message => [message, 'QuotaExceededError']))
      expect(await readRow('tokenflight:shop', 'record')).toBeUndefined()
    })

    it('does not answer delays a call by two seconds at most', async () => {
      const { auth, events } = tab()
      await answers()
      stopDatabases()
      const tokens = pair()
      const login = watch(auth.login(tokens))
      await pass(2 * SECOND - 1)
      expect(login.status).toBe('pending')
      await pass(1)
      expect(login.status).toBe('fulfilled')
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      expect(events.of('warning')).toMatchObject([
        { message: writing, error: { cause: { message: 'no answer within 2000 ms' } } },
      ])
    })
  })
})

describe('without Web Locks', () => {
  const HOLD = 10 * SECOND
  const LEASE = HOLD + SECOND
  const holder = 0.5

  beforeEach(() => {
    Channel.install()
  })

  /** Tabs that share a record, whose lease lives in the database `leased`; their access token is dead. */
  const tabs = async (count: number, refresh = refreshStub(async () => pair())) => {
    const storage = cell(null, { shared: true })
    await connect('tokenflight:leased').then(connection => connection.close())
    const all = Array.from({ length: count }, () =>
      open({ name: 'leased', storage, refresh, autoRefresh: 'off', refreshTimeout: HOLD, retry: 0 }),
    )
    await all[0]?.auth.login(pair())
    await pass(5 * MINUTE + SECOND)
    storage.writes.length = 0
    return { all, refresh, storage }
  }
  const ask = ({ all }: Awaited<ReturnType<typeof tabs>>) =>
    all.map(({ auth }) => watch(auth.getAccessToken()))
  const lease = (turn = 'leased') => readRow('tokenflight:leased', `lease:tokenflight:${turn}`)
  /** Another tab takes the lease for so many milliseconds. */
  const lend = (left: number, turn = 'leased') =>
    writeRow('tokenflight:leased', `lease:tokenflight:${turn}`, { holder, until: Date.now() + ROW + left })
  /** The wall clock stands still, timers do not. */
  const stopWall = (): number => {
    const now = Date.now()
    vi.spyOn(Date, 'now').mockReturnValue(now)
    return now
  }

  it('four tabs that ask at once cost one refresh', async () => {
    const tokens = pair()
    const four = await tabs(
      4,
      refreshStub(() => new Promise(resolve => setTimeout(() => resolve(tokens), 30))),
    )
    const outcomes = ask(four)
    await pass(SECOND)
    expect(outcomes).toEqual(Array(4).fill({ status: 'fulfilled', value: tokens.access_token }))
    expect(four.refresh.calls).toHaveLength(1)
  })

  it('a lease lasts a second longer than a refresh may take, and is given back when the refresh is done', async () => {
    const one = await tabs(1, refreshStub())
    const now = stopWall()
    const [outcome] = ask(one)
    await answers()
    expect(one.refresh.calls).toHaveLength(1)
    expect(await lease()).toEqual({ holder: expect.any(Number), until: now + LEASE })
    one.refresh.last.answer()
    await answers()
    expect(outcome?.status).toBe('fulfilled')
    expect(await lease()).toEqual({ holder: expect.any(Number), until: 0 })
  })

  it('a lease is given back when the refresh has failed, too', async () => {
    const one = await tabs(1, refreshStub())
    const [outcome] = ask(one)
    await answers()
    one.refresh.last.fail(new TypeError('Failed to fetch'))
    await answers()
    expect(outcome?.status).toBe('rejected')
    expect(await lease()).toMatchObject({ until: 0 })
  })

  it('four tabs of a browser without throwIfAborted cost one refresh, too', async () => {
    class OlderController extends AbortController {
      override get signal() {
        return Object.assign(super.signal, { throwIfAborted: undefined }) as never
      }
    }
    vi.stubGlobal('AbortController', OlderController)
    const four = await tabs(
      4,
      refreshStub(() => new Promise(resolve => setTimeout(() => resolve(pair()), 30))),
    )
    const outcomes = ask(four)
    await pass(SECOND)
    const value = four.storage.record?.accessToken
    expect(outcomes).toEqual(Array(4).fill({ status: 'fulfilled', value }))
    expect(four.refresh.calls).toHaveLength(1)
  })

  it('a holder that is gone is waited for until its lease runs out, and then one tab sends', async () => {
    const two = await tabs(2)
    await lend(LEASE)
    const outcomes = ask(two)
    await pass(LEASE)
    expect(two.refresh.calls).toHaveLength(0)
    await pass(100)
    expect(two.refresh.calls).toHaveLength(1)
    expect(await lease()).not.toMatchObject({ holder })
    await pass(100)
    expect(outcomes).toEqual(Array(2).fill({ status: 'fulfilled', value: two.storage.record?.accessToken }))
    expect(two.refresh.calls).toHaveLength(1)
  })

  it('a lease from the far future, since the clock was set back, is no lease', async () => {
    const one = await tabs(1)
    const now = stopWall()
    await writeRow('tokenflight:leased', 'lease:tokenflight:leased', { holder, until: now + 2 * LEASE })
    const [outcome] = ask(one)
    await answers()
    expect([outcome?.status, one.refresh.calls.length]).toEqual(['fulfilled', 1])
  })

  it('a lease that ends a moment before that far future is one', async () => {
    const one = await tabs(1)
    const now = stopWall()
    await writeRow('tokenflight:leased', 'lease:tokenflight:leased', { holder, until: now + 2 * LEASE - 1 })
    ask(one)
    await pass(SECOND)
    expect(one.refresh.calls).toHaveLength(0)
  })

  it('a lease that ends this very millisecond is over', async () => {
    const one = await tabs(1)
    await writeRow('tokenflight:leased', 'lease:tokenflight:leased', { holder, until: stopWall() })
    const [outcome] = ask(one)
    await answers()
    expect([outcome?.status, one.refresh.calls.length]).toEqual(['fulfilled', 1])
  })

  it('a refresh that ends after its lease does not give back the lease of the next one', async () => {
    const one = await tabs(1, refreshStub())
    const [outcome] = ask(one)
    await answers()
    const next = { holder, until: Date.now() + LEASE }
    await writeRow('tokenflight:leased', 'lease:tokenflight:leased', next)
    one.refresh.last.answer()
    await answers()
    expect(outcome?.status).toBe('fulfilled')
    expect(await lease()).toEqual(next)
  })

  it('a lease that the user has deleted meanwhile is nothing to give back', async () => {
    const one = await tabs(1, refreshStub())
    const [outcome] = ask(one)
    await answers()
    await writeRow('tokenflight:leased', 'lease:tokenflight:leased', undefined)
    one.refresh.last.answer()
    await answers()
    expect(outcome?.status).toBe('fulfilled')
    expect(one.all[0]?.events.of('warning')).toEqual([])
    expect(await lease()).toBeUndefined()
  })

  it.each([0, 5 * SECOND])(
    'a lease that was over by %i ms when the database had written it is asked for again',
    async over => {
      const one = await tabs(1, refreshStub())
      const now = stopWall()
      const put = IDBObjectStore.prototype.put
      // The device sleeps while the transaction commits.
      vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementationOnce(function (
        this: IDBObjectStore,
        ...row
      ) {
        vi.mocked(Date.now).mockReturnValue(now + LEASE + over)
        return put.apply(this, row)
      })
      ask(one)
      await answers()
      expect(one.refresh.calls).toHaveLength(0)
      await pass(50)
      expect(one.refresh.calls).toHaveLength(1)
      expect(await lease()).toMatchObject({ until: now + LEASE + over + LEASE })
    },
  )

  it('a lease that arrives after its waiter gave up is given back at once', async () => {
    const one = await tabs(1)
    const databases = stopDatabases()
    const [outcome] = ask(one)
    // Once for the holder, once among those who wait for it.
    await pass(2 * (HOLD + 2 * SECOND) - 1)
    expect(one.refresh.calls).toHaveLength(0)
    await pass(1)
    expect([outcome?.status, one.refresh.calls.length]).toEqual(['fulfilled', 1])
    databases.resume()
    await answers()
    expect(await lease()).toMatchObject({ until: 0 })
    expect(await lease('leased:stuck')).toMatchObject({ until: 0 })
  })

  it('a holder that goes on for ever is waited for as long as a refresh and two seconds', async () => {
    const one = await tabs(1)
    await lend(LEASE)
    ask(one)
    // It takes its lease again and again.
    for (let taken = 0; taken < 11; taken++) {
      await lend(LEASE)
      await pass(SECOND - ROW)
    }
    await pass(SECOND - 1)
    expect(one.refresh.calls).toHaveLength(0)
    await pass(100)
    expect(one.refresh.calls).toHaveLength(1)
  })

  it('two Auths of other names do not wait for each other', async () => {
    const one = await tabs(1)
    await lend(LEASE, 'other')
    const [outcome] = ask(one)
    await answers()
    expect([outcome?.status, one.refresh.calls.length]).toEqual(['fulfilled', 1])
  })

  it('a lease needs no signal', async () => {
    const request = createLease('tokenflight:leased', LEASE).request as (
      name: string,
      options: { signal?: AbortSignal },
      callback: () => Promise<number>,
    ) => Promise<number>
    const outcome = watch(request('any', {}, async () => 7))
    await answers()
    expect(outcome).toEqual({ status: 'fulfilled', value: 7 })
  })

  it('and without IndexedDB each tab refreshes for itself, at once', async () => {
    vi.stubGlobal('indexedDB', undefined)
    const storage = cell(null, { shared: true })
    const { auth, refresh } = open({ name: 'bare', storage, autoRefresh: 'off' })
    void auth.login(pair())
    await answers()
    const outcome = watch(auth.refresh())
    await answers()
    refresh.last.answer({ access_token: accessToken(), refresh_token: 'next' })
    await answers()
    expect(outcome.status).toBe('fulfilled')
    expect((storage.record as Stored).refreshToken).toBe('next')
  })
})
