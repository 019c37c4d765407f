/** The window before expiry, and its timer. */
import * as nodeTimers from 'node:timers'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { resolveOptions } from '../../src/core/options.js'
import {
  cell,
  DAY,
  engineView,
  HOUR,
  httpError,
  jumpWall,
  MINUTE,
  opaque,
  open,
  pair,
  pass,
  refreshStub,
  SECOND,
  START,
  settle,
  storedRecord,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

describe('an ageing token', () => {
  it('is served at once while one flight runs behind it', async () => {
    const { auth, refresh, events } = open({ autoRefresh: 'off' })
    const tokens = pair()
    await auth.login(tokens)
    await pass(4 * MINUTE + SECOND)
    const served = await Promise.all(Array.from({ length: 20 }, () => auth.getAccessToken()))
    expect(served).toEqual(Array(20).fill(tokens.access_token))
    expect(refresh.reasons).toEqual(['ahead'])
    expect(refresh.last).toMatchObject({
      refreshToken: tokens.refresh_token,
      accessToken: tokens.access_token,
      attempt: 1,
    })
    expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: true })
    const next = refresh.last.answer()
    await settle()
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(refresh.calls).toHaveLength(1)
    expect(events.of('refreshed')).toMatchObject([{ reason: 'ahead', attempts: 1, source: 'network' }])
  })

  it('is served without a promise in between by the engine', async () => {
    const { auth } = open({ autoRefresh: 'off' })
    const tokens = pair()
    await auth.login(tokens)
    await pass(4 * MINUTE + SECOND)
    const engine = engineView(auth)
    const ticket = engine.acquire(engine.session())
    expect(ticket).not.toBeInstanceOf(Promise)
    expect(ticket).toMatchObject({ accessToken: tokens.access_token })
  })

  it('is not refreshed before the window begins', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    await auth.login(pair())
    await pass(4 * MINUTE - 1)
    await auth.getAccessToken()
    expect(refresh.calls).toHaveLength(0)
    await pass(1)
    await auth.getAccessToken()
    expect(refresh.reasons).toEqual(['ahead'])
  })

  it('that dies while the flight runs makes later requests wait for that flight', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off', refreshTimeout: 10 * MINUTE })
    await auth.login(pair())
    await pass(4 * MINUTE + SECOND)
    await auth.getAccessToken()
    await pass(MINUTE)
    const late = watch(auth.getAccessToken())
    await settle()
    expect(late.status).toBe('pending')
    expect(refresh.calls).toHaveLength(1)
    const next = refresh.last.answer()
    await settle()
    expect(late.value).toBe(next.access_token)
  })

  it('is served although its refresh failed', async () => {
    const { auth, refresh, events } = open({ autoRefresh: 'off', retry: 0 })
    const tokens = pair()
    await auth.login(tokens)
    await pass(4 * MINUTE + SECOND)
    await auth.getAccessToken()
    refresh.last.fail(httpError(503))
    await settle()
    expect(events.of('refreshFailed')).toHaveLength(1)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(auth.getState()).toMatchObject({ status: 'authenticated', error: { code: 'ERR_REFRESH_FAILED' } })
  })
})

describe('a dead token', () => {
  it('makes its callers wait for one flight', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const asked = Array.from({ length: 20 }, () => watch(auth.getAccessToken()))
    await settle()
    expect(asked.every(({ status }) => status === 'pending')).toBe(true)
    expect(refresh.reasons).toEqual(['expired'])
    const next = refresh.last.answer()
    await settle()
    expect(asked.map(({ value }) => value)).toEqual(Array(20).fill(next.access_token))
  })

  it('is dead at its very last millisecond', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    const tokens = pair({ lifetime: 2 * SECOND })
    await auth.login(tokens)
    await pass(2 * SECOND - 1)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    await pass(1)
    const dead = watch(auth.getAccessToken())
    await settle()
    expect(dead.status).toBe('pending')
    expect(refresh.calls).toHaveLength(1)
  })

  it('that the answer brings is not handed out', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    refresh.last.answer(pair({ lifetime: 2 * SECOND }))
    await settle()
    expect(asked.status).toBe('fulfilled')
    await pass(2 * SECOND)
    const next = watch(auth.getAccessToken())
    await settle()
    expect(next.status).toBe('pending')
    expect(refresh.reasons).toEqual(['expired', 'expired'])
  })
})

