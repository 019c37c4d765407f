// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  DAY,
  HOUR,
  httpError,
  jumpWall,
  MINUTE,
  open,
  pair,
  pass,
  type RefreshStub,
  refreshStub,
  SECOND,
  settle,
  useFakeTime,
} from '../support/core.js'

useFakeTime()

let visibility: 'visible' | 'hidden'
let isOnline: boolean

beforeEach(() => {
  visibility = 'visible'
  isOnline = true
  vi.spyOn(document, 'visibilityState', 'get').mockImplementation(() => visibility)
  vi.spyOn(navigator, 'onLine', 'get').mockImplementation(() => isOnline)
})

afterEach(() => {
  vi.restoreAllMocks()
})

function show(state: 'visible' | 'hidden'): void {
  visibility = state
  document.dispatchEvent(new Event('visibilitychange'))
}

function connect(online: boolean): void {
  isOnline = online
  window.dispatchEvent(new Event(online ? 'online' : 'offline'))
}

const answering = (lifetime = 5 * MINUTE): RefreshStub => refreshStub(async () => pair({ lifetime }))

describe('background active', () => {
  it('refreshes ahead while the page is visible and the token is used', async () => {
    const { auth, refresh } = open({ refresh: answering() })
    await auth.login(pair())
    await auth.getAccessToken()
    await pass(5 * MINUTE)
    expect(refresh.reasons).toEqual(['ahead'])
  })

  it('does not refresh a token that nobody has used', async () => {
    const { auth, refresh } = open({ refresh: answering() })
    await auth.login(pair())
    await pass(HOUR)
    expect(refresh.calls).toHaveLength(0)
    expect(auth.getState().status).toBe('authenticated')
  })

  it('does not keep an abandoned tab logged in for ever', async () => {
    const { auth, refresh } = open({ refresh: answering() })
    await auth.login(pair())
    await auth.getAccessToken()
    await pass(DAY)
    expect(refresh.reasons).toEqual(['ahead'])
  })

  it('rests while the page is hidden and catches up when it is shown', async () => {
    const { auth, refresh } = open({ refresh: answering() })
    await auth.login(pair())
    await auth.getAccessToken()
    show('hidden')
    await pass(DAY)
    expect(refresh.calls).toHaveLength(0)
    show('visible')
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(1)
    expect(auth.getState()).toMatchObject({ status: 'authenticated' })
  })

  it('does not set timers in vain while hidden', async () => {
    const { auth } = open({ refresh: answering() })
    await auth.login(pair())
    await auth.getAccessToken()
    show('hidden')
    const timeouts = vi.spyOn(globalThis, 'setTimeout')
    await pass(HOUR)
    expect(timeouts.mock.calls.length).toBeLessThan(5)
  })

  it('takes up a token that is used inside its window', async () => {
    const { auth, refresh } = open({ refresh: answering() })
    await auth.login(pair())
    await pass(4.5 * MINUTE)
    expect(refresh.calls).toHaveLength(0)
    await auth.getAccessToken()
    await settle()
    expect(refresh.reasons).toEqual(['ahead'])
  })
})

describe('background always', () => {
  it('refreshes hidden and unused tokens too', async () => {
    const { auth, refresh } = open({ background: 'always', refresh: answering() })
    await auth.login(pair())
    show('hidden')
    await pass(HOUR)
    expect(refresh.calls.length).toBeGreaterThanOrEqual(13)
    expect(refresh.calls.length).toBeLessThanOrEqual(16)
  })
})

describe('background off', () => {
  it('never refreshes by itself', async () => {
    const { auth, refresh } = open({ background: 'off', refresh: answering() })
    await auth.login(pair())
    await auth.getAccessToken()
    await pass(DAY)
    show('hidden')
    show('visible')
    window.dispatchEvent(new Event('focus'))
    connect(true)
    await pass(MINUTE)
    expect(refresh.calls).toHaveLength(0)
  })

  it('still refreshes for a request', async () => {
    const { auth, refresh } = open({ background: 'off', refresh: answering() })
    await auth.login(pair())
    await pass(4.5 * MINUTE)
    await auth.getAccessToken()
    await settle()
    expect(refresh.reasons).toEqual(['ahead'])
  })

  it('still says when the session is over', async () => {
    const { auth, events } = open({ background: 'off' })
    await auth.login({ access_token: pair().access_token })
    await pass(5 * MINUTE)
    expect(events.names).toEqual(['login', 'sessionExpiring', 'sessionExpired'])
  })
})

