import { type Clock, createAuth } from 'tokenflight'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createSteadyClock } from '../../src/core/clock.js'
import {
  accessToken,
  cell,
  DAY,
  HOUR,
  httpError,
  invalidGrant,
  jumpWall,
  MINUTE,
  opaque,
  open,
  pair,
  pass,
  refreshStub,
  rejection,
  SECOND,
  START,
  settle,
  storedRecord,
  track,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

afterEach(() => void vi.unstubAllGlobals())

/** Makes the process a page, and returns a function that wakes it. */
function page(): (event?: string) => void {
  const target = new EventTarget()
  vi.stubGlobal('window', target)
  return (event = 'focus') => target.dispatchEvent(new Event(event))
}

/** A clock whose two sources tests move apart from one another. */
function handClock(): Clock & { wall: number; steady: number } {
  const clock = {
    wall: START,
    steady: 0,
    now: () => clock.wall,
    monotonic: () => clock.steady,
  }
  return clock
}

const fresh = () => refreshStub(async () => pair())

describe('a clock of a test that begins at 0', () => {
  it('is a clock like any other: the end of a refresh token that is kept does not move', async () => {
    let now = 0
    const refresh = refreshStub((_, number) =>
      number === 1 ? { access_token: opaque('at'), expires_in: 60 } : Promise.reject(invalidGrant()),
    )
    const auth = track(createAuth({ clock: { now: () => now }, refresh }))
    const tokens = { access_token: opaque('at'), expires_in: 60, refresh_token: opaque('rt') }
    await auth.login({ ...tokens, refresh_expires_in: 600 })
    now = SECOND
    await auth.refresh()
    expect(auth.getState()).toMatchObject({ sessionExpiresAt: 600 * SECOND })
    now = 601 * SECOND
    await expect(auth.getAccessToken()).rejects.toMatchObject({ reason: 'refresh_token_expired' })
    expect(refresh.spent).toEqual([tokens.refresh_token, tokens.refresh_token])
  })
})

describe('a device clock that is wrong', () => {
  it.each([
    ['an hour fast', HOUR],
    ['an hour slow', -HOUR],
    ['a day fast', DAY],
    ['a day slow', -DAY],
    ['a year slow', -365 * DAY],
  ])('by %s costs no refresh and serves no dead token', async (_, skew) => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    // The server's clock is right, the device's is not.
    const tokens = pair({ lifetime: 5 * MINUTE, issuedAt: Date.now() - skew })
    await auth.login(tokens)
    for (let minute = 0; minute < 3; minute++) {
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      await pass(MINUTE)
    }
    expect(refresh.calls).toHaveLength(0)
    await pass(2 * MINUTE)
    const late = watch(auth.getAccessToken())
    await settle()
    expect(late.status).toBe('pending')
    expect(refresh.reasons).toEqual(['expired'])
    const next = refresh.last.answer(pair({ issuedAt: Date.now() - skew }))
    await settle()
    expect(late.value).toBe(next.access_token)
    await auth.getAccessToken()
    expect(refresh.calls).toHaveLength(1)
  })

  it.each([
    ['an hour fast', HOUR],
    ['an hour slow', -HOUR],
    ['a day fast', DAY],
    ['a day slow', -DAY],
  ])('by %s refreshes once per window with the timer running', async (_, skew) => {
    const refresh = refreshStub(async () => pair({ issuedAt: Date.now() - skew }))
    const { auth } = open({ autoRefresh: 'always', refresh })
    await auth.login(pair({ issuedAt: Date.now() - skew }))
    for (let minute = 0; minute < 60; minute++) {
      await auth.getAccessToken()
      await pass(MINUTE)
    }
    // A window of a minute in a life of five.
    expect(refresh.calls.length).toBeGreaterThanOrEqual(12)
    expect(refresh.calls.length).toBeLessThanOrEqual(15)
    expect(new Set(refresh.reasons)).toEqual(new Set(['ahead']))
  })

  it('never finds a token expired that has just arrived', async () => {
    const { auth, refresh } = open()
    const access_token = accessToken({ lifetime: 5 * MINUTE, issuedAt: START - 10 * DAY })
    await auth.login({ access_token, refresh_token: opaque('rt') })
    expect(await auth.getAccessToken()).toBe(access_token)
    expect(refresh.calls).toHaveLength(0)
  })
})

