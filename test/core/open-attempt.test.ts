/** An attempt that hangs, and its late answer. */
import { cookieSession } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import {
  alone,
  cell,
  httpError,
  invalidGrant,
  MINUTE,
  open,
  pair,
  pass,
  REFRESH_TIMEOUT,
  refreshStub,
  rejection,
  SECOND,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'
import { dead, draw } from '../support/failing.js'

useFakeTime()

describe('an attempt that hangs', () => {
  it('frees its waiters after refreshTimeout, and the error names the time limit', async () => {
    const { auth, refresh } = await dead()
    const asked = Array.from({ length: 5 }, () => watch(auth.getAccessToken()))
    await pass(REFRESH_TIMEOUT - 1)
    expect(asked.every(({ status }) => status === 'pending')).toBe(true)
    await pass(1)
    expect(asked.every(({ status }) => status === 'rejected')).toBe(true)
    expect(asked[0]?.error).toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 1 })
    expect(String(asked[0]?.error)).toContain(`${REFRESH_TIMEOUT} ms`)
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
    await pass(REFRESH_TIMEOUT)
    expect(asked.status).toBe('rejected')
    for (let open = 1.1; open < 2; open += 0.1) {
      await rejection(auth.getAccessToken())
      await rejection(auth.refresh())
      await rejection(auth.getAccessToken({ forceRefresh: true }))
      await pass(0.1 * REFRESH_TIMEOUT)
    }
    expect(refresh.calls).toHaveLength(1)
  })

  it('that answers late has its answer kept', async () => {
    const { auth, refresh, events } = await dead()
    const asked = watch(auth.getAccessToken())
    await pass(1.5 * REFRESH_TIMEOUT)
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
    await pass(1.5 * REFRESH_TIMEOUT)
    refresh.last.fail(invalidGrant())
    await settle()
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_rejected' }])
    await expect(auth.getAccessToken()).rejects.toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
    expect(refresh.calls).toHaveLength(1)
  })

  it('that fails transiently late lets the refresh token be tried again', async () => {
    const { auth, refresh } = await dead()
    watch(auth.getAccessToken())
    await pass(1.2 * REFRESH_TIMEOUT)
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
    await pass(1.2 * REFRESH_TIMEOUT)
    refresh.last.fail(new TypeError('Failed to fetch'))
    await pass(2 * SECOND)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(2)
  })

  it('that never settles is aborted after twice refreshTimeout, and the refresh token tried again', async () => {
    const { auth, refresh } = await dead()
    watch(auth.getAccessToken())
    await pass(2 * REFRESH_TIMEOUT - 1)
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
    await pass(2 * REFRESH_TIMEOUT + SECOND)
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
    await pass(2 * REFRESH_TIMEOUT + 3 * SECOND)
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
    await pass(2 * REFRESH_TIMEOUT + 3 * SECOND)
    watch(auth.getAccessToken())
    await settle()
    const newer = refresh.calls[1]!.answer()
    await settle()
    refresh.calls[0]!.fail(invalidGrant())
    await settle()
    expect(await auth.getAccessToken()).toBe(newer.access_token)
    expect(events.of('sessionExpired')).toEqual([])
  })

  it('while the access token is good disturbs no request', async () => {
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
    await pass(1.9 * REFRESH_TIMEOUT)
    expect(refresh.calls).toHaveLength(1)
  })

  it('after a first attempt that failed frees its waiters too', async () => {
    draw(0)
    const refresh = refreshStub((_, number) =>
      number === 1 ? Promise.reject(httpError(503)) : new Promise(() => {}),
    )
    const { auth } = await dead({ refresh })
    const asked = watch(auth.getAccessToken())
    await pass(REFRESH_TIMEOUT + 1)
    expect(asked).toMatchObject({ status: 'rejected', error: { attempts: 2 } })
    expect(refresh.calls).toHaveLength(2)
  })

  it('is dropped by a logout, and its late answer too', async () => {
    const { auth, refresh, events } = await dead()
    watch(auth.getAccessToken())
    await pass(1.2 * REFRESH_TIMEOUT)
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
    await pass(1.2 * REFRESH_TIMEOUT)
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
    await pass(1.2 * REFRESH_TIMEOUT)
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
    await pass(1.1 * REFRESH_TIMEOUT)
    auth.dispose()
    const next = open({ storage, autoRefresh: 'off' })
    expect(await rejection(next.auth.refresh())).toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 0 })
    expect(next.refresh.calls).toHaveLength(0)
    await pass(0.9 * REFRESH_TIMEOUT)
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
    await pass(1.1 * REFRESH_TIMEOUT)
    const again = watch(auth.refresh())
    await settle()
    expect(again).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED', attempts: 0 } })
    expect(refresh.calls).toHaveLength(2)
  })

  it('and whose answer comes late, for a session that is over, changes nothing of the next', async () => {
    const { auth, refresh, events } = await dead()
    watch(auth.getAccessToken())
    await pass(1.2 * REFRESH_TIMEOUT)
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
    await pass(0.95 * REFRESH_TIMEOUT)
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
    await pass(1.2 * REFRESH_TIMEOUT)
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
