/** The part of the engine that the HTTP entries use, without any HTTP. */
import { type Auth, type AuthOptions, cookieSession, createAuth } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it, vi } from 'vitest'
import {
  alone,
  cell,
  deferred,
  engineView,
  HOUR,
  httpError,
  MINUTE,
  opaque,
  open,
  pair,
  pass,
  recordEvents,
  recordStorage,
  refreshStub,
  rejection,
  SECOND,
  settle,
  type TicketView,
  track,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

/** A session, and its engine with the ticket of the moment. */
async function begin(options: Parameters<typeof open>[0] = {}, tokens: object = pair()) {
  const opened = open({ autoRefresh: 'off', ...options })
  await opened.auth.login(tokens)
  const engine = engineView(opened.auth)
  const session = engine.session()
  const ticket = engine.acquire(session) as TicketView
  return { ...opened, engine, session, ticket, tokens: tokens as ReturnType<typeof pair> }
}

/** A session of a server that renews by itself. */
async function served(options: AuthOptions = {}, tokens = pair()) {
  const auth = track(createAuth({ autoRefresh: 'off', ...options }))
  const events = recordEvents(auth)
  const engine = engineView(auth)
  engine.serverRenews()
  await auth.login(tokens)
  const session = engine.session()
  return { auth, events, engine, session, ticket: engine.acquire(session) as TicketView, tokens }
}

/** A request that is the refresh: it answers when it is told to. */
function carried() {
  const answer = deferred<{ access_token: string }>()
  const send = vi.fn(() => answer.promise)
  return { ...answer, send }
}

describe('an HTTP client', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['an object of another library', { getAccessToken() {} }],
  ])('that is given %s instead of an Auth names the value that it needs', (_, auth) => {
    expect(() => authFetch(auth as Auth, { allowedOrigins: ['https://api.example'] })).toThrow(
      new TypeError('tokenflight: `auth` must come from createAuth'),
    )
  })

  it('that is given an Auth has its engine', async () => {
    const { auth } = await begin()
    expect(() => authFetch(auth, { allowedOrigins: ['https://api.example'] })).not.toThrow()
  })
})

describe('a call', () => {
  it('without a session gets no token, and not even a promise', async () => {
    const { auth, refresh } = open()
    const engine = engineView(auth)
    expect(engine.session()).toBeUndefined()
    expect(engine.acquire(undefined)).toBeUndefined()
    expect(engine.current()).toBeUndefined()
    expect(refresh.calls).toHaveLength(0)
  })

  it('that began in a session gets an error after the logout, not nothing', async () => {
    const { auth, engine, session, refresh } = await begin()
    await auth.logout()
    expect(await rejection(Promise.resolve(engine.acquire(session)))).toMatchObject({
      code: 'ERR_SIGNED_OUT',
    })
    expect(refresh.calls).toHaveLength(0)
  })

  it('that began without a session gets the token of the login that follows', async () => {
    const { auth } = open()
    const engine = engineView(auth)
    const tokens = pair()
    await auth.login(tokens)
    expect(engine.acquire(undefined)).toMatchObject({ accessToken: tokens.access_token })
  })

  it('that began in a session gets its end, and one that begins after it gets no token', async () => {
    const { engine, session } = await begin({}, alone())
    await pass(5 * MINUTE)
    for (const _ of [1, 2]) {
      expect(await rejection(Promise.resolve(engine.acquire(session)))).toMatchObject({
        code: 'ERR_SESSION_EXPIRED',
        reason: 'no_refresh_token',
      })
    }
    expect(engine.session()).toBeUndefined()
    expect(engine.acquire(undefined)).toBeUndefined()
  })

  it('that began in another session waits for nothing of the present one', async () => {
    const { auth, engine, session, refresh } = await begin()
    await auth.login({ ...pair({ lifetime: HOUR }), refresh_expires_in: 600 })
    await pass(10 * MINUTE)
    // A new pair is asked for, and does not come.
    await auth.getAccessToken()
    expect(refresh.calls).toHaveLength(1)
    const asked = watch(Promise.resolve(engine.acquire(session)))
    await settle()
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
  })

  it('whose new token has ended when it is stored gets an error about that', async () => {
    let writing: Promise<void> | undefined
    const { auth, refresh } = await begin({
      storage: recordStorage({ get: () => null, set: () => writing, remove() {} }),
    })
    await pass(5 * MINUTE)
    const written = deferred()
    writing = written.promise
    const asked = watch(auth.getAccessToken())
    await settle()
    refresh.last.answer(pair({ lifetime: SECOND }))
    await pass(SECOND)
    written.resolve()
    await settle()
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED', attempts: 0 } })
    expect(String(asked.error)).toMatch(/ended before it could be used/)
    expect(refresh.calls).toHaveLength(1)
  })
})

