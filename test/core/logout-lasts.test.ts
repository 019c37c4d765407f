// @vitest-environment happy-dom
import {
  type AuthLock,
  cookieSession,
  type LogoutContext,
  memoryStorage,
  type TokenStorage,
  webStorage,
} from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel, createLock } from '../support/channel.js'
import {
  accessToken,
  alone,
  cell,
  DAY,
  deferred,
  HOUR,
  httpError,
  MINUTE,
  type Opened,
  open,
  pair,
  pass,
  refreshStub,
  SECOND,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'
import { becomePage } from '../support/page.js'

useFakeTime()

let page = 0

beforeEach(() => {
  becomePage()
  localStorage.clear()
  sessionStorage.clear()
  page++
  lock = createLock()
  Channel.install()
})

type Told = Omit<LogoutContext, 'signal'>

/** A logout endpoint that answers as it is told, and notes the tokens of each call. */
function logoutEndpoint(answer: () => unknown = () => undefined) {
  const calls: Told[] = []
  const endpoint = {
    calls,
    answer,
    logout: async ({ signal: _, ...tokens }: LogoutContext): Promise<unknown> => {
      calls.push(tokens)
      return endpoint.answer()
    },
  }
  return endpoint
}

const down = () => Promise.reject(httpError(503))
const up = () => undefined

let lock: AuthLock
/** A page with the name of the test: opened again it is a reload, or another tab. */
function openPage(options: Parameters<typeof open>[0]): Opened {
  return open({ name: `logout-${page}`, lock, autoRefresh: 'off', retry: 0, ...options })
}
const openCookie = (options: Parameters<typeof open>[0] = {}): Opened =>
  openPage({ storage: cookieSession(), refresh: refreshStub(async () => alone()), ...options })

/** Resolves when the restore is over, which asks the other tabs. */
async function restored(auth: Opened['auth']): Promise<void> {
  await pass(100)
  await auth.ready
}

/** The page goes away, and comes again. */
function reload(opened: Opened, again: () => Opened): Opened {
  opened.auth.dispose()
  Channel.reset()
  return again()
}

/** Failures of a server that was not reached. */
const UNREACHED: [string, () => unknown][] = [
  ['503', down],
  ['a network error', () => Promise.reject(new TypeError('Failed to fetch'))],
  ['429', () => Promise.reject(httpError(429))],
  ['the page of a firewall', () => Promise.reject(httpError(403, '<html>Blocked</html>'))],
  ['a Response of 503, which fetch resolves with', () => new Response(null, { status: 503 })],
  [
    'an error that is thrown',
    () => {
      throw new Error('bug')
    },
  ],
]

describe('a logout in cookie mode', () => {
  it.each(UNREACHED)(
    'lasts across a reload where the server answers %s, and the server is told again',
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

  it('is told again while the call hangs and the page goes away', async () => {
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
    'is not told again where the server answers %i: it was reached',
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

  it('holds until the next login, which the server is not told to end', async () => {
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
  })
})

/** Storages that survive a reload of the page, and the text in them. */
const STORAGES: [string, () => { storage: () => TokenStorage; text: () => string }][] = [
  ['localStorage', () => ({ storage: () => webStorage(), text: () => JSON.stringify({ ...localStorage }) })],
  [
    'sessionStorage',
    () => ({ storage: () => webStorage(sessionStorage), text: () => JSON.stringify({ ...sessionStorage }) }),
  ],
  [
    'a storage of its own',
    () => {
      const own = cell()
      return { storage: () => own, text: () => JSON.stringify(own.record) }
    },
  ],
  [
    'an asynchronous storage of its own',
    () => {
      const own = cell(null, { asynchronous: true })
      return { storage: () => own, text: () => JSON.stringify(own.record) }
    },
  ],
  [
    'a shared storage of its own',
    () => {
      const own = cell(null, { shared: true })
      return { storage: () => own, text: () => JSON.stringify(own.record) }
    },
  ],
]

describe.each(STORAGES)('a logout with %s', (_, make) => {
  it('is told again after a reload, with the tokens of the session, which then are gone', async () => {
    const { storage, text } = make()
    const endpoint = logoutEndpoint(down)
    const first = openPage({ storage: storage(), logout: endpoint.logout })
    const tokens = pair()
    await first.auth.login(tokens)
    await first.auth.logout()
    await pass(100)
    expect(text()).toContain(tokens.refresh_token)

    endpoint.answer = up
    const second = reload(first, () => openPage({ storage: storage(), logout: endpoint.logout }))
    await restored(second.auth)
    await pass(SECOND)
    const told = { accessToken: tokens.access_token, refreshToken: tokens.refresh_token }
    expect(endpoint.calls).toEqual([told, told])
    expect(second.auth.getState()).toEqual({ status: 'anonymous' })
    expect(text()).not.toContain(tokens.refresh_token)
    expect(text()).not.toContain(tokens.access_token)

    reload(second, () => openPage({ storage: storage(), logout: endpoint.logout }))
    await pass(HOUR)
    expect(endpoint.calls).toHaveLength(2)
  })

  it('leaves no token once the server was reached', async () => {
    const { storage, text } = make()
    const endpoint = logoutEndpoint()
    const { auth } = openPage({ storage: storage(), logout: endpoint.logout })
    const tokens = pair()
    await auth.login(tokens)
    await auth.logout()
    await pass(SECOND)
    expect(text()).not.toContain(tokens.refresh_token)
    expect(endpoint.calls).toHaveLength(1)
  })

  it('leaves no token without the option logout', async () => {
    const { storage, text } = make()
    const { auth } = openPage({ storage: storage() })
    const tokens = pair()
    await auth.login(tokens)
    await auth.logout()
    await pass(SECOND)
    expect(text()).not.toContain(tokens.refresh_token)
  })

  it('is forgotten after a day, tokens included', async () => {
    const { storage, text } = make()
    const endpoint = logoutEndpoint(down)
    const first = openPage({ storage: storage(), logout: endpoint.logout })
    const tokens = pair()
    await first.auth.login(tokens)
    await first.auth.logout()
    first.auth.dispose()
    await pass(DAY)
    const { length } = endpoint.calls
    const { auth } = openPage({ storage: storage(), logout: endpoint.logout })
    await restored(auth)
    await pass(SECOND)
    expect(endpoint.calls).toHaveLength(length)
    expect(text()).not.toContain(tokens.refresh_token)
  })
})

describe('a logout that did not reach the server', () => {
  it('is told again by this page, with growing pauses, until it was reached', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const endpoint = logoutEndpoint(down)
    const { auth, events } = openPage({ storage: memoryStorage(), logout: endpoint.logout })
    await auth.login(pair())
    await auth.logout()
    const counts: number[] = []
    for (const time of [SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND]) {
      await pass(time)
      counts.push(endpoint.calls.length)
    }
    expect(counts).toEqual([2, 3, 4, 5])
    endpoint.answer = up
    await pass(HOUR)
    expect(endpoint.calls).toHaveLength(6)
    expect(new Set(endpoint.calls.map(({ refreshToken }) => refreshToken)).size).toBe(1)
    expect(events.of('warning')).toHaveLength(1)
    await pass(DAY)
    expect(endpoint.calls).toHaveLength(6)
  })

  it('is told again at once when the network is back', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const endpoint = logoutEndpoint(down)
    const { auth } = openPage({ logout: endpoint.logout })
    await auth.login(pair())
    await auth.logout()
    await pass(20 * SECOND)
    const { length } = endpoint.calls
    endpoint.answer = up
    window.dispatchEvent(new Event('online'))
    await settle()
    expect(endpoint.calls).toHaveLength(length + 1)
  })

  it('is told for a day, and a few hundred times at the most', async () => {
    const endpoint = logoutEndpoint(down)
    const { auth } = openPage({ logout: endpoint.logout })
    await auth.login(pair())
    await auth.logout()
    await pass(DAY)
    const { length } = endpoint.calls
    expect(length).toBeLessThan(700)
    expect(length).toBeGreaterThan(100)
    await pass(DAY)
    expect(endpoint.calls.length - length).toBeLessThanOrEqual(1)
  })

  it('is told after another login, too, with the tokens of the old session', async () => {
    const endpoint = logoutEndpoint(down)
    const { auth } = openPage({ logout: endpoint.logout })
    const old = pair()
    await auth.login(old)
    await auth.logout()
    await auth.login(pair({ sub: 'grace' }))
    endpoint.answer = up
    await pass(5 * SECOND)
    expect(endpoint.calls.map(({ refreshToken }) => refreshToken)).toEqual([
      old.refresh_token,
      old.refresh_token,
    ])
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'grace' } })
  })

  it('is told no more by this page when another tab has told the server', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const storage = cell(null, { shared: true })
    const endpoint = logoutEndpoint(down)
    const here = openPage({ storage, logout: endpoint.logout })
    await here.auth.login(pair())
    await here.auth.logout()
    endpoint.answer = up
    const other = openPage({ storage, logout: endpoint.logout })
    await restored(other.auth)
    await settle()
    expect(endpoint.calls).toHaveLength(2)
    await pass(HOUR)
    expect(endpoint.calls).toHaveLength(2)
  })

  it('of two tabs is told by the tabs that it concerns, and stored for both', async () => {
    const storage = cell(null, { shared: true })
    const endpoint = logoutEndpoint(down)
    const here = openPage({ storage, logout: endpoint.logout })
    const tokens = pair()
    await here.auth.login(tokens)
    const there = openPage({ storage, logout: endpoint.logout })
    await there.auth.ready
    watch(there.auth.refresh())
    await settle()
    await here.auth.logout()
    const late = there.refresh.last.answer()
    await pass(100)
    const owed = storage.record?.revoke?.map(({ refreshToken }) => refreshToken)
    expect(owed?.sort()).toEqual([tokens.refresh_token, late.refresh_token].sort())
    endpoint.answer = up
    await pass(HOUR)
    expect(storage.record).not.toHaveProperty('revoke')
    for (const { events } of [here, there]) expect(events.of('logout')).toHaveLength(1)
  })

  it('changes nothing in other tabs when it is told again: not the end of their session, nor a refresh', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const endpoint = logoutEndpoint(down)
    const here = openCookie({ logout: endpoint.logout })
    await restored(here.auth)
    const there = openCookie({ refresh: refreshStub(), logout: endpoint.logout })
    await restored(there.auth)
    await here.auth.logout()
    await pass(100)
    const refreshed = watch(there.auth.refresh())
    await pass(500)
    endpoint.answer = up
    window.dispatchEvent(new Event('online'))
    await pass(100)
    expect(endpoint.calls).toHaveLength(2)
    expect(refreshed.status).toBe('pending')
    there.refresh.last.answer(alone())
    await pass(100)
    expect(refreshed.status).toBe('fulfilled')
    expect(there.events.names).toEqual(['logout', 'login', 'refreshed'])
  })

  it('is told again once, although the page wakes while it is being told', async () => {
    const endpoint = logoutEndpoint(down)
    const { auth } = openPage({ logout: endpoint.logout })
    await auth.login(pair())
    await auth.logout()
    endpoint.answer = () => new Promise(() => {})
    await pass(SECOND)
    for (let time = 0; time < 3; time++) window.dispatchEvent(new Event('online'))
    await settle()
    expect(endpoint.calls).toHaveLength(2)
  })

  it('is told no more by a page that is disposed', async () => {
    const endpoint = logoutEndpoint(down)
    const { auth } = openPage({ logout: endpoint.logout })
    await auth.login(pair())
    await auth.logout()
    auth.dispose()
    await pass(HOUR)
    expect(endpoint.calls).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is told again without another event, and without a refresh', async () => {
    const endpoint = logoutEndpoint(down)
    const { auth, refresh, events } = openPage({ storage: webStorage(), logout: endpoint.logout })
    await auth.login(pair())
    await auth.logout()
    await pass(MINUTE)
    expect(events.names).toEqual(['login', 'logout', 'warning'])
    expect(events.statuses).toEqual(['authenticated', 'anonymous'])
    expect(refresh.calls).toHaveLength(0)
  })
})

