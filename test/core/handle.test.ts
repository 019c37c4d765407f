/** The part of a session that the clients and the devtools use. */
import { type AuthLock, cookieSession, createAuth, type Dpop, sharedStorage } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { handleOf } from '../../src/core/handle.js'
import { createKey } from '../support/bound-key.js'
import { Channel, createLock } from '../support/channel.js'
import {
  alone,
  cell,
  deferred,
  httpError,
  invalidGrant,
  MINUTE,
  open,
  pair,
  pass,
  REFRESH_TIMEOUT,
  type RefreshStub,
  refreshStub,
  rejection,
  SECOND,
  settle,
  storedRecord,
  track,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

/** A session with its handle. */
function openHandle(options: Parameters<typeof open>[0] = {}) {
  const opened = open({ autoRefresh: 'off', ...options })
  return { ...opened, handle: handleOf(opened.auth as never) }
}

describe('the handle of a session', () => {
  it('is over when the session is disposed', () => {
    const { auth, handle } = openHandle()
    expect(handle.isDisposed()).toBe(false)
    auth.dispose()
    expect(handle.isDisposed()).toBe(true)
  })

  it('lets the access token expire: the next call refreshes', async () => {
    const { auth, handle, refresh } = openHandle({ refresh: refreshStub(async () => pair()) })
    handle.expire()
    await auth.login(pair())
    await auth.getAccessToken()
    expect(refresh.calls).toHaveLength(0)
    handle.expire()
    await auth.getAccessToken()
    expect(refresh.reasons).toEqual(['expired'])
  })

  it('restores nothing where it is known that there is no session', async () => {
    const refresh = refreshStub(() => Promise.reject(httpError(401)))
    const { auth, handle } = openHandle({ storage: cookieSession(), refresh })
    await auth.ready
    expect(handle.isUndecided()).toBe(false)
    expect(await handle.restoreAgain()).toBeUndefined()
    expect(refresh.calls).toHaveLength(1)
  })
})

describe('tokens of an ordinary answer', () => {
  it.each([
    ['without a lifetime', () => ({ access_token: 'a-token-that-stays' })],
    ['with the end in the token', alone],
  ])('do not extend the present token that has ended in the meantime: %s', async (_, create) => {
    const { auth, handle, events } = openHandle()
    const token = create()
    await auth.login({ ...token, refresh_token: 'rt', expires_in: 300 })
    const grant = handle.current()!
    await pass(5 * MINUTE + 2 * SECOND)
    expect(handle.collect(token, grant)).toBeUndefined()
    expect(handle.isExpired(grant)).toBe(true)
    expect(events.names).toEqual(['login'])
  })
})

describe('a request that renews the tokens on its way', () => {
  it('is no failure where its answer has no tokens, and the next one goes first', async () => {
    const { auth, handle, events } = openHandle()
    await auth.login(pair())
    const sent: string[] = []
    await handle.refreshWith(async () => void sent.push('first') as never)
    const next = pair()
    await handle.refreshWith(async () => {
      sent.push('second')
      return next
    })
    expect(sent).toEqual(['first', 'second'])
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(events.names).toEqual(['login', 'refreshed'])
  })

  it('changes nothing where its answer without tokens comes after the logout', async () => {
    const { auth, handle, events } = openHandle()
    await auth.login(pair())
    const answer = deferred<undefined>()
    const outcome = watch(handle.refreshWith(() => answer.promise))
    await settle()
    await auth.logout()
    answer.resolve(undefined)
    await settle()
    expect(outcome).toMatchObject({ error: { code: 'ERR_SIGNED_OUT' } })
    expect(events.names).toEqual(['login', 'logout'])
  })
})

it('a session that the server renews with the next request refuses a refresh, and names no time', async () => {
  const auth = track(createAuth({ autoRefresh: 'off' }))
  handleOf(auth as never).serverRenews()
  await auth.login(pair())
  const error = await rejection(auth.refresh())
  expect(error).toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 0 })
  expect(error.retryAt).toBeUndefined()
})

describe('a token that is bound to a key, in an ordinary answer', () => {
  const collect = async (dpop: Dpop | undefined) => {
    const { auth, handle, events } = openHandle(dpop && { dpop })
    await auth.login({ ...pair(), ...(dpop && { token_type: 'DPoP' }) })
    const grant = await handle.acquire(handle.session())
    const next = { ...pair(), token_type: 'DPoP' }
    void handle.collect(next, grant!)
    await settle()
    return { isTaken: (await auth.getAccessToken()) === next.access_token, events: events.names }
  }

  it('is taken by a session with that key', async () => {
    expect(await collect(createKey())).toEqual({ isTaken: true, events: ['login', 'refreshed'] })
  })

  it('is dropped with a warning by a session without one', async () => {
    expect(await collect(undefined)).toEqual({ isTaken: false, events: ['login', 'warning'] })
  })
})

