// @vitest-environment happy-dom
/**
 * A page whose refresh its browser cancels because it goes away. Firefox does that when the navigation begins, and lets the
 * page live on until the next one is there; a request that the page sends meanwhile reaches the server, and its answer no page.
 */
import { type AuthLock, type AuthOptions, cookieSession, memoryStorage, webStorage } from 'tokenflight'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLock } from '../support/channel.js'
import {
  httpError,
  invalidGrant,
  open,
  pair,
  pass,
  type RefreshStub,
  refreshStub,
  SECOND,
  useFakeTime,
  watch,
} from '../support/core.js'
import { createLocalArea, useDatabases } from '../support/origin.js'
import { becomePage } from '../support/page.js'

useFakeTime()

beforeEach(() => {
  becomePage()
  useDatabases()
  vi.stubGlobal('BroadcastChannel', undefined)
})
afterEach(() => {
  vi.restoreAllMocks()
})

const cancelled = (): TypeError => new TypeError('NetworkError when attempting to fetch resource.')
const leave = (): unknown => window.dispatchEvent(new Event('beforeunload'))
const comeBack = (): unknown =>
  window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))

/** Lets a page ask its database. */
const moment = (): Promise<void> => pass(150)
/** Longer than a browser takes for the next page, and than the pause before a second attempt. */
const navigation = (): Promise<void> => pass(5 * SECOND)

/** Pages of one user that come one after the other: the lock of a page goes with it. */
function createUser(options: AuthOptions = {}) {
  const area = createLocalArea()
  return (refresh: RefreshStub = refreshStub(), lock: AuthLock = createLock()) =>
    open({ storage: webStorage(area.view()), autoRefresh: 'off', ...options, refresh, lock })
}

/** Answers everything that a page waits for, its database included. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  await moment()
  return promise
}

/** A page whose refresh was sent, and cancelled as the page began to go away. */
async function leavePage(options?: AuthOptions) {
  const user = createUser(options)
  const page = user()
  await soon(page.auth.login(pair()))
  const asked = watch(page.auth.refresh())
  await moment()
  expect(page.refresh.calls).toHaveLength(1)
  leave()
  page.refresh.last.fail(cancelled())
  return { ...page, user, asked }
}

describe('a page whose refresh fails because it goes away', () => {
  it('sends its refresh token no second time, so that the next page is the only one that does', async () => {
    const first = await leavePage()
    await navigation()
    expect(first.refresh.calls).toHaveLength(1)
    const next = first.user(refreshStub(async () => pair()))
    await moment()
    await soon(next.auth.refresh())
    expect(next.refresh.spent).toEqual(first.refresh.spent)
  })

  it.each<[what: string, prepare: AuthOptions]>([
    ['without any retry', { retry: 0 }],
    ['with a page that refreshes by itself', { autoRefresh: 'always' }],
    ['with memory alone', { storage: memoryStorage() }],
    ['with a cookie', { storage: cookieSession(), logout: async () => {} }],
  ])('starts no other refresh either: %s', async (_, options) => {
    const { auth, refresh } = await leavePage(options)
    for (let second = 0; second < 5; second++) {
      watch(auth.refresh())
      watch(auth.getAccessToken({ forceRefresh: true }))
      await pass(SECOND)
    }
    expect(refresh.calls).toHaveLength(1)
  })

  it('sends it no second time either after a failure that came first', async () => {
    const user = createUser()
    const first = user()
    await soon(first.auth.login(pair()))
    // The delay before the second attempt is drawn when the first one begins.
    vi.spyOn(Math, 'random').mockReturnValue(0.9)
    watch(first.auth.refresh())
    await moment()
    first.refresh.last.fail(httpError(503))
    await moment()
    leave()
    await navigation()
    expect(first.refresh.calls).toHaveLength(1)
  })

  it('sends it no first time either once it gets the lock', async () => {
    const lock = createLock()
    const user = createUser()
    const first = user(refreshStub(), lock)
    const second = user(refreshStub(), lock)
    await soon(first.auth.login(pair()))
    watch(first.auth.refresh())
    watch(second.auth.refresh())
    await moment()
    leave()
    first.refresh.last.fail(cancelled())
    await navigation()
    expect([first.refresh.calls.length, second.refresh.calls.length]).toEqual([1, 0])
  })

  it('takes the tokens that another tab has got meanwhile', async () => {
    const { auth, refresh, user, asked } = await leavePage()
    const other = user(refreshStub(async () => pair()))
    await moment()
    await soon(other.auth.refresh())
    await pass(15 * SECOND)
    expect(asked.status).toBe('fulfilled')
    expect(await soon(auth.getAccessToken())).toBe(await soon(other.auth.getAccessToken()))
    expect(refresh.calls).toHaveLength(1)
  })

  it('tries again where it stays after all', async () => {
    const { refresh, asked } = await leavePage()
    await pass(11 * SECOND)
    expect(refresh.calls).toHaveLength(2)
    refresh.last.answer()
    await moment()
    expect(asked.status).toBe('fulfilled')
  })

  it('tries again as soon as it comes back', async () => {
    const { refresh, asked } = await leavePage()
    await navigation()
    comeBack()
    await moment()
    expect(refresh.calls).toHaveLength(2)
    refresh.last.answer()
    await moment()
    expect(asked.status).toBe('fulfilled')
  })

  it('starts the next refresh as soon as it comes back, although the one before is over', async () => {
    const { auth, refresh, asked } = await leavePage({ retry: 0 })
    await moment()
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED' } })
    comeBack()
    const again = watch(auth.refresh())
    await moment()
    expect(refresh.calls).toHaveLength(2)
    refresh.last.answer()
    await moment()
    expect(again.status).toBe('fulfilled')
  })

  it.each<[event: string, target: EventTarget]>([
    ['visibilitychange', document],
    ['focus', window],
    ['online', window],
  ])('starts none at a mere %s', async (event, target) => {
    const { auth, refresh } = await leavePage({ retry: 0 })
    await moment()
    target.dispatchEvent(new Event(event))
    watch(auth.refresh())
    await navigation()
    expect(refresh.calls).toHaveLength(1)
  })

  it('heeds no departure of an earlier day', async () => {
    const { refresh, auth } = await leavePage()
    await pass(11 * SECOND)
    refresh.last.answer()
    await moment()
    const asked = watch(auth.refresh())
    await moment()
    refresh.last.fail(cancelled())
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(4)
    refresh.last.answer()
    await moment()
    expect(asked.status).toBe('fulfilled')
  })
})

