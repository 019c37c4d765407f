/** Retry-After of the auth server. */
import { cookieSession } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { createLock } from '../support/channel.js'
import {
  alone,
  cell,
  DAY,
  HOUR,
  httpError,
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
  useFakeTime,
  watch,
} from '../support/core.js'
import { dead, draw, failing } from '../support/failing.js'

useFakeTime()

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
  ])('that %s stored for a year is obeyed for ten minutes', async (_, backoffAt) => {
    const record = storedRecord({
      ago: HOUR,
      failures: 1,
      retryAt: backoffAt + 365 * DAY,
      backoffAt,
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

describe('a late answer with Retry-After', () => {
  it('to a session that a login has replaced holds up no refresh of the new one', async () => {
    const { auth, refresh } = await dead()
    const asked = watch(auth.getAccessToken())
    await pass(15 * SECOND)
    expect(asked.error).toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    const late = refresh.last
    const tokens = pair()
    await auth.login(tokens)
    late.fail(httpError(503, {}, { 'retry-after': '600' }))
    await pass(5 * MINUTE)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.spent.slice(1)).toEqual([tokens.refresh_token])
  })
})