describe('the window', () => {
  /** Whether a request so long before the token's end starts a refresh. */
  async function refreshesAt(
    before: number,
    lifetime: number,
    refreshAhead?: number | ((lifetime: number) => number),
  ): Promise<boolean> {
    const { auth, refresh } = open({ autoRefresh: 'off', refreshAhead })
    await auth.login(pair({ lifetime }))
    await pass(lifetime - before)
    expect(await auth.getAccessToken()).toBeDefined()
    return refresh.calls.length === 1
  }

  it.each([
    [5 * MINUTE, MINUTE],
    [HOUR, MINUTE],
    [DAY, MINUTE],
    [3650 * DAY, MINUTE],
    [4 * MINUTE, MINUTE],
    [2 * MINUTE, 30 * SECOND],
    [MINUTE, 15 * SECOND],
    [2 * SECOND, 500],
  ])('for a lifetime of %i ms is %i ms by default', async (lifetime, expected) => {
    expect(await refreshesAt(expected + 1, lifetime)).toBe(false)
    expect(await refreshesAt(expected, lifetime)).toBe(true)
  })

  it.each([
    [10_000, 10_000],
    [2 * MINUTE, 2 * MINUTE],
    [10 * MINUTE, 2.5 * MINUTE],
    [Number.MAX_SAFE_INTEGER, 2.5 * MINUTE],
  ])('of %i ms is at most half the lifetime: %i ms', async (refreshAhead, expected) => {
    expect(await refreshesAt(expected + 1, 5 * MINUTE, refreshAhead)).toBe(false)
    expect(await refreshesAt(expected, 5 * MINUTE, refreshAhead)).toBe(true)
  })

  it.each<[string, (lifetime: number) => number, number]>([
    ['a third of the lifetime', lifetime => lifetime / 3, 100_000],
    ['more than half the lifetime', lifetime => lifetime * 3, 150_000],
  ])('that a function gives may be %s', async (_, refreshAhead, expected) => {
    expect(await refreshesAt(expected + 1, 5 * MINUTE, refreshAhead)).toBe(false)
    expect(await refreshesAt(expected, 5 * MINUTE, refreshAhead)).toBe(true)
  })

  it.each<[string, number | (() => number)]>([
    ['zero', 0],
    ['a function that gives a negative number', () => -5],
    ['a function that gives no number', () => Number.NaN],
  ])('of %s refreshes only a dead token', async (_, refreshAhead) => {
    expect(await refreshesAt(1, 5 * MINUTE, refreshAhead)).toBe(false)
  })

  it('of a function that throws is the default', async () => {
    const refreshAhead = (): number => {
      throw new Error('bug')
    }
    expect(await refreshesAt(MINUTE + 1, 5 * MINUTE, refreshAhead)).toBe(false)
    expect(await refreshesAt(MINUTE, 5 * MINUTE, refreshAhead)).toBe(true)
  })

  it.each<[string, () => Promise<number>]>([
    ['resolves', async () => SECOND],
    ['rejects', () => Promise.reject(new Error('bug'))],
  ])(
    'of a function that returns a promise is the default, with a warning: it %s',
    async (_, refreshAhead) => {
      expect(await refreshesAt(MINUTE + 1, 5 * MINUTE, refreshAhead as never)).toBe(false)
      expect(await refreshesAt(MINUTE, 5 * MINUTE, refreshAhead as never)).toBe(true)
      const { auth, events } = open({ refreshAhead: refreshAhead as never })
      await auth.login(pair())
      expect(events.of('warning').map(({ message }) => message)).toEqual([
        'refreshAhead returned a promise in place of a number: the default applies',
      ])
    },
  )

  it('of a function that returns a promise is the default for the devtools, too, which take no warning', () => {
    const { window } = resolveOptions({ refreshAhead: (async () => SECOND) as never })
    expect(window(5 * MINUTE)).toBe(MINUTE)
  })

  it('function gets the lifetime in milliseconds', async () => {
    const refreshAhead = vi.fn(() => SECOND)
    const { auth } = open({ refreshAhead })
    await auth.login(pair({ lifetime: 5 * MINUTE }))
    expect(refreshAhead).toHaveBeenCalledWith(5 * MINUTE)
  })

  it.each([2 * SECOND, 10 * SECOND, MINUTE])(
    'longer than the lifetime of %i ms does not refresh on every request',
    async lifetime => {
      const refresh = refreshStub(async () => pair({ lifetime }))
      const { auth } = open({ autoRefresh: 'off', refreshAhead: HOUR, refresh })
      await auth.login(pair({ lifetime }))
      for (let request = 0; request < 100; request++) {
        await auth.getAccessToken()
        await pass(lifetime / 20)
      }
      // Half the lifetime each, so two per lifetime at the most.
      expect(refresh.calls.length).toBeLessThanOrEqual(10)
      expect(refresh.calls.length).toBeGreaterThanOrEqual(8)
    },
  )
})