describe('a page that may go away', () => {
  it('refreshes at once where nothing was cancelled, as during a download', async () => {
    const page = createUser()()
    await soon(page.auth.login(pair()))
    leave()
    const asked = watch(page.auth.refresh())
    await moment()
    page.refresh.last.answer()
    await moment()
    expect(asked.status).toBe('fulfilled')
    leave()
    const again = watch(page.auth.refresh())
    await moment()
    page.refresh.last.answer()
    await moment()
    expect(again.status).toBe('fulfilled')
  })

  it('takes the answer of a refresh that was not cancelled', async () => {
    const page = createUser()()
    await soon(page.auth.login(pair()))
    const asked = watch(page.auth.refresh())
    await moment()
    leave()
    const tokens = page.refresh.last.answer()
    await moment()
    expect(asked.status).toBe('fulfilled')
    expect(await soon(page.auth.getAccessToken())).toBe(tokens.access_token)
  })

  it('refreshes at once when it comes back from the cache after a refresh that was answered', async () => {
    const page = createUser()()
    await soon(page.auth.login(pair()))
    watch(page.auth.refresh())
    await moment()
    leave()
    page.refresh.last.answer(pair({ lifetime: SECOND }))
    await pass(2 * SECOND)
    comeBack()
    const token = watch(page.auth.getAccessToken())
    await moment()
    expect(page.refresh.calls).toHaveLength(2)
    page.refresh.last.answer()
    await moment()
    expect(token.status).toBe('fulfilled')
  })

  it('refreshes at once when the user stays after a refresh that was answered', async () => {
    const page = createUser()()
    await soon(page.auth.login(pair()))
    watch(page.auth.refresh())
    await moment()
    leave()
    page.refresh.last.answer()
    await moment()
    watch(page.auth.refresh())
    await moment()
    expect(page.refresh.calls).toHaveLength(2)
  })

  it('ends its session where the server refuses the refresh token meanwhile', async () => {
    const page = createUser()()
    await soon(page.auth.login(pair()))
    const asked = watch(page.auth.refresh())
    await moment()
    leave()
    page.refresh.last.fail(invalidGrant())
    await pass(2 * SECOND)
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SESSION_EXPIRED' } })
  })

  it('listens for that during a refresh alone, because a listener may keep a page out of the cache', async () => {
    const counts = { added: 0, removed: 0 }
    const count = (name: 'addEventListener' | 'removeEventListener', key: keyof typeof counts): void => {
      const original = window[name].bind(window) as (...all: unknown[]) => void
      vi.spyOn(window, name).mockImplementation(((...all: unknown[]) => {
        if (all[0] === 'beforeunload') counts[key]++
        original(...all)
      }) as never)
    }
    count('addEventListener', 'added')
    count('removeEventListener', 'removed')
    const page = createUser()()
    await soon(page.auth.login(pair()))
    expect(counts).toEqual({ added: 0, removed: 0 })
    watch(page.auth.refresh())
    await moment()
    expect(counts).toEqual({ added: 1, removed: 0 })
    page.refresh.last.answer()
    await moment()
    watch(page.auth.refresh())
    await moment()
    page.refresh.last.fail(httpError(503))
    await pass(2 * SECOND)
    page.refresh.last.answer()
    await moment()
    expect(counts).toEqual({ added: 2, removed: 2 })
  })

  it('listens until its own refresh is over where a login has replaced the session of an earlier one', async () => {
    const listeners = new Set<unknown>()
    const { addEventListener, removeEventListener } = window
    vi.spyOn(window, 'addEventListener').mockImplementation(((name: string, listener: () => void) => {
      if (name === 'beforeunload') listeners.add(listener)
      addEventListener.call(window, name, listener)
    }) as never)
    vi.spyOn(window, 'removeEventListener').mockImplementation(((name: string, listener: () => void) => {
      listeners.delete(listener)
      removeEventListener.call(window, name, listener)
    }) as never)
    const { auth, refresh } = open({ storage: memoryStorage(), autoRefresh: 'off' })
    await auth.login(pair())
    watch(auth.refresh())
    await moment()
    const [earlier] = refresh.calls
    await auth.login(pair())
    watch(auth.refresh())
    await moment()
    earlier!.answer()
    await moment()
    leave()
    refresh.last.fail(cancelled())
    await pass(5 * SECOND)
    expect(refresh.calls).toHaveLength(2)
    await pass(10 * SECOND)
    expect(refresh.calls).toHaveLength(3)
    refresh.last.answer()
    await moment()
    expect(listeners.size).toBe(0)
  })
})