describe('a call whose body can be sent only once', () => {
  /** A session of tokens with that lifetime, so long before their end, while a refresh is under way. */
  async function short(left: number, lifetime = 5 * MINUTE, options: Parameters<typeof open>[0] = {}) {
    const begun = await begin({ retry: 0, refreshTimeout: MINUTE, ...options }, pair({ lifetime }))
    await pass(lifetime - Math.max(left, 6 * SECOND))
    watch(begun.auth.refresh())
    await pass(Math.max(left, 6 * SECOND) - left)
    expect(begun.refresh.calls).toHaveLength(1)
    const acquire = () => begun.engine.acquire(begun.session, true)
    return { ...begun, acquire }
  }

  it.each([
    [5 * SECOND, 5 * MINUTE],
    [2 * SECOND, 20 * SECOND],
  ])('leaves at once with a token that lasts for %i ms more, of %i', async (left, lifetime) => {
    const { acquire, tokens } = await short(left, lifetime)
    expect(acquire()).toMatchObject({ accessToken: tokens.access_token })
  })

  it.each([
    [5 * SECOND - 1, 5 * MINUTE],
    [2 * SECOND - 1, 20 * SECOND],
  ])(
    'waits for the refresh under way where the token lasts for %i ms more, of %i',
    async (left, lifetime) => {
      const { acquire, engine, session, tokens, refresh } = await short(left, lifetime)
      const asked = watch(Promise.resolve(acquire()))
      await settle()
      expect(asked.status).toBe('pending')
      // Any other call does not.
      expect(engine.acquire(session)).toMatchObject({ accessToken: tokens.access_token })
      const { access_token } = refresh.last.answer()
      await settle()
      expect(asked.value?.accessToken).toBe(access_token)
      expect(refresh.calls).toHaveLength(1)
    },
  )

  it('leaves at once where no refresh is under way', async () => {
    const { engine, session, refresh } = await begin({ retry: 0 })
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    await pass(5 * MINUTE - 3 * SECOND)
    watch(Promise.resolve(engine.acquire(session)))
    await settle()
    refresh.last.fail(httpError(503, {}, { 'retry-after': '60' }))
    await settle()
    expect(engine.acquire(session, true)).not.toBeInstanceOf(Promise)
    expect(refresh.calls).toHaveLength(1)
  })

  it('leaves with the present token where the refresh that it waits for fails', async () => {
    const { acquire, tokens, refresh } = await short(4 * SECOND)
    const asked = watch(Promise.resolve(acquire()))
    await settle()
    refresh.last.fail(httpError(503))
    await settle()
    expect(asked.value?.accessToken).toBe(tokens.access_token)
  })

  it.each([4 * SECOND, 5 * SECOND])(
    'gets the failure where its token has ended meanwhile: %i ms later',
    async later => {
      const { acquire, refresh } = await short(4 * SECOND)
      const asked = watch(Promise.resolve(acquire()))
      await pass(later)
      refresh.last.fail(httpError(503))
      await settle()
      expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED', attempts: 1 } })
      expect(refresh.calls).toHaveLength(1)
    },
  )

  it('reads no storage while it waits', async () => {
    const storage = cell(null, { shared: true })
    const get = vi.spyOn(storage, 'getItem')
    const { acquire, refresh } = await short(4 * SECOND, 5 * MINUTE, { storage })
    get.mockClear()
    const asked = watch(Promise.resolve(acquire()))
    await settle()
    expect(get).not.toHaveBeenCalled()
    refresh.last.answer()
    await settle()
    expect(asked.status).toBe('fulfilled')
  })
})

