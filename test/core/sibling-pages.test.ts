/** Pages that follow each other: login, logout and new tokens of another tab. */
import { type AuthLock, cookieSession, type TokenStorage, webStorage } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel, createLock } from '../support/channel.js'
import {
  alone,
  cell,
  engineView,
  httpError,
  invalidGrant,
  MINUTE,
  open,
  pair,
  pass,
  REFRESH_TIMEOUT,
  type RefreshStub,
  recordStorage,
  refreshStub,
  SECOND,
  type Stored,
  type TicketView,
  useFakeTime,
  watch,
} from '../support/core.js'
import { becomePage } from '../support/page.js'

useFakeTime()

beforeEach(() => {
  Channel.install()
})

describe('a storage that can be read and no longer written', () => {
  it('is not written to for ever by two tabs that each know more than it does', async () => {
    let row: Stored | null = null
    let isFull = false
    let writes = 0
    const storage = {
      shared: true,
      get: () => row,
      set(tokens: Stored) {
        writes++
        if (isFull) throw new Error('QuotaExceededError')
        row = tokens
      },
      remove() {
        row = null
      },
    }
    const lock = createLock()
    const tab = () =>
      open({
        storage: recordStorage(storage),
        lock,
        name: 'full',
        autoRefresh: 'off',
        refresh: refreshStub(async () => pair()),
      })
    const one = tab()
    await one.auth.login(pair())
    await pass(SECOND)
    const other = tab()
    await pass(SECOND)
    isFull = true
    await one.auth.refresh()
    await pass(SECOND)
    await other.auth.refresh()
    await pass(SECOND)
    Channel.posts = writes = 0
    await pass(10 * SECOND)
    expect([Channel.posts, writes]).toEqual([0, 0])
    expect(await one.auth.getAccessToken()).toEqual(expect.any(String))
    expect(await other.auth.getAccessToken()).toEqual(expect.any(String))
  })
})

describe('a storage that ignores every write', () => {
  it('is written to only once more by a tab that finds an old record there', async () => {
    let row: Stored | null = null
    let isDeaf = false
    let writes = 0
    const storage = recordStorage(
      {
        shared: true,
        get: () => row,
        set(record) {
          writes++
          if (!isDeaf) row = record
        },
        remove() {},
      },
      createLock(),
    )
    const { auth } = open({
      storage,
      name: 'deaf',
      autoRefresh: 'off',
      refresh: refreshStub(async () => pair()),
    })
    await auth.login(pair())
    isDeaf = true
    await auth.refresh()
    writes = 0
    const sibling = new Channel('tokenflight:deaf')
    for (let message = 0; message < 5; message++) {
      sibling.postMessage({ changed: true })
      await pass(SECOND)
    }
    expect(writes).toBe(1)
    expect(await auth.getAccessToken()).not.toBe((row as Stored | null)?.accessToken)
  })
})

describe('a logout whose page is gone before its database request', () => {
  /** A database in which the requests of a page that goes are never answered. */
  const database = () => {
    const rows = new Map<string, unknown>()
    const page = { isGoing: false }
    const open = () => {
      const isLost = page.isGoing
      const opening: Record<string, unknown> & { onsuccess?: () => void } = {}
      const transaction = () => {
        const running: { oncomplete?: () => void; error: null } & Record<string, unknown> = { error: null }
        running['objectStore'] = () => ({
          get(key: string) {
            const reading: { result?: unknown; onsuccess?: () => void } = {}
            setTimeout(() => {
              reading.result = rows.get(key)
              reading.onsuccess?.()
              setTimeout(() => running.oncomplete?.(), 1)
            }, 1)
            return reading
          },
          put: (value: unknown, key: string) => void rows.set(key, structuredClone(value)),
        })
        return running
      }
      setTimeout(() => {
        if (isLost) return
        opening['result'] = { close() {}, createObjectStore() {}, transaction }
        opening.onsuccess?.()
      }, 1)
      return opening
    }
    vi.stubGlobal('indexedDB', { open })
    return page
  }

  it('is not undone by the refresh of another tab that was under way', async () => {
    const page = database()
    vi.stubGlobal('BroadcastChannel', undefined)
    const items = new Map<string, string>()
    const area = (isWritable = () => true) =>
      ({
        getItem: (key: string) => items.get(key) ?? null,
        setItem: (key: string, value: string) => void (isWritable() && items.set(key, value)),
        removeItem: (key: string) => void items.delete(key),
      }) as unknown as Storage
    let isGone = false
    const tab = (storage = area()) =>
      open({ storage: webStorage(storage), name: 'gone', autoRefresh: 'off', refresh: refreshStub() })
    const staying = tab()
    void staying.auth.login(pair())
    await pass(SECOND)
    const going = tab(area(() => !isGone))
    await pass(SECOND)
    expect(going.auth.getState().status).toBe('authenticated')
    void staying.auth.refresh().catch(() => {})
    await pass(100)
    expect(staying.refresh.calls).toHaveLength(1)
    page.isGoing = true
    void going.auth.logout()
    going.auth.dispose()
    page.isGoing = false
    isGone = true
    await pass(200)
    staying.refresh.last.answer()
    await pass(SECOND)
    expect(staying.auth.getState().status).toBe('anonymous')
    const next = tab()
    await pass(SECOND)
    expect(next.auth.getState()).toEqual({ status: 'anonymous' })
  })
})

