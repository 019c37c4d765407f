/** The tokens of a session, and a refresh that the application asks for. */
import { type AuthLock, cookieSession } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { createKey } from '../support/bound-key.js'
import { Channel } from '../support/channel.js'
import {
  alone,
  cell,
  deferred,
  engineView,
  httpError,
  jwt,
  MINUTE,
  opaque,
  open,
  pair,
  pass,
  recordStorage,
  refreshStub,
  rejection,
  SECOND,
  START,
  type Stored,
  settle,
  storedRecord,
  type TicketView,
  useFakeTime,
  watch,
} from '../support/core.js'
import { draw } from '../support/failing.js'

useFakeTime()

/** For a page that has its shared storage to itself. */
const _lock: AuthLock = { request: (_name, _options, callback) => callback() }

describe('failures', () => {
  it.each([
    [true, 1],
    [false, undefined],
  ])('are noted in the record where it is shared: %j', async (shared, failures) => {
    const storage = cell(null, { shared })
    const { auth } = open({
      storage,
      retry: 0,
      autoRefresh: 'off',
      refresh: refreshStub(() => Promise.reject(httpError(503))),
    })
    const tokens = pair()
    await auth.login(tokens)
    const { length } = storage.writes
    await rejection(auth.refresh())
    await settle()
    expect(storage.record?.accessToken).toBe(tokens.access_token)
    expect(storage.record?.failures).toBe(failures)
    expect(storage.writes.length > length).toBe(shared)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
  })
})

describe('refresh()', () => {
  it('without a session takes no lock', async () => {
    const request = vi.fn()
    const { auth, refresh } = open({ storage: cell(null, { shared: true }), lock: { request } })
    await auth.refresh()
    expect([request.mock.calls.length, refresh.calls.length]).toEqual([0, 0])
  })

  it('waits for the session that is being restored', async () => {
    const first = deferred<Stored>()
    const { auth, refresh } = open({
      storage: recordStorage({ get: () => first.promise, set() {}, remove() {} }),
    })
    const done = watch(auth.refresh())
    await settle()
    expect([done.status, refresh.calls.length]).toEqual(['pending', 0])
    const record = storedRecord()
    first.resolve(record)
    await settle()
    expect(refresh.spent).toEqual([record.refreshToken])
    refresh.last.answer()
    await settle()
    expect(done.status).toBe('fulfilled')
  })
})

describe('new tokens', () => {
  it('are stored before any waiter is released', async () => {
    const order: string[] = []
    const slow = recordStorage({
      get: () => null,
      remove() {},
      set: async () => {
        await Promise.resolve()
        await Promise.resolve()
        order.push('stored')
      },
    })
    const { auth, refresh } = open({ storage: slow })
    await auth.login(pair())
    order.length = 0
    await pass(5 * MINUTE)
    const asked = auth.getAccessToken().then(() => order.push('released'))
    auth.on('refreshed', () => order.push('told'))
    await settle()
    refresh.last.answer()
    await asked
    await settle()
    expect(order[0]).toBe('stored')
    expect(order).toContain('released')
    expect(order).toContain('told')
  })

  it('are in the storage when the event comes', async () => {
    const storage = cell(null, { asynchronous: true })
    const { auth, refresh } = open({ storage })
    await auth.login(pair())
    let stored: unknown
    auth.on('refreshed', () => {
      stored = storage.record?.accessToken
    })
    watch(auth.refresh())
    await settle()
    const { access_token } = refresh.last.answer()
    await settle()
    expect(stored).toBe(access_token)
  })

  it('of another user are another session, in storage mode too', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    await auth.login(pair({ sub: 'ada' }))
    await pass(5 * MINUTE)
    const old = watch(auth.getAccessToken())
    await settle()
    const next = refresh.last.answer(pair({ sub: 'grace' }))
    await settle()
    expect(old.value).not.toBe(next.access_token)
    expect(old).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
  })

  it('of another user come with the state of that user, also while they are being stored', async () => {
    const writing = deferred<void>()
    let isSlow = false
    const storage = recordStorage({
      get: () => null,
      set: () => (isSlow ? writing.promise : undefined),
      remove() {},
    })
    const { auth, refresh, events } = open({ storage, autoRefresh: 'off' })
    await auth.login(pair({ sub: 'ada' }))
    isSlow = true
    const old = watch(auth.refresh())
    await settle()
    const next = refresh.last.answer(pair({ sub: 'grace' }))
    await settle()
    expect(old).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(auth.getState()).toMatchObject({ claims: { sub: 'grace' }, refreshing: false })
    expect(await auth.getAccessToken()).toBe(next.access_token)
    // Listeners may navigate away, so they run later.
    expect(events.names).toEqual(['login'])
    writing.resolve()
    await settle()
    expect(events.names).toEqual(['login', 'login'])
    expect(refresh.calls).toHaveLength(1)
  })

  it.each<[string, () => { access_token: string }]>([
    ['an opaque token', () => ({ access_token: opaque('at') })],
    [
      'a JWT whose sub is an object',
      () => ({ access_token: jwt({ sub: { id: 7 }, iat: START / 1000, exp: START / 1000 + 300 }) }),
    ],
    ['a JWT without sub', () => ({ access_token: jwt({ iat: START / 1000, exp: START / 1000 + 300 }) })],
  ])('that name no user belong to the session that asked for them: %s', async (_, answer) => {
    const { auth, refresh, events } = open()
    const tokens = pair({ sub: 'ada' })
    await auth.login(tokens)
    const session = engineView(auth).session()
    const done = watch(auth.refresh())
    await settle()
    const { access_token } = refresh.last.answer(answer())
    await settle()
    expect(done).toMatchObject({ status: 'fulfilled' })
    expect(engineView(auth).session()).toBe(session)
    expect(await auth.getAccessToken()).toBe(access_token)
    watch(auth.refresh())
    await settle()
    expect(refresh.last.refreshToken).toBe(tokens.refresh_token)
    expect(events.names).toEqual(['login', 'refreshed'])
  })
})

