/** Each of the two tokens has expired or not: four cases. */
import type { AuthLock } from 'tokenflight'
import { describe, expect, it } from 'vitest'
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
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

/** For a page that has its shared storage to itself. */
const lock: AuthLock = { request: (_name, _options, callback) => callback() }

describe('the four cases of two ends', () => {
  it('ends the session when both have expired', async () => {
    const refresh = refreshStub(() => Promise.reject(invalidGrant()))
    const { auth } = open({ autoRefresh: 'off', refresh })
    await auth.login({ ...pair(), refresh_expires_in: 600 })
    await pass(HOUR)
    await expect(auth.getAccessToken()).rejects.toMatchObject({
      code: 'ERR_SESSION_EXPIRED',
      reason: 'refresh_token_expired',
    })
    // No clock decides: the server was asked, once.
    expect(refresh.calls).toHaveLength(1)
  })

  it('access token expired, refresh token good: a new access token', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    await auth.login({ ...pair(), refresh_expires_in: 3_600 })
    await pass(10 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['expired'])
    const { access_token } = refresh.last.answer()
    await settle()
    expect(asked.value).toBe(access_token)
  })

  it('both good: nothing to do', async () => {
    const { auth, refresh } = open()
    await auth.login({ ...pair(), refresh_expires_in: 3_600 })
    await auth.getAccessToken()
    expect(refresh.calls).toHaveLength(0)
  })

  describe('access token good, refresh token expired', () => {
    const start = async (options: Parameters<typeof open>[0] = {}) => {
      const opened = open({ autoRefresh: 'off', ...options })
      const tokens = pair({ lifetime: HOUR })
      await opened.auth.login({ ...tokens, refresh_expires_in: 600 })
      await pass(10 * MINUTE)
      return { ...opened, tokens }
    }

    it('the session lives until the access token ends', async () => {
      const { auth, tokens, events } = await start({
        refresh: refreshStub(() => Promise.reject(httpError(400))),
      })
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      await pass(50 * MINUTE - 1)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      expect(events.of('sessionExpired')).toEqual([])
      await pass(1)
      await expect(auth.getAccessToken()).rejects.toMatchObject({ reason: 'refresh_token_expired' })
      expect(events.of('sessionExpired')).toHaveLength(1)
    })

    it('a new pair is asked for, once, without the dead refresh token', async () => {
      const { auth, refresh, tokens } = await start()
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      await settle()
      expect(refresh.calls).toHaveLength(1)
      expect(refresh.last.refreshToken).toBeUndefined()
      expect('refreshToken' in refresh.last).toBe(false)
      expect(refresh.last.accessToken).toBe(tokens.access_token)
      refresh.last.fail(httpError(401))
      await settle()
      for (let minute = 0; minute < 40; minute++) {
        expect(await auth.getAccessToken()).toBe(tokens.access_token)
        await pass(MINUTE)
      }
      expect(refresh.calls).toHaveLength(1)
    })

    it.each([
      [503, 'transient', true],
      [404, 'misconfigured', true],
      [401, 'rejected', false],
    ])(
      'a question that fails with %i (%s) is reported, and shown in the state: %j',
      async (status, failure, isShown) => {
        const { auth, refresh, events } = await start()
        await auth.getAccessToken()
        await settle()
        refresh.last.fail(httpError(status))
        await settle()
        const [event] = events.of('refreshFailed')
        expect(event).toMatchObject({ class: failure, attempts: 1, error: { code: 'ERR_REFRESH_FAILED' } })
        expect(event).not.toHaveProperty('retryAt')
        expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: false })
        expect((auth.getState() as { error?: unknown }).error).toBe(isShown ? event?.error : undefined)
      },
    )

    it('a question that fails is a matter of this page: nothing is written that would hold up another', async () => {
      const storage = cell(null, { shared: true })
      const { auth, refresh, events } = await start({ storage, lock })
      await auth.getAccessToken()
      await settle()
      const { record } = storage
      refresh.last.fail(httpError(503))
      await settle()
      expect(events.of('refreshFailed')).toHaveLength(1)
      expect(storage.record).toBe(record)
    })

    it('a new pair that comes carries the session on', async () => {
      const { auth, refresh, events } = await start()
      await auth.getAccessToken()
      await settle()
      const next = refresh.last.answer(pair({ lifetime: HOUR }))
      await settle()
      expect(await auth.getAccessToken()).toBe(next.access_token)
      expect(auth.getState()).not.toHaveProperty('sessionExpiresAt')
      await pass(HOUR)
      watch(auth.getAccessToken())
      await settle()
      expect(refresh.last.refreshToken).toBe(next.refresh_token)
      expect(events.of('sessionExpired')).toEqual([])
    })

    it.each<[string, () => unknown]>([
      ['rejected', () => invalidGrant()],
      ['refused with 401', () => httpError(401)],
      ['failed', () => httpError(503)],
      ['lost', () => new TypeError('Failed to fetch')],
    ])('an ask that is %s ends nothing', async (_, failure) => {
      const { auth, refresh, events, tokens } = await start()
      await auth.getAccessToken()
      await settle()
      refresh.last.fail(failure())
      await pass(MINUTE)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      expect(auth.getState().status).toBe('authenticated')
      expect(events.of('sessionExpired')).toEqual([])
      expect(refresh.calls).toHaveLength(1)
    })

    it('the ask disturbs no request, and only the timer or a request notices', async () => {
      const { refresh } = await start({ autoRefresh: 'always' })
      await settle()
      expect(refresh.calls).toHaveLength(1)
      expect(refresh.last.refreshToken).toBeUndefined()
    })

    it.each<[string, () => unknown]>([
      ['refused', () => httpError(401)],
      ['failed', () => httpError(503)],
    ])(
      'a request that waits because the access token died during an ask that is %s gets no dead token',
      async (_, failure) => {
        const { auth, refresh, tokens } = await start({ refreshTimeout: 2 * HOUR })
        await auth.getAccessToken()
        await settle()
        expect(refresh.calls).toHaveLength(1)
        await pass(50 * MINUTE)
        const asked = watch(auth.getAccessToken())
        await settle()
        expect(asked.status).toBe('pending')
        refresh.last.fail(failure())
        await settle()
        // The refresh token is all that is left.
        expect(refresh.spent).toEqual([undefined, tokens.refresh_token])
        refresh.last.fail(invalidGrant())
        await settle()
        expect(asked.value).not.toBe(tokens.access_token)
        expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SESSION_EXPIRED' } })
      },
    )

    it('a request that waits because the access token died during an ask that hangs gets no dead token', async () => {
      const { auth, tokens } = await start()
      await pass(50 * MINUTE - 5 * SECOND)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      await pass(5 * SECOND)
      const asked = watch(auth.getAccessToken())
      await pass(20 * SECOND)
      expect(asked.status).toBe('rejected')
    })

    it('an ask that is refused late ends nothing', async () => {
      const { auth, refresh, tokens, events } = await start()
      await auth.getAccessToken()
      await pass(15 * SECOND)
      refresh.last.fail(httpError(401))
      await pass(5 * SECOND)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      expect(auth.getState().status).toBe('authenticated')
      expect(events.of('sessionExpired')).toEqual([])
      expect(refresh.calls).toHaveLength(1)
    })

    it('an ask that is answered late is kept', async () => {
      const { auth, refresh } = await start()
      await auth.getAccessToken()
      await pass(15 * SECOND)
      const { access_token } = refresh.last.answer(pair({ lifetime: HOUR }))
      await settle()
      expect(await auth.getAccessToken()).toBe(access_token)
      expect(refresh.calls).toHaveLength(1)
    })

    it('a 401 during an ask that is refused is not replayed with the same token', async () => {
      const { auth, refresh, tokens } = await start()
      const engine = engineView(auth)
      const ticket = await engine.acquire(engine.session())
      await settle()
      const refused = watch(Promise.resolve(engine.rejectGrant(ticket!)))
      await settle()
      refresh.last.fail(httpError(400))
      await settle()
      expect(refresh.spent).toEqual([undefined, tokens.refresh_token])
      const next = refresh.last.answer()
      await settle()
      expect(refused.value?.accessToken).toBe(next.access_token)
    })

    it('refresh() whose ask is refused rejects, and the session lives', async () => {
      const { auth, refresh, tokens } = await start()
      const done = watch(auth.refresh())
      await settle()
      expect('refreshToken' in refresh.last).toBe(false)
      refresh.last.fail(httpError(401))
      await settle()
      expect(done).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED' } })
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
    })

    it('a 401 then has the refresh token sent once, and its refusal is the end', async () => {
      const { auth, refresh, tokens } = await start()
      const engine = engineView(auth)
      const ticket = await engine.acquire(engine.session())
      await settle()
      refresh.last.fail(httpError(400))
      await settle()
      const refused = rejection(Promise.resolve(engine.rejectGrant(ticket!)))
      await settle()
      expect(refresh.spent).toEqual([undefined, tokens.refresh_token])
      refresh.last.fail(httpError(400))
      expect(await refused).toMatchObject({ code: 'ERR_SESSION_EXPIRED', reason: 'refresh_token_expired' })
      expect(refresh.calls).toHaveLength(2)
    })
  })
})
