/** Failures of a refresh that are tried again. */
import { describe, expect, it, vi } from 'vitest'
import {
  httpError,
  invalidGrant,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  rejection,
  SECOND,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'
import { dead, draw, failing } from '../support/failing.js'

useFakeTime()

describe('a transient failure', () => {
  it('is retried twice by default, with the same refresh token', async () => {
    const { auth, refresh } = await dead({ refresh: failing() })
    const asked = watch(auth.getAccessToken())
    await pass(MINUTE)
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED', attempts: 3 } })
    expect(refresh.calls.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    expect(new Set(refresh.spent).size).toBe(1)
  })

  it('that a retry heals reaches no caller', async () => {
    const refresh = refreshStub((_, number) =>
      number < 3 ? Promise.reject(httpError(503)) : Promise.resolve(pair()),
    )
    const { auth, events } = await dead({ refresh })
    const asked = watch(auth.getAccessToken())
    await pass(MINUTE)
    expect(asked.status).toBe('fulfilled')
    expect(events.names).toEqual(['login', 'refreshed'])
    expect(events.of('refreshed')).toMatchObject([{ reason: 'expired', attempts: 3, source: 'network' }])
    expect(auth.getState()).not.toHaveProperty('error')
  })

  it.each([
    [0, 1],
    [1, 2],
    [5, 6],
    [{ limit: 3 }, 4],
    [{ limit: 0, delay: 5 }, 1],
    [{ delay: 5 }, 3],
  ])('with retry %j makes %i attempts', async (retry, attempts) => {
    const { auth, refresh } = await dead({ refresh: failing(), retry })
    const asked = watch(auth.getAccessToken())
    await pass(5 * MINUTE)
    expect(asked.error).toMatchObject({ attempts })
    expect(refresh.calls).toHaveLength(attempts)
  })

  it('waits exponentially longer, up to maxDelay', async () => {
    draw(1 - 2 ** -20)
    const { auth, refresh } = await dead({
      refresh: failing(),
      retry: { limit: 6, delay: 500, maxDelay: 4_000 },
    })
    watch(auth.getAccessToken())
    const starts: number[] = []
    for (let waited = 0; waited < 30 * SECOND; waited += 50) {
      while (starts.length < refresh.calls.length) starts.push(waited)
      await pass(50)
    }
    const gaps = starts.slice(1).map((start, index) => start - starts[index]!)
    for (const [index, expected] of [500, 1_000, 2_000, 4_000, 4_000, 4_000].entries()) {
      expect(Math.abs(gaps[index]! - expected)).toBeLessThanOrEqual(50)
    }
  })

  it('waits a random part of that: full jitter', async () => {
    draw(0)
    const { auth, refresh } = await dead({ refresh: failing(), retry: { limit: 3, delay: 4_000 } })
    watch(auth.getAccessToken())
    await pass(10)
    expect(refresh.calls).toHaveLength(4)
  })

  it('draws anew for each wait', async () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { auth, refresh } = await dead({ refresh: failing(), retry: { limit: 2, delay: 1_000 } })
    watch(auth.getAccessToken())
    await settle()
    random.mockReturnValue(0.25)
    await pass(499)
    expect(refresh.calls).toHaveLength(1)
    await pass(1)
    expect(refresh.calls).toHaveLength(2)
    await pass(499)
    expect(refresh.calls).toHaveLength(2)
    await pass(1)
    expect(refresh.calls).toHaveLength(3)
  })

  it('disturbs no request while the access token is good', async () => {
    const { auth, refresh, events } = open({ autoRefresh: 'off', refresh: failing() })
    const tokens = pair()
    await auth.login(tokens)
    await pass(4 * MINUTE + SECOND)
    for (let second = 0; second < 58; second++) {
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      await pass(SECOND)
    }
    expect(refresh.calls.length).toBeGreaterThanOrEqual(3)
    expect(refresh.calls.length).toBeLessThan(25)
    expect(events.of('sessionExpired')).toEqual([])
  })

  it('shows in the state until a refresh works', async () => {
    const refresh = refreshStub((_, number) =>
      number === 1 ? Promise.reject(httpError(503)) : Promise.resolve(pair()),
    )
    const { auth } = open({ refresh, retry: 0 })
    await auth.login(pair())
    const error = await rejection(auth.refresh())
    expect(auth.getState()).toMatchObject({ status: 'authenticated', error, refreshing: false })
    await auth.refresh()
    expect(auth.getState()).not.toHaveProperty('error')
  })

  it('that the server then turns into a rejection ends the session', async () => {
    const refresh = refreshStub((_, number) => Promise.reject(number === 1 ? httpError(503) : invalidGrant()))
    const { auth } = await dead({ refresh })
    const asked = watch(auth.getAccessToken())
    await pass(MINUTE)
    expect(asked.error).toMatchObject({ code: 'ERR_SESSION_EXPIRED', reason: 'refresh_rejected' })
    expect(refresh.calls).toHaveLength(2)
  })
})

describe('a broken connection', () => {
  it('has the same refresh token tried again within seconds', async () => {
    const refresh = refreshStub((_, number) =>
      number === 1 ? Promise.reject(new TypeError('Failed to fetch')) : Promise.resolve(pair()),
    )
    const { auth } = await dead({ refresh })
    draw(0.999)
    const asked = watch(auth.getAccessToken())
    await pass(2 * SECOND)
    expect(asked.status).toBe('fulfilled')
    expect(refresh.calls).toHaveLength(2)
    expect(refresh.spent[0]).toBe(refresh.spent[1])
  })

  it('on every attempt of a flight is tried again within seconds by the background timer', async () => {
    const refresh = refreshStub((_, number) =>
      number <= 3 ? Promise.reject(new TypeError('Failed to fetch')) : Promise.resolve(pair()),
    )
    const { auth, events } = open({ autoRefresh: 'always', refresh })
    draw(0.999)
    await auth.login(pair())
    await pass(5 * MINUTE)
    expect(events.of('refreshFailed')).toHaveLength(1)
    expect(events.of('refreshed')).toHaveLength(1)
    expect(auth.getState().status).toBe('authenticated')
  })
})

describe('classify', () => {
  it('that throws is reported, and the default class counts', async () => {
    const bug = new Error('bug')
    const { auth, events, refresh } = await dead({
      retry: 0,
      refresh: failing(),
      classify: () => {
        throw bug
      },
    })
    await rejection(auth.getAccessToken())
    expect(events.of('warning')).toMatchObject([
      { message: 'classify failed; the default class counts', error: { cause: bug } },
    ])
    expect(events.of('refreshFailed')).toMatchObject([{ class: 'transient' }])
    expect(refresh.calls).toHaveLength(1)
  })

  it.each<[what: string, answer: () => unknown]>([
    ['a promise of a class', async () => 'rejected'],
    ['a promise of nothing', async () => undefined],
    ['a promise that rejects', () => Promise.reject(new Error('bug'))],
    ['a word that is no class', () => 'fatal'],
  ])('that returns %s is reported, and the default class counts', async (_, answer) => {
    const { auth, refresh, events } = open({ retry: 0, classify: answer as never })
    await auth.login(pair())
    const refreshing = rejection(auth.refresh())
    await settle()
    refresh.last.fail(httpError(503))
    expect((await refreshing).message).toMatch(/transient/)
    expect(auth.getState().status).toBe('authenticated')
    expect(events.of('warning')).toMatchObject([{ message: 'classify failed; the default class counts' }])
    expect(events.of('refreshFailed')).toMatchObject([{ class: 'transient' }])
  })

  it('that logs out reports no failure of a session that is over', async () => {
    const { auth, events, refresh } = await dead({
      retry: 0,
      refresh: failing(),
      classify: () => void auth.logout(),
    })
    expect(await rejection(auth.getAccessToken())).toMatchObject({ code: 'ERR_SIGNED_OUT' })
    await settle()
    expect(events.names).toEqual(['login', 'logout'])
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    expect(refresh.calls).toHaveLength(2)
  })
})

describe('after dispose()', () => {
  it('a failure is not retried, and frees its waiters', async () => {
    const { auth, refresh } = await dead({ retry: { limit: 5, delay: 1_000 } })
    draw(0.5)
    const asked = watch(auth.getAccessToken())
    await settle()
    auth.dispose()
    refresh.last.fail(httpError(503))
    await settle()
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED', attempts: 1 } })
    expect(refresh.calls).toHaveLength(1)
  })

  it('no retry follows that had been planned', async () => {
    const { auth, refresh } = await dead({ retry: { limit: 5, delay: 1_000 } })
    draw(0.5)
    const asked = watch(auth.getAccessToken())
    await settle()
    refresh.last.fail(httpError(503))
    await settle()
    auth.dispose()
    await pass(MINUTE)
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED', attempts: 1 } })
    expect(refresh.calls).toHaveLength(1)
  })
})
