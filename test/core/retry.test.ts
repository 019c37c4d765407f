import type { Auth } from 'tokenflight'
import { cookieSession } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { createLock } from '../support/channel.js'
import {
  alone,
  cell,
  DAY,
  engineView,
  HOUR,
  httpError,
  invalidGrant,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  rejection,
  SECOND,
  START,
  settle,
  storedRecord,
  type TicketView,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

/** Every draw is this part of the largest. */
function draw(part: number): void {
  vi.spyOn(Math, 'random').mockReturnValue(part)
}

const failing = (failure: () => unknown = () => httpError(503)) =>
  refreshStub(() => Promise.reject(failure()))

/** A session whose access token is dead. */
async function dead(options: Parameters<typeof open>[0] = {}) {
  const opened = open({ autoRefresh: 'off', ...options })
  await opened.auth.login(pair())
  await pass(5 * MINUTE)
  return opened
}

describe('a transient failure', () => {
  it('is retried twice by default, with the same refresh token', async () => {
    const { auth, refresh } = await dead({ refresh: failing() })
    const asked = watch(auth.getAccessToken())
    await pass(MINUTE)
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED', attempts: 3 } })
    expect(refresh.calls.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    expect(new Set(refresh.spent).size).toBe(1)
  })

  it('that a retry heals is seen by nobody', async () => {
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

  it('disturbs nobody while the access token is good', async () => {
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

describe('Retry-After', () => {
  it.each<[string, () => Record<string, string>]>([
    ['seconds', () => ({ 'retry-after': '5' })],
    ['a date', () => ({ 'retry-after': new Date(Date.now() + 5 * SECOND).toUTCString() })],
  ])('in %s is waited for at least', async (_, headers) => {
    draw(0)
    const refresh = refreshStub((_context, number) =>
      number === 1 ? Promise.reject(httpError(503, {}, headers())) : Promise.resolve(pair()),
    )
    const { auth } = await dead({ refresh })
    const asked = watch(auth.getAccessToken())
    await pass(4 * SECOND)
    expect(refresh.calls).toHaveLength(1)
    await pass(SECOND + 10)
    expect(refresh.calls).toHaveLength(2)
    expect(asked.status).toBe('fulfilled')
  })

  it.each<[string, (value: string) => unknown]>([
    ['an axios error', value => httpError(429, {}, { 'retry-after': value })],
    [
      'an error with Headers',
      value =>
        Object.assign(new Error('x'), {
          response: { status: 429, headers: new Headers({ 'Retry-After': value }) },
        }),
    ],
    ['a thrown Response', value => new Response(null, { status: 429, headers: { 'Retry-After': value } })],
    [
      'an error with a capital header',
      value =>
        Object.assign(new Error('x'), { response: { status: 429, headers: { 'Retry-After': value } } }),
    ],
  ])('is read from %s', async (_, failure) => {
    const { auth, refresh } = await dead({ refresh: failing(() => failure('120')) })
    const failedAt = Date.now()
    const asked = watch(auth.getAccessToken())
    await pass(30 * SECOND)
    expect(asked.error).toMatchObject({ retryAt: failedAt + 120 * SECOND })
    expect(refresh.calls).toHaveLength(1)
  })

  it('of one attempt does not cost the next its retries', async () => {
    draw(0)
    const refresh = refreshStub((_, number) =>
      number < 3
        ? Promise.reject(httpError(503, {}, number === 1 ? { 'retry-after': '2' } : {}))
        : Promise.resolve(pair()),
    )
    const { auth } = await dead({ refresh })
    const asked = watch(auth.getAccessToken())
    await pass(3 * SECOND)
    expect(refresh.calls).toHaveLength(3)
    expect(asked.status).toBe('fulfilled')
  })

  it('as long as maxDelay is waited for', async () => {
    draw(0)
    const refresh = refreshStub((_, number) =>
      number === 1 ? Promise.reject(httpError(503, {}, { 'retry-after': '8' })) : Promise.resolve(pair()),
    )
    const { auth } = await dead({ refresh })
    const asked = watch(auth.getAccessToken())
    await pass(8 * SECOND + 1)
    expect(asked.status).toBe('fulfilled')
    expect(refresh.calls).toHaveLength(2)
  })

  it('longer than maxDelay ends the flight and sets retryAt', async () => {
    const { auth, refresh, events } = await dead({
      refresh: failing(() => httpError(503, {}, { 'retry-after': '120' })),
    })
    const error = await rejection(auth.getAccessToken())
    expect(error).toMatchObject({
      code: 'ERR_REFRESH_FAILED',
      attempts: 1,
      retryAt: Date.now() + 120 * SECOND,
    })
    expect(events.of('refreshFailed')).toMatchObject([
      { retryAt: Date.now() + 120 * SECOND, class: 'transient' },
    ])
    expect(refresh.calls).toHaveLength(1)
    await pass(119 * SECOND)
    await expect(auth.getAccessToken()).rejects.toMatchObject({ attempts: 0 })
    await expect(auth.getAccessToken({ forceRefresh: true })).rejects.toMatchObject({ attempts: 0 })
    expect(refresh.calls).toHaveLength(1)
    await pass(2 * SECOND)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(2)
  })

  it('is obeyed also after a wait that was shorter than maxDelay', async () => {
    draw(0)
    const { auth, refresh } = await dead({
      refresh: failing(() => httpError(429, {}, { 'retry-after': '6' })),
      retry: 0,
    })
    await rejection(auth.getAccessToken())
    await pass(5 * SECOND)
    await expect(auth.getAccessToken()).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 0 })
    expect(refresh.calls).toHaveLength(1)
    await pass(2 * SECOND)
    await rejection(auth.getAccessToken())
    expect(refresh.calls).toHaveLength(2)
  })

  it.each([
    ['seconds', () => '300'],
    ['a year', () => '31536000'],
    ['a date', () => new Date(Date.now() + 5 * MINUTE).toUTCString()],
  ])('in %s does not hold back auth.refresh(), which may always try', async (_, value) => {
    const refresh = refreshStub((_context, number) =>
      number < 3 ? Promise.reject(httpError(429, {}, { 'retry-after': value() })) : pair(),
    )
    const { auth } = await dead({ refresh })
    await rejection(auth.getAccessToken())
    await expect(auth.refresh()).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 1 })
    // The wait holds for everything else.
    await expect(auth.getAccessToken()).rejects.toMatchObject({ attempts: 0 })
    expect(refresh.reasons).toEqual(['expired', 'manual'])
    await auth.refresh()
    expect(refresh.reasons).toEqual(['expired', 'manual', 'manual'])
    expect(await auth.getAccessToken()).toBeDefined()
  })

  it('is obeyed after a wake of the app that asks by force', async () => {
    const { auth, refresh } = await dead({
      refresh: failing(() => httpError(429, {}, { 'retry-after': '60' })),
    })
    await rejection(auth.getAccessToken())
    for (let time = 0; time < 10; time++) await rejection(auth.getAccessToken({ forceRefresh: true }))
    expect(refresh.calls).toHaveLength(1)
  })

  it.each(['0', '-5', 'soon', '', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Infinity'])(
    'of %j says nothing',
    async value => {
      draw(0)
      const { auth, refresh } = await dead({
        refresh: failing(() => httpError(503, {}, { 'retry-after': value })),
      })
      const asked = watch(auth.getAccessToken())
      await pass(10)
      expect(asked).toMatchObject({ status: 'rejected', error: { attempts: 3 } })
      expect(refresh.calls).toHaveLength(3)
    },
  )

  it('of a misconfigured answer is shown and obeyed too', async () => {
    const { auth, refresh } = await dead({
      refresh: failing(() => httpError(404, {}, { 'retry-after': '60' })),
    })
    const error = await rejection(auth.getAccessToken())
    expect(error.retryAt).toBe(Date.now() + MINUTE)
    await rejection(auth.getAccessToken())
    expect(refresh.calls).toHaveLength(1)
  })

  it('of a session that is over holds up nothing of the next one', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off', retry: 0 })
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    await auth.login(pair())
    refresh.last.fail(httpError(429, {}, { 'retry-after': '3600' }))
    await pass(5 * MINUTE)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(2)
  })

  it.each<[string, Record<string, string>, number | undefined]>([
    ['obeyed', { 'retry-after': '6' }, 6 * SECOND],
    ['no news where the server asked for nothing', {}, undefined],
  ])(
    'for a session that is over is %s where the next one sends the same cookie',
    async (_, headers, wait) => {
      const { auth, refresh } = open({
        storage: cookieSession(),
        autoRefresh: 'off',
        lock: createLock(),
      })
      await pass(100)
      refresh.last.answer(alone())
      await pass(100)
      watch(auth.refresh())
      await pass(100)
      await auth.login(alone())
      refresh.last.fail(httpError(429, {}, headers))
      await pass(100)
      const again = watch(auth.getAccessToken({ forceRefresh: true }))
      await pass(100)
      expect(again.status).toBe(wait ? 'rejected' : 'pending')
      expect(refresh.calls).toHaveLength(wait ? 2 : 3)
    },
  )

  it.each<[string, () => string]>([
    ['a year', () => '31536000'],
    ['an hour', () => '3600'],
    ['a date tomorrow', () => new Date(Date.now() + DAY).toUTCString()],
  ])('of %s is obeyed for ten minutes, and ends no session', async (_, value) => {
    const { auth, refresh } = await dead({
      refresh: failing(() => httpError(503, {}, { 'retry-after': value() })),
    })
    const error = await rejection(auth.getAccessToken())
    expect(error.retryAt).toBe(Date.now() + 10 * MINUTE)
    await pass(10 * MINUTE - 1)
    await rejection(auth.getAccessToken())
    expect(refresh.calls).toHaveLength(1)
    await pass(2)
    await rejection(auth.getAccessToken())
    expect(refresh.calls).toHaveLength(2)
    expect(auth.getState().status).toBe('authenticated')
  })

  it('is obeyed for ten minutes in all by the pages that follow', async () => {
    const storage = cell(null, { shared: true })
    const first = await dead({
      storage,
      lock: createLock(),
      refresh: failing(() => httpError(503, {}, { 'retry-after': '31536000' })),
    })
    await rejection(first.auth.getAccessToken())
    first.auth.dispose()
    for (let page = 0; page < 3; page++) {
      await pass(3 * MINUTE)
      const { auth, refresh } = open({ storage, lock: createLock(), autoRefresh: 'off' })
      await rejection(auth.getAccessToken())
      expect(refresh.calls).toHaveLength(0)
      auth.dispose()
    }
    await pass(MINUTE)
    const { auth, refresh } = open({ storage, lock: createLock(), autoRefresh: 'off' })
    watch(auth.getAccessToken())
    await pass(100)
    expect(refresh.reasons).toEqual(['expired'])
  })

  it.each([
    ['a version without the limit', START],
    ['a device whose clock was set back', START + 365 * DAY],
  ])('that %s stored for a year is obeyed for ten minutes', async (_, cooledAt) => {
    const record = storedRecord({
      ago: HOUR,
      failures: 1,
      retryAt: cooledAt + 365 * DAY,
      cooledAt,
      retryStrict: true,
    })
    const { auth, refresh } = open({ storage: cell(record), autoRefresh: 'off' })
    await pass(10 * MINUTE - 1)
    await rejection(auth.getAccessToken())
    expect(refresh.calls).toHaveLength(0)
    await pass(2)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['expired'])
  })

  it('with a fast clock and a date is not overslept by the clock of the server', async () => {
    const { auth } = await dead({
      refresh: failing(() =>
        httpError(503, {}, { 'retry-after': new Date(Date.now() + MINUTE).toUTCString() }),
      ),
    })
    const error = await rejection(auth.getAccessToken())
    expect(error.retryAt).toBe(Date.now() + MINUTE)
  })
})

describe('classify', () => {
  it('that throws is told, and the default class counts', async () => {
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
  ])('that returns %s is told, and the default class counts', async (_, answer) => {
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

  it('that logs out has no failure told of a session that is over', async () => {
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

describe('the cool-down', () => {
  it('fails requests at once instead of storming', async () => {
    draw(0.999)
    const { auth, refresh } = await dead({ refresh: failing(), retry: 0 })
    const first = await rejection(auth.getAccessToken())
    expect(first.retryAt).toBeGreaterThan(Date.now())
    for (let request = 0; request < 100; request++) {
      const error = await rejection(auth.getAccessToken())
      expect(error).toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 0, retryAt: first.retryAt })
      expect(error.message).toBe('The last refresh failed; no further attempt yet')
    }
    expect(refresh.calls).toHaveLength(1)
  })

  it('doubles from a second to a minute', async () => {
    draw(1 - 2 ** -20)
    const { auth } = await dead({ refresh: failing(), retry: 0 })
    const waits: number[] = []
    for (let time = 0; time < 9; time++) {
      const error = await rejection(auth.getAccessToken())
      const wait = (error.retryAt as number) - Date.now()
      waits.push(Math.round(wait / 100) * 100)
      await pass(wait + 1)
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
  })

  it('is a random part of that: full jitter', async () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.25)
    const { auth } = await dead({ refresh: failing(), retry: 0 })
    const error = await rejection(auth.getAccessToken())
    expect((error.retryAt as number) - Date.now()).toBe(250)
    await pass(251)
    random.mockReturnValue(0.5)
    const again = await rejection(auth.getAccessToken())
    expect((again.retryAt as number) - Date.now()).toBe(1_000)
  })

  it('lets one probe go first, without retries', async () => {
    draw(0.5)
    const { auth, refresh } = await dead({ refresh: failing() })
    const first = watch(auth.getAccessToken())
    await pass(10 * SECOND)
    expect(first.status).toBe('rejected')
    const { length } = refresh.calls
    expect(length).toBe(3)
    await pass(MINUTE)
    const probes = Array.from({ length: 20 }, () => watch(auth.getAccessToken()))
    await pass(10 * SECOND)
    expect(probes.every(({ status }) => status === 'rejected')).toBe(true)
    expect(refresh.calls).toHaveLength(length + 1)
  })

  it('ends when the probe works', async () => {
    let isDown = true
    const refresh = refreshStub(() =>
      isDown ? Promise.reject(httpError(503)) : Promise.resolve(pair({ lifetime: 2 * SECOND })),
    )
    const { auth } = await dead({ refresh, retry: 1 })
    const failed = watch(auth.getAccessToken())
    await pass(10 * SECOND)
    expect(failed.status).toBe('rejected')
    isDown = false
    await pass(MINUTE)
    expect(await auth.getAccessToken()).toBeDefined()
    isDown = true
    await pass(2 * SECOND)
    draw(1 - 2 ** -20)
    const { length } = refresh.calls
    const asked = watch(auth.getAccessToken())
    await pass(500)
    await settle()
    // The count of failures is forgotten: retries again, and a second to begin with.
    expect(refresh.calls).toHaveLength(length + 2)
    const { retryAt } = asked.error as { retryAt: number }
    expect(retryAt - Date.now()).toBeLessThanOrEqual(SECOND)
  })

  it('of our own is ignored by auth.refresh()', async () => {
    draw(0.999)
    const { auth, refresh } = await dead({ refresh: failing(), retry: 0 })
    await rejection(auth.getAccessToken())
    for (let time = 2; time <= 5; time++) {
      await rejection(auth.refresh())
      expect(refresh.calls).toHaveLength(time)
    }
  })

  it('is ended by auth.refresh() that works', async () => {
    draw(0.999)
    const refresh = refreshStub((_, number) =>
      number === 1 ? Promise.reject(httpError(503)) : Promise.resolve(pair()),
    )
    const { auth } = await dead({ refresh, retry: 0 })
    await rejection(auth.getAccessToken())
    await auth.refresh()
    expect(await auth.getAccessToken()).toBeDefined()
    expect(refresh.calls).toHaveLength(2)
  })

  it('holds for 401s too', async () => {
    draw(0.999)
    const { auth, refresh } = open({ refresh: failing(), retry: 0 })
    await auth.login(pair())
    const engine = engineView(auth)
    const ticket = await engine.acquire(engine.session())
    for (let time = 0; time < 20; time++) await rejection(Promise.resolve(engine.rejectGrant(ticket!)))
    expect(refresh.calls).toHaveLength(1)
  })

  it('holds back refreshes ahead, and the token is served', async () => {
    draw(0.999)
    const { auth, refresh } = open({ refresh: failing(), retry: 0, autoRefresh: 'off' })
    const tokens = pair()
    await auth.login(tokens)
    await pass(4.5 * MINUTE)
    for (let time = 0; time < 100; time++) {
      const served = await auth.getAccessToken()
      expect(served).toBe(tokens.access_token)
    }
    await settle()
    expect(refresh.calls).toHaveLength(1)
  })

  it('takes no turn from the others', async () => {
    draw(0.999)
    const lock = createLock()
    const { auth, refresh } = await dead({
      refresh: failing(),
      retry: 0,
      lock,
      storage: cell(null, { shared: true }),
    })
    await rejection(auth.getAccessToken())
    const request = vi.spyOn(lock, 'request')
    expect(await rejection(auth.getAccessToken())).toMatchObject({ attempts: 0 })
    expect(request).not.toHaveBeenCalled()
    expect(refresh.calls).toHaveLength(1)
  })

  it('does not outlive a login', async () => {
    const refresh = refreshStub((_, number) =>
      number === 1 ? Promise.reject(httpError(503, {}, { 'retry-after': '3600' })) : Promise.resolve(pair()),
    )
    const { auth } = await dead({ refresh })
    await rejection(auth.getAccessToken())
    await auth.login(pair())
    await auth.refresh()
    expect(refresh.calls).toHaveLength(2)
  })

  it('retryAt is an instant of the wall clock, whole milliseconds', async () => {
    const { auth } = await dead({ refresh: failing(), retry: 0 })
    const error = await rejection(auth.getAccessToken())
    expect(Number.isInteger(error.retryAt)).toBe(true)
    expect(error.retryAt).toBeGreaterThan(START)
  })
})

describe('offline', () => {
  const disconnect = (): void => void vi.stubGlobal('navigator', { onLine: false })
  const connect = (): void => void vi.stubGlobal('navigator', { onLine: true })

  it('a request that needs a token tries once, however many retries there are', async () => {
    draw(0.999)
    const { auth, refresh, events } = await dead({
      refresh: failing(() => new TypeError('Failed to fetch')),
      retry: 5,
    })
    disconnect()
    const asked = Array.from({ length: 20 }, () => watch(auth.getAccessToken()))
    await settle()
    for (const { error } of asked) expect(error).toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 1 })
    expect(await rejection(auth.getAccessToken())).toMatchObject({ attempts: 0 })
    expect(refresh.calls).toHaveLength(1)
    expect(events.of('sessionExpired')).toEqual([])
    expect(auth.getState().status).toBe('authenticated')
  })

  it.each<[string, (auth: Auth) => Promise<unknown>]>([
    ['a request', auth => auth.getAccessToken()],
    ['a manual refresh', auth => auth.refresh()],
    ['a forced refresh', auth => auth.getAccessToken({ forceRefresh: true })],
    [
      'a 401',
      auth => Promise.resolve(engineView(auth).rejectGrant(engineView(auth).current() as TicketView)),
    ],
  ])('%s succeeds where the user agent is wrong about the network', async (_, ask) => {
    const { auth, refresh } = await dead({ refresh: refreshStub(async () => pair()) })
    disconnect()
    await ask(auth)
    expect(refresh.calls).toHaveLength(1)
    expect(auth.getState()).not.toHaveProperty('error')
    expect(await auth.getAccessToken()).toBeDefined()
    expect(refresh.calls).toHaveLength(1)
  })

  it('the restore of a cookie session succeeds where the user agent is wrong about the network', async () => {
    disconnect()
    const { auth, refresh } = open({ storage: cookieSession(), refresh: refreshStub(async () => pair()) })
    await auth.ready
    expect(auth.getState().status).toBe('authenticated')
    expect(refresh.reasons).toEqual(['restore'])
  })

  it('what has a good access token leaves as ever', async () => {
    const { auth, refresh } = open()
    const tokens = pair()
    await auth.login(tokens)
    disconnect()
    await pass(4.5 * MINUTE)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(refresh.calls).toHaveLength(0)
  })

  it('a refusal ends the session as ever', async () => {
    const { auth, refresh } = await dead({ refresh: failing(() => httpError(401)) })
    disconnect()
    expect((await rejection(auth.getAccessToken())).code).toBe('ERR_SESSION_EXPIRED')
    expect(refresh.calls).toHaveLength(1)
  })

  it('the failure backs off, so that a server that is down meets no storm', async () => {
    draw(0.999)
    const { auth, refresh } = await dead({ refresh: failing(() => httpError(503)) })
    disconnect()
    for (let time = 0; time < 20; time++) await rejection(auth.getAccessToken())
    expect(refresh.calls).toHaveLength(1)
    connect()
    await pass(SECOND)
    await rejection(auth.getAccessToken())
    expect(refresh.calls).toHaveLength(2)
  })

  it('between two attempts stops the retries', async () => {
    draw(0.5)
    const { auth, refresh } = await dead({ refresh: failing(() => new TypeError('Failed to fetch')) })
    const asked = watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(1)
    disconnect()
    await pass(MINUTE)
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED' } })
    expect(refresh.calls).toHaveLength(1)
  })

  it('ends no session whose refresh token looks expired: the server decides as soon as it is reached', async () => {
    const refresh = refreshStub((_, number) =>
      Promise.reject(number === 1 ? new TypeError('Failed to fetch') : invalidGrant()),
    )
    const { auth, events } = open({ refresh, autoRefresh: 'off' })
    await auth.login({ ...pair(), refresh_expires_in: 600 })
    await pass(HOUR)
    disconnect()
    await expect(auth.getAccessToken()).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 1 })
    expect(auth.getState().status).toBe('authenticated')
    await pass(MINUTE)
    await expect(auth.getAccessToken()).rejects.toMatchObject({ reason: 'refresh_token_expired' })
    expect([refresh.calls.length, events.of('sessionExpired').length]).toEqual([2, 1])
  })

  it('is believed only when it says false', async () => {
    const { auth, refresh } = await dead({ refresh: refreshStub(async () => pair()) })
    vi.stubGlobal('navigator', {})
    expect(await auth.getAccessToken()).toBeDefined()
    expect(refresh.calls).toHaveLength(1)
  })
})

describe('an attempt that hangs', () => {
  it('frees its waiters after refreshTimeout, and the error says what to add', async () => {
    const { auth, refresh } = await dead()
    const asked = Array.from({ length: 5 }, () => watch(auth.getAccessToken()))
    await pass(10 * SECOND - 1)
    expect(asked.every(({ status }) => status === 'pending')).toBe(true)
    await pass(1)
    expect(asked.every(({ status }) => status === 'rejected')).toBe(true)
    expect(asked[0]?.error).toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 1 })
    expect(String(asked[0]?.error)).toMatch(/10000 ms/)
    expect(refresh.calls).toHaveLength(1)
    expect(refresh.last.signal.aborted).toBe(false)
    expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: false })
  })

  it('takes the time that refreshTimeout says', async () => {
    const { auth } = await dead({ refreshTimeout: 300 })
    const asked = watch(auth.getAccessToken())
    await pass(299)
    expect(asked.status).toBe('pending')
    await pass(1)
    expect(asked.status).toBe('rejected')
  })

  it('does not have its refresh token sent again while it is open', async () => {
    const { auth, refresh } = await dead()
    const asked = watch(auth.getAccessToken())
    await pass(10 * SECOND)
    expect(asked.status).toBe('rejected')
    for (let second = 0; second < 9; second++) {
      await rejection(auth.getAccessToken())
      await rejection(auth.refresh())
      await rejection(auth.getAccessToken({ forceRefresh: true }))
      await pass(SECOND)
    }
    expect(refresh.calls).toHaveLength(1)
  })

  it('that answers late has its answer kept', async () => {
    const { auth, refresh, events } = await dead()
    const asked = watch(auth.getAccessToken())
    await pass(15 * SECOND)
    expect(asked.status).toBe('rejected')
    const next = refresh.last.answer()
    await settle()
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(refresh.calls).toHaveLength(1)
    expect(events.names).toEqual(['login', 'refreshFailed', 'refreshed'])
    expect(auth.getState()).not.toHaveProperty('error')
    watch(auth.refresh())
    await settle()
    expect(refresh.last.refreshToken).toBe(next.refresh_token)
  })

  it('that is rejected late ends the session, once', async () => {
    const { auth, refresh, events } = await dead()
    watch(auth.getAccessToken())
    await pass(15 * SECOND)
    refresh.last.fail(invalidGrant())
    await settle()
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_rejected' }])
    await expect(auth.getAccessToken()).rejects.toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
    expect(refresh.calls).toHaveLength(1)
  })

  it('that fails transiently late lets the refresh token be tried again', async () => {
    const { auth, refresh } = await dead()
    watch(auth.getAccessToken())
    await pass(12 * SECOND)
    refresh.last.fail(new TypeError('Failed to fetch'))
    await settle()
    const again = watch(auth.refresh())
    await settle()
    expect(refresh.calls).toHaveLength(2)
    refresh.last.answer()
    await settle()
    expect(again.status).toBe('fulfilled')
  })

  it('that fails transiently late is tried again by a request within seconds', async () => {
    const { auth, refresh } = await dead()
    watch(auth.getAccessToken())
    await pass(12 * SECOND)
    refresh.last.fail(new TypeError('Failed to fetch'))
    await pass(2 * SECOND)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(2)
  })

  it('that never settles is aborted after twice refreshTimeout, and the refresh token tried again', async () => {
    const { auth, refresh } = await dead()
    watch(auth.getAccessToken())
    await pass(20 * SECOND - 1)
    expect(refresh.calls[0]?.signal.aborted).toBe(false)
    await pass(1)
    expect(refresh.calls[0]?.signal.aborted).toBe(true)
    await pass(2 * SECOND)
    const again = watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(2)
    const next = refresh.last.answer()
    await settle()
    expect(again.value).toBe(next.access_token)
  })

  it('and whose abort rejects is not a second failure', async () => {
    const refresh = refreshStub(
      ({ signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
        ),
    )
    const { auth, events } = await dead({ refresh })
    watch(auth.getAccessToken())
    await pass(21 * SECOND)
    expect(events.of('refreshFailed')).toHaveLength(1)
    expect(auth.getState().status).toBe('authenticated')
    await pass(2 * SECOND)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(2)
  })

  it('whose answer comes after a newer flight has landed does not undo that flight', async () => {
    const { auth, refresh, events } = await dead()
    watch(auth.getAccessToken())
    await pass(23 * SECOND)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(2)
    const newer = refresh.calls[1]!.answer()
    await settle()
    refresh.calls[0]!.answer()
    await settle()
    expect(await auth.getAccessToken()).toBe(newer.access_token)
    expect(events.of('refreshed')).toHaveLength(1)
  })

  it('whose rejection comes after a newer flight has landed does not end the session', async () => {
    const { auth, refresh, events } = await dead()
    watch(auth.getAccessToken())
    await pass(23 * SECOND)
    watch(auth.getAccessToken())
    await settle()
    const newer = refresh.calls[1]!.answer()
    await settle()
    refresh.calls[0]!.fail(invalidGrant())
    await settle()
    expect(await auth.getAccessToken()).toBe(newer.access_token)
    expect(events.of('sessionExpired')).toEqual([])
  })

  it('while the access token is good disturbs nobody', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    const tokens = pair()
    await auth.login(tokens)
    await pass(4 * MINUTE)
    for (let second = 0; second < 59; second++) {
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      await pass(SECOND)
    }
    // One is open for twice refreshTimeout at a time.
    expect(refresh.calls.length).toBeLessThanOrEqual(4)
  })

  it('is not retried within its flight', async () => {
    const { auth, refresh } = await dead({ retry: 5 })
    watch(auth.getAccessToken())
    await pass(19 * SECOND)
    expect(refresh.calls).toHaveLength(1)
  })

  it('after a first attempt that failed frees its waiters too', async () => {
    draw(0)
    const refresh = refreshStub((_, number) =>
      number === 1 ? Promise.reject(httpError(503)) : new Promise(() => {}),
    )
    const { auth } = await dead({ refresh })
    const asked = watch(auth.getAccessToken())
    await pass(10 * SECOND + 1)
    expect(asked).toMatchObject({ status: 'rejected', error: { attempts: 2 } })
    expect(refresh.calls).toHaveLength(2)
  })

  it('is dropped by a logout, and its late answer too', async () => {
    const { auth, refresh, events } = await dead()
    watch(auth.getAccessToken())
    await pass(12 * SECOND)
    await auth.logout()
    refresh.last.answer()
    await settle()
    expect(await auth.getAccessToken()).toBeUndefined()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual(['login', 'refreshFailed', 'logout'])
  })

  it('does not hold up the next session', async () => {
    const { auth, refresh } = await dead()
    watch(auth.getAccessToken())
    await pass(12 * SECOND)
    await auth.login(pair())
    const done = watch(auth.refresh())
    await settle()
    expect(refresh.calls).toHaveLength(2)
    refresh.calls[1]!.answer()
    await settle()
    expect(done.status).toBe('fulfilled')
  })
})