describe('the background timer', () => {
  it('refreshes ahead without any request', async () => {
    const { auth, refresh } = open({ autoRefresh: 'always', refresh: refreshStub(async () => pair()) })
    await auth.login(pair())
    await pass(4 * MINUTE - 1)
    expect(refresh.calls).toHaveLength(0)
    await pass(15 * SECOND + 1)
    expect(refresh.reasons).toEqual(['ahead'])
    await pass(HOUR)
    expect(refresh.calls.length).toBeGreaterThanOrEqual(13)
    expect(refresh.calls.length).toBeLessThanOrEqual(16)
  })

  it('draws its jitter once per token, within the first quarter of the window', async () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { auth, refresh } = open({ autoRefresh: 'always' })
    await auth.login(pair())
    random.mockReturnValue(0.999)
    // Waking re-plans; it must not draw again.
    await pass(4 * MINUTE)
    await auth.getState()
    await pass(7.5 * SECOND - 1)
    expect(refresh.calls).toHaveLength(0)
    await pass(1)
    expect(refresh.reasons).toEqual(['ahead'])
  })

  it('spreads clients that logged in together', async () => {
    const starts = new Set<number>()
    for (let client = 0; client < 20; client++) {
      const refresh = refreshStub()
      const { auth } = open({ autoRefresh: 'always', refresh })
      void auth.login(pair())
      const started = Date.now()
      while (!refresh.calls.length) await pass(250)
      starts.add(Date.now() - started)
    }
    expect(starts.size).toBeGreaterThan(10)
    for (const start of starts) {
      expect(start).toBeGreaterThanOrEqual(4 * MINUTE)
      expect(start).toBeLessThanOrEqual(4 * MINUTE + 15 * SECOND + 250)
    }
  })

  it.each([30 * DAY, 60 * DAY, 365 * DAY, 3650 * DAY])(
    'never waits more than 2^31-1 ms at once for a lifetime of %i ms',
    async lifetime => {
      const delays: number[] = []
      const original = globalThis.setTimeout
      vi.spyOn(globalThis, 'setTimeout').mockImplementation(((callback: () => void, delay = 0) => {
        delays.push(delay)
        return original(callback, delay)
      }) as typeof setTimeout)
      const { auth, refresh } = open({ autoRefresh: 'always' })
      await auth.login(pair({ lifetime }))
      await pass(lifetime - MINUTE - 1)
      expect(refresh.calls).toHaveLength(0)
      expect(Math.max(...delays)).toBeLessThanOrEqual(2 ** 31 - 1)
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(0)
      await pass(MINUTE)
      expect(refresh.calls.length).toBeGreaterThanOrEqual(1)
      // One wake-up per 24.8 days and a few more, never a storm.
      expect(delays.length).toBeLessThan(lifetime / (24 * DAY) + 20)
    },
  )

  it('goes on after failures until the session is renewed', async () => {
    const refresh = refreshStub(async (_, number) => {
      if (number < 6) throw httpError(503)
      return pair()
    })
    const { auth, events } = open({ autoRefresh: 'always', refresh, retry: 0 })
    await auth.login(pair({ lifetime: HOUR }))
    await pass(HOUR + 10 * MINUTE)
    expect(events.of('refreshFailed').length).toBeGreaterThanOrEqual(5)
    expect(events.of('refreshed').length).toBeGreaterThanOrEqual(1)
    expect(auth.getState().status).toBe('authenticated')
  })

  it('does nothing when there is nothing to refresh with, but ends the session', async () => {
    const { auth, refresh, events } = open({ autoRefresh: 'always' })
    await auth.login({ access_token: pair().access_token })
    await pass(5 * MINUTE)
    expect(refresh.calls).toHaveLength(0)
    expect(events.names).toEqual(['login', 'sessionExpiring', 'sessionExpired'])
    expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'no_refresh_token' })
  })

  it('in mode always asks about the end of a session whose refresh token ended long before', async () => {
    const { auth, refresh, events } = open({
      autoRefresh: 'always',
      refresh: refreshStub(() => Promise.reject(httpError(401))),
    })
    const tokens = pair({ lifetime: HOUR })
    await auth.login({ ...tokens, refresh_expires_in: 600 })
    await pass(HOUR - 1)
    // The request for a new pair, which spends no refresh token.
    expect(refresh.spent).toEqual([undefined])
    expect(auth.getState().status).toBe('authenticated')
    await pass(1)
    expect(refresh.spent).toEqual([undefined, tokens.refresh_token])
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_token_expired' }])
  })

  it('that wakes after a correction of the clock goes by the time that is left, not by the date', async () => {
    const refresh = refreshStub()
    const { auth } = open({ autoRefresh: 'always', refresh })
    await auth.login(pair({ lifetime: HOUR }))
    jumpWall(-30 * DAY)
    await pass(59 * MINUTE - 1)
    expect(refresh.calls).toHaveLength(0)
    await pass(15 * SECOND + 1)
    expect(refresh.reasons).toEqual(['ahead'])
  })

  it('calls a token expired at the very instant of its end', async () => {
    const { auth, refresh } = open({ autoRefresh: 'always', refreshAhead: 0 })
    await auth.login(pair())
    await pass(5 * MINUTE - 1)
    expect(refresh.calls).toHaveLength(0)
    await pass(1)
    expect(refresh.reasons).toEqual(['expired'])
  })

  it.each([
    [0, 1],
    [999, 1],
    [-999, 1],
    [1_000, 2],
    [-1_000, 2],
  ])('announces an end of the session that moved by %i ms %i times', async (moved, times) => {
    const ends = START + HOUR
    const { auth, events } = open({
      autoRefresh: 'always',
      refresh: refreshStub(async () => ({
        ...pair({ lifetime: DAY }),
        refresh_expires_in: (ends - Date.now() + moved) / SECOND,
      })),
    })
    await auth.login({ ...pair({ lifetime: DAY }), refresh_expires_in: HOUR / SECOND })
    await pass(HOUR - 45 * SECOND)
    expect(events.of('sessionExpiring')).toEqual([{ expiresAt: ends }])
    await auth.refresh()
    expect(auth.getState()).toMatchObject({ sessionExpiresAt: ends + moved })
    await pass(43 * SECOND)
    expect(events.of('sessionExpiring')).toHaveLength(times)
  })

  it('tries again at the very instant at which the server allows it', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { auth, refresh } = open({
      autoRefresh: 'always',
      retry: 0,
      refresh: refreshStub(() => Promise.reject(httpError(503, {}, { 'retry-after': '30' }))),
    })
    await auth.login(pair())
    await pass(4 * MINUTE)
    expect(refresh.calls).toHaveLength(1)
    await pass(30 * SECOND - 1)
    expect(refresh.calls).toHaveLength(1)
    await pass(1)
    expect(refresh.calls).toHaveLength(2)
  })

  it('of a token restored in its window starts at once in mode always', async () => {
    const storage = cell(storedRecord({ ago: 4.5 * MINUTE }))
    const { refresh } = open({ storage, autoRefresh: 'always' })
    await settle()
    expect(refresh.reasons).toEqual(['ahead'])
  })
})

