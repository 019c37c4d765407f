// @vitest-environment happy-dom
/** A logout in cookie mode lasts, although no script can delete the cookie. */
import { describe, expect, it, vi } from 'vitest'
import {
  alone,
  DAY,
  HOUR,
  httpError,
  type Opened,
  pass,
  refreshStub,
  SECOND,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'
import {
  down,
  logoutEndpoint,
  openCookie,
  page,
  reload,
  restored,
  UNREACHED,
  up,
  useLogoutPages,
} from '../support/logout-pages.js'

useFakeTime()

useLogoutPages()

describe('a logout in cookie mode', () => {
  it.each(UNREACHED)(
    'lasts across a reload where the server answers %s, and the server is notified again',
    async (_, answer) => {
      const endpoint = logoutEndpoint(answer)
      const first = openCookie({ logout: endpoint.logout })
      await restored(first.auth)
      await first.auth.logout()
      expect(first.auth.getState()).toEqual({ status: 'anonymous' })
      expect(endpoint.calls).toHaveLength(1)

      endpoint.answer = up
      const { auth, refresh } = reload(first, () => openCookie({ logout: endpoint.logout }))
      expect(auth.getState()).toEqual({ status: 'anonymous' })
      await restored(auth)
      await pass(SECOND)
      expect(await auth.getAccessToken()).toBeUndefined()
      expect(refresh.calls).toHaveLength(0)
      expect(endpoint.calls).toHaveLength(2)

      const second = reload({ auth } as Opened, () => openCookie({ logout: endpoint.logout }))
      await pass(DAY)
      expect(second.auth.getState()).toEqual({ status: 'anonymous' })
      expect(second.refresh.calls).toHaveLength(0)
      expect(endpoint.calls).toHaveLength(2)
    },
  )

  it('is sent again while the call hangs and the page goes away', async () => {
    const endpoint = logoutEndpoint(() => new Promise(() => {}))
    const first = openCookie({ logout: endpoint.logout })
    await restored(first.auth)
    void first.auth.logout()
    await settle()
    endpoint.answer = up
    const { refresh } = reload(first, () => openCookie({ logout: endpoint.logout }))
    await pass(SECOND)
    expect([endpoint.calls.length, refresh.calls.length]).toEqual([2, 0])
  })

  it('prevents any restore, although the server was reached: its cookie may still be there', async () => {
    const endpoint = logoutEndpoint()
    const first = openCookie({ logout: endpoint.logout })
    await restored(first.auth)
    await first.auth.logout()
    const { auth, refresh } = reload(first, () => openCookie({ logout: endpoint.logout }))
    for (const event of ['online', 'focus', 'pageshow']) window.dispatchEvent(new Event(event))
    await pass(HOUR)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
    expect([endpoint.calls.length, refresh.calls.length]).toEqual([1, 0])
  })

  it.each([400, 401, 404, 405])(
    'is not sent again where the server answers %i: it was reached',
    async status => {
      const endpoint = logoutEndpoint(() => Promise.reject(httpError(status)))
      const first = openCookie({ logout: endpoint.logout })
      await restored(first.auth)
      await first.auth.logout()
      await pass(HOUR)
      const { events } = reload(first, () => openCookie({ logout: endpoint.logout }))
      await pass(HOUR)
      expect(endpoint.calls).toHaveLength(1)
      expect(first.events.of('warning')).toHaveLength(1)
      expect(events.of('warning')).toEqual([])
    },
  )

  it('holds until the next login, which it does not end at the server', async () => {
    const endpoint = logoutEndpoint(down)
    const first = openCookie({ logout: endpoint.logout })
    await restored(first.auth)
    await first.auth.logout()
    await first.auth.login(alone())
    endpoint.answer = up
    await pass(HOUR)
    expect(endpoint.calls).toHaveLength(1)
    const { auth, refresh } = reload(first, () => openCookie({ logout: endpoint.logout }))
    await restored(auth)
    await pass(HOUR)
    expect(refresh.reasons).toEqual(['restore'])
    expect(auth.getState().status).toBe('authenticated')
    expect(endpoint.calls).toHaveLength(1)
  })

  it('is not undone by a refresh that was asked for before it and waits for the restore', async () => {
    const { auth, refresh } = openCookie({ logout: logoutEndpoint().logout, refresh: refreshStub() })
    await pass(SECOND)
    const { signal, fail } = refresh.last
    signal.addEventListener('abort', () => fail(signal.reason))
    const asked = watch(auth.refresh())
    await settle()
    await auth.logout()
    await pass(5 * SECOND)
    expect(refresh.reasons).toEqual(['restore'])
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(asked.status).toBe('fulfilled')
  })

  it.each(['refreshed', 'refreshFailed'] as const)(
    'by a listener of %s is not undone by a refresh that waits for the one before',
    async event => {
      const isGood = event === 'refreshed'
      const { auth, refresh } = openCookie({ logout: logoutEndpoint().logout, refresh: refreshStub() })
      await pass(SECOND)
      refresh.last.answer(alone())
      await restored(auth)
      const first = watch(auth.refresh())
      await pass(SECOND)
      const second = [watch(auth.refresh()), watch(auth.getAccessToken({ forceRefresh: true }))]
      auth.on(event, () => auth.logout())
      if (isGood) refresh.last.answer(alone())
      else refresh.last.fail(httpError(503))
      await pass(5 * SECOND)
      expect(refresh.reasons).toEqual(['restore', 'manual'])
      expect(auth.getState()).toEqual({ status: 'anonymous' })
      expect(first.status).toBe(isGood ? 'fulfilled' : 'rejected')
      for (const { error } of second) expect(error).toMatchObject({ code: 'ERR_SIGNED_OUT' })
    },
  )

  it('has its call aborted by a login, whose cookie it would delete', async () => {
    let signal: AbortSignal | undefined
    const { auth } = openCookie({
      logout: context => {
        signal = context.signal
        return new Promise(() => {})
      },
    })
    await restored(auth)
    const done = auth.logout()
    await settle()
    expect(signal?.aborted).toBe(false)
    await auth.login(alone())
    expect(signal?.aborted).toBe(true)
    await pass(2 * SECOND)
    await done
    expect(auth.getState().status).toBe('authenticated')
  })

  it('whose call a login aborts causes no warning', async () => {
    const { auth, events } = openCookie({
      logout: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    })
    await restored(auth)
    void auth.logout()
    await settle()
    await auth.login(alone())
    await pass(HOUR)
    expect(events.names).toEqual(['refreshed', 'logout', 'login'])
  })

  it('aborts the call of the logout before it, since both are about one cookie', async () => {
    const signals: AbortSignal[] = []
    const { auth } = openCookie({
      logout: ({ signal }) => {
        signals.push(signal)
        return new Promise(() => {})
      },
    })
    await restored(auth)
    for (let time = 0; time < 2; time++) {
      void auth.logout()
      await settle()
    }
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
  })

  it('is sent again after a second logout, which did not reach the server either', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const endpoint = logoutEndpoint(down)
    const { auth } = openCookie({ logout: endpoint.logout })
    await restored(auth)
    await auth.logout()
    await pass(100)
    await auth.logout()
    expect(endpoint.calls).toHaveLength(2)
    endpoint.answer = up
    await pass(HOUR)
    expect(endpoint.calls).toHaveLength(3)
  })

  it('is not undone by forceRefresh, neither in its page nor after a reload', async () => {
    const endpoint = logoutEndpoint(down)
    const first = openCookie({ logout: endpoint.logout })
    await restored(first.auth)
    await first.auth.logout()
    expect(await first.auth.getAccessToken({ forceRefresh: true })).toBeUndefined()
    const second = reload(first, () => openCookie({ logout: endpoint.logout }))
    expect(await second.auth.getAccessToken({ forceRefresh: true })).toBeUndefined()
    await restored(second.auth)
    for (const { auth } of [first, second]) expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect([first.refresh.reasons, second.refresh.reasons]).toEqual([['restore'], []])
    // The server is still told.
    endpoint.answer = up
    await pass(HOUR)
    expect(endpoint.calls).toHaveLength(3)
  })

  it('is not undone by forceRefresh in the function that tells the server', async () => {
    let token: unknown = 'none yet'
    const { auth, refresh } = openCookie({
      logout: async () => {
        token = await auth.getAccessToken({ forceRefresh: true })
      },
    })
    await restored(auth)
    await auth.logout()
    expect([token, refresh.reasons]).toEqual([undefined, ['restore']])
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('ends for a login elsewhere that refresh() finds, also after a reload', async () => {
    const first = openCookie({ logout: logoutEndpoint().logout })
    await restored(first.auth)
    await first.auth.logout()
    const second = reload(first, () => openCookie())
    await second.auth.refresh()
    expect(second.auth.getState().status).toBe('authenticated')
    expect(second.refresh.reasons).toEqual(['manual'])
    const third = reload(second, () => openCookie())
    await restored(third.auth)
    expect(third.refresh.reasons).toEqual(['restore'])
  })

  it('leaves a record in localStorage under a prefixed key, and no token', async () => {
    const endpoint = logoutEndpoint(down)
    const { auth } = openCookie({ logout: endpoint.logout })
    await restored(auth)
    const token = await auth.getAccessToken()
    await auth.logout()
    const entries = { ...localStorage }
    expect(entries).toHaveProperty([`tokenflight:logout-${page}:logout`])
    expect(JSON.stringify(entries)).not.toContain(token)
    expect(endpoint.calls).toEqual([{ accessToken: token }])
  })

  it('of another name is another logout', async () => {
    const first = openCookie({ logout: logoutEndpoint().logout })
    await restored(first.auth)
    await first.auth.logout()
    const { refresh } = openCookie({ name: `other-${page}` })
    await pass(SECOND)
    expect(refresh.reasons).toEqual(['restore'])
  })

  it.each<[string, () => void]>([
    ['forbidden', () => void vi.stubGlobal('localStorage', undefined)],
    [
      'full',
      () =>
        void vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
          throw new DOMException('full', 'QuotaExceededError')
        }),
    ],
  ])('lasts as long as the page where localStorage is %s', async (_, spoil) => {
    spoil()
    const { auth, refresh, events } = openCookie({ logout: logoutEndpoint().logout })
    await restored(auth)
    await auth.logout()
    window.dispatchEvent(new Event('online'))
    await pass(HOUR)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(await auth.getAccessToken()).toBeUndefined()
    expect(refresh.calls).toHaveLength(1)
    expect(events.of('warning')).toEqual([])
  })

  it.each(['', 'null', '{', '[]', '{"generation":1}', '{"format":99,"ended":"logout"}'])(
    'is unknown where localStorage holds %j',
    async text => {
      localStorage.setItem(`tokenflight:logout-${page}:logout`, text)
      const { auth, refresh } = openCookie()
      await restored(auth)
      expect(refresh.reasons).toEqual(['restore'])
      expect(auth.getState().status).toBe('authenticated')
    },
  )

  it('in another tab without a channel ends a session before the answer of its refresh counts', async () => {
    vi.stubGlobal('BroadcastChannel', undefined)
    const endpoint = logoutEndpoint()
    const [here, there] = [openCookie({ logout: endpoint.logout }), openCookie({ refresh: refreshStub() })]
    await restored(here.auth)
    await pass(SECOND)
    there.refresh.last.answer(alone())
    await restored(there.auth)
    const refreshed = watch(there.auth.refresh())
    await settle()
    await here.auth.logout()
    await pass(10 * SECOND)
    there.refresh.last.answer(alone())
    await pass(SECOND)
    expect(refreshed.status).toBe('rejected')
    expect(there.auth.getState()).toEqual({ status: 'anonymous' })
    const { auth } = openCookie()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('in a page without this library is noticed by a page that comes back from the back/forward cache', async () => {
    let hasCookie = true
    const { auth, refresh, events } = openCookie({
      refresh: refreshStub(() => (hasCookie ? Promise.resolve(alone()) : Promise.reject(httpError(401)))),
    })
    await restored(auth)
    hasCookie = false
    window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
    const asked = watch(auth.getAccessToken())
    await pass(SECOND)
    expect(refresh.reasons).toEqual(['restore', 'expired'])
    expect(asked.status).toBe('rejected')
    expect(auth.getState().status).toBe('expired')
    expect(events.of('sessionExpired')).toHaveLength(1)
    expect(Object.keys({ ...localStorage })).toEqual([`tokenflight:logout-${page}:grant`])
  })
})