describe('a call that waits for a question after a new pair', () => {
  /** The refresh token has ended, the access token dies while a new pair is asked for. */
  async function question() {
    const tokens = { ...pair({ lifetime: HOUR }), refresh_expires_in: 600 }
    const begun = await begin({ refreshTimeout: 2 * HOUR }, tokens)
    await pass(10 * MINUTE)
    void begun.engine.acquire(begun.session)
    await settle()
    expect(begun.refresh.calls).toHaveLength(1)
    return begun
  }

  it('is informed about a logout that comes meanwhile', async () => {
    const { auth, engine, session, refresh } = await question()
    await pass(50 * MINUTE)
    const asked = watch(Promise.resolve(engine.acquire(session)))
    await settle()
    expect(asked.status).toBe('pending')
    await auth.logout()
    await settle()
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(refresh.calls).toHaveLength(1)
  })

  it('after a 401 is replayed with the new tokens, and refreshes no second time', async () => {
    const { engine, ticket, refresh } = await question()
    const replay = watch(Promise.resolve(engine.rejectGrant(ticket)))
    await settle()
    expect(replay.status).toBe('pending')
    const { access_token } = refresh.last.answer(pair({ lifetime: HOUR }))
    await settle()
    expect(replay.value?.accessToken).toBe(access_token)
    expect(refresh.calls).toHaveLength(1)
  })

  it('after a 401 has the refresh token sent where it brings nothing, and hears of the end', async () => {
    const { engine, ticket, refresh } = await question()
    const replay = watch(Promise.resolve(engine.rejectGrant(ticket)))
    await settle()
    refresh.last.fail(httpError(503))
    await settle()
    expect(refresh.spent).toEqual([undefined, expect.any(String)])
    refresh.last.fail(httpError(401))
    await settle()
    expect(replay).toMatchObject({
      status: 'rejected',
      error: { code: 'ERR_SESSION_EXPIRED', reason: 'refresh_token_expired' },
    })
    expect(refresh.calls).toHaveLength(2)
  })
})

describe('a server that renews by itself', () => {
  it('may have a dead token, which ends no session', async () => {
    const { auth, engine, session, ticket, events } = await served()
    expect(engine.isExpired(ticket)).toBe(false)
    await pass(5 * MINUTE - 1)
    expect(engine.isExpired(ticket)).toBe(false)
    await pass(1)
    expect(engine.isExpired(ticket)).toBe(true)
    const asked = watch(Promise.resolve(engine.acquire(session, false, true)))
    await settle()
    expect(asked.value).toBe(ticket)
    expect(engine.current()).toBe(ticket)
    expect(auth.getState().status).toBe('authenticated')
    expect(events.names).toEqual(['login'])
  })

  it('decides about a refresh token that looks expired: the next request carries both', async () => {
    const { engine, session, ticket, events } = await served({}, {
      ...pair(),
      refresh_expires_in: 200,
    } as never)
    await pass(5 * MINUTE)
    expect(await rejection(Promise.resolve(engine.acquire(session)))).toMatchObject({
      code: 'ERR_REFRESH_FAILED',
    })
    expect(events.of('sessionExpired')).toEqual([])
    const { send, resolve } = carried()
    const carrying = watch(engine.refreshWith(send))
    await settle()
    expect(engine.current()).toBe(ticket)
    resolve(pair())
    await settle()
    expect(carrying.status).toBe('fulfilled')
    expect(events.names).toEqual(['login', 'refreshed'])
  })

  it('gets one request first, and the others wait for the tokens of its answer', async () => {
    const { auth, engine, session, ticket, events } = await served()
    await pass(5 * MINUTE)
    const first = carried()
    const second = carried()
    const carrying = [first, second].map(({ send }) => watch(engine.refreshWith(send)))
    await settle()
    expect([first.send, second.send].map(send => send.mock.calls.length)).toEqual([1, 0])
    expect(first.send).toHaveBeenCalledWith(expect.objectContaining({ reason: 'expired', attempt: 1 }))
    // A call may join it now, with a dead token, and waits for nothing.
    const joining = watch(Promise.resolve(engine.acquire(session, false, true)))
    await settle()
    expect(joining.value).toBe(ticket)
    expect(auth.getState()).toMatchObject({ refreshing: true })
    const next = alone()
    first.resolve(next)
    await settle()
    expect(carrying.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
    expect(engine.current()?.accessToken).toBe(next.access_token)
    expect(events.of('refreshed')).toMatchObject([{ reason: 'expired', attempts: 1, source: 'network' }])
  })

  it('has a request that fails sent once, with any value of retry', async () => {
    const { auth, engine } = await served({ retry: 5 })
    await pass(5 * MINUTE)
    const request = carried()
    const carrying = watch(engine.refreshWith(request.send))
    request.reject(httpError(503))
    await pass(MINUTE)
    expect(carrying).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED', attempts: 1 } })
    expect(request.send).toHaveBeenCalledTimes(1)
    expect(auth.getState().status).toBe('authenticated')
  })

  it('hands out tokens with an ordinary answer, which settles the request that goes first', async () => {
    const { auth, engine, ticket, events } = await served()
    await pass(5 * MINUTE)
    const request = carried()
    const carrying = watch(engine.refreshWith(request.send))
    await settle()
    const next = pair()
    engine.collect(next, ticket)
    await settle()
    expect(carrying.status).toBe('fulfilled')
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(events.of('refreshed')).toEqual([
      { reason: 'expired', duration: 0, attempts: 1, source: 'network' },
    ])
  })

  it('that refuses both tokens ends the session without another request', async () => {
    const { engine, ticket, auth, events } = await served()
    expect(await rejection(Promise.resolve(engine.rejectGrant(ticket)))).toMatchObject({
      code: 'ERR_SESSION_EXPIRED',
      reason: 'refresh_rejected',
    })
    expect(auth.getState().status).toBe('expired')
    expect(events.names).toEqual(['login', 'sessionExpired'])
  })

  it('is asked for tokens after a 401 where there is a refresh function, too', async () => {
    const { engine, ticket, refresh } = await begin()
    engine.serverRenews()
    const replay = watch(Promise.resolve(engine.rejectGrant(ticket)))
    await settle()
    expect(refresh.reasons).toEqual(['rejected'])
    const { access_token } = refresh.last.answer()
    await settle()
    expect(replay.value?.accessToken).toBe(access_token)
  })

  it('renews with the next request, not by hand', async () => {
    const { auth, events, tokens } = await served()
    const error = await rejection(auth.refresh())
    expect(error).toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 0 })
    expect(error.message).toMatch(/renews with the next request/)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(events.names).toEqual(['login'])
  })

  it('restores no session from a cookie that no refresh function sends', async () => {
    const auth = track(createAuth({ storage: cookieSession(), autoRefresh: 'off' }))
    engineView(auth).serverRenews()
    await auth.ready
    await auth.refresh()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(engineView(auth).acquire(undefined)).toBeUndefined()
  })

  it('does not renew a session without a refresh token', async () => {
    const { engine, session, events } = await served({}, alone() as never)
    await pass(5 * MINUTE)
    expect(await rejection(Promise.resolve(engine.acquire(session)))).toMatchObject({
      code: 'ERR_SESSION_EXPIRED',
      reason: 'no_refresh_token',
    })
    expect(events.of('sessionExpired')).toHaveLength(1)
  })
})