describe('without a window', () => {
  it.each(['active', 'off', undefined] as const)('background %s sets no timer', async background => {
    const { auth } = open({ autoRefresh: background })
    await auth.login(pair())
    await auth.getAccessToken()
    expect(vi.getTimerCount()).toBe(0)
    await pass(HOUR)
    expect(auth.getState().status).toBe('authenticated')
  })

  /** On real timers: how many Node waits for. */
  const watchTimers = (): (() => number) => {
    vi.useRealTimers()
    const timers = new Set<NodeJS.Timeout>()
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((callback: () => void, delay?: number) => {
      const timer = nodeTimers.setTimeout(() => {
        timers.delete(timer)
        callback()
      }, delay)
      timers.add(timer)
      return timer
    }) as typeof setTimeout)
    vi.spyOn(globalThis, 'clearTimeout').mockImplementation(timer => {
      timers.delete(timer as NodeJS.Timeout)
      nodeTimers.clearTimeout(timer)
    })
    onTestFinished(() => void vi.restoreAllMocks())
    return () => [...timers].filter(timer => timer.hasRef()).length
  }
  const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

  it('always sets one, which does not keep Node alive', async () => {
    const awaited = watchTimers()
    const { auth } = open({ autoRefresh: 'always' })
    await auth.login({ access_token: opaque('at'), refresh_token: opaque('rt'), expires_in: 300 })
    expect(setTimeout).toHaveBeenCalled()
    expect(awaited()).toBe(0)
  })

  it('a flight leaves no timer behind', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    const done = auth.refresh()
    await settle()
    refresh.last.answer()
    await done
    expect(vi.getTimerCount()).toBe(0)
  })

  it('a flight that is under way keeps Node alive until it is settled or its time is up, and so does a retry', async () => {
    const awaited = watchTimers()
    const { auth, refresh } = open({ retry: { limit: 1, delay: 20 }, refreshTimeout: 60_000 })
    await auth.login(pair())
    expect(awaited()).toBe(0)
    vi.spyOn(Math, 'random').mockReturnValue(0.99)
    const outcome = watch(auth.refresh())
    await turn()
    expect([refresh.calls.length, awaited()]).toEqual([1, 1])
    refresh.last.fail(httpError(503))
    await turn()
    expect([refresh.calls.length, awaited()]).toEqual([1, 1])
    await vi.waitFor(() => expect([refresh.calls.length, awaited()]).toEqual([2, 1]))
    refresh.last.answer()
    await turn()
    expect([outcome.status, awaited()]).toEqual(['fulfilled', 0])
  })
})

