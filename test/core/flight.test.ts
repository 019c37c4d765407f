/** One flight for all who need a token. */
import type { Auth } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import {
  deferred,
  engineView,
  httpError,
  invalidGrant,
  jwt,
  MINUTE,
  open,
  pair,
  pass,
  recordStorage,
  refreshStub,
  rejection,
  SECOND,
  START,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

describe('one flight', () => {
  it('serves any number of callers of every kind', async () => {
    const { auth, refresh, events } = open()
    await auth.login(pair())
    await pass(5 * MINUTE)
    const engine = engineView(auth)
    const tokens = [
      ...Array.from({ length: 50 }, () => watch(auth.getAccessToken())),
      ...Array.from({ length: 50 }, () => watch(auth.getAccessToken({ forceRefresh: true }))),
    ]
    const refreshes = Array.from({ length: 50 }, () => watch(auth.refresh()))
    const tickets = Array.from({ length: 50 }, () => watch(Promise.resolve(engine.acquire(engine.session()))))
    await settle()
    expect(refresh.calls).toHaveLength(1)
    const { access_token } = refresh.last.answer()
    await settle()
    expect(tokens.map(({ value }) => value)).toEqual(Array(100).fill(access_token))
    expect(refreshes.every(({ status }) => status === 'fulfilled')).toBe(true)
    expect(tickets.map(({ value }) => value?.accessToken)).toEqual(Array(50).fill(access_token))
    expect(refresh.calls).toHaveLength(1)
    expect(events.names).toEqual(['login', 'refreshed'])
  })

  it('serves any number of 401s', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    const engine = engineView(auth)
    const ticket = engine.acquire(engine.session())
    if (!ticket || ticket instanceof Promise) throw new Error('expected a ticket at once')
    const refused = Array.from({ length: 50 }, () => watch(Promise.resolve(engine.rejectGrant(ticket))))
    await settle()
    expect(refresh.reasons).toEqual(['rejected'])
    const { access_token } = refresh.last.answer()
    await settle()
    expect(refused.map(({ value }) => value?.accessToken)).toEqual(Array(50).fill(access_token))
    expect(refresh.calls).toHaveLength(1)
  })

  it('gives every caller the same error', async () => {
    const { auth, refresh } = open({ retry: 0 })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const asked = [watch(auth.getAccessToken()), watch(auth.getAccessToken()), watch(auth.refresh())]
    await settle()
    refresh.last.fail(httpError(503))
    await settle()
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(new Set(asked.map(({ error }) => error)).size).toBe(1)
    expect(asked[0]?.error).toMatchObject({ code: 'ERR_REFRESH_FAILED' })
  })

  it.each<[string, (auth: Auth) => Promise<unknown>]>([
    ['refresh()', auth => auth.refresh()],
    ['forceRefresh', auth => auth.getAccessToken({ forceRefresh: true })],
  ])('that is older is waited for by %s, and any number of calls share the one after it', async (_, call) => {
    const { auth, refresh } = open()
    await auth.login(pair())
    await pass(4.5 * MINUTE)
    await auth.getAccessToken()
    const done = Array.from({ length: 20 }, () => watch(call(auth)))
    await settle()
    done.push(watch(call(auth)))
    await settle()
    expect(refresh.reasons).toEqual(['ahead'])
    refresh.last.answer()
    await settle()
    expect(done.every(({ status }) => status === 'pending')).toBe(true)
    expect(refresh.reasons).toEqual(['ahead', 'manual'])
    refresh.last.answer()
    await settle()
    expect(done.every(({ status }) => status === 'fulfilled')).toBe(true)
    expect(refresh.calls).toHaveLength(2)
  })

  it('brings a role that changed while an older one was on its way', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    const done = watch(auth.refresh())
    refresh.last.answer({ ...pair(), access_token: jwt({ role: 'guest', exp: START / 1000 + 300 }) })
    await settle()
    expect(done.status).toBe('pending')
    refresh.last.answer({ ...pair(), access_token: jwt({ role: 'admin', exp: START / 1000 + 301 }) })
    await settle()
    expect(done.status).toBe('fulfilled')
    expect(auth.getState()).toMatchObject({ claims: { role: 'admin' } })
  })

  it('follows one that fails, for those who asked for it', async () => {
    const { auth, refresh } = open({ retry: 0 })
    await auth.login(pair())
    const first = watch(auth.refresh())
    await settle()
    const second = watch(auth.refresh())
    refresh.last.fail(httpError(503))
    await settle()
    expect([first.status, second.status]).toEqual(['rejected', 'pending'])
    refresh.last.answer()
    await settle()
    expect(second.status).toBe('fulfilled')
    expect(refresh.calls).toHaveLength(2)
  })

  it.each<[string, (auth: Auth) => Promise<unknown>, object]>([
    ['a logout', auth => auth.logout(), { code: 'ERR_SIGNED_OUT' }],
    ['another login', auth => auth.login(pair()), { code: 'ERR_SIGNED_OUT' }],
  ])('does not follow an older one that %s ends', async (_, end, error) => {
    const { auth, refresh } = open()
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    const waiting = watch(auth.refresh())
    await end(auth)
    await settle()
    expect(waiting).toMatchObject({ status: 'rejected', error })
    expect(refresh.calls).toHaveLength(1)
  })

  it('does not follow an older one whose refusal ends the session', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    const waiting = watch(auth.refresh())
    refresh.last.fail(httpError(401))
    await settle()
    expect(waiting).toMatchObject({ status: 'rejected', error: { code: 'ERR_SESSION_EXPIRED' } })
    expect(refresh.calls).toHaveLength(1)
  })

  it('is joined although one of the session before lands meanwhile', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    await auth.login(pair())
    const first = watch(auth.refresh())
    await settle()
    refresh.calls[0]?.answer()
    await settle()
    expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: true })
    const second = watch(auth.getAccessToken())
    await settle()
    expect(refresh.calls).toHaveLength(2)
    refresh.last.answer()
    await settle()
    expect([first.status, second.status]).toEqual(['fulfilled', 'fulfilled'])
  })

  it('is followed by another when another is needed', async () => {
    const { auth, refresh } = open({ refresh: refreshStub(async () => pair()) })
    await auth.login(pair())
    for (let time = 1; time <= 5; time++) {
      await auth.refresh()
      expect(refresh.calls).toHaveLength(time)
    }
    expect(refresh.reasons).toEqual(Array(5).fill('manual'))
    expect(new Set(refresh.spent).size).toBe(5)
  })

  it('is no answer to a call that comes after it, although others waited for it', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    watch(auth.refresh())
    refresh.last.answer()
    await settle()
    refresh.last.answer()
    await settle()
    const later = watch(auth.refresh())
    await settle()
    expect([later.status, refresh.calls.length]).toEqual(['pending', 3])
    refresh.last.answer()
    await settle()
    expect(later.status).toBe('fulfilled')
  })

  it('never runs while no user is logged in', async () => {
    const { auth, refresh } = open()
    expect(await auth.getAccessToken()).toBeUndefined()
    expect(await auth.getAccessToken({ forceRefresh: true })).toBeUndefined()
    await auth.refresh()
    expect(refresh.calls).toHaveLength(0)
  })

  it('gives the refresh function a context without holes', async () => {
    const { auth, refresh } = open()
    const tokens = pair()
    await auth.login(tokens)
    watch(auth.refresh())
    await settle()
    const { refreshToken, accessToken, reason, attempt, signal } = refresh.last
    expect({ refreshToken, accessToken, reason, attempt }).toEqual({
      refreshToken: tokens.refresh_token,
      accessToken: tokens.access_token,
      reason: 'manual',
      attempt: 1,
    })
    expect(signal).toBeInstanceOf(AbortSignal)
    expect(signal.aborted).toBe(false)
  })

  it('has the reason of the call that began it', async () => {
    const { auth, refresh, events } = open()
    await auth.login(pair())
    const engine = engineView(auth)
    const ticket = engine.acquire(engine.session())
    if (!ticket || ticket instanceof Promise) throw new Error('expected a ticket at once')
    watch(Promise.resolve(engine.rejectGrant(ticket)))
    watch(auth.refresh())
    await pass(250)
    refresh.last.answer()
    await settle()
    expect(events.of('refreshed')).toMatchObject([
      { reason: 'rejected', duration: 250, attempts: 1, source: 'network' },
    ])
  })
})

