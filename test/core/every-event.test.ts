import { type AuthEvent, createAuth } from 'tokenflight'
import { describe, expect, expectTypeOf, it, vi } from 'vitest'
import { createEvents } from '../../src/core/events.js'
import {
  deferred,
  expectNoToken,
  httpError,
  invalidGrant,
  open,
  pair,
  refreshStub,
  refreshTo,
  rejection,
  settle,
  track,
  useFakeTime,
} from '../support/core.js'

useFakeTime()

describe("auth.on('*', listener)", () => {
  it('receives every event with its name, in the order of the named listeners', async () => {
    const { auth, refresh, events } = open({ retry: 0 })
    const seen: AuthEvent[] = []
    auth.on('*', event => void seen.push(event))
    await auth.login({ ...pair(), refresh_expires_in: 3_600 })
    await refreshTo(auth, () => refresh.last.answer())
    await refreshTo(auth, () => refresh.last.fail(httpError(503)))
    await refreshTo(auth, () => refresh.last.fail(invalidGrant()))
    await auth.login(pair())
    await auth.logout()
    expect(seen.map(({ type }) => type)).toEqual([
      'login',
      'refreshed',
      'refreshFailed',
      'sessionExpired',
      'login',
      'logout',
    ])
    expect(seen).toEqual(events.all.map(([type, event]) => ({ type, ...event })))
    expectNoToken(seen)
  })

  it('receives no change of state, which has no name', async () => {
    const { auth } = open()
    const seen: string[] = []
    auth.on('*', ({ type }) => void seen.push(type))
    auth.subscribe(() => void seen.push('state'))
    await auth.login(pair())
    expect(seen.sort()).toEqual(['login', 'state'])
  })

  it('receives an event that was emitted while the session was created', async () => {
    const auth = track(
      createAuth({
        refresh: refreshStub(async () => pair()),
        storage: {
          getItem() {
            throw new Error('no storage here')
          },
          setItem() {},
          removeItem() {},
        },
      }),
    )
    const seen: AuthEvent[] = []
    auth.on('*', event => void seen.push(event))
    await auth.ready
    expect(seen.map(({ type }) => type)).toContain('warning')
  })

  it('is called after the listeners of the event itself', async () => {
    const { auth } = open()
    const order: string[] = []
    auth.on('*', ({ type }) => void order.push(`every: ${type}`))
    auth.on('login', () => void order.push('login'))
    await auth.login(pair())
    expect(order).toEqual(['login', 'every: login'])
  })

  it('stops with the function that on returned', async () => {
    const { auth } = open()
    const listener = vi.fn()
    const stop = auth.on('*', listener)
    await auth.login(pair())
    stop()
    await auth.logout()
    expect(listener).toHaveBeenCalledTimes(1)
  })

  it('leaves the event of a named listener alone when it writes to its own', async () => {
    const { auth } = open({ refresh: refreshStub(async () => pair()) })
    auth.on('*', event => void Object.assign(event, { type: 'changed', reason: 'changed' }))
    const reasons: string[] = []
    auth.on('refreshed', ({ reason }) => void reasons.push(reason))
    await auth.login(pair())
    await auth.refresh()
    await auth.refresh()
    expect(reasons).toEqual(['manual', 'manual'])
  })

  it('receives a warning when another listener throws', async () => {
    const { auth } = open()
    const seen: AuthEvent[] = []
    const bug = new Error('bug in a listener')
    auth.on('login', () => {
      throw bug
    })
    auth.on('*', event => void seen.push(event))
    await auth.login(pair())
    expect(seen).toEqual([
      { type: 'login' },
      { type: 'warning', message: expect.stringContaining('login'), error: bug },
    ])
  })

  it('causes one warning when it always throws, and the session goes on', async () => {
    const { auth, events } = open({ refresh: refreshStub(async () => pair()) })
    let calls = 0
    auth.on('*', () => {
      calls++
      throw new Error('bug')
    })
    await auth.login(pair())
    await settle()
    expect(events.of('warning')).toHaveLength(1)
    expect(calls).toBe(2)
    expect(await auth.getAccessToken()).toBeDefined()
  })

  it('may log out within an event that it receives', async () => {
    const { auth, refresh, events } = open({
      refresh: refreshStub(() => Promise.reject(httpError(503))),
      retry: 0,
    })
    auth.on('*', ({ type }) => {
      if (type === 'refreshFailed') void auth.logout()
    })
    await auth.login(pair())
    await rejection(auth.refresh())
    await settle()
    expect(events.names).toEqual(['login', 'refreshFailed', 'logout'])
    expect(refresh.calls).toHaveLength(1)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('has a type that its name narrows', () => {
    const { auth } = open()
    auth.on('*', event => {
      if (event.type === 'refreshed') expectTypeOf(event.source).toEqualTypeOf<'network' | 'tab'>()
      if (event.type === 'request') expectTypeOf(event.url).toEqualTypeOf<string>()
      if (event.type === 'sessionExpired')
        expectTypeOf(event.reason).toEqualTypeOf<
          'refresh_token_expired' | 'refresh_rejected' | 'no_refresh_token'
        >()
    })
    auth.on('refreshed', event => expectTypeOf(event).not.toHaveProperty('type'))
    expectTypeOf<AuthEvent['type']>().toEqualTypeOf<
      | 'login'
      | 'refreshed'
      | 'refreshFailed'
      | 'sessionExpiring'
      | 'sessionExpired'
      | 'logout'
      | 'challenge'
      | 'warning'
      | 'request'
    >()
  })
})

describe('the queue of events', () => {
  it('counts requests up from 1, where a listener receives every event', () => {
    const events = createEvents()
    expect(events.nextRequestId()).toBeUndefined()
    events.on('*', () => {})
    expect([events.nextRequestId(), events.nextRequestId()]).toEqual([1, 2])
  })

  it('is held back until the last of two waits is over', async () => {
    const events = createEvents()
    const received: string[] = []
    events.on('warning', ({ message }) => void received.push(message))
    await settle()
    const [first, second] = [deferred<void>(), deferred<void>()]
    events.hold(first.promise)
    events.hold(second.promise)
    events.emitNow('warning', { message: 'held' })
    first.resolve()
    await settle()
    expect(received).toEqual([])
    second.resolve()
    await settle()
    expect(received).toEqual(['held'])
  })
})