describe('a clock that is corrected while running', () => {
  it.each([SECOND, HOUR, DAY])(
    'backwards by %i ms neither prolongs the token nor refreshes it',
    async step => {
      const { auth, refresh } = open({ autoRefresh: 'off' })
      const tokens = pair()
      await auth.login(tokens)
      await pass(MINUTE)
      jumpWall(-step)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      await pass(4 * MINUTE - 1 - 60 * SECOND)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      expect(refresh.calls).toHaveLength(0)
      await pass(MINUTE + 1)
      watch(auth.getAccessToken())
      await settle()
      expect(refresh.reasons).toEqual(['expired'])
    },
  )

  it('backwards and forwards again neither prolongs the token nor refreshes it', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    const tokens = pair()
    await auth.login(tokens)
    await pass(MINUTE)
    jumpWall(-DAY)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    jumpWall(DAY)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(refresh.calls).toHaveLength(0)
    await pass(4 * MINUTE)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['expired'])
  })

  it.each([31 * MINUTE, HOUR, DAY])(
    'forwards by %i ms causes no refresh, and ends no session whose refresh token lives 30 minutes',
    async step => {
      const { auth, refresh, events } = open({ autoRefresh: 'always', refresh: fresh() })
      const tokens = pair()
      await auth.login({ ...tokens, refresh_expires_in: 1_800 })
      await pass(MINUTE)
      jumpWall(step)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      await pass(2 * MINUTE)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      expect(refresh.calls).toHaveLength(0)
      // In time, as if the clock had always been right.
      await pass(2 * MINUTE)
      expect(refresh.reasons).toEqual(['ahead'])
      expect(events.names).toEqual(['login', 'refreshed'])
    },
  )

  it.each([31 * MINUTE, DAY])(
    'forwards by %i ms is no sleep when the page wakes a while later',
    async step => {
      const wake = page()
      const { auth, refresh } = open({ autoRefresh: 'off' })
      const tokens = pair()
      await auth.login(tokens)
      for (let second = 0; second < 10; second++) {
        if (second === 2) jumpWall(step)
        await auth.getAccessToken()
        await pass(SECOND)
      }
      wake()
      await settle()
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      expect(refresh.calls).toHaveLength(0)
    },
  )

  it('makes timers no earlier and loses none', async () => {
    const refresh = fresh()
    const { auth } = open({ autoRefresh: 'always', refresh })
    await auth.login(pair())
    await pass(2 * MINUTE)
    jumpWall(-DAY)
    await pass(MINUTE)
    expect(refresh.calls).toHaveLength(0)
    await pass(2 * MINUTE)
    expect(refresh.reasons).toEqual(['ahead'])
  })
})

describe('sleep', () => {
  it.each(['focus', 'pageshow', 'online'])(
    'is noticed at %s where the monotonic clock stands still',
    async event => {
      const wake = page()
      const clock = handClock()
      const { auth, refresh } = open({ clock, autoRefresh: 'off' })
      await auth.login(pair({ issuedAt: START }))
      clock.wall += HOUR
      wake(event)
      const woken = watch(auth.getAccessToken())
      await settle()
      expect(woken.status).toBe('pending')
      expect(refresh.reasons).toEqual(['expired'])
    },
  )

  it('is noticed where the monotonic clock runs on and the wall clock was set back', async () => {
    const clock = handClock()
    const { auth, refresh } = open({ clock, autoRefresh: 'off' })
    await auth.login(pair({ issuedAt: START }))
    clock.steady += HOUR
    clock.wall -= HOUR
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['expired'])
  })

  it('is noticed at a wake that comes after the first timers and requests', async () => {
    const wake = page()
    const clock = handClock()
    const { auth, refresh } = open({ clock, autoRefresh: 'off' })
    await auth.login(pair({ issuedAt: START }))
    clock.wall += HOUR
    await auth.getAccessToken()
    clock.steady += SECOND
    clock.wall += SECOND
    wake()
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['expired'])
  })

  it('is noticed however long the page has been open', () => {
    const clock = handClock()
    clock.steady = DAY
    const steady = createSteadyClock(clock)
    const before = steady()
    clock.wall += HOUR
    steady()
    clock.steady += SECOND
    clock.wall += SECOND
    steady()
    steady.wake()
    expect(steady() - before).toBe(HOUR + SECOND)
  })

  it('is not noticed when the page goes', async () => {
    vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'hidden' }))
    page()
    const clock = handClock()
    const { auth, refresh } = open({ clock, autoRefresh: 'off' })
    const tokens = pair({ issuedAt: START })
    await auth.login(tokens)
    clock.wall += HOUR
    document.dispatchEvent(new Event('visibilitychange'))
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(refresh.calls).toHaveLength(0)
  })

  it('does not serve a token that died in it, to any caller', async () => {
    const wake = page()
    const clock = handClock()
    const { auth, refresh } = open({ clock, autoRefresh: 'off' })
    const tokens = pair({ issuedAt: START })
    await auth.login(tokens)
    clock.wall += 8 * HOUR
    wake()
    const asked = [1, 2, 3].map(() => watch(auth.getAccessToken()))
    await settle()
    expect(asked.map(({ status }) => status)).toEqual(['pending', 'pending', 'pending'])
    const next = refresh.last.answer(pair({ issuedAt: clock.wall }))
    await settle()
    expect(asked.map(({ value }) => value)).toEqual(Array(3).fill(next.access_token))
    expect(refresh.calls).toHaveLength(1)
  })

  it('that seems to end the refresh token too has the server asked once, which ends the session', async () => {
    const wake = page()
    const clock = handClock()
    const refresh = refreshStub(() => Promise.reject(invalidGrant()))
    const { auth, events } = open({ clock, autoRefresh: 'off', refresh })
    const tokens = pair({ issuedAt: START })
    await auth.login({ ...tokens, refresh_expires_in: 3_600 })
    clock.wall += DAY
    wake()
    const asked = [1, 2, 3].map(() => rejection(auth.getAccessToken()))
    for (const error of await Promise.all(asked))
      expect(error).toMatchObject({ reason: 'refresh_token_expired' })
    expect(refresh.spent).toEqual([tokens.refresh_token])
    expect(events.of('sessionExpired')).toHaveLength(1)
  })
})

