/** A logout, also during a flight. */
import { cookieSession, type LogoutContext, SignedOutError } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import {
  alone,
  cell,
  type Deferred,
  deferred,
  httpError,
  invalidGrant,
  MINUTE,
  open,
  pair,
  pass,
  REFRESH_TIMEOUT,
  recordStorage,
  refreshStub,
  rejection,
  SECOND,
  settle,
  storedRecord,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

describe('logout', () => {
  it.each([
    ['active', 1],
    ['always', 2],
  ] as const)(
    'with autoRefresh %j and no window calls the server %i times where it fails once',
    async (autoRefresh, calls) => {
      const answers = [503, 200]
      const logout = vi.fn(async () => new Response(null, { status: answers.shift() as number }))
      const { auth, events } = open({ logout, autoRefresh })
      await auth.login(pair())
      await auth.logout()
      await pass(10 * MINUTE)
      expect(logout).toHaveBeenCalledTimes(calls)
      expect(events.names.filter(name => name === 'warning')).toHaveLength(1)
    },
  )

  it('calls the server again where axios resolves with its failure, because of validateStatus', async () => {
    const answers = [503, 200]
    const logout = vi.fn(async () => ({ status: answers.shift(), headers: {}, data: '', config: {} }))
    const { auth, events } = open({ logout, autoRefresh: 'always' })
    await auth.login(pair())
    await auth.logout()
    await pass(10 * MINUTE)
    expect(logout).toHaveBeenCalledTimes(2)
    expect(events.names.filter(name => name === 'warning')).toHaveLength(1)
  })

  it('is not repeated where the server refuses it for good', async () => {
    const logout = vi.fn(async () => new Response(null, { status: 400 }))
    const { auth } = open({ logout, autoRefresh: 'always' })
    await auth.login(pair())
    await auth.logout()
    await pass(10 * MINUTE)
    expect(logout).toHaveBeenCalledTimes(1)
  })

  it('before an asynchronous storage was read ends that session at the server, too', async () => {
    const stored = storedRecord()
    const logout = vi.fn(async (_: LogoutContext) => {})
    const storage = cell(stored, { shared: true, asynchronous: true })
    const { auth, events, refresh } = open({ storage, logout })
    const done = auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    await done
    expect(logout).toHaveBeenCalledExactlyOnceWith({
      accessToken: stored.accessToken,
      refreshToken: stored.refreshToken,
      signal: expect.any(AbortSignal),
    })
    expect(storage.record).toMatchObject({ ended: 'logout' })
    expect(storage.record).not.toHaveProperty('refreshToken')
    expect([events.names, refresh.calls.length]).toEqual([[], 0])
  })

  it('before an empty storage was read does not notify the server', async () => {
    const logout = vi.fn(async () => {})
    const { auth } = open({ storage: cell(null, { asynchronous: true }), logout })
    await auth.logout()
    expect(logout).not.toHaveBeenCalled()
  })

  it('ends the session locally at once, before anything is awaited', async () => {
    const storage = cell()
    const { auth, events } = open({ storage })
    await auth.login(pair())
    void auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual(['login', 'logout'])
    expect(events.of('logout')).toEqual([{ source: 'local' }])
    expect(await auth.getAccessToken()).toBeUndefined()
    await settle()
    expect(storage.record).toBeNull()
  })

  it('without a session is harmless', async () => {
    const logout = vi.fn(async () => {})
    const { auth, events } = open({ logout })
    await auth.logout()
    await auth.logout()
    expect(events.names).toEqual([])
    expect(logout).not.toHaveBeenCalled()
  })

  it('twice is one', async () => {
    const logout = vi.fn(async () => {})
    const { auth, events } = open({ logout })
    await auth.login(pair())
    await Promise.all([auth.logout(), auth.logout()])
    expect(events.names).toEqual(['login', 'logout'])
    expect(logout).toHaveBeenCalledTimes(1)
  })

  it('leaves no timer where there is no server to notify', async () => {
    const { auth } = open()
    await auth.login(pair())
    await auth.logout()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('in cookie mode warns in a server process, too, where the option logout is missing', async () => {
    const refresh = refreshStub(async () => alone())
    const { auth, events } = open({ storage: cookieSession(), refresh })
    await auth.ready
    expect(events.of('warning')).toEqual([])
    await auth.logout()
    expect(events.of('warning')).toEqual([{ message: expect.stringMatching(/^Cookie mode needs `logout`/) }])
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('clears an expired state', async () => {
    const { auth } = open()
    await auth.login(alone())
    await pass(5 * MINUTE)
    await rejection(auth.getAccessToken())
    expect(auth.getState().status).toBe('expired')
    await auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
  })

  it('during the restore wins over the stored session', async () => {
    const first = deferred<ReturnType<typeof storedRecord>>()
    const { auth } = open({ storage: recordStorage({ get: () => first.promise, set() {}, remove() {} }) })
    await auth.logout()
    first.resolve(storedRecord())
    await auth.ready
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
  })

  it('tells the server with both tokens and a signal', async () => {
    const logout = vi.fn(async (_: LogoutContext) => {})
    const { auth } = open({ logout })
    const tokens = pair()
    await auth.login(tokens)
    await auth.logout()
    expect(logout).toHaveBeenCalledExactlyOnceWith({
      refreshToken: tokens.refresh_token,
      accessToken: tokens.access_token,
      signal: expect.any(AbortSignal),
    })
  })

  it('has ended the session when the server is notified', async () => {
    let seen: unknown
    const { auth } = open({
      logout: async () => {
        seen = [auth.getState().status, await auth.getAccessToken()]
      },
    })
    await auth.login(pair())
    await auth.logout()
    expect(seen).toEqual(['anonymous', undefined])
  })

  it.each<[string, () => Promise<unknown>]>([
    [
      'throws',
      () => {
        throw new Error('bug')
      },
    ],
    ['rejects', () => Promise.reject(httpError(503))],
    ['is offline', () => Promise.reject(new TypeError('Failed to fetch'))],
  ])('that %s at the server is a warning, and the session is over', async (_, logout) => {
    const storage = cell()
    const { auth, events } = open({ logout, storage })
    await auth.login(pair())
    await auth.logout()
    expect(events.names).toEqual(['login', 'logout', 'warning'])
    expect(events.of('warning')[0]?.message).toMatch(/logout did not reach the server/)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(storage.record).toMatchObject({ ended: 'logout' })
    expect(storage.record).not.toHaveProperty('accessToken')
  })

  it('that hangs at the server waits two seconds, and its signal ends the call', async () => {
    let signal: AbortSignal | undefined
    const { auth, events } = open({
      logout: context => {
        signal = context.signal
        return new Promise(() => {})
      },
    })
    await auth.login(pair())
    const done = watch(auth.logout())
    await pass(2 * SECOND - 1)
    expect(done.status).toBe('pending')
    await pass(1)
    expect(done.status).toBe('fulfilled')
    expect(signal?.aborted).toBe(false)
    await pass(REFRESH_TIMEOUT - 2 * SECOND)
    expect(signal?.aborted).toBe(true)
    expect(events.names).toEqual(['login', 'logout', 'warning'])
    expect(events.of('warning')[0]).toMatchObject({
      error: { cause: { message: `no answer within ${REFRESH_TIMEOUT} ms` } },
    })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('at the server does not touch a session that begins meanwhile', async () => {
    const told = deferred()
    const { auth } = open({ logout: () => told.promise })
    await auth.login(pair({ sub: 'ada' }))
    void auth.logout()
    const next = pair({ sub: 'grace' })
    await auth.login(next)
    told.reject(httpError(401))
    await settle()
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'grace' } })
  })

  it('may be followed by a login at once', async () => {
    const storage = cell(null, { asynchronous: true })
    const { auth } = open({ storage })
    await auth.login(pair({ sub: 'ada' }))
    const out = auth.logout()
    const next = pair({ sub: 'grace' })
    await auth.login(next)
    await out
    await settle()
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(storage.record?.accessToken).toBe(next.access_token)
  })
})

describe('logout during a flight', () => {
  it('drops the late tokens and tells the waiters', async () => {
    const storage = cell()
    const { auth, refresh, events } = open({ storage })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const asked = Array.from({ length: 5 }, () => watch(auth.getAccessToken()))
    const refreshed = watch(auth.refresh())
    await settle()
    await auth.logout()
    for (const { status, error } of [...asked, refreshed]) {
      expect(status).toBe('rejected')
      expect(error).toBeInstanceOf(SignedOutError)
    }
    refresh.last.answer()
    await settle()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
    expect(storage.record).toBeNull()
    expect(events.names).toEqual(['login', 'logout'])
  })

  it.each<[string, unknown]>([
    ['is rejected', invalidGrant()],
    ['fails', httpError(503)],
  ])('that %s afterwards changes nothing', async (_, failure) => {
    const { auth, refresh, events } = open()
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    await auth.logout()
    refresh.last.fail(failure)
    await pass(MINUTE)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual(['login', 'logout'])
    expect(refresh.calls).toHaveLength(1)
  })

  it('between two attempts stops the flight', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.9)
    const { auth, refresh } = open()
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    refresh.last.fail(httpError(503))
    await settle()
    await auth.logout()
    await pass(MINUTE)
    expect(refresh.calls).toHaveLength(1)
  })

  it('while the new tokens are being stored drops them', async () => {
    const writes: Deferred<void>[] = []
    let record: unknown = null
    const storage = {
      get: () => null,
      set: (tokens: unknown) => {
        const write = deferred()
        writes.push(write)
        return write.promise.then(() => {
          record = tokens
        })
      },
      remove: () => {
        record = null
      },
    }
    const { auth, refresh } = open({ storage: recordStorage(storage) })
    const login = auth.login(pair())
    writes[0]?.resolve()
    await login
    await pass(5 * MINUTE)
    const asked = watch(auth.getAccessToken())
    await settle()
    refresh.last.answer()
    await settle()
    expect(asked.status).toBe('pending')
    const out = auth.logout()
    await settle()
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    writes[1]?.resolve()
    await out
    await settle()
    expect(record).toBeNull()
    expect(await auth.getAccessToken()).toBeUndefined()
  })
})