describe('a token that was refused, and that nothing can refresh', () => {
  const refused = async () => {
    const opened = open({ autoRefresh: 'off' })
    await opened.auth.login(alone())
    const engine = engineView(opened.auth)
    const ticket = engine.current() as TicketView
    const replay = watch(Promise.resolve(engine.rejectGrant(ticket)))
    return { ...opened, engine, ticket, replay }
  }

  it('ends the session', async () => {
    const { auth, refresh, replay } = await refused()
    await settle()
    expect(replay).toMatchObject({ status: 'rejected', error: { reason: 'no_refresh_token' } })
    expect(auth.getState().status).toBe('expired')
    expect(refresh.calls).toHaveLength(0)
  })

  it('ends no session that has received another token in the same moment', async () => {
    const { auth, refresh, engine, ticket, replay } = await refused()
    const next = alone()
    engine.collect(next, ticket)
    await settle()
    expect(replay).toMatchObject({ status: 'fulfilled', value: { accessToken: next.access_token } })
    expect(auth.getState().status).toBe('authenticated')
    expect(refresh.calls).toHaveLength(0)
  })
})

describe('a session that was found by its cookie', () => {
  it('has had its answer from the endpoint, which is not wrong when it refuses later', async () => {
    // The smallest versions that the records can have.
    draw(0)
    const { auth, refresh } = open({ storage: cookieSession(), autoRefresh: 'off', retry: 0 })
    await settle()
    refresh.last.answer(alone())
    await settle()
    expect(auth.getState().status).toBe('authenticated')
    const refreshed = watch(auth.refresh())
    await settle()
    refresh.last.fail(httpError(404, { message: 'no such session' }))
    await settle()
    expect(refreshed).toMatchObject({ status: 'rejected', error: { reason: 'refresh_rejected' } })
    expect(refresh.reasons).toEqual(['restore', 'manual'])
  })
})

describe('a login', () => {
  it('whose page was frozen takes the tokens that another page has refreshed in the same session', async () => {
    draw(0.5)
    const read = deferred<Stored | null>()
    const writes: Stored[] = []
    const { auth, refresh } = open({
      storage: recordStorage({
        shared: true,
        get: () => read.promise,
        set: record => void writes.push(record),
        remove() {},
      }),
      autoRefresh: 'off',
    })
    const login = watch(auth.login(pair()))
    await settle()
    const generation = Math.floor(START / SECOND) + 1.5
    const newer = storedRecord({ generation, version: 2.5 })
    read.resolve(newer)
    await settle()
    expect(login.status).toBe('fulfilled')
    expect(await auth.getAccessToken()).toBe(newer.accessToken)
    expect(writes).toEqual([])
    expect(refresh.calls).toHaveLength(0)
  })
})

describe('the key of a session', () => {
  const openWithKey = async () => {
    const forget = vi.fn()
    const dpop = createKey({ forget })
    Channel.install()
    const storage = cell(null, { shared: true })
    const { auth } = open({ storage, name: 'key', autoRefresh: 'off', dpop })
    const tokens = pair()
    await auth.login({ ...tokens, token_type: 'DPoP' })
    forget.mockClear()
    return { auth, storage, forget, token: tokens.access_token }
  }

  it('is deleted by the page that logs out', async () => {
    const { auth, forget, token } = await openWithKey()
    await auth.logout()
    expect(forget.mock.calls).toEqual([[true, token]])
  })

  it('is not deleted by the other pages, which may hear late of the logout', async () => {
    const { auth, storage, forget, token } = await openWithKey()
    const { generation, savedAt } = storage.record as Stored
    storage.record = { generation: generation + 1, version: 0, savedAt, ended: 'logout' }
    new Channel('tokenflight:key').postMessage({ changed: true })
    await pass(10)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(forget.mock.calls).toEqual([[false, token]])
  })
})
