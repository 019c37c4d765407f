// @vitest-environment happy-dom
/** A logout lasts until the next login. */
import { cookieSession, memoryStorage, type TokenStorage, webStorage } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { Channel } from '../support/channel.js'
import {
  alone,
  cell,
  DAY,
  deferred,
  HOUR,
  jumpWall,
  MINUTE,
  type Opened,
  opaque,
  type open,
  pair,
  pass,
  refreshStub,
  SECOND,
  type Stored,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'
import {
  down,
  logoutEndpoint,
  openCookie,
  openPage,
  reload,
  restored,
  up,
  useLogoutPages,
} from '../support/logout-pages.js'

useFakeTime()

useLogoutPages()

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
  /** A page whose logout did not reach the server. */
  const leave = async () => {
    const { storage, text } = make()
    const endpoint = logoutEndpoint(down)
    const first = openPage({ storage: storage(), logout: endpoint.logout })
    const tokens = pair()
    await first.auth.login(tokens)
    await first.auth.logout()
    const told = { accessToken: tokens.access_token, refreshToken: tokens.refresh_token }
    return { storage, text, endpoint, first, tokens, told }
  }

  it('is sent again after a reload, with the tokens of the session, which are then removed', async () => {
    const { storage, text, endpoint, first, tokens, told } = await leave()
    await pass(100)
    expect(text()).toContain(tokens.refresh_token)

    endpoint.answer = up
    const second = reload(first, () => openPage({ storage: storage(), logout: endpoint.logout }))
    await restored(second.auth)
    await pass(SECOND)
    expect(endpoint.calls).toEqual([told, told])
    expect(second.auth.getState()).toEqual({ status: 'anonymous' })
    expect(text()).not.toContain(tokens.refresh_token)
    expect(text()).not.toContain(tokens.access_token)

    reload(second, () => openPage({ storage: storage(), logout: endpoint.logout }))
    await pass(HOUR)
    expect(endpoint.calls).toHaveLength(2)
  })

  it.each<[what: string, act: (auth: Opened['auth']) => Promise<void>, status: string]>([
    ['login', auth => auth.login(pair({ sub: 'grace' })), 'authenticated'],
    ['logout', auth => auth.logout(), 'anonymous'],
  ])('is sent again after a reload where a %s comes first', async (_, act, status) => {
    const { storage, text, endpoint, first, tokens, told } = await leave()
    endpoint.calls.length = 0
    const second = reload(first, () => openPage({ storage: storage(), logout: endpoint.logout }))
    const acted = act(second.auth)
    await restored(second.auth)
    await acted
    expect(endpoint.calls).toHaveLength(1)
    endpoint.answer = up
    await pass(HOUR)
    expect(endpoint.calls).toEqual([told, told])
    expect(second.auth.getState().status).toBe(status)
    expect(text()).not.toContain(tokens.refresh_token)
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
  it('is sent again by this page, with growing pauses, until the server was reached', async () => {
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

  it.each([2 * DAY, -2 * DAY])(
    'is sent again for a day although the wall clock is corrected by %i ms meanwhile',
    async correction => {
      const endpoint = logoutEndpoint(down)
      const { auth } = openPage({ logout: endpoint.logout })
      await auth.login(pair())
      await auth.logout()
      jumpWall(correction)
      await pass(HOUR)
      const { length } = endpoint.calls
      expect(length).toBeGreaterThan(10)
      await pass(DAY)
      const last = endpoint.calls.length
      expect(last).toBeGreaterThan(length)
      await pass(DAY)
      expect(endpoint.calls).toHaveLength(last)
    },
  )

  it('is sent again at once when the network is back', async () => {
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

  it('is sent for a day, and a few hundred times at the most', async () => {
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

  it('is sent after another login, too, with the tokens of the old session', async () => {
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

  it('that a login has followed changes nothing in its record once the server was reached', async () => {
    const storage = cell()
    const endpoint = logoutEndpoint(down)
    const { auth } = openPage({ storage, logout: endpoint.logout })
    await auth.login(pair())
    await auth.logout()
    await auth.login(pair({ sub: 'grace' }))
    const { length } = storage.writes
    endpoint.answer = up
    await pass(5 * SECOND)
    expect(endpoint.calls).toHaveLength(2)
    expect(storage.writes).toHaveLength(length)
  })

  it('is forgotten once the server was reached: the next one causes a warning and short pauses again', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const endpoint = logoutEndpoint(down)
    const { auth, events } = openPage({ logout: endpoint.logout })
    await auth.login(pair())
    await auth.logout()
    await pass(7 * SECOND)
    endpoint.answer = up
    await pass(8 * SECOND)
    expect(endpoint.calls).toHaveLength(5)
    endpoint.answer = down
    await auth.login(pair())
    await auth.logout()
    await pass(SECOND)
    expect(endpoint.calls).toHaveLength(7)
    expect(events.of('warning')).toHaveLength(2)
  })

  it('is sent again although another tab has logged in and out since', async () => {
    const storage = cell(null, { shared: true })
    const endpoint = logoutEndpoint(down)
    const here = openPage({ storage, logout: endpoint.logout })
    const there = openPage({ storage })
    const tokens = pair()
    await here.auth.login(tokens)
    await here.auth.logout()
    await there.auth.login(pair())
    await pass(10)
    await there.auth.logout()
    await pass(10)
    expect(here.events.names).toEqual(['login', 'logout', 'warning', 'login', 'logout'])
    endpoint.answer = up
    await pass(HOUR)
    const told = { accessToken: tokens.access_token, refreshToken: tokens.refresh_token }
    expect(endpoint.calls).toEqual([told, told])
  })

  it('is not sent again by this page when another tab has notified the server', async () => {
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

  it('of two tabs is sent by the tabs that it concerns, and stored for both', async () => {
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

  it('of two is sent again for the tokens alone that another tab could not report', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const storage = cell(null, { shared: true })
    const endpoint = logoutEndpoint(down)
    const here = openPage({ storage, logout: endpoint.logout })
    const tokens = pair()
    await here.auth.login(tokens)
    watch(here.auth.refresh())
    await settle()
    await here.auth.logout()
    const late = here.refresh.last.answer()
    await settle()
    expect(endpoint.calls).toHaveLength(2)
    const other = logoutEndpoint()
    other.answer = () => (other.calls.at(-1)?.refreshToken === late.refresh_token ? down() : up())
    const there = openPage({ storage, logout: other.logout })
    await restored(there.auth)
    there.auth.dispose()
    expect(other.calls).toHaveLength(2)
    endpoint.answer = up
    await pass(HOUR)
    expect(endpoint.calls.slice(2).map(({ refreshToken }) => refreshToken)).toEqual([late.refresh_token])
    expect(storage.record).not.toHaveProperty('revoke')
  })

  it('removes told tokens once more, and keeps those of a later logout that the server does not know', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const storage = cell(null, { shared: true })
    const endpoint = logoutEndpoint(up)
    const { auth } = openPage({ storage, logout: endpoint.logout })
    const [first, second] = [pair(), pair()]
    await auth.login(first)
    await auth.logout()
    endpoint.answer = down
    await auth.login(second)
    await auth.logout()
    await settle()
    const owed = [{ accessToken: second.access_token, refreshToken: second.refresh_token }]
    const present = storage.record as Stored
    expect(present.revoke).toEqual(owed)
    const told = { accessToken: first.access_token, refreshToken: first.refresh_token }
    storage.record = { ...present, version: present.version + 1, revoke: [told, ...owed] }
    for (const { name } of [...Channel.all]) new Channel(name).postMessage({ changed: true })
    await pass(100)
    expect(storage.record).toMatchObject({ ended: 'logout', revoke: owed })
    expect(endpoint.calls).toHaveLength(2)
  })

  it('removes its tokens once more where a tab with an older copy has stored them again', async () => {
    const storage = cell(null, { shared: true })
    const endpoint = logoutEndpoint(up)
    const { auth } = openPage({ storage, logout: endpoint.logout })
    const tokens = pair()
    await auth.login(tokens)
    await auth.logout()
    await settle()
    const told = storage.record as Stored
    expect(told).toMatchObject({ ended: 'logout' })
    expect(told).not.toHaveProperty('revoke')
    const mine = { accessToken: tokens.access_token, refreshToken: tokens.refresh_token }
    const other = { accessToken: opaque('at'), refreshToken: opaque('rt') }
    storage.record = { ...told, version: told.version + 1, revoke: [mine, other] }
    for (const { name } of [...Channel.all]) new Channel(name).postMessage({ changed: true })
    await pass(SECOND)
    // The tab that stored the others tells the server about them.
    expect(storage.record).toMatchObject({ ended: 'logout', revoke: [other] })
    expect(endpoint.calls).toHaveLength(1)
  })

  it('changes nothing in other tabs when it is sent again: not the end of their session, nor a refresh', async () => {
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

  it('is sent again once, although the page wakes while it is being sent', async () => {
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

  it('is not sent again by a page that is disposed', async () => {
    const endpoint = logoutEndpoint(down)
    const { auth } = openPage({ logout: endpoint.logout })
    await auth.login(pair())
    await auth.logout()
    auth.dispose()
    await pass(HOUR)
    expect(endpoint.calls).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is sent again without another event, and without a refresh', async () => {
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

it('of a page that logs out before the storage is read keeps the tokens of the logout before it', async () => {
  const storage = cell(null, { asynchronous: true })
  const endpoint = logoutEndpoint(down)
  const first = openPage({ storage, logout: endpoint.logout })
  const tokens = pair()
  await first.auth.login(tokens)
  await first.auth.logout()
  const second = reload(first, () => openPage({ storage, logout: endpoint.logout }))
  await second.auth.logout()
  const third = reload(second, () => openPage({ storage, logout: endpoint.logout }))
  endpoint.answer = up
  endpoint.calls.length = 0
  await restored(third.auth)
  await pass(SECOND)
  expect(endpoint.calls.map(({ refreshToken }) => refreshToken)).toEqual([tokens.refresh_token])
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