describe('a caller that gives up', () => {
  it('rejects at once with its own reason, and the flight goes on for the others', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    await pass(5 * MINUTE)
    const controllers = Array.from({ length: 10 }, () => new AbortController())
    const asked = controllers.map(({ signal }) => watch(auth.getAccessToken({ signal })))
    await settle()
    for (const [index, controller] of controllers.entries())
      if (index % 2) controller.abort(`reason ${index}`)
    await settle()
    expect(asked.map(({ status }) => status)).toEqual(
      Array.from({ length: 10 }, (_, index) => (index % 2 ? 'rejected' : 'pending')),
    )
    expect(asked[3]?.error).toBe('reason 3')
    expect(refresh.last.signal.aborted).toBe(false)
    const { access_token } = refresh.last.answer()
    await settle()
    expect(asked.filter((_, index) => !(index % 2)).map(({ value }) => value)).toEqual(
      Array(5).fill(access_token),
    )
    expect(refresh.calls).toHaveLength(1)
  })

  it('before it asks rejects without waiting, and starts nothing', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    await pass(5 * MINUTE)
    for (const forceRefresh of [false, true]) {
      const error = await rejection(auth.getAccessToken({ signal: AbortSignal.abort(), forceRefresh }))
      expect(error.name).toBe('AbortError')
    }
    await settle()
    expect(refresh.calls).toHaveLength(0)
  })

  it('alone does not stop the flight', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    await pass(5 * MINUTE)
    const controller = new AbortController()
    const asked = watch(auth.getAccessToken({ signal: controller.signal }))
    await settle()
    controller.abort()
    await settle()
    expect(asked.status).toBe('rejected')
    const { access_token } = refresh.last.answer()
    await settle()
    expect(await auth.getAccessToken()).toBe(access_token)
    expect(refresh.calls).toHaveLength(1)
  })

  it('leaves no listener on its signal', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    await pass(5 * MINUTE)
    const { signal } = new AbortController()
    const added = vi.spyOn(signal, 'addEventListener')
    const removed = vi.spyOn(signal, 'removeEventListener')
    const asked = auth.getAccessToken({ signal })
    await settle()
    refresh.last.answer()
    await asked
    expect(removed.mock.calls.length).toBeGreaterThanOrEqual(added.mock.calls.length)
  })

  it('while the session is restored does not wait for it', async () => {
    const never = deferred<null>()
    const { auth } = open({ storage: recordStorage({ get: () => never.promise, set() {}, remove() {} }) })
    const controller = new AbortController()
    const asked = watch(auth.getAccessToken({ signal: controller.signal }))
    await settle()
    expect(asked.status).toBe('pending')
    controller.abort()
    await settle()
    expect(asked.status).toBe('rejected')
  })
})

