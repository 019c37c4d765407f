import { createAuth } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import {
  expectNoToken,
  httpError,
  invalidGrant,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  refreshTo,
  rejection,
  SECOND,
  settle,
  track,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

describe('events', () => {
  it('tell the story of a session in its order', async () => {
    const { auth, refresh, events } = open({ retry: 0 })
    await auth.login(pair())
    await refreshTo(auth, () => refresh.last.answer())
    await refreshTo(auth, () => refresh.last.fail(httpError(503)))
    await refreshTo(auth, () => refresh.last.fail(invalidGrant()))
    await auth.logout()
    expect(events.names).toEqual(['login', 'refreshed', 'refreshFailed', 'sessionExpired'])
    await auth.login(pair())
    await auth.logout()
    expect(events.names.slice(4)).toEqual(['login', 'logout'])
  })

  it('carry the members of their types, and no token', async () => {
    const { auth, refresh, events } = open({ retry: 0 })
    await auth.login({ ...pair(), refresh_expires_in: 3_600 })
    watch(auth.refresh())
    await pass(300)
    refresh.last.answer()
    await settle()
    await refreshTo(auth, () => refresh.last.fail(httpError(503)))
    await refreshTo(auth, () => refresh.last.fail(invalidGrant()))
    await auth.login(pair())
    await auth.logout()
    expect(events.of('refreshed')).toEqual([
      { reason: 'manual', duration: 300, attempts: 1, source: 'network' },
    ])
    expect(events.of('refreshFailed')).toEqual([
      { error: expect.any(Error), class: 'transient', attempts: 1, retryAt: expect.any(Number) },
    ])
    expect(events.of('sessionExpired')).toEqual([{ reason: 'refresh_rejected', error: expect.any(Error) }])
    expect(events.of('logout')).toEqual([{ source: 'local' }])
    expectNoToken(events.all)
  })

  it('count the retries of a flight in its duration and its attempts', async () => {
    const refresh = refreshStub((_, number) =>
      number < 3 ? Promise.reject(httpError(503, {}, { 'retry-after': '2' })) : Promise.resolve(pair()),
    )
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { auth, events } = open({ refresh })
    await auth.login(pair())
    watch(auth.refresh())
    await pass(MINUTE)
    const [refreshed] = events.of('refreshed')
    expect(refreshed?.attempts).toBe(3)
    expect(refreshed?.duration).toBeGreaterThanOrEqual(4 * SECOND)
    expect(refreshed?.duration).toBeLessThan(4 * SECOND + 100)
  })

  it('of the same kind reach all listeners in the order in which they came', async () => {
    const { auth } = open()
    const order: number[] = []
    for (const number of [1, 2, 3]) auth.on('login', () => void order.push(number))
    await auth.login(pair())
    expect(order).toEqual([1, 2, 3])
  })

  it('come when the state has changed already', async () => {
    const { auth } = open({ refresh: refreshStub(() => Promise.reject(invalidGrant())) })
    const seen: string[] = []
    auth.on('login', () => void seen.push(`login: ${auth.getState().status}`))
    auth.on('sessionExpired', () => void seen.push(`sessionExpired: ${auth.getState().status}`))
    auth.on('logout', () => void seen.push(`logout: ${auth.getState().status}`))
    await auth.login(pair())
    await rejection(auth.refresh())
    await auth.login(pair())
    await auth.logout()
    expect(seen).toEqual([
      'login: authenticated',
      'sessionExpired: expired',
      'login: authenticated',
      'logout: anonymous',
    ])
  })

  it('come while a test has replaced queueMicrotask, as the fake timers of Jest do', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance', 'queueMicrotask'] })
    const { auth, refresh, events } = open({ retry: 0 })
    await auth.login(pair())
    expect([events.names, events.statuses]).toEqual([['login'], ['authenticated']])
    const first = auth.refresh()
    await vi.waitFor(() => expect(refresh.calls).toHaveLength(1))
    // This one is asked for after the request, so it gets a request of its own.
    const second = auth.refresh()
    refresh.last.answer()
    await first
    await vi.waitFor(() => expect(refresh.calls).toHaveLength(2))
    refresh.last.answer()
    await second
    expect(events.names).toEqual(['login', 'refreshed', 'refreshed'])
  })

  it('without a listener cause no warning', async () => {
    const auth = track(createAuth({ refresh: refreshStub(async () => pair()) }))
    const warned = vi.fn()
    auth.on('warning', warned)
    await auth.login(pair())
    await auth.refresh()
    await auth.logout()
    expect(warned).not.toHaveBeenCalled()
  })

  it('stop with the function that on gave', async () => {
    const { auth } = open()
    let calls = 0
    const stop = auth.on('login', () => void calls++)
    await auth.login(pair())
    stop()
    stop()
    await auth.login(pair())
    expect(calls).toBe(1)
  })

  it('that a listener unsubscribes from while they are delivered still reach the others', async () => {
    const { auth } = open()
    const order: string[] = []
    const stop = auth.on('login', () => {
      order.push('first')
      stop()
    })
    auth.on('login', () => void order.push('second'))
    await auth.login(pair())
    await auth.login(pair())
    expect(order).toEqual(['first', 'second', 'second'])
  })
})