describe('waking', () => {
  /** As if the device had slept: the wall clock moves on, timers do not fire. */
  const sleep = jumpWall

  it.each<[string, () => void]>([
    ['visibilitychange', () => show('visible')],
    ['pageshow', () => window.dispatchEvent(new Event('pageshow'))],
    ['focus', () => window.dispatchEvent(new Event('focus'))],
    ['online', () => connect(true)],
  ])('by %s checks the deadline at once', async (_, wake) => {
    const { auth, refresh } = open({ refresh: answering() })
    await auth.login(pair())
    await auth.getAccessToken()
    sleep(4.5 * MINUTE)
    await settle()
    expect(refresh.calls).toHaveLength(0)
    wake()
    await settle()
    expect(refresh.reasons).toEqual(['ahead'])
  })

  it('by several events at once is one check and one refresh', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    await auth.getAccessToken()
    sleep(HOUR)
    const timers = vi.getTimerCount()
    show('visible')
    window.dispatchEvent(new Event('pageshow'))
    window.dispatchEvent(new Event('focus'))
    connect(true)
    window.dispatchEvent(new Event('focus'))
    expect(vi.getTimerCount()).toBe(timers + 1)
    await settle()
    expect(refresh.calls).toHaveLength(1)
  })

  it('before the window changes nothing and sets no further timer', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    await auth.getAccessToken()
    const timers = vi.getTimerCount()
    for (let time = 0; time < 50; time++) {
      window.dispatchEvent(new Event('focus'))
      await settle()
    }
    expect(refresh.calls).toHaveLength(0)
    expect(vi.getTimerCount()).toBe(timers)
  })

  it('ends a session whose tokens died in the sleep', async () => {
    const { auth, refresh, events } = open()
    await auth.login({ ...pair(), refresh_expires_in: 3_600 })
    sleep(DAY)
    window.dispatchEvent(new Event('focus'))
    await settle()
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_token_expired' }])
    expect(auth.getState().status).toBe('expired')
    expect(refresh.calls).toHaveLength(0)
  })

  it('leaves an anonymous page alone', async () => {
    const { auth, refresh, events } = open()
    await auth.ready
    window.dispatchEvent(new Event('focus'))
    connect(true)
    await pass(MINUTE)
    expect(refresh.calls).toHaveLength(0)
    expect(events.all).toEqual([])
  })

  it('by online resumes what was offline', async () => {
    const { auth, refresh } = open({ refresh: answering() })
    await auth.login(pair())
    await auth.getAccessToken()
    connect(false)
    await pass(5 * MINUTE)
    await expect(auth.getAccessToken()).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    expect(refresh.calls).toHaveLength(0)
    connect(true)
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(1)
    expect(await auth.getAccessToken()).toBeDefined()
  })

  it('by online forgets our own cool-down', async () => {
    const refresh = refreshStub(async (_, number) => {
      if (number < 4) throw new TypeError('Failed to fetch')
      return pair()
    })
    const { auth } = open({ refresh, retry: 0 })
    await auth.login(pair())
    await pass(5 * MINUTE)
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    for (let time = 0; time < 3; time++) {
      await auth.getAccessToken().catch(() => {})
      await pass(30 * SECOND)
    }
    const { length } = refresh.calls
    await auth.getAccessToken().catch(() => {})
    connect(false)
    connect(true)
    await pass(SECOND)
    expect(await auth.getAccessToken()).toBeDefined()
    expect(refresh.calls.length).toBeGreaterThanOrEqual(length)
  })

  it('by online does not override Retry-After', async () => {
    const refresh = refreshStub(async () => {
      throw httpError(429, {}, { 'retry-after': '120' })
    })
    const { auth } = open({ refresh })
    await auth.login(pair())
    await pass(5 * MINUTE)
    await auth.getAccessToken().catch(() => {})
    const { length } = refresh.calls
    connect(false)
    connect(true)
    await pass(SECOND)
    await auth.getAccessToken().catch(() => {})
    expect(refresh.calls).toHaveLength(length)
  })
})

describe('dispose in a page', () => {
  it('leaves no listener and no timer', async () => {
    const present = new Map<unknown, string>()
    for (const target of [window, document] as EventTarget[]) {
      const { addEventListener, removeEventListener } = target
      vi.spyOn(target, 'addEventListener').mockImplementation(function (this: EventTarget, name, listener) {
        const entry = (event: Event): void => (listener as (event: Event) => void)(event)
        present.set(entry, name)
        addEventListener.call(target, name, entry)
      })
      vi.spyOn(target, 'removeEventListener').mockImplementation(function (this: EventTarget, name) {
        for (const [entry, of] of present) {
          if (of !== name) continue
          present.delete(entry)
          removeEventListener.call(target, name, entry as never)
          return
        }
      })
    }
    const { auth, refresh } = open()
    for (const name of ['visibilitychange', 'pageshow', 'focus', 'online']) {
      expect([...present.values()]).toContain(name)
    }
    for (const name of ['unload', 'beforeunload']) expect([...present.values()]).not.toContain(name)
    await auth.login(pair())
    await auth.getAccessToken()
    window.dispatchEvent(new Event('focus'))
    auth.dispose()
    auth.dispose()
    expect([...present.values()]).toEqual([])
    await settle()
    expect(vi.getTimerCount()).toBe(0)
    await pass(DAY)
    window.dispatchEvent(new Event('focus'))
    await settle()
    expect(refresh.calls).toHaveLength(0)
  })

  it('of one leaves another alone', async () => {
    const one = open({ name: 'one', refresh: answering() })
    const other = open({ name: 'other', refresh: answering() })
    await one.auth.login(pair())
    await other.auth.login(pair())
    await one.auth.getAccessToken()
    await other.auth.getAccessToken()
    one.auth.dispose()
    await pass(5 * MINUTE)
    expect(one.refresh.calls).toHaveLength(0)
    expect(other.refresh.calls).toHaveLength(1)
  })
})

describe('while offline', () => {
  it('the timer burns no attempt', async () => {
    const { auth, refresh, events } = open({ background: 'always', refresh: answering() })
    await auth.login(pair())
    connect(false)
    await pass(DAY)
    expect(refresh.calls).toHaveLength(0)
    expect(events.of('refreshFailed').length).toBeLessThanOrEqual(1)
    expect(auth.getState().status).toBe('authenticated')
    connect(true)
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(1)
  })

  it('an ageing token is served and nothing is tried', async () => {
    const { auth, refresh } = open({ refresh: answering() })
    const tokens = pair()
    await auth.login(tokens)
    connect(false)
    await pass(4.5 * MINUTE)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(refresh.calls).toHaveLength(0)
  })
})