describe('a listener', () => {
  it('runs after the flight has settled', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    const order: string[] = []
    auth.on('refreshed', () =>
      order.push(`refreshed, refreshing: ${(auth.getState() as { refreshing?: boolean }).refreshing}`),
    )
    const done = auth.refresh()
    await settle()
    refresh.last.answer()
    await done
    expect(order).toEqual(['refreshed, refreshing: false'])
  })

  it('of refreshed may refresh again', async () => {
    const { auth, refresh } = open({ refresh: refreshStub(async () => pair()) })
    await auth.login(pair())
    let again: Promise<void> | undefined
    auth.on('refreshed', () => {
      again ??= auth.refresh()
    })
    await auth.refresh()
    await again
    expect(refresh.calls).toHaveLength(2)
  })

  it('of refreshFailed may ask for a token and is not caught in its own flight', async () => {
    const { auth, refresh } = open({ retry: 0 })
    await auth.login(pair())
    await pass(5 * MINUTE)
    let inner: ReturnType<typeof watch> | undefined
    auth.on('refreshFailed', () => {
      inner = watch(auth.getAccessToken())
    })
    const outer = watch(auth.getAccessToken())
    await settle()
    refresh.last.fail(httpError(503))
    await settle()
    expect(outer.status).toBe('rejected')
    expect(inner).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED' } })
    expect(refresh.calls).toHaveLength(1)
  })

  it('of sessionExpired may log in', async () => {
    const { auth, refresh, events } = open()
    await auth.login(pair())
    await pass(5 * MINUTE)
    const next = pair()
    auth.on('sessionExpired', () => void auth.login(next))
    const asked = watch(auth.getAccessToken())
    await settle()
    refresh.last.fail(invalidGrant())
    await settle()
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SESSION_EXPIRED' } })
    expect(auth.getState().status).toBe('authenticated')
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(events.names).toEqual(['login', 'sessionExpired', 'login'])
  })

  it.each(['login', 'logout', 'refresh', 'getAccessToken', 'dispose'] as const)(
    'of a change of state may call %s',
    async method => {
      const { auth } = open({ refresh: refreshStub(async () => pair()) })
      let called = 0
      auth.subscribe(() => {
        if (called++) return
        if (method === 'login') void auth.login(pair())
        else if (method === 'dispose') auth.dispose()
        else void auth[method]().catch(() => {})
      })
      await auth.login(pair())
      await settle()
      expect(called).toBeGreaterThanOrEqual(1)
      expect(auth.getState().status).toBe(method === 'logout' ? 'anonymous' : 'authenticated')
    },
  )
})