describe('dispose', () => {
  it('leaves no timer', async () => {
    const { auth } = open({ autoRefresh: 'always' })
    await auth.login(pair())
    expect(vi.getTimerCount()).toBe(1)
    auth.dispose()
    auth.dispose()
    expect(vi.getTimerCount()).toBe(0)
    await auth.login(pair())
    expect(vi.getTimerCount()).toBe(0)
  })

  it('keeps emitting events to the listeners', async () => {
    const { auth, events } = open()
    await auth.login(pair())
    auth.dispose()
    await auth.logout()
    expect(events.names).toEqual(['login', 'logout'])
    expect(events.statuses).toEqual(['authenticated', 'anonymous'])
  })

  it('during a flight leaves every waiter settled and no timer', async () => {
    const { auth, refresh } = open({ autoRefresh: 'always' })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    auth.dispose()
    refresh.last.answer()
    await settle()
    expect(asked.status).not.toBe('pending')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('during a flight that hangs leaves no waiter for ever', async () => {
    const { auth, refresh } = open({ autoRefresh: 'always', retry: 0 })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls.length).toBeGreaterThanOrEqual(1)
    auth.dispose()
    await pass(MINUTE)
    expect(asked.status).not.toBe('pending')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is harmless for later calls', async () => {
    const { auth } = open()
    const tokens = pair()
    await auth.login(tokens)
    auth.dispose()
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(auth.getState()).toMatchObject({ status: 'authenticated' })
  })
})

it('starts its fake time where the tests think it does', () => {
  expect(Date.now()).toBe(START)
})
