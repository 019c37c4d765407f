/** The part of a session that the clients and the devtools use. */
import { cookieSession, createAuth, type Dpop } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { handleOf } from '../../src/core/handle.js'
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
  const key: Dpop = {
    fetch: (input, init, send = fetch) => send(input, init),
    proof: async () => 'proof',
    learn: () => false,
    open() {},
    forget() {},
  }
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
    expect(await collect(key)).toEqual({ isTaken: true, events: ['login', 'refreshed'] })
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