describe('a listener that throws', () => {
  it('harms neither the others nor the engine, and a warning tells', async () => {
    const { auth, refresh, events } = open()
    const bug = new Error('bug in a listener')
    let reached = 0
    auth.on('login', () => {
      throw bug
    })
    auth.on('login', () => void reached++)
    auth.subscribe(() => {
      throw bug
    })
    auth.subscribe(() => void reached++)
    await auth.login(pair())
    expect(reached).toBe(2)
    const warnings = events.of('warning')
    expect(warnings).toEqual([
      { message: 'A listener of login threw', error: bug },
      { message: 'A listener of subscribe threw', error: bug },
    ])
    const done = watch(auth.refresh())
    await settle()
    refresh.last.answer()
    await settle()
    expect(done.status).toBe('fulfilled')
  })

  it.each<[string, (error: unknown) => unknown]>([
    ['rejects', error => Promise.reject(error)],
    ['rejects a moment later', error => settle().then(() => Promise.reject(error))],
    [
      'returns a thenable that rejects',
      error => ({
        // biome-ignore lint/suspicious/noThenProperty: a promise of another library
        then: (_: unknown, reject: (error: unknown) => void) => reject(error),
      }),
    ],
  ])('that %s causes a warning, and no unhandled rejection', async (_, fail) => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const { auth, events } = open()
    const bug = new Error('bug in a listener')
    auth.on('login', () => fail(bug) as undefined)
    auth.on('*', ({ type }) => (type === 'login' ? (fail(bug) as undefined) : undefined))
    auth.subscribe(() => fail(bug) as undefined)
    await auth.login(pair())
    await pass(1)
    vi.useRealTimers()
    await new Promise(resolve => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
    expect(events.of('warning')).toEqual([
      { message: 'A listener of login rejected', error: bug },
      { message: 'A listener of login rejected', error: bug },
      { message: 'A listener of subscribe rejected', error: bug },
    ])
  })

  it('of warning that rejects starts no avalanche, and no unhandled rejection', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const { auth } = open()
    let warnings = 0
    auth.on('warning', async () => {
      warnings++
      throw new Error('bug')
    })
    auth.on('login', async () => {
      throw new Error('bug')
    })
    await auth.login(pair())
    await pass(1)
    vi.useRealTimers()
    await new Promise(resolve => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
    expect([warnings, unhandled.mock.calls.length]).toEqual([1, 0])
  })

  it('of refreshed fails no waiter', async () => {
    const { auth } = open({ refresh: refreshStub(async () => pair()), autoRefresh: 'off' })
    await auth.login(pair())
    await pass(5 * MINUTE)
    auth.on('refreshed', () => {
      throw new Error('bug')
    })
    expect(await auth.getAccessToken()).toBeDefined()
  })

  it('of sessionExpired still ends the session', async () => {
    const { auth } = open({ refresh: refreshStub(() => Promise.reject(invalidGrant())) })
    await auth.login(pair())
    auth.on('sessionExpired', () => {
      throw new Error('bug')
    })
    await expect(auth.refresh()).rejects.toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
    expect(auth.getState().status).toBe('expired')
  })

  it('of warning starts no avalanche', async () => {
    const { auth } = open()
    let warnings = 0
    auth.on('warning', () => {
      warnings++
      throw new Error('bug')
    })
    auth.on('login', () => {
      throw new Error('bug')
    })
    await auth.login(pair())
    await settle()
    expect(warnings).toBe(1)
    expect(auth.getState().status).toBe('authenticated')
  })

  it('asynchronously is no unhandled rejection of ours, and no warning either', async () => {
    const { auth } = open()
    const handled = vi.fn()
    auth.on('login', () => {
      Promise.reject(new Error('theirs')).catch(handled)
    })
    await auth.login(pair())
    await settle()
    expect(handled).toHaveBeenCalledTimes(1)
  })
})