describe('an attempt that is still open', () => {
  it('and fails late starts a patience of its own', async () => {
    draw(0.5)
    const { auth, refresh } = await dead()
    watch(auth.getAccessToken())
    await pass(12 * SECOND)
    refresh.last.fail(new TypeError('Failed to fetch'))
    await pass(499)
    expect(await rejection(auth.getAccessToken())).toMatchObject({ attempts: 0 })
    expect(refresh.calls).toHaveLength(1)
    await pass(1)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(2)
  })

  it('holds back the next page, too, not only this one', async () => {
    const storage = cell(null, { shared: true })
    const { auth } = await dead({ storage, retry: 0 })
    watch(auth.getAccessToken())
    await pass(11 * SECOND)
    auth.dispose()
    const next = open({ storage, autoRefresh: 'off' })
    expect(await rejection(next.auth.refresh())).toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 0 })
    expect(next.refresh.calls).toHaveLength(0)
    await pass(9 * SECOND)
    watch(next.auth.refresh())
    await settle()
    expect(next.refresh.calls).toHaveLength(1)
  })

  it('of another session is obeyed where both send the same cookie', async () => {
    const { auth, refresh } = open({ storage: cookieSession(), autoRefresh: 'off' })
    await settle()
    refresh.last.answer(alone())
    await settle()
    watch(auth.refresh())
    await settle()
    await auth.login(alone())
    await pass(11 * SECOND)
    const again = watch(auth.refresh())
    await settle()
    expect(again).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED', attempts: 0 } })
    expect(refresh.calls).toHaveLength(2)
  })

  it('and whose answer comes late, for a session that is over, changes nothing of the next', async () => {
    const { auth, refresh, events } = await dead()
    watch(auth.getAccessToken())
    await pass(12 * SECOND)
    await auth.login(pair())
    events.all.length = 0
    refresh.last.fail(httpError(429, {}, { 'retry-after': '60' }))
    await settle()
    watch(auth.refresh())
    await settle()
    expect(refresh.calls).toHaveLength(2)
    expect(events.names).toEqual([])
  })

  it('of a session that is over holds up nothing of the next one', async () => {
    const refresh = refreshStub((_, number) =>
      number === 1 ? new Promise(() => {}) : Promise.resolve(pair()),
    )
    const { auth } = open({ refresh, autoRefresh: 'off' })
    await auth.login(pair())
    void auth.refresh().catch(() => {})
    await pass(9.5 * SECOND)
    await auth.logout()
    await auth.login(pair({ lifetime: 2 * SECOND }))
    await pass(3 * SECOND)
    expect(await auth.getAccessToken()).toEqual(expect.any(String))
    expect(refresh.calls).toHaveLength(2)
  })

  it('and is answered late is obeyed in how long to wait', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    await auth.login(pair())
    void auth.refresh().catch(() => {})
    await pass(12 * SECOND)
    refresh.last.fail(httpError(429, {}, { 'retry-after': '60' }))
    await pass(55 * SECOND)
    const force = { forceRefresh: true }
    expect(await rejection(auth.getAccessToken(force))).toMatchObject({
      code: 'ERR_REFRESH_FAILED',
      attempts: 0,
    })
    expect(refresh.calls).toHaveLength(1)
    await pass(6 * SECOND)
    void auth.getAccessToken(force).catch(() => {})
    await pass(0)
    expect(refresh.calls).toHaveLength(2)
  })
})