describe('tokens that came with an ordinary answer', () => {
  it('are reported as a refresh', async () => {
    const { engine, ticket, events, refresh } = await begin()
    engine.collect(pair(), ticket)
    await settle()
    expect(events.of('refreshed')).toEqual([{ reason: 'ahead', duration: 0, attempts: 0, source: 'network' }])
    expect(refresh.calls).toHaveLength(0)
  })

  it('count once, however many answers of a burst brought them', async () => {
    const storage = cell()
    const { engine, ticket, events } = await begin({ storage })
    const next = pair()
    for (let answer = 0; answer < 3; answer++) engine.collect(next, ticket)
    await settle()
    expect(events.of('refreshed')).toHaveLength(1)
    expect(storage.writes.map(record => record?.accessToken)).toEqual([ticket.accessToken, next.access_token])
  })

  it('of a session that is over are dropped, with and without a new session', async () => {
    const { auth, engine, ticket, events } = await begin()
    const tokens = pair({ sub: 'grace' })
    await auth.login(tokens)
    engine.collect(pair(), ticket)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    await auth.logout()
    engine.collect(pair(), ticket)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual(['login', 'login', 'logout'])
  })

  it('and that are none are a warning that says where they came from', async () => {
    const { engine, ticket, events } = await begin()
    engine.collect({ access_token: 'a b' }, ticket)
    const [{ message, error } = {}] = events.of('warning')
    expect(message).toBe('collect returned no token answer')
    expect(error).toMatchObject({ cause: { message: expect.stringMatching(/Not a token answer/) } })
  })
})