describe('a listener that calls back', () => {
  it('may log out in refreshed, and no caller gets the tokens', async () => {
    const { auth, refresh, events } = open({ autoRefresh: 'off' })
    await auth.login(pair())
    await pass(5 * MINUTE)
    auth.on('refreshed', () => void auth.logout())
    const asked = watch(auth.getAccessToken())
    await settle()
    refresh.last.answer()
    await settle()
    expect(asked.status).not.toBe('pending')
    expect(events.names).toEqual(['login', 'refreshed', 'logout'])
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('may log in within logout', async () => {
    const { auth, events } = open()
    await auth.login(pair())
    const next = pair()
    auth.on('logout', () => void auth.login(next))
    await auth.logout()
    expect(await auth.getAccessToken()).toBe(next.access_token)
    await settle()
    expect(events.names).toEqual(['login', 'logout', 'login'])
  })

  it('may subscribe and unsubscribe', async () => {
    const { auth } = open()
    let inner = 0
    auth.on('login', () => {
      auth.on('login', () => void inner++)
    })
    await auth.login(pair())
    await auth.login(pair())
    expect(inner).toBe(1)
  })

  it('may dispose', async () => {
    const { auth } = open({ autoRefresh: 'always' })
    auth.on('login', () => auth.dispose())
    await auth.login(pair())
    expect(vi.getTimerCount()).toBe(0)
  })

  it('sees the events that it caused after its own', async () => {
    const { auth } = open()
    const order: string[] = []
    let isFirst = true
    auth.on('login', () => {
      order.push('login begins')
      if (isFirst) {
        isFirst = false
        void auth.logout()
      }
      order.push('login ends')
    })
    auth.on('logout', () => void order.push('logout'))
    await auth.login(pair())
    expect(order).toContain('logout')
    expect(order[0]).toBe('login begins')
  })

  it('receives all its changes as one change', async () => {
    const { auth, events } = open()
    const stop = auth.on('login', () => {
      stop()
      void auth.logout()
      void auth.login(pair())
    })
    await auth.login(pair())
    await settle()
    expect(events.names).toEqual(['login', 'logout', 'login'])
    expect(events.statuses).toEqual(['authenticated'])
  })

  it('does not change the order in which the others see the events', async () => {
    const { auth } = open()
    auth.on('login', () => void auth.logout())
    const order: string[] = []
    auth.on('login', () => void order.push('login'))
    auth.on('logout', () => void order.push('logout'))
    await auth.login(pair())
    expect(order).toEqual(['login', 'logout'])
  })
})
