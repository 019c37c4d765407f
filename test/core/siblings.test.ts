/** Two tabs of one session, and what may come between them. */
import { type AuthOptions, type TokenStorage, type Tokens, webStorage } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel, createLock } from '../support/channel.js'
import {
  alone,
  cell,
  httpError,
  invalidGrant,
  MINUTE,
  open,
  pair,
  pass,
  type RefreshStub,
  refreshStub,
  SECOND,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

beforeEach(() => {
  Channel.reset()
  vi.stubGlobal('BroadcastChannel', Channel)
})

/** Four tabs of one session whose access token has just died. */
async function tabsWithDeadToken(refresh: RefreshStub, options: Partial<AuthOptions> = {}) {
  const common = { name: 'four', lock: createLock(), background: 'off', ...options } as const
  const storage = options.storage ?? cell(null, { shared: true })
  const tabs = Array.from({ length: 4 }, () => open({ ...common, storage, refresh }))
  await pass(SECOND)
  void tabs[0]?.auth.login(pair())
  await pass(5 * MINUTE + SECOND)
  return tabs
}

describe('tabs that ask at once with a dead token', () => {
  /** Each takes so long, as real ones do. */
  const failing = (error: () => unknown): RefreshStub =>
    refreshStub(() => new Promise((_, reject) => setTimeout(() => reject(error()), 30)))

  const storages: Record<string, () => TokenStorage> = {
    'a synchronous storage': () => cell(null, { shared: true }),
    'a storage that takes its time': () => {
      const inner = cell(null, { shared: true })
      const slowly = <T>(work: () => T): Promise<T> =>
        new Promise(resolve => setTimeout(() => resolve(work()), 20))
      return {
        shared: true,
        get: () => slowly(() => inner.record),
        set: tokens => slowly(() => void inner.set(tokens)),
        remove: () => slowly(() => void inner.remove()),
      }
    },
  }

  it.each(Object.entries(storages))('send a refused refresh token once: %s', async (_, storage) => {
    const refresh = failing(invalidGrant)
    const tabs = await tabsWithDeadToken(refresh, { storage: storage() })
    const outcomes = tabs.map(({ auth }) => watch(auth.getAccessToken()))
    await pass(5 * SECOND)
    expect(outcomes.map(({ error }) => (error as { code?: string }).code)).toEqual(
      Array(4).fill('ERR_SESSION_EXPIRED'),
    )
    expect(tabs.map(({ events }) => events.of('sessionExpired').length)).toEqual([1, 1, 1, 1])
    expect(refresh.calls).toHaveLength(1)
  })

  it('send a refused refresh token once where classify is what says so', async () => {
    const refresh = failing(() => httpError(418))
    const tabs = await tabsWithDeadToken(refresh, { classify: () => 'rejected' })
    const outcomes = tabs.map(({ auth }) => watch(auth.getAccessToken()))
    await pass(5 * SECOND)
    expect(new Set(outcomes.map(({ error }) => (error as { code?: string }).code))).toEqual(
      new Set(['ERR_SESSION_EXPIRED']),
    )
    expect(refresh.calls).toHaveLength(1)
  })

  it.each<[what: string, error: () => unknown, attempts: number]>([
    ['a server that is down', () => httpError(503), 3],
    ['a broken connection', () => new TypeError('Failed to fetch'), 3],
    ['a wrong URL', () => httpError(404), 1],
  ])('make the attempts of one of them: %s', async (_, error, attempts) => {
    const refresh = failing(error)
    const tabs = await tabsWithDeadToken(refresh)
    const outcomes = tabs.map(({ auth }) => watch(auth.getAccessToken()))
    await pass(10 * SECOND)
    expect(outcomes.map(({ error: each }) => (each as { code?: string }).code)).toEqual(
      Array(4).fill('ERR_REFRESH_FAILED'),
    )
    expect(tabs.map(({ auth }) => auth.getState().status)).toEqual(Array(4).fill('authenticated'))
    expect(refresh.calls.map(({ attempt }) => attempt)).toEqual([1, 2, 3].slice(0, attempts))
    // One cool-down for all.
    const until = outcomes.map(({ error: each }) => (each as { retryAt?: number }).retryAt ?? 0)
    expect(Math.max(...until) - Math.min(...until)).toBeLessThan(5)
  })

  it('are all served by the attempt of one of them that works after failures', async () => {
    const tokens = pair()
    const refresh = refreshStub(
      (_, number) =>
        new Promise((resolve, reject) =>
          setTimeout(() => (number < 3 ? reject(httpError(503)) : resolve(tokens)), 30),
        ),
    )
    const tabs = await tabsWithDeadToken(refresh)
    const outcomes = tabs.map(({ auth }) => watch(auth.getAccessToken()))
    await pass(10 * SECOND)
    expect(outcomes).toEqual(Array(4).fill({ status: 'fulfilled', value: tokens.access_token }))
    expect(refresh.calls).toHaveLength(3)
    expect(tabs.flatMap(({ events }) => events.of('refreshFailed'))).toEqual([])
  })

  it('go on without the one that is frozen between two attempts', async () => {
    const tokens = pair()
    const refresh = refreshStub((_, number) =>
      number === 1 ? Promise.reject(httpError(503)) : Promise.resolve(tokens),
    )
    const lock = createLock()
    let isFrozen = false
    const [first, ...others] = await tabsWithDeadToken(refresh, {
      retry: { limit: 2, delay: 4_000 },
      lock: {
        request: (name, options, callback) =>
          isFrozen ? new Promise<never>(() => {}) : lock.request(name, options, callback),
      },
    })
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    watch(first!.auth.getAccessToken())
    await pass(10)
    expect(refresh.calls).toHaveLength(1)
    const outcomes = others.map(({ auth }) => watch(auth.getAccessToken()))
    await pass(1_985)
    // They wait for it, and send nothing meanwhile.
    expect(refresh.calls).toHaveLength(1)
    expect(outcomes.map(({ status }) => status)).toEqual(Array(3).fill('pending'))
    isFrozen = true
    await pass(10)
    isFrozen = false
    await pass(SECOND)
    expect(outcomes).toEqual(Array(3).fill({ status: 'fulfilled', value: tokens.access_token }))
    expect(refresh.spent).toEqual(Array(2).fill(refresh.calls[0]?.refreshToken))
  })

  it('wait for each other no longer when one of them logs out', async () => {
    const refresh = refreshStub(() => Promise.reject(httpError(503)))
    const [first, second, third] = await tabsWithDeadToken(refresh, {
      retry: { limit: 2, delay: 60_000, maxDelay: 60_000 },
    })
    vi.spyOn(Math, 'random').mockReturnValue(0.9)
    watch(first!.auth.getAccessToken())
    await pass(10)
    const outcome = watch(second!.auth.getAccessToken())
    await pass(SECOND)
    expect(outcome.status).toBe('pending')
    await third!.auth.logout()
    await pass(100)
    expect(outcome).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    await pass(5 * MINUTE)
    expect(refresh.calls).toHaveLength(1)
  })

  it.each([0, 2, 30])('cost one refresh in cookie mode, however fast it is: %i ms', async duration => {
    vi.stubGlobal('document', new EventTarget())
    const refresh = refreshStub(() => new Promise(resolve => setTimeout(() => resolve(alone()), duration)))
    const lock = createLock()
    const tabs = Array.from({ length: 4 }, () =>
      open({ name: 'cookies', lock, background: 'off', refreshTokenIn: 'cookie', refresh }),
    )
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(1)
    await pass(5 * MINUTE + SECOND)
    const outcomes = tabs.map(({ auth }) => watch(auth.getAccessToken()))
    await pass(SECOND)
    expect(new Set(outcomes.map(({ value }) => value)).size).toBe(1)
    expect(refresh.reasons).toEqual(['restore', 'expired'])
  })
})

describe('a lock', () => {
  it('that grants nothing and heeds no signal makes nobody wait for ever', async () => {
    const never = vi.fn(() => new Promise<never>(() => {}))
    const refresh = refreshStub(async () => pair())
    const { auth } = open({
      storage: cell(null, { shared: true }),
      lock: { request: never },
      refresh,
      background: 'off',
    })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const outcome = watch(auth.getAccessToken())
    await pass(12_000)
    expect([outcome.status, refresh.calls.length]).toEqual(['pending', 0])
    // Twice: for the holder, and for the turn among those who wait for him in vain.
    await pass(14_000)
    expect([outcome.status, refresh.calls.length]).toEqual(['fulfilled', 1])
  })

  it('that grants later than anybody waits for it starts nothing then', async () => {
    const grants: (() => Promise<unknown>)[] = []
    const refresh = refreshStub(async () => pair())
    const { auth } = open({
      storage: cell(null, { shared: true }),
      lock: {
        request: (_name, _options, callback) => {
          grants.push(callback)
          return new Promise<never>(() => {})
        },
      },
      refresh,
      background: 'off',
    })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const outcome = watch(auth.getAccessToken())
    await pass(26_000)
    expect([outcome.status, refresh.calls.length]).toEqual(['fulfilled', 1])
    await Promise.allSettled(grants.map(grant => grant()))
    await pass(MINUTE)
    expect(refresh.calls).toHaveLength(1)
  })

  it.each<[what: string, request: () => Promise<never>]>([
    [
      'throws',
      () => {
        throw new Error('not here')
      },
    ],
    ['rejects', () => Promise.reject(new Error('not here'))],
    ['never calls back', () => Promise.resolve() as Promise<never>],
  ])('that %s is done without', async (_, request) => {
    const refresh = refreshStub(async () => pair())
    const storage = cell(null, { shared: true })
    const { auth } = open({ storage, lock: { request }, refresh, background: 'off' })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const outcome = watch(auth.getAccessToken())
    await pass(100)
    expect([outcome.status, refresh.calls.length]).toEqual(['fulfilled', 1])
  })
})

describe('a storage that can be read and no longer written', () => {
  it('is not written to for ever by two tabs that each know more than it does', async () => {
    let row: Tokens | null = null
    let isFull = false
    let writes = 0
    const storage = {
      shared: true,
      get: () => row,
      set(tokens: Tokens) {
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
      open({ storage, lock, name: 'full', background: 'off', refresh: refreshStub(async () => pair()) })
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
      open({ storage: webStorage(storage), name: 'gone', background: 'off', refresh: refreshStub() })
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