describe('a 401', () => {
  async function refused(options?: Parameters<typeof open>[0]) {
    const opened = open(options)
    await opened.auth.login(pair())
    const engine = engineView(opened.auth)
    const ticket = engine.acquire(engine.session())
    if (!ticket || ticket instanceof Promise) throw new Error('expected a ticket at once')
    return { ...opened, engine, ticket }
  }

  it('for a token that is no longer the current one brings the current one without a refresh', async () => {
    const { auth, refresh, engine, ticket } = await refused({ refresh: refreshStub(async () => pair()) })
    await auth.refresh()
    const next = await engine.rejectGrant(ticket)
    expect(next?.accessToken).toBe(await auth.getAccessToken())
    expect(refresh.calls).toHaveLength(1)
  })

  it('for a token of another session brings nothing', async () => {
    const { auth, refresh, engine, ticket } = await refused()
    await auth.login(pair({ sub: 'grace' }))
    expect(await engine.rejectGrant(ticket)).toBeUndefined()
    expect(refresh.calls).toHaveLength(0)
  })

  it('for a token that a refresh just brought starts no other refresh for 30 s', async () => {
    const { auth, refresh, engine, ticket } = await refused({
      refresh: refreshStub(async () => pair({ lifetime: 60 * MINUTE })),
    })
    let current = await engine.rejectGrant(ticket)
    expect(refresh.calls).toHaveLength(1)
    for (let second = 0; second < 30; second++) {
      expect(await engine.rejectGrant(current!)).toBeUndefined()
      await pass(SECOND)
    }
    expect(refresh.calls).toHaveLength(1)
    current = await engine.rejectGrant(current!)
    expect(refresh.calls).toHaveLength(2)
    expect(current?.accessToken).toBe(await auth.getAccessToken())
  })

  it('for a token that had worked refreshes as usual', async () => {
    const { refresh, engine, ticket } = await refused({ refresh: refreshStub(async () => pair()) })
    const next = await engine.rejectGrant(ticket)
    next!.accepted = true
    await engine.rejectGrant(next!)
    expect(refresh.reasons).toEqual(['rejected', 'rejected'])
  })

  it('for a token that a login brought refreshes at once', async () => {
    const { refresh, engine, ticket } = await refused()
    watch(Promise.resolve(engine.rejectGrant(ticket)))
    await settle()
    expect(refresh.reasons).toEqual(['rejected'])
  })

  it('for an opaque token without a lifetime refreshes', async () => {
    const { refresh, engine, auth } = await refused({
      refresh: refreshStub(async () => ({ access_token: 'new-opaque' })),
    })
    await auth.login({ access_token: 'opaque', refresh_token: 'rt-of-opaque' })
    const ticket = await engine.acquire(engine.session())
    const next = await engine.rejectGrant(ticket!)
    expect(next?.accessToken).toBe('new-opaque')
    expect(refresh.spent).toEqual(['rt-of-opaque'])
  })

  it('after the session ended rejects with that end', async () => {
    const { auth, refresh, engine, ticket } = await refused({
      refresh: refreshStub(async () => {
        throw invalidGrant()
      }),
    })
    await rejection(auth.refresh())
    const error = await rejection(Promise.resolve(engine.rejectGrant(ticket)))
    expect(error.code).toBe('ERR_SESSION_EXPIRED')
    expect(refresh.calls).toHaveLength(1)
  })

  it('after a logout brings nothing', async () => {
    const { auth, refresh, engine, ticket } = await refused()
    await auth.logout()
    expect(await engine.rejectGrant(ticket)).toBeUndefined()
    expect(refresh.calls).toHaveLength(0)
  })

  it('in a session without a refresh token ends it', async () => {
    const { auth, refresh, engine, events } = await refused()
    await auth.login({ access_token: pair().access_token })
    const ticket = await engine.acquire(engine.session())
    const error = await rejection(Promise.resolve(engine.rejectGrant(ticket!)))
    expect(error).toMatchObject({ code: 'ERR_SESSION_EXPIRED', reason: 'no_refresh_token' })
    expect(events.of('sessionExpired')).toHaveLength(1)
    expect(refresh.calls).toHaveLength(0)
  })

  it('whose refresh fails rejects with RefreshFailedError and keeps the session', async () => {
    const { auth, refresh, engine, ticket } = await refused({ retry: 0 })
    const waiting = watch(Promise.resolve(engine.rejectGrant(ticket)))
    await settle()
    refresh.last.fail(httpError(503))
    await settle()
    expect(waiting).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED' } })
    expect(auth.getState().status).toBe('authenticated')
  })
})