describe('a refresh whose tokens an ordinary answer has brought first', () => {
  it('is reported once', async () => {
    const { auth, handle, refresh, events } = openHandle()
    await auth.login(pair())
    const grant = await handle.acquire(handle.session())
    const done = watch(auth.refresh())
    await settle()
    const next = pair()
    void handle.collect(next, grant!)
    await settle()
    expect(done.status).toBe('pending')
    refresh.last.answer(next)
    await pass(SECOND)
    expect(done.status).toBe('fulfilled')
    expect(events.names).toEqual(['login', 'refreshed'])
    expect(await auth.getAccessToken()).toBe(next.access_token)
  })
})

describe('a refresh that waits for its lock', () => {
  const openWaiting = async () => {
    const gate = deferred()
    const lock: AuthLock = { request: (_name, _options, work) => gate.promise.then(work) }
    const storage = cell(null, { shared: true })
    const opened = openHandle({ storage, lock })
    await opened.auth.login(pair())
    const grant = await opened.handle.acquire(opened.handle.session())
    const outcome = watch(Promise.resolve(opened.handle.rejectGrant(grant!)))
    await settle()
    return { ...opened, outcome, storage, grantLock: () => gate.resolve() }
  }

  it('leaves a login alone that comes first, also one without a refresh token', async () => {
    const { auth, outcome, refresh, events, grantLock } = await openWaiting()
    const next = alone()
    await auth.login(next)
    grantLock()
    await pass(SECOND)
    expect(outcome).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(events.of('sessionExpired')).toEqual([])
    expect(refresh.calls).toHaveLength(0)
  })

  it('does not read the storage once another login has come first', async () => {
    const { auth, storage, grantLock } = await openWaiting()
    await auth.login(pair())
    const read = vi.spyOn(storage, 'getItem')
    grantLock()
    await pass(SECOND)
    expect(read).not.toHaveBeenCalled()
  })
})

describe('a late answer', () => {
  it('is dropped where another tab, and then an ordinary answer, have brought newer tokens', async () => {
    Channel.install()
    const common = { storage: cell(null, { shared: true }), lock: createLock(), retry: 0 }
    const first = openHandle(common)
    await first.auth.login(pair())
    const second = openHandle(common)
    await second.auth.ready
    watch(first.auth.refresh())
    await pass(REFRESH_TIMEOUT + SECOND)
    const collect = async ({ handle }: typeof first) => {
      const grant = handle.current()
      const next = pair()
      void handle.collect(next, grant!)
      await pass(SECOND)
      return next.access_token
    }
    const others = await collect(second)
    expect(await first.auth.getAccessToken()).toBe(others)
    const own = await collect(first)
    expect(await first.auth.getAccessToken()).toBe(own)
    first.refresh.last.answer()
    await pass(SECOND)
    expect(await first.auth.getAccessToken()).toBe(own)
    expect(first.refresh.calls).toHaveLength(1)
  })
})

describe('a call that starts while the session is read from the storage', () => {
  it('learns that the session has ended meanwhile', async () => {
    const storage = cell(storedRecord({ ago: 10 * MINUTE, refreshExpiresAt: 1 }), { asynchronous: true })
    const refresh = refreshStub(() => Promise.reject(invalidGrant()))
    const { handle } = openHandle({ storage, refresh, retry: 0 })
    const outcome = watch(Promise.resolve(handle.acquire(undefined)))
    await pass(SECOND)
    expect(outcome).toMatchObject({ status: 'rejected', error: { code: 'ERR_SESSION_EXPIRED' } })
    expect(refresh.calls).toHaveLength(1)
    // A call that is made afterwards is one of a visitor.
    expect(handle.acquire(undefined)).toBeUndefined()
  })
})

it('a refresh function that asks for a refresh joins the one that it belongs to', async () => {
  const joined: { status: string }[] = []
  const refresh = async () => {
    joined.push(watch(auth.refresh()))
    return alone()
  }
  const auth = track(createAuth({ storage: cookieSession(), refresh, autoRefresh: 'off' }))
  await pass(SECOND)
  expect(auth.getState().status).toBe('authenticated')
  expect(joined.map(({ status }) => status)).toEqual(['fulfilled'])
})

it('a refresh function that waits for the refresh that it belongs to is called once, and times out', async () => {
  const stub: RefreshStub = refreshStub(() => auth.refresh().then(() => alone()))
  const { auth, refresh } = open({ storage: cookieSession(), refresh: stub, retry: 0, autoRefresh: 'off' })
  await pass(REFRESH_TIMEOUT + SECOND)
  expect(refresh.calls).toHaveLength(1)
  expect(auth.getState()).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
})

it('a refresh fails where the storage hands out something that cannot be read any more', async () => {
  const inner = cell()
  let isBroken = false
  const unreadable = Object.defineProperty({}, 'format', {
    get() {
      throw new Error('a getter')
    },
  })
  const storage = sharedStorage({
    getItem: key => (isBroken ? (unreadable as string) : inner.getItem(key)),
    setItem: inner.setItem,
    removeItem: inner.removeItem,
  })
  const refresh = refreshStub(() => {
    isBroken = true
    return Promise.reject(invalidGrant())
  })
  const { auth } = openHandle({ storage, refresh, retry: 0 })
  await auth.login(pair())
  const outcome = watch(auth.refresh())
  await pass(SECOND)
  expect(outcome).toMatchObject({ status: 'rejected', error: { message: 'a getter' } })
  expect(refresh.calls).toHaveLength(1)
})