describe('the refresh function as the HTTP clients see it', () => {
  it('is refreshing while it is called, on that very stack, and by its signal ever after', async () => {
    const seen: boolean[] = []
    const refresh = refreshStub(({ signal }) => {
      seen.push(engine.isRefresh(), engine.isRefresh(signal), engine.isRefresh(new AbortController().signal))
      return Promise.resolve().then(() => {
        seen.push(engine.isRefresh(), engine.isRefresh(signal))
        return pair()
      })
    })
    const { auth, engine } = await begin({ refresh })
    expect([engine.isRefresh(), engine.isRefresh(undefined)]).toEqual([false, false])
    await auth.refresh()
    expect(seen).toEqual([true, true, true, false, true])
    const { signal } = refresh.last
    expect([
      engine.isRefresh(),
      engine.isRefresh(signal),
      engine.isRefresh(new AbortController().signal),
      engine.isRefresh('signal'),
    ]).toEqual([false, true, false, false])
  })

  it('is not refreshing any more when it has thrown, and its error is the cause', async () => {
    const thrown = new Error('no')
    const { auth, engine } = await begin({
      retry: 0,
      refresh: refreshStub(() => {
        throw thrown
      }),
    })
    const error = await rejection(auth.refresh())
    expect(error.cause).toBe(thrown)
    expect(engine.isRefresh()).toBe(false)
  })

  it('is known by the refresh token that it spends, for as long as it takes', async () => {
    const { auth, engine, refresh, tokens } = await begin()
    expect(engine.flightToken()).toBeUndefined()
    watch(auth.refresh())
    await settle()
    expect(engine.flightToken()).toBe(tokens.refresh_token)
    refresh.last.answer()
    await settle()
    expect(engine.flightToken()).toBeUndefined()
  })

  it('has no refresh token to be known by while a cookie is asked for', async () => {
    const { auth, refresh } = open({ storage: cookieSession(), autoRefresh: 'off' })
    await settle()
    expect(refresh.calls).toHaveLength(1)
    expect(engineView(auth).flightToken()).toBeUndefined()
  })
})

describe('a warning of an HTTP client', () => {
  it('is reported at once, with an error only where there is one', async () => {
    const { engine, events } = await begin()
    const cause = new Error('bug')
    engine.warn('odd')
    engine.warn('skip threw', cause)
    const [first, second] = events.of('warning')
    expect(first).toStrictEqual({ message: 'odd' })
    expect(second?.message).toBe('skip threw')
    expect(second?.error).toMatchObject({ cause })
  })
})

describe('a token inside its window', () => {
  it('is no reason to refresh where there is nothing to refresh with', async () => {
    const { auth, engine, session, refresh, events } = await begin({}, alone())
    events.statuses.length = 0
    await pass(4.5 * MINUTE)
    expect(engine.acquire(session)).not.toBeInstanceOf(Promise)
    expect(auth.getState()).toMatchObject({ refreshing: false })
    await settle()
    expect([events.statuses, refresh.calls.length]).toEqual([[], 0])
  })

  it('is renewed by the next request where the server renews, not ahead', async () => {
    const { auth, engine, session, events } = await served()
    await pass(4.5 * MINUTE)
    expect(engine.acquire(session)).not.toBeInstanceOf(Promise)
    await settle()
    expect(auth.getState()).toMatchObject({ refreshing: false })
    expect(events.names).toEqual(['login'])
  })
})

describe('a 401 soon after a refresh', () => {
  it.each<[string, (auth: Auth) => Promise<unknown>]>([
    ['by hand', auth => auth.refresh()],
    ['that a dead token asked for', () => Promise.resolve()],
  ])('%s starts another one at once', async (_, renew) => {
    const { auth, engine, refresh } = await begin({ refresh: refreshStub(async () => pair()) })
    await renew(auth)
    await pass(5 * MINUTE)
    await auth.getAccessToken()
    const { length } = refresh.calls
    const replay = await engine.rejectGrant(engine.current() as TicketView)
    expect(refresh.calls).toHaveLength(length + 1)
    expect(replay?.accessToken).toBe(await auth.getAccessToken())
  })
})

describe('an opaque token of an unknown lifetime', () => {
  it('is never short, nor dead', async () => {
    const { auth, engine, session, refresh } = await begin(
      {},
      { access_token: opaque('at'), refresh_token: 'rt' },
    )
    await pass(HOUR)
    watch(auth.refresh())
    await settle()
    expect(refresh.calls).toHaveLength(1)
    expect(engine.acquire(session, true)).toBe(engine.current())
    expect(engine.isExpired(engine.current() as TicketView)).toBe(false)
  })
})