describe('pages that open at once in cookie mode', () => {
  /** Each request takes 30 ms. */
  async function pages(status: number) {
    vi.stubGlobal('document', new EventTarget())
    becomePage()
    const startedAt = Date.now()
    const refresh = refreshStub(
      () => new Promise((_, reject) => setTimeout(() => reject(httpError(status)), 30)),
    )
    const lock = createLock()
    const opened = Array.from({ length: 8 }, () =>
      open({ name: 'cookies', lock, autoRefresh: 'off', storage: cookieSession(), refresh }),
    )
    const ready: number[] = []
    for (const { auth } of opened) void auth.ready.then(() => ready.push(Date.now() - startedAt))
    await pass(10 * SECOND)
    expect(ready).toHaveLength(8)
    return { refresh, lastly: Math.max(...ready), states: opened.map(({ auth }) => auth.getState()) }
  }

  it('make the attempts of one of them while the server is down', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.2)
    const { refresh, states } = await pages(503)
    expect(refresh.calls.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    for (const state of states)
      expect(state).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
  })

  it('do not wait for each other where no user is logged in', async () => {
    const { refresh, lastly, states } = await pages(401)
    expect(lastly).toBeLessThan(1_500)
    expect(states).toEqual(Array(8).fill({ status: 'anonymous' }))
    expect(refresh.calls).toHaveLength(8)
  })
})