describe('a token collected from an ordinary answer', () => {
  it('replaces the current one without a refresh', async () => {
    const { auth, refresh, events } = open()
    await auth.login(pair())
    const engine = engineView(auth)
    const ticket = await engine.acquire(engine.session())
    const next = pair()
    engine.collect(next, ticket!)
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(refresh.calls).toHaveLength(0)
    await settle()
    expect(events.names).toEqual(['login', 'refreshed'])
  })

  it('of an ended session is dropped', async () => {
    const { auth } = open()
    await auth.login(pair())
    const engine = engineView(auth)
    const ticket = await engine.acquire(engine.session())
    await auth.logout()
    engine.collect(pair(), ticket!)
    expect(await auth.getAccessToken()).toBeUndefined()
  })

  it('that is not a token causes a warning', async () => {
    const { auth, events } = open()
    const tokens = pair()
    await auth.login(tokens)
    const engine = engineView(auth)
    const ticket = await engine.acquire(engine.session())
    engine.collect({ access_token: 'a b' }, ticket!)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(events.names).toEqual(['login', 'warning'])
  })

  it('while a flight is under way wins over the new tokens of that flight', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    const engine = engineView(auth)
    const ticket = await engine.acquire(engine.session())
    const done = watch(auth.refresh())
    await settle()
    const collected = pair()
    engine.collect(collected, ticket!)
    refresh.last.answer()
    await pass(30 * SECOND)
    expect(done.status).not.toBe('pending')
    expect(await auth.getAccessToken()).toBeDefined()
    expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: false })
  })
})
