// @vitest-environment happy-dom

import { authFetch } from 'tokenflight/fetch'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel } from '../support/channel.js'
import {
  alone,
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
  type RefreshStub,
  refreshStub,
  SECOND,
  type Stored,
  settle,
  storedRecord,
  useFakeTime,
  watch,
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

  it('does not refresh a token that has not been used', async () => {
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

describe('the timer', () => {
  it('leaves a token that is not used at the begin of its window, and is not set again', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { auth, refresh } = open()
    await auth.login(pair())
    expect(vi.getTimerCount()).toBe(1)
    await pass(4 * MINUTE)
    expect(vi.getTimerCount()).toBe(0)
    expect(refresh.calls).toHaveLength(0)
  })

  it('is not set where nothing will ever be due', async () => {
    const { auth } = open()
    await auth.login({ access_token: opaque('at'), refresh_token: opaque('rt') })
    await auth.getAccessToken()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('starts nothing in a session that cannot be renewed, until that is over', async () => {
    const { auth, refresh, events } = open()
    await auth.login(alone())
    await auth.getAccessToken()
    await pass(5 * MINUTE - 1)
    expect(events.names).toEqual(['login', 'sessionExpiring'])
    expect(events.statuses).toEqual(['authenticated'])
    await pass(1)
    expect(events.names).toEqual(['login', 'sessionExpiring', 'sessionExpired'])
    expect(refresh.calls).toHaveLength(0)
  })

  it('waits for the flight that a session ends in', async () => {
    const { auth, refresh } = open({ refreshTimeout: 10 * MINUTE })
    await auth.login({ ...pair(), refresh_expires_in: 360 })
    await pass(5.5 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['expired'])
    const timeouts = vi.spyOn(globalThis, 'setTimeout')
    await pass(2 * MINUTE)
    expect(timeouts).not.toHaveBeenCalled()
    const next = refresh.last.answer()
    await settle()
    expect(asked.value).toBe(next.access_token)
    expect(refresh.calls).toHaveLength(1)
  })

  it('leaves it to the tab that may try again', async () => {
    const storage = cell(
      storedRecord({
        ago: 4.5 * MINUTE,
        failures: 1,
        retryAt: Date.now() + 20 * SECOND,
        backoffAt: Date.now(),
        retrying: true,
      }),
      { shared: true },
    )
    const { auth, refresh } = open({ storage, autoRefresh: 'always', refresh: answering() })
    await settle()
    window.dispatchEvent(new Event('focus'))
    await pass(20 * SECOND - 1)
    expect(auth.getState()).toMatchObject({ refreshing: false })
    expect(refresh.calls).toHaveLength(0)
    await pass(1)
    expect(refresh.reasons).toEqual(['ahead'])
  })
})

describe('background always', () => {
  it('refreshes hidden and unused tokens too', async () => {
    const { auth, refresh } = open({ autoRefresh: 'always', refresh: answering() })
    await auth.login(pair())
    show('hidden')
    await pass(HOUR)
    expect(refresh.calls.length).toBeGreaterThanOrEqual(13)
    expect(refresh.calls.length).toBeLessThanOrEqual(16)
  })
})

describe('background off', () => {
  it('never refreshes by itself', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off', refresh: answering() })
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

  it('sets no timer for a refresh', async () => {
    const { auth } = open({ autoRefresh: 'off' })
    await auth.login(pair())
    await auth.getAccessToken()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('still refreshes for a request', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off', refresh: answering() })
    await auth.login(pair())
    await pass(4.5 * MINUTE)
    await auth.getAccessToken()
    await settle()
    expect(refresh.reasons).toEqual(['ahead'])
  })

  it('still says when the session is over', async () => {
    const { auth, events } = open({ autoRefresh: 'off' })
    await auth.login({ access_token: pair().access_token })
    await pass(5 * MINUTE)
    expect(events.names).toEqual(['login', 'sessionExpiring', 'sessionExpired'])
  })
})

describe('the timer after a 401', () => {
  it('tries the failed refresh again for the same reason', async () => {
    let isDown = true
    const refresh = refreshStub(() => (isDown ? Promise.reject(httpError(503)) : Promise.resolve(pair())))
    const { auth } = open({ refresh, retry: 0 })
    await auth.login(pair())
    const statuses = [401, 200]
    const send = async (): Promise<Response> => new Response('{}', { status: statuses.shift() as number })
    const api = authFetch(auth, { allowedOrigins: ['https://api.example'], fetch: send })
    const call = watch(api('https://api.example/orders'))
    await settle()
    expect(call).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED' } })
    isDown = false
    await pass(5 * MINUTE)
    expect(refresh.reasons).toEqual(['rejected', 'rejected'])
    expect((await api('https://api.example/orders')).status).toBe(200)
    expect(refresh.calls).toHaveLength(2)
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

  it.each(['pageshow', 'focus', 'online'])('by %s notices the sleep of a hidden page', async event => {
    const { auth, refresh } = open({ autoRefresh: 'always', refresh: answering() })
    await auth.login(pair())
    show('hidden')
    await settle()
    sleep(4.5 * MINUTE)
    window.dispatchEvent(new Event(event))
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

  it('asks once about a session whose tokens died in the sleep, and a refusal ends it', async () => {
    const refresh = refreshStub(() => Promise.reject(httpError(401)))
    const { auth, events } = open({ refresh })
    const tokens = pair()
    await auth.login({ ...tokens, refresh_expires_in: 3_600 })
    sleep(DAY)
    window.dispatchEvent(new Event('focus'))
    await settle()
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_token_expired' }])
    expect(auth.getState().status).toBe('expired')
    expect(refresh.spent).toEqual([tokens.refresh_token])
  })

  it.each([
    ['a hidden page', 'active', 'hidden'],
    ['a page without the timer', 'off', 'visible'],
  ] as const)('%s asks nothing about a session that looks expired', async (_, autoRefresh, state) => {
    const { auth, refresh, events } = open({ autoRefresh })
    await auth.login({ ...pair(), refresh_expires_in: 600 })
    show(state)
    await pass(DAY)
    expect(refresh.calls).toHaveLength(0)
    expect(events.of('sessionExpired')).toEqual([])
    expect(auth.getState().status).toBe('authenticated')
  })

  it('a page that is visible asks about it by itself, once while the server is down', async () => {
    const { auth, refresh } = open({ refresh: refreshStub(() => Promise.reject(httpError(503))), retry: 0 })
    await auth.login({ ...pair(), refresh_expires_in: 600 })
    await pass(DAY)
    expect(refresh.calls).toHaveLength(1)
    expect(auth.getState().status).toBe('authenticated')
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

  it('by online resumes the refresh that was offline', async () => {
    const { auth, refresh } = open({ refresh: answering() })
    await auth.login(pair())
    await auth.getAccessToken()
    connect(false)
    await pass(5 * MINUTE)
    expect(refresh.calls).toHaveLength(0)
    connect(true)
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(1)
    expect(await auth.getAccessToken()).toBeDefined()
  })

  it('by online resumes at once the refresh that a request tried in vain', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const refresh = refreshStub((_, number) =>
      number === 1 ? Promise.reject(new TypeError('Failed to fetch')) : Promise.resolve(pair()),
    )
    const { auth } = open({ refresh })
    await auth.login(pair())
    await auth.getAccessToken()
    connect(false)
    await pass(5 * MINUTE)
    await expect(auth.getAccessToken()).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    expect(refresh.calls).toHaveLength(1)
    connect(true)
    await settle()
    expect(refresh.calls).toHaveLength(2)
    expect(await auth.getAccessToken()).toBeDefined()
  })

  it('by online forgets our own back-off, and by no other event', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const refresh = refreshStub((_, number) =>
      number === 1 ? Promise.reject(new TypeError('Failed to fetch')) : Promise.resolve(pair()),
    )
    const { auth } = open({ refresh, retry: 0 })
    await auth.login(pair())
    await pass(4.5 * MINUTE)
    await auth.getAccessToken()
    await settle()
    expect(auth.getState()).toMatchObject({ error: { code: 'ERR_REFRESH_FAILED' } })
    for (const type of ['focus', 'pageshow']) {
      window.dispatchEvent(new Event(type))
      await settle()
    }
    show('visible')
    await settle()
    expect(refresh.calls).toHaveLength(1)
    connect(true)
    await settle()
    expect(refresh.reasons).toEqual(['ahead', 'ahead'])
    expect(auth.getState()).not.toHaveProperty('error')
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

describe('a page whose session is shared', () => {
  let name = ''
  let number = 0
  beforeEach(() => {
    Channel.install()
    name = `shared-${++number}`
  })

  /** A page, and its sibling, which stores new tokens and sends a message where it should. */
  const share = async () => {
    const storage = cell(storedRecord(), { shared: true })
    const { auth, refresh, events } = open({ storage, name })
    await settle()
    const read = vi.spyOn(storage, 'getItem')
    const renew = (isSaid: boolean): Stored => {
      const record = storedRecord({ version: 2.5 })
      storage.record = record
      if (isSaid) new Channel(`tokenflight:${name}`).postMessage({ changed: true })
      return record
    }
    return { auth, refresh, events, read, renew }
  }

  it('learns the news of a sibling at once', async () => {
    const { auth, refresh, events, renew } = await share()
    const { accessToken } = renew(true)
    await pass(1)
    expect(events.of('refreshed')).toMatchObject([{ source: 'tab' }])
    expect(await auth.getAccessToken()).toBe(accessToken)
    expect(refresh.calls).toHaveLength(0)
  })

  it('reads no message while it is frozen, and catches up when it is resumed', async () => {
    const { auth, refresh, events, read, renew } = await share()
    document.dispatchEvent(new Event('freeze'))
    const { accessToken } = renew(true)
    await pass(SECOND)
    expect(read).not.toHaveBeenCalled()
    document.dispatchEvent(new Event('resume'))
    await settle()
    expect(events.of('refreshed')).toMatchObject([{ source: 'tab' }])
    expect(await auth.getAccessToken()).toBe(accessToken)
    expect(refresh.calls).toHaveLength(0)
  })

  it('reads the storage before the next token once it was frozen', async () => {
    const { auth, refresh, renew } = await share()
    document.dispatchEvent(new Event('freeze'))
    const { accessToken } = renew(false)
    expect(await auth.getAccessToken()).toBe(accessToken)
    expect(refresh.calls).toHaveLength(0)
  })

  it.each<[string, () => void]>([
    ['resume', () => document.dispatchEvent(new Event('resume'))],
    [
      'a pageshow that brings it back',
      () => window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true })),
    ],
  ])('reads the storage by itself at %s', async (_, wake) => {
    const { events, renew } = await share()
    renew(false)
    wake()
    await settle()
    expect(events.of('refreshed')).toMatchObject([{ source: 'tab' }])
  })

  it.each<[string, () => void]>([
    ['visibilitychange', () => show('visible')],
    ['pageshow', () => window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }))],
    ['focus', () => window.dispatchEvent(new Event('focus'))],
    ['online', () => connect(true)],
  ])('does not read the storage at a mere %s', async (_, wake) => {
    const { auth, read } = await share()
    wake()
    await settle()
    expect(await auth.getAccessToken()).toEqual(expect.any(String))
    expect(read).not.toHaveBeenCalled()
  })
})

describe('a page whose session is its own', () => {
  it('hands out its token at once after it was resumed', async () => {
    const { auth } = open()
    const tokens = pair()
    await auth.login(tokens)
    document.dispatchEvent(new Event('freeze'))
    document.dispatchEvent(new Event('resume'))
    const engine = engineView(auth)
    expect(engine.acquire(engine.session())).toMatchObject({ accessToken: tokens.access_token })
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
    const { auth, refresh, events } = open({ autoRefresh: 'always', refresh: answering() })
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