describe('two tabs', () => {
  const two = async () => {
    const storage = cell(null, { shared: true })
    const common = {
      storage,
      lock: createLock(),
      name: 'two',
      autoRefresh: 'off',
      retry: 0,
    } as const
    const here = open(common)
    const there = open(common)
    await pass(SECOND)
    const tokens = pair()
    await here.auth.login(tokens)
    await pass(SECOND)
    return { here, there, storage, tokens }
  }

  it('hear of a login, a refresh and a logout of each other', async () => {
    const { here, there } = await two()
    expect(there.events.names).toEqual(['login'])
    watch(here.auth.refresh())
    await pass(10)
    here.refresh.last.answer()
    await pass(10)
    expect(there.events.of('refreshed')).toEqual([
      { reason: 'ahead', duration: 0, attempts: 0, source: 'tab' },
    ])
    expect(await there.auth.getAccessToken()).toBe(await here.auth.getAccessToken())
    await here.auth.logout()
    await pass(10)
    expect(there.events.of('logout')).toEqual([{ source: 'tab' }])
    expect(here.events.of('logout')).toEqual([{ source: 'local' }])
    expect(there.events.statuses).toEqual(['authenticated', 'authenticated', 'anonymous'])
    expect([here.refresh.calls.length, there.refresh.calls.length]).toEqual([1, 0])
  })

  it('each answer refresh() with tokens that were requested after its last call', async () => {
    const common = { lock: createLock(), storage: cell(null, { shared: true }), autoRefresh: 'off' } as const
    const [first, second, third] = [open(common), open(common), open(common)]
    await pass(SECOND)
    watch(first.auth.login(pair()))
    await pass(SECOND)
    // They take turns: the third one waits while the second one asks.
    const calls = []
    for (const { auth } of [first, second, third]) {
      calls.push(watch(auth.refresh()))
      await pass(100)
    }
    first.refresh.last.answer()
    await pass(100)
    const late = watch(third.auth.refresh())
    await pass(100)
    second.refresh.last.answer()
    await pass(100)
    expect([late.status, third.refresh.calls.length]).toEqual(['pending', 1])
    third.refresh.last.answer()
    await pass(100)
    expect([...calls, late].map(({ status }) => status)).toEqual(Array(4).fill('fulfilled'))
    expect([first, second].map(({ refresh }) => refresh.calls.length)).toEqual([1, 1])
  })

  it('hear why a session has ended', async () => {
    const { here, there } = await two()
    watch(here.auth.refresh())
    await pass(10)
    here.refresh.last.fail(invalidGrant())
    await pass(2 * SECOND)
    expect(there.auth.getState()).toMatchObject({ status: 'expired', reason: 'refresh_rejected' })
    expect(there.events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_rejected' }])
    expect(there.refresh.calls).toHaveLength(0)
  })

  it('that both had a 401 refresh once, and neither refreshes again for another one', async () => {
    const { here, there } = await two()
    const engines = [here, there].map(({ auth }) => engineView(auth))
    const replays = engines.map(engine => watch(engine.rejectGrant(engine.current()!) as Promise<TicketView>))
    await pass(10)
    const { access_token } = here.refresh.last.answer()
    await pass(10)
    expect(replays.map(({ value }) => value?.accessToken)).toEqual([access_token, access_token])
    expect(there.events.of('refreshed')).toMatchObject([{ reason: 'rejected', source: 'tab' }])
    expect(engines.map(engine => engine.rejectGrant(engine.current()!))).toEqual([undefined, undefined])
    expect([here.refresh.calls.length, there.refresh.calls.length]).toEqual([1, 0])
  })

  it('of which one refreshed have the other refresh after a 401', async () => {
    const { here, there } = await two()
    watch(here.auth.refresh())
    await pass(10)
    here.refresh.last.answer()
    await pass(10)
    const engine = engineView(there.auth)
    watch(Promise.resolve(engine.rejectGrant(engine.current()!)))
    await pass(10)
    expect(there.refresh.reasons).toEqual(['rejected'])
  })

  it('of which one logs in anew tell those who wait in the other one', async () => {
    const { here, there } = await two()
    const done = watch(there.auth.refresh())
    await pass(10)
    expect(there.refresh.calls).toHaveLength(1)
    const tokens = pair({ sub: 'grace' })
    await here.auth.login(tokens)
    await pass(10)
    expect(done).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(await there.auth.getAccessToken()).toBe(tokens.access_token)
    expect(there.events.names).toEqual(['login', 'login'])
  })

  it('send no refresh token again while one of them may still be answered, with any message of the other one', async () => {
    const { here, storage } = await two()
    watch(here.auth.refresh())
    await pass(REFRESH_TIMEOUT + SECOND)
    const stranger = new Channel('tokenflight:two')
    const { version, ...record } = storage.record as Stored
    const now = { retryAt: Date.now(), backoffAt: Date.now(), retryStrict: false }
    storage.record = { ...record, ...now, version: version + 1e-6 }
    stranger.postMessage({ changed: true })
    await pass(SECOND)
    const again = watch(here.auth.refresh())
    await pass(SECOND)
    expect(again).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED', attempts: 0 } })
    expect(here.refresh.calls).toHaveLength(1)
    await pass(REFRESH_TIMEOUT - 2 * SECOND)
    watch(here.auth.refresh())
    await pass(0)
    expect(here.refresh.calls).toHaveLength(2)
  })

  it('of which one has news that the other one does not need read no storage for a word that says nothing', async () => {
    const { storage } = await two()
    const get = vi.spyOn(storage, 'getItem')
    const stranger = new Channel('tokenflight:two')
    for (const message of [undefined, null, 'news', {}, { wanted: 0 }, { changed: false }])
      stranger.postMessage(message)
    await pass(10)
    expect(get).not.toHaveBeenCalled()
    stranger.postMessage({ changed: true })
    await pass(10)
    expect(get).toHaveBeenCalledTimes(2)
  })
})

describe('pages of one cookie', () => {
  /** The answer of a page to a message. */
  const answers = async (message: unknown): Promise<unknown[]> => {
    const stranger = new Channel('tokenflight:cookies')
    const heard: unknown[] = []
    stranger.onmessage = ({ data }) => void heard.push((data as { record?: unknown }).record)
    stranger.postMessage(message)
    await pass(10)
    stranger.close()
    return heard
  }
  const page = async (refresh: RefreshStub, options: { storage?: TokenStorage; lock?: AuthLock } = {}) => {
    becomePage()
    vi.stubGlobal('document', new EventTarget())
    becomePage()
    const opened = open({
      name: 'cookies',
      storage: cookieSession(),
      autoRefresh: 'off',
      retry: 0,
      refresh,
      ...options,
    })
    await pass(SECOND)
    return opened
  }

  it('tell one that asks of the session, and nothing to one that says nothing', async () => {
    const tokens = alone()
    await page(refreshStub(async () => tokens))
    const news = [expect.objectContaining({ accessToken: tokens.access_token })]
    expect(await answers({ wanted: 0 })).toEqual(news)
    expect(await answers({ wanted: 9e9 })).toEqual(news)
    for (const message of [undefined, null, 7, {}, { wanted: '0' }, { record: {} }, { record: null }])
      expect(await answers(message)).toEqual([])
  })

  it('tell one that asks of a logout only if it knows an older session', async () => {
    const { auth } = await page(refreshStub(async () => alone()))
    const [session] = (await answers({ wanted: 0 })) as [{ generation: number }]
    await auth.logout()
    const [end] = (await answers({ wanted: session.generation })) as [{ generation: number }]
    expect(end).toMatchObject({ ended: 'logout' })
    for (const wanted of [0, -1, end.generation, end.generation + 1])
      expect(await answers({ wanted })).toEqual([])
  })

  it('tell one that asks how long the server wants to be left alone, and not a moment longer', async () => {
    await page(refreshStub(() => Promise.reject(httpError(429, {}, { 'retry-after': '60' }))))
    expect(await answers({ wanted: 0 })).toEqual([
      expect.objectContaining({ failures: 1, retryStrict: true }),
    ])
    await pass(MINUTE)
    expect(await answers({ wanted: 0 })).toEqual([])
  })

  it('tell nothing without a session', async () => {
    await page(refreshStub(() => Promise.reject(httpError(401))))
    expect(await answers({ wanted: 0 })).toEqual([])
  })

  it('keep the lock until the others have heard, where there are others', async () => {
    const { auth, refresh } = await page(refreshStub())
    refresh.last.answer(alone())
    await pass(SECOND)
    // A page that has not waited for the lock asks no other page for news.
    const first = watch(auth.refresh())
    await pass(0)
    expect(refresh.calls).toHaveLength(2)
    refresh.last.answer(alone())
    await pass(0)
    expect(first.status).toBe('fulfilled')
    await answers({ wanted: 0 })
    const second = watch(auth.refresh())
    await pass(0)
    refresh.last.answer(alone())
    await pass(9)
    expect(second.status).toBe('pending')
    await pass(1)
    expect(second.status).toBe('fulfilled')
    expect(refresh.calls).toHaveLength(3)
  })

  it('ask before they refresh where they waited for one whose news they missed', async () => {
    const tokens = [alone(), alone({ issuedAt: Date.now() + 5 * MINUTE })]
    const refresh = refreshStub(
      (_, number) => new Promise(resolve => setTimeout(() => resolve(tokens[number - 1]), 30)),
    )
    const lock = createLock()
    const here = await page(refresh, { lock })
    const there = await page(refresh, { lock })
    const [, channel] = [...Channel.all]
    await pass(5 * MINUTE)
    watch(here.auth.getAccessToken())
    const asked = watch(there.auth.getAccessToken())
    await pass(20)
    ;(channel as Channel).isDeaf = true
    await pass(15)
    ;(channel as Channel).isDeaf = false
    await pass(SECOND)
    expect(asked).toMatchObject({ status: 'fulfilled', value: tokens[1]?.access_token })
    expect(refresh.reasons).toEqual(['restore', 'expired'])
  })

  it('are strangers on a server where they take no turns', async () => {
    const refresh = refreshStub(async () => alone())
    for (let page = 0; page < 2; page++)
      open({ name: 'cookies', storage: cookieSession(), autoRefresh: 'off', refresh })
    await pass(SECOND)
    expect([refresh.calls.length, Channel.posts]).toEqual([2, 0])
  })
})