describe('a refresh token that arrives after the logout', () => {
  const flying = async (options: Parameters<typeof open>[0] = {}) => {
    const endpoint = logoutEndpoint()
    const opened = openPage({ logout: endpoint.logout, ...options })
    const tokens = pair()
    await opened.auth.login(tokens)
    const refreshed = watch(opened.auth.refresh())
    await settle()
    return { ...opened, endpoint, tokens, refreshed }
  }

  it('is revoked, too', async () => {
    const { auth, refresh, endpoint, tokens, refreshed } = await flying()
    await auth.logout()
    expect(refreshed).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    const late = refresh.last.answer()
    await settle()
    expect(endpoint.calls).toEqual([
      { accessToken: tokens.access_token, refreshToken: tokens.refresh_token },
      { accessToken: late.access_token, refreshToken: late.refresh_token },
    ])
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('is revoked after a reload where the server was down', async () => {
    const storage = cell()
    const { auth, refresh, endpoint, tokens } = await flying({ storage })
    endpoint.answer = down
    await auth.logout()
    const late = refresh.last.answer()
    await settle()
    auth.dispose()
    endpoint.answer = up
    endpoint.calls.length = 0
    openPage({ storage, logout: endpoint.logout })
    await settle()
    expect(endpoint.calls.map(({ refreshToken }) => refreshToken).sort()).toEqual(
      [tokens.refresh_token, late.refresh_token].sort(),
    )
    await settle()
    expect(storage.record).toBeNull()
  })

  it('is revoked when its answer comes after refreshTimeout', async () => {
    const { auth, refresh, endpoint } = await flying()
    await pass(11 * SECOND)
    await auth.logout()
    const late = refresh.last.answer()
    await settle()
    expect(endpoint.calls.at(-1)).toEqual({
      accessToken: late.access_token,
      refreshToken: late.refresh_token,
    })
    expect(endpoint.calls).toHaveLength(2)
  })

  it('is revoked when it is another tab that has logged out', async () => {
    const storage = cell(null, { shared: true })
    const { auth, refresh, endpoint } = await flying({ storage })
    const other = openPage({ storage, logout: endpoint.logout })
    await restored(other.auth)
    await other.auth.logout()
    const late = refresh.last.answer()
    await pass(SECOND)
    expect(endpoint.calls.map(({ refreshToken }) => refreshToken)).toContain(late.refresh_token)
    expect(endpoint.calls).toHaveLength(2)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(JSON.stringify(storage.record)).not.toContain(late.refresh_token)
  })

  it('is revoked when another tab logged out and no channel told it', async () => {
    vi.stubGlobal('BroadcastChannel', undefined)
    const storage = cell(null, { shared: true })
    const { auth, refresh, endpoint } = await flying({ storage })
    const other = openPage({ storage, logout: endpoint.logout })
    await restored(other.auth)
    await other.auth.logout()
    const late = refresh.last.answer()
    await pass(SECOND)
    expect(endpoint.calls.map(({ refreshToken }) => refreshToken)).toContain(late.refresh_token)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('is revoked although a login has followed', async () => {
    const { auth, refresh, endpoint } = await flying()
    await auth.logout()
    await auth.login(pair({ sub: 'grace' }))
    const late = refresh.last.answer()
    await settle()
    expect(endpoint.calls.at(-1)?.refreshToken).toBe(late.refresh_token)
    expect(auth.getState()).toMatchObject({ claims: { sub: 'grace' } })
  })

  it('is not told twice where the server does not rotate', async () => {
    const { auth, refresh, endpoint, tokens } = await flying()
    await auth.logout()
    refresh.last.answer({ access_token: accessToken(), refresh_token: tokens.refresh_token })
    await settle()
    refresh.last.answer(alone())
    await settle()
    expect(endpoint.calls).toHaveLength(1)
  })

  it('is not revoked where another login, and no logout, ended its session', async () => {
    const { auth, refresh, endpoint } = await flying()
    await auth.login(pair({ sub: 'grace' }))
    refresh.last.answer()
    await settle()
    expect(endpoint.calls).toEqual([])
  })

  it('as a cookie makes the page tell the server again', async () => {
    const endpoint = logoutEndpoint()
    const { auth, refresh } = openCookie({ refresh: refreshStub(), logout: endpoint.logout })
    await pass(SECOND)
    refresh.last.answer(alone())
    await restored(auth)
    watch(auth.refresh())
    await settle()
    await auth.logout()
    const late = refresh.last.answer(alone())
    await settle()
    expect(endpoint.calls).toHaveLength(2)
    expect(endpoint.calls[1]).toEqual({ accessToken: late.access_token })
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('as a cookie is left alone after another login, since the call would delete the new cookie', async () => {
    const endpoint = logoutEndpoint()
    const { auth, refresh } = openCookie({ refresh: refreshStub(), logout: endpoint.logout })
    await pass(SECOND)
    refresh.last.answer(alone())
    await restored(auth)
    watch(auth.refresh())
    await settle()
    await auth.logout()
    await auth.login(alone({ sub: 'grace' }))
    refresh.last.answer(alone())
    await settle()
    expect(endpoint.calls).toHaveLength(1)
  })
})

describe('the option logout in cookie mode', () => {
  const message = /needs `logout`: no script can delete the cookie/

  it('causes a warning when the page opens without it, once', async () => {
    const { auth, events } = openCookie()
    await restored(auth)
    await auth.logout()
    await auth.logout()
    expect(events.of('warning')).toEqual([{ message: expect.stringMatching(message) }])
  })

  it.each<[string, Parameters<typeof open>[0]]>([
    ['with the option', { storage: cookieSession(), logout: async () => {} }],
    ['with another place for the refresh token', { storage: memoryStorage() }],
  ])('causes no warning %s', async (_, options) => {
    const { auth, events } = openPage({ refresh: refreshStub(async () => pair()), ...options })
    await restored(auth)
    await auth.login(pair())
    await auth.logout()
    expect(events.of('warning')).toEqual([])
  })
})

it('tells no server while the page is being prerendered', async () => {
  const endpoint = logoutEndpoint(down)
  const first = openCookie({ logout: endpoint.logout })
  await restored(first.auth)
  await first.auth.logout()
  endpoint.answer = up
  let isPrerendering = true
  Object.defineProperty(document, 'prerendering', { configurable: true, get: () => isPrerendering })
  reload(first, () => openCookie({ logout: endpoint.logout }))
  await pass(MINUTE)
  expect(endpoint.calls).toHaveLength(1)
  isPrerendering = false
  document.dispatchEvent(new Event('prerenderingchange'))
  await pass(SECOND)
  expect(endpoint.calls).toHaveLength(2)
  Reflect.deleteProperty(document, 'prerendering')
})

it('waits for the storage that is still being read before it tells the server', async () => {
  const { promise, resolve } = deferred<null>()
  const endpoint = logoutEndpoint()
  const { auth } = openPage({
    storage: { getItem: () => promise, setItem() {}, removeItem() {} },
    logout: endpoint.logout,
  })
  const done = watch(auth.logout())
  await pass(SECOND)
  resolve(null)
  await settle()
  expect(done.status).toBe('fulfilled')
  expect(endpoint.calls).toEqual([])
})