describe('the clock option', () => {
  it('with now alone lets time pass as it says', async () => {
    let now = START
    const { auth, refresh } = open({ clock: { now: () => now }, autoRefresh: 'off' })
    const tokens = pair({ issuedAt: START })
    await auth.login(tokens)
    await pass(DAY)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(refresh.calls).toHaveLength(0)
    now += 5 * MINUTE
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['expired'])
  })

  it('may be an instance of a class, whose methods need their this', async () => {
    class Watch implements Clock {
      readonly #zero = START
      now(): number {
        return this.#zero
      }
      monotonic(): number {
        return this.#zero - START
      }
    }
    const auth = track(createAuth({ clock: new Watch() }))
    await auth.login(pair({ issuedAt: START }))
    expect(auth.getState()).toMatchObject({ expiresAt: START + 5 * MINUTE })
  })
})

describe('after a reload from storage', () => {
  it('the token lives as long as it would have', async () => {
    const storage = cell(storedRecord({ ago: 2 * MINUTE }))
    const token = storage.record?.accessToken
    const { auth, refresh } = open({ storage, autoRefresh: 'off' })
    expect(await auth.getAccessToken()).toBe(token)
    await pass(2 * MINUTE - 1)
    expect(await auth.getAccessToken()).toBe(token)
    expect(refresh.calls).toHaveLength(0)
    await pass(MINUTE + 1)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['expired'])
  })

  it.each([HOUR, -HOUR, DAY, -DAY])('a server %i ms ahead changes nothing', async skew => {
    const storage = cell()
    const first = open({ storage, autoRefresh: 'off' })
    const tokens = pair({ issuedAt: START + skew })
    await first.auth.login(tokens)
    first.auth.dispose()
    await pass(2 * MINUTE)
    const { auth, refresh } = open({ storage, autoRefresh: 'off' })
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(refresh.calls).toHaveLength(0)
    await pass(3 * MINUTE)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['expired'])
  })

  it('a token that died meanwhile is not served', async () => {
    const storage = cell(storedRecord({ ago: HOUR }))
    const { auth, refresh } = open({ storage, autoRefresh: 'off' })
    const asked = watch(auth.getAccessToken())
    await settle()
    expect(asked.status).toBe('pending')
    expect(refresh.calls).toHaveLength(1)
    expect(refresh.last.refreshToken).toBe(storage.record?.refreshToken)
  })

  it.each([HOUR, DAY])(
    'a record from %i ms in the future is distrusted: one refresh, and then calm',
    async ahead => {
      const storage = cell(storedRecord({ ago: -ahead }))
      const { auth, refresh } = open({ storage, autoRefresh: 'off', refresh: fresh() })
      const served = await auth.getAccessToken()
      expect(served).toBeDefined()
      await auth.getAccessToken()
      expect(refresh.calls).toHaveLength(1)
      await pass(MINUTE)
      await auth.getAccessToken()
      expect(refresh.calls).toHaveLength(1)
    },
  )

  it.each([
    [2_000, 0],
    [2_001, 1],
  ])('a record from %i ms in the future costs %i refreshes', async (ahead, calls) => {
    const storage = cell(storedRecord({ ago: -ahead }))
    const { auth, refresh } = open({ storage, autoRefresh: 'off', refresh: fresh() })
    expect(await auth.getAccessToken()).toBe(storage.record?.accessToken)
    expect(refresh.calls).toHaveLength(calls)
  })

  it('a record from the future whose token has no known end is served until a 401', async () => {
    const { expiresAt: _end, lifetime: _life, ...record } = storedRecord({ ago: -HOUR })
    const { auth, refresh } = open({ storage: cell(record), autoRefresh: 'off', refresh: fresh() })
    expect(await auth.getAccessToken()).toBe(record.accessToken)
    expect(refresh.calls).toHaveLength(0)
  })

  it('a record from the future whose token cannot be replaced is not thrown away', async () => {
    const storage = cell(storedRecord({ ago: -HOUR, refreshToken: undefined } as never))
    delete (storage.record as { refreshToken?: string }).refreshToken
    const { auth } = open({ storage, autoRefresh: 'off' })
    expect(await auth.getAccessToken()).toBe(storage.record?.accessToken)
    await pass(6 * MINUTE)
    await expect(auth.getAccessToken()).rejects.toMatchObject({ reason: 'no_refresh_token' })
  })

  it('the refresh token of a record from the future is kept', async () => {
    const storage = cell(
      storedRecord({ ago: -DAY, refreshExpiresAt: START + DAY + HOUR, refreshLifetime: HOUR }),
    )
    const spent = storage.record?.refreshToken
    const { auth, refresh } = open({ storage, autoRefresh: 'off', refresh: fresh() })
    await auth.getAccessToken()
    expect(refresh.spent).toEqual([spent])
    expect(auth.getState().status).toBe('authenticated')
  })

  it('a refresh token that looks expired is sent once, and its refusal ends the session', async () => {
    const storage = cell(
      storedRecord({ ago: 2 * HOUR, refreshExpiresAt: START - HOUR, refreshLifetime: HOUR }),
    )
    const spent = storage.record?.refreshToken
    const refresh = refreshStub(() => Promise.reject(invalidGrant()))
    const { auth } = open({ storage, autoRefresh: 'off', refresh })
    await expect(auth.getAccessToken()).rejects.toMatchObject({ reason: 'refresh_token_expired' })
    expect(refresh.spent).toEqual([spent])
    expect(storage.record?.accessToken).toBeUndefined()
  })

  it('a refresh token that looks expired since the clock was corrected carries the session on', async () => {
    const storage = cell(storedRecord({ ago: MINUTE, refreshExpiresAt: START + 29 * MINUTE }))
    const spent = storage.record?.refreshToken
    jumpWall(31 * MINUTE)
    const { auth, refresh, events } = open({ storage, autoRefresh: 'off', refresh: fresh() })
    expect(await auth.getAccessToken()).toBe(storage.record?.accessToken)
    await settle()
    expect(refresh.spent).toEqual([spent])
    expect(events.names).toEqual(['refreshed'])
  })

  it('a record that was stamped again after a correction backwards is no younger for that', async () => {
    const storage = cell(null, { shared: true })
    const first = open({
      storage,
      autoRefresh: 'off',
      retry: 0,
      name: 'stamped',
      refresh: refreshStub(() => Promise.reject(httpError(503))),
    })
    const tokens = pair()
    await first.auth.login(tokens)
    jumpWall(-HOUR)
    // A failure is stored, too, for the siblings.
    const failed = watch(first.auth.refresh())
    await pass(5 * SECOND)
    expect(failed.status).toBe('rejected')
    first.auth.dispose()
    await pass(6 * MINUTE)
    const { auth, refresh } = open({ storage, autoRefresh: 'off', name: 'stamped', refresh: fresh() })
    const asked = watch(auth.getAccessToken())
    await pass(5 * SECOND)
    expect(asked.value).toBeDefined()
    expect(asked.value).not.toBe(tokens.access_token)
    expect(refresh.calls).toHaveLength(1)
  })
})
