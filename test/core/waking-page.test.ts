// @vitest-environment happy-dom
/** A page that was frozen, and the changes that it has missed. */
import { type AuthLock, cookieSession } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { handleOf } from '../../src/core/handle.js'
import {
  alone,
  type Cell,
  cell,
  invalidGrant,
  MINUTE,
  open,
  pair,
  pass,
  type RefreshStub,
  refreshStub,
  SECOND,
  storedRecord,
  useFakeTime,
  watch,
} from '../support/core.js'
import { useDatabases } from '../support/origin.js'
import { becomePage } from '../support/page.js'

useFakeTime()

beforeEach(() => {
  becomePage()
  useDatabases()
  vi.stubGlobal('BroadcastChannel', undefined)
})

const resume = (): unknown => document.dispatchEvent(new Event('resume'))

/** A page whose storage all tabs share. */
async function openPage(refresh: RefreshStub, tokens = pair()) {
  const storage: Cell = cell(null, { shared: true, asynchronous: true })
  const { auth } = open({ storage, refresh, retry: 0 })
  await pass(SECOND)
  watch(auth.login(tokens))
  await pass(SECOND)
  return { auth, storage, handle: handleOf(auth as never) }
}

describe('a page that wakes', () => {
  /** Its session has expired. */
  const openExpired = async () => {
    const refresh = refreshStub(() => Promise.reject(invalidGrant()))
    const opened = await openPage(refresh)
    watch(opened.auth.refresh())
    await pass(2 * SECOND)
    expect(opened.auth.getState().status).toBe('expired')
    return opened
  }

  it('sends its first request with the token of a login in another tab', async () => {
    const { handle, storage } = await openExpired()
    const stored = storedRecord({ generation: Date.now() / 1_000 })
    storage.record = stored
    resume()
    const grant = watch(Promise.resolve(handle.acquire(undefined)))
    await pass(SECOND)
    expect(grant).toMatchObject({ status: 'fulfilled', value: { accessToken: stored.accessToken } })
  })

  it('sends its first request without a token where the session stays expired', async () => {
    const { handle } = await openExpired()
    resume()
    const grant = watch(Promise.resolve(handle.acquire(undefined)))
    await pass(SECOND)
    expect(grant).toEqual({ status: 'fulfilled', value: undefined })
  })

  it('uses a good token at once, although its refresh ahead of time has no answer yet', async () => {
    const tokens = pair({ lifetime: 5 * MINUTE })
    const refresh = refreshStub()
    const { auth } = await openPage(refresh, tokens)
    await auth.getAccessToken()
    for (let second = 0; second < 300 && !refresh.calls.length; second++) await pass(SECOND)
    expect(refresh.reasons).toEqual(['ahead'])
    resume()
    const token = watch(auth.getAccessToken())
    await pass(SECOND)
    expect(token).toEqual({ status: 'fulfilled', value: tokens.access_token })
    expect(refresh.calls).toHaveLength(1)
  })

  it('uses a good token at once, although its refresh ahead of time waits for the lock', async () => {
    const lock: AuthLock = { request: () => new Promise(() => {}) }
    const tokens = pair({ lifetime: 5 * MINUTE })
    const { auth, refresh } = open({ storage: cell(null, { shared: true, asynchronous: true }), lock })
    await pass(SECOND)
    watch(auth.login(tokens))
    await pass(SECOND)
    await auth.getAccessToken()
    const isRefreshing = (): boolean => (auth.getState() as { refreshing?: boolean }).refreshing === true
    for (let second = 0; second < 300 && !isRefreshing(); second++) await pass(SECOND)
    expect(isRefreshing()).toBe(true)
    resume()
    const token = watch(auth.getAccessToken())
    await pass(100)
    expect(token).toEqual({ status: 'fulfilled', value: tokens.access_token })
    expect(refresh.calls).toHaveLength(0)
  })

  it('keeps the token of a cookie session that no other tab tells about', async () => {
    const refresh = refreshStub(async () => alone())
    const { auth } = open({ storage: cookieSession(), refresh, autoRefresh: 'off', name: 'waking' })
    await pass(SECOND)
    resume()
    const token = watch(auth.getAccessToken())
    await pass(SECOND)
    expect(token.status).toBe('fulfilled')
    expect(refresh.reasons).toEqual(['restore'])
  })
})
