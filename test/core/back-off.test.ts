/** The back-off after a failed refresh, and a page that is offline. */
import type { Auth } from 'tokenflight'
import { cookieSession } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { afterFailure, CLEAR, fromRecord, holdUntil, relax } from '../../src/core/backoff.js'
import { createLock } from '../support/channel.js'
import {
  cell,
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
  type TicketView,
  useFakeTime,
  watch,
} from '../support/core.js'
import { dead, draw, failing } from '../support/failing.js'

useFakeTime()

describe('the back-off', () => {
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

  it('a request with a good access token leaves as ever', async () => {
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

describe('the value of a back-off', () => {
  const open = holdUntil(CLEAR, 5_000, true)

  it('is not that of an open attempt any more after a failure that comes later', () => {
    expect(afterFailure(open, 4_999)).toMatchObject({ strict: true, open: true, failures: 1 })
    expect(afterFailure(open, 5_001)).toMatchObject({ strict: false, open: false, failures: 1 })
  })

  it('keeps a short wait of our own where the reason for the strict one is gone', () => {
    const relaxed = relax(open, 1_000)
    expect(relaxed).toMatchObject({ strict: false, open: false })
    expect(relaxed.until).toBeLessThanOrEqual(2_000)
  })

  it.each([
    [20_000, true],
    [20_001, false],
  ])('of another tab that tries again in %i ms is a retry to wait for: %s', (wait, retrying) => {
    const record = { retryAt: START + wait, backoffAt: START, retrying: true }
    expect(fromRecord(CLEAR, record, 0, START)).toMatchObject({ until: wait, retrying })
  })
})
