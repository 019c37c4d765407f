/** Tabs that share one refresh. */
import { type AuthLock, cookieSession, type TokenStorage } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel, createLock } from '../support/channel.js'
import {
  alone,
  cell,
  engineView,
  HOUR,
  httpError,
  invalidGrant,
  jumpWall,
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
  storedRecord,
  type TicketView,
  useFakeTime,
  watch,
} from '../support/core.js'
import { becomePage } from '../support/page.js'

useFakeTime()

beforeEach(() => {
  Channel.install()
})

/** Four tabs of one session whose access token has just died. */
async function tabsWithDeadToken(refresh: RefreshStub, options: Parameters<typeof open>[0] = {}) {
  const common = { name: 'four', lock: createLock(), autoRefresh: 'off', ...options } as const
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
      return recordStorage({
        shared: true,
        get: () => slowly(() => inner.record),
        set: record => slowly(() => void Object.assign(inner, { record })),
        remove: () => slowly(() => void Object.assign(inner, { record: null })),
      })
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

  it('send a refused refresh token once where classify refuses it', async () => {
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
    // One back-off for all.
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

  it('wait for an attempt that is announced for soon, and believe no other announcement', async () => {
    const noted = (delay: number): Stored => {
      const backoffAt = Date.now()
      return storedRecord({ ago: 6 * MINUTE, retrying: true, retryAt: backoffAt + delay, backoffAt })
    }
    for (const [delay, status] of [
      [20 * SECOND - 5, 'pending'],
      [20 * SECOND + 5, 'rejected'],
      [1e9, 'rejected'],
    ] as const) {
      const storage = cell(noted(delay), { shared: true })
      const { auth, refresh } = open({
        storage,
        lock: createLock(),
        name: `soon-${delay}`,
        autoRefresh: 'off',
      })
      await pass(0)
      const outcome = watch(auth.getAccessToken())
      await pass(19 * SECOND)
      expect([outcome.status, refresh.calls.length]).toEqual([status, 0])
    }
  })

  it('wait for each other no longer when one of them logs out', async () => {
    const refresh = refreshStub(() => Promise.reject(httpError(503)))
    const [first, second, third] = await tabsWithDeadToken(refresh, {
      retry: { limit: 2, delay: 20_000, maxDelay: 20_000 },
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

  it('wait no longer than it takes the one of them that tries to fail for good', async () => {
    const refresh = refreshStub((_, number) => Promise.reject(httpError(number === 1 ? 503 : 404)))
    const [first, second] = await tabsWithDeadToken(refresh, { retry: { limit: 2, delay: 8_000 } })
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const failing = watch(first!.auth.getAccessToken())
    await pass(10)
    const outcome = watch(second!.auth.getAccessToken())
    await pass(4_000)
    expect(failing.error).toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 2 })
    await pass(60)
    expect(outcome).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED', attempts: 0 } })
    expect(refresh.calls).toHaveLength(2)
  })

  it('have good tokens leave at once while one of them tries again, and begin nothing', async () => {
    const refresh = refreshStub(() => Promise.reject(httpError(503)))
    const storage = cell(null, { shared: true })
    const lock = createLock()
    const [first, second] = [1, 2].map(() =>
      open({ storage, lock, name: 'two', autoRefresh: 'off', refresh, retry: { limit: 2, delay: 8_000 } }),
    )
    const tokens = pair()
    await first!.auth.login(tokens)
    await pass(4.5 * MINUTE)
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    watch(first!.auth.refresh())
    await pass(100)
    expect(await second!.auth.getAccessToken()).toBe(tokens.access_token)
    expect(second!.auth.getState()).toMatchObject({ status: 'authenticated', refreshing: false })
    // A failure is told to none of them as a refresh.
    expect([first, second].map(tab => tab!.events.names)).toEqual([['login'], ['login']])
    expect(refresh.calls).toHaveLength(1)
  })

  it.each<[string, Record<string, string>, number]>([
    ['no wait', {}, 100],
    // Longer than the others wait for the result of a retry.
    ['a wait', { 'retry-after': '60' }, 400],
  ])('make one attempt where the failure takes a moment to read, with %s', async (_, headers, moment) => {
    const text = () => new Promise(resolve => setTimeout(() => resolve('{}'), moment))
    const response = { status: 503, headers, clone: () => ({ text }) }
    const refresh = failing(() => Object.assign(new Error('busy'), { response }))
    const tabs = await tabsWithDeadToken(refresh, { retry: 0 })
    vi.spyOn(Math, 'random').mockReturnValue(0.9)
    const outcomes = tabs.map(({ auth }) => watch(auth.getAccessToken()))
    await pass(SECOND)
    expect(outcomes.map(({ error }) => (error as { code?: string }).code)).toEqual(
      Array(4).fill('ERR_REFRESH_FAILED'),
    )
    expect(refresh.calls).toHaveLength(1)
  })

  it('without a lock do not wait for the next attempt of each other', async () => {
    vi.stubGlobal('navigator', {})
    const refresh = refreshStub(() => Promise.reject(httpError(503)))
    const storage = cell(null, { shared: true })
    const tab = () =>
      open({ storage, name: 'lockless', autoRefresh: 'off', refresh, retry: { limit: 1, delay: 8_000 } })
    const [first, second] = [tab(), tab()]
    await first.auth.login(pair())
    await pass(5 * MINUTE + SECOND)
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    watch(first.auth.getAccessToken())
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(1)
    watch(second.auth.getAccessToken())
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(2)
  })

  it('ask at once for a new pair each, since no answer to that belongs to another tab', async () => {
    const refresh = refreshStub(() => Promise.reject(httpError(401)))
    const storage = cell(null, { shared: true })
    const lock = createLock()
    const tabs = Array.from({ length: 4 }, () =>
      open({ storage, lock, name: 'pair', autoRefresh: 'off', refresh }),
    )
    await tabs[0]!.auth.login({ ...pair({ lifetime: 60 * MINUTE }), refresh_expires_in: 600 })
    await pass(10 * MINUTE)
    const outcomes = tabs.map(({ auth }) => watch(auth.refresh()))
    await pass(10)
    expect(outcomes.map(({ error }) => (error as { message?: string })?.message)).toEqual(
      Array(4).fill('No new tokens for the access token, see cause'),
    )
    expect(refresh.spent).toEqual(Array(4).fill(undefined))
    expect(storage.record).not.toHaveProperty('retrying')
  })

  it.each([0, 2, 30])('cost one refresh in cookie mode, however fast it is: %i ms', async duration => {
    vi.stubGlobal('document', new EventTarget())
    becomePage()
    const refresh = refreshStub(() => new Promise(resolve => setTimeout(() => resolve(alone()), duration)))
    const lock = createLock()
    const tabs = Array.from({ length: 4 }, () =>
      open({ name: 'cookies', lock, autoRefresh: 'off', storage: cookieSession(), refresh }),
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
  it('that grants nothing and heeds no signal makes no tab wait for ever', async () => {
    const never = vi.fn(() => new Promise<never>(() => {}))
    const refresh = refreshStub(async () => pair())
    const { auth } = open({
      storage: cell(null, { shared: true }),
      lock: { request: never },
      refresh,
      autoRefresh: 'off',
    })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const outcome = watch(auth.getAccessToken())
    await pass(REFRESH_TIMEOUT + 2 * SECOND)
    expect([outcome.status, refresh.calls.length]).toEqual(['pending', 0])
    // Twice: for the holder, and for the turn among those who wait for him in vain.
    await pass(REFRESH_TIMEOUT + 4 * SECOND)
    expect([outcome.status, refresh.calls.length]).toEqual(['fulfilled', 1])
  })

  it('that grants after every tab has stopped waiting starts nothing then', async () => {
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
      autoRefresh: 'off',
    })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const outcome = watch(auth.getAccessToken())
    await pass(2 * (REFRESH_TIMEOUT + 2 * SECOND) + 2 * SECOND)
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
    const { auth } = open({ storage, lock: { request }, refresh, autoRefresh: 'off' })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const outcome = watch(auth.getAccessToken())
    await pass(100)
    expect([outcome.status, refresh.calls.length]).toEqual(['fulfilled', 1])
  })
})

describe('a refused refresh token', () => {
  const refused = async (options: { lock?: AuthLock } = {}) => {
    vi.stubGlobal('BroadcastChannel', undefined)
    const storage = cell(null, { shared: true })
    const { auth, refresh, events } = open({ storage, autoRefresh: 'off', ...options })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await pass(1)
    /** The record that a faster sibling has stored. */
    const answer = pair()
    const store = () => {
      const { version, ...record } = storage.record as Stored
      const now = { savedAt: Date.now(), expiresAt: Date.now() + 5 * MINUTE }
      const tokens = { accessToken: answer.access_token, refreshToken: answer.refresh_token }
      storage.record = { ...record, ...now, ...tokens, version: version + 1 }
    }
    return { auth, refresh, events, asked, answer, store }
  }

  it('ends the session at once under a lock', async () => {
    const { refresh, events, asked } = await refused({ lock: createLock() })
    refresh.last.fail(invalidGrant())
    await pass(1)
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SESSION_EXPIRED' } })
    expect(events.names).toEqual(['login', 'sessionExpired'])
  })

  it('is no end where a sibling has stored newer tokens meanwhile', async () => {
    const { refresh, events, asked, answer, store } = await refused({ lock: createLock() })
    store()
    refresh.last.fail(invalidGrant())
    await pass(1)
    expect(asked).toMatchObject({ status: 'fulfilled', value: answer.access_token })
    expect(events.names).toEqual(['login', 'refreshed'])
    expect(refresh.calls).toHaveLength(1)
  })

  it('is no end where a sibling stores newer tokens within a second, where there is no lock', async () => {
    const { refresh, events, asked, answer, store } = await refused()
    refresh.last.fail(invalidGrant())
    await pass(999)
    expect(asked.status).toBe('pending')
    store()
    await pass(1)
    expect(asked).toMatchObject({ status: 'fulfilled', value: answer.access_token })
    expect(events.names).toEqual(['login', 'refreshed'])
    expect(refresh.calls).toHaveLength(1)
  })

  it('ends no session that begins within that second', async () => {
    const { auth, refresh, events } = await refused()
    refresh.last.fail(invalidGrant())
    await pass(500)
    const tokens = pair({ sub: 'grace' })
    await auth.login(tokens)
    await pass(SECOND)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(events.names).toEqual(['login', 'login'])
  })
})

describe('the network comes back', () => {
  /** A tab that is offline with a failed refresh. `hear`: it hears of the failure of another tab, at that time. */
  async function offline() {
    const page = new EventTarget()
    vi.stubGlobal('window', page)
    becomePage()
    const storage = cell(null, { shared: true })
    const opened = open({ name: 'network', lock: createLock(), autoRefresh: 'off', retry: 0, storage })
    await opened.auth.login(pair())
    await pass(SECOND)
    watch(opened.auth.refresh())
    await pass(10)
    opened.refresh.last.fail(new TypeError('Failed to fetch'))
    await pass(10)
    const hear = async (backoffAt: number, members: object = {}): Promise<void> => {
      const { version, ...record } = storage.record as Stored
      const backoff = { failures: 2, retryAt: backoffAt + 5 * SECOND, backoffAt, retrying: false, ...members }
      storage.record = { ...record, ...backoff, version: version + 1e-6 }
      new Channel('tokenflight:network').postMessage({ changed: true })
      await pass(10)
    }
    /** Refreshes after a 401. */
    const replay = async () => {
      const engine = engineView(opened.auth)
      const replaying = watch(engine.rejectGrant(engine.current()!) as Promise<TicketView>)
      await pass(10)
      return replaying
    }
    return { ...opened, page, hear, replay }
  }

  it('and a failure of another tab from before that, of which this tab hears late, delays no refresh', async () => {
    const { page, refresh, hear, replay } = await offline()
    const failedAt = Date.now()
    await pass(5)
    page.dispatchEvent(new Event('online'))
    await hear(failedAt)
    await replay()
    expect(refresh.calls).toHaveLength(2)
  })

  it.each([0, -HOUR, HOUR])(
    'and a failure of another tab since then delays the next refresh, with a wall clock corrected by %i ms',
    async correction => {
      const { page, refresh, hear, replay } = await offline()
      page.dispatchEvent(new Event('online'))
      jumpWall(correction)
      await pass(5)
      await hear(Date.now())
      expect(await replay()).toMatchObject({
        status: 'rejected',
        error: { code: 'ERR_REFRESH_FAILED', attempts: 0 },
      })
      expect(refresh.calls).toHaveLength(1)
    },
  )

  it('and the wait that a server has asked for goes on', async () => {
    const { page, refresh, hear, replay } = await offline()
    const failedAt = Date.now()
    await pass(5)
    page.dispatchEvent(new Event('online'))
    await hear(failedAt, { retryStrict: true })
    expect(await replay()).toMatchObject({
      status: 'rejected',
      error: { code: 'ERR_REFRESH_FAILED', attempts: 0 },
    })
    expect(refresh.calls).toHaveLength(1)
  })
})
