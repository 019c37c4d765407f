// @vitest-environment happy-dom
import { cookieSession } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel, createLock } from '../support/channel.js'
import {
  alone,
  cell,
  HOUR,
  httpError,
  MINUTE,
  open,
  pair,
  pass,
  type RefreshStub,
  refreshStub,
  SECOND,
  useFakeTime,
  watch,
} from '../support/core.js'
import { becomePage } from '../support/page.js'

useFakeTime()

let isOnline: boolean
let page = 0

beforeEach(() => {
  becomePage()
  isOnline = true
  vi.spyOn(navigator, 'onLine', 'get').mockImplementation(() => isOnline)
})

/** Each with a name of its own, so that none is a tab of another. */
const openCookie = (options: Parameters<typeof open>[0] = {}) =>
  open({ storage: cookieSession(), name: `page-${++page}`, ...options })

describe('a page in cookie mode', () => {
  it('tries its restore again on online', async () => {
    const refresh = refreshStub((_, number) =>
      number === 1 ? Promise.reject(new TypeError('Failed to fetch')) : Promise.resolve(alone()),
    )
    const { auth } = openCookie({ refresh, retry: 0 })
    await pass(SECOND)
    expect(auth.getState()).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
    window.dispatchEvent(new Event('online'))
    await pass(SECOND)
    expect(refresh.reasons).toEqual(['restore', 'restore'])
    expect(auth.getState().status).toBe('authenticated')
  })

  it('that was offline tries its restore once, and again on online', async () => {
    isOnline = false
    const { auth, refresh } = openCookie({
      refresh: refreshStub(async () => {
        if (!isOnline) throw new TypeError('Failed to fetch')
        return alone()
      }),
    })
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(1)
    expect(auth.getState()).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
    isOnline = true
    window.dispatchEvent(new Event('online'))
    await pass(SECOND)
    expect(refresh.reasons).toEqual(['restore', 'restore'])
    expect(auth.getState().status).toBe('authenticated')
  })

  it('that was refused does not ask again on online', async () => {
    const { auth, refresh } = openCookie({ refresh: refreshStub(() => Promise.reject(httpError(401))) })
    await pass(SECOND)
    window.dispatchEvent(new Event('online'))
    window.dispatchEvent(new Event('focus'))
    await pass(MINUTE)
    expect(refresh.calls).toHaveLength(1)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('that logged out does not ask again on online', async () => {
    const { auth, refresh } = openCookie({ refresh: refreshStub(async () => alone()) })
    await pass(SECOND)
    await auth.logout()
    window.dispatchEvent(new Event('online'))
    await pass(MINUTE)
    expect(refresh.calls).toHaveLength(1)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('refreshes ahead while it is used', async () => {
    const { auth, refresh } = openCookie({ refresh: refreshStub(async () => alone()) })
    await pass(SECOND)
    const asked = watch(auth.getAccessToken())
    await pass(5 * MINUTE)
    expect(asked.status).toBe('fulfilled')
    expect(refresh.reasons).toEqual(['restore', 'ahead'])
    await pass(HOUR)
    expect(refresh.calls).toHaveLength(2)
  })
})

describe('a page in cookie mode that comes back from the back/forward cache', () => {
  const wake = (): void => {
    window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  }
  const siblings = async () => {
    Channel.install()
    const refresh = refreshStub(async () => alone())
    const name = `page-${++page}`
    const options = { refresh, name, lock: createLock() }
    const [here, cached] = [openCookie(options), openCookie(options)]
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(1)
    const [, channel] = [...Channel.all]
    return { here, cached, refresh, name, channel: channel as Channel }
  }

  it('learns of a logout that it missed before it hands out a token', async () => {
    const { here, cached, refresh, channel } = await siblings()
    channel.isDeaf = true
    await here.auth.logout()
    expect(cached.auth.getState().status).toBe('authenticated')
    channel.isDeaf = false
    wake()
    const token = watch(cached.auth.getAccessToken())
    await pass(SECOND)
    expect(token).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(cached.auth.getState()).toEqual({ status: 'anonymous' })
    expect(await cached.auth.getAccessToken()).toBeUndefined()
    expect(refresh.calls).toHaveLength(1)
  })

  it('hands out the token that a sibling has got meanwhile', async () => {
    const { here, cached, refresh, channel } = await siblings()
    channel.isDeaf = true
    const done = here.auth.refresh()
    await pass(SECOND)
    await done
    const fresh = await here.auth.getAccessToken()
    channel.isDeaf = false
    wake()
    const token = watch(cached.auth.getAccessToken())
    await pass(SECOND)
    expect(token).toMatchObject({ status: 'fulfilled', value: fresh })
    expect(refresh.calls).toHaveLength(2)
  })

  it('lets the cookie decide after a moment in which no sibling answers', async () => {
    const { here, cached, refresh } = await siblings()
    const token = await here.auth.getAccessToken()
    here.auth.dispose()
    wake()
    const asked = watch(cached.auth.getAccessToken())
    await pass(49)
    expect([asked.status, refresh.calls.length]).toEqual(['pending', 1])
    await pass(SECOND)
    expect(refresh.reasons).toEqual(['restore', 'expired'])
    expect(asked).toMatchObject({ status: 'fulfilled', value: expect.not.stringMatching(`^${token}$`) })
  })

  it('or opens after a logout stays anonymous until refresh() finds a newer login', async () => {
    const { here, cached, refresh, name } = await siblings()
    await here.auth.logout()
    await pass(3 * SECOND)
    expect(cached.auth.getState().status).toBe('anonymous')
    const { auth } = openCookie({ refresh, name })
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(1)
    expect(auth.getState().status).toBe('anonymous')
    watch(auth.refresh())
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(2)
    expect(auth.getState().status).toBe('authenticated')
    // The session that it has found is newer than that logout.
    expect([here, cached].map(page => page.auth.getState().status)).toEqual([
      'authenticated',
      'authenticated',
    ])
  })

  it('waits the moment out although a sibling answers that knows no more', async () => {
    const { here, cached } = await siblings()
    const token = await here.auth.getAccessToken()
    wake()
    const asked = watch(cached.auth.getAccessToken())
    await pass(49)
    expect(asked.status).toBe('pending')
    await pass(1)
    expect(asked).toMatchObject({ status: 'fulfilled', value: token })
  })

  it('waits no longer than a sibling needs to send its news', async () => {
    const { here, cached, channel } = await siblings()
    channel.isDeaf = true
    const done = here.auth.refresh()
    await pass(SECOND)
    await done
    const fresh = await here.auth.getAccessToken()
    channel.isDeaf = false
    wake()
    const asked = watch(cached.auth.getAccessToken())
    await pass(2)
    expect(asked).toMatchObject({ status: 'fulfilled', value: fresh })
  })

  it('waits for a refresh that was under way when it went', async () => {
    const { cached, refresh } = await siblings()
    const slow = refreshStub()
    const name = `page-${++page}`
    const { auth } = openCookie({ name, refresh: slow, autoRefresh: 'off' })
    await pass(SECOND)
    slow.last.answer(alone())
    await pass(SECOND)
    watch(auth.refresh())
    await pass(SECOND)
    expect(slow.calls).toHaveLength(2)
    wake()
    const asked = watch(auth.getAccessToken())
    await pass(SECOND)
    expect(asked.status).toBe('pending')
    const tokens = slow.last.answer(alone())
    await pass(SECOND)
    expect(asked).toMatchObject({ status: 'fulfilled', value: tokens.access_token })
    expect(slow.calls).toHaveLength(2)
    expect([cached.auth.getState().status, refresh.calls.length]).toEqual(['authenticated', 1])
  })
})

describe('a page in cookie mode without a channel that comes back from the back/forward cache', () => {
  const back = (): void => {
    window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  }
  const cached = async (refresh: RefreshStub) => {
    vi.stubGlobal('BroadcastChannel', undefined)
    const page = openCookie({ refresh, lock: createLock(), autoRefresh: 'off' })
    await pass(SECOND)
    expect(page.auth.getState().status).toBe('authenticated')
    return page
  }

  it('shows no user after a logout elsewhere, though no request is made', async () => {
    const { auth, refresh } = await cached(
      refreshStub((_, number) =>
        number === 1 ? Promise.resolve(alone()) : Promise.reject(httpError(401, { error: 'invalid_grant' })),
      ),
    )
    back()
    const token = watch(auth.getAccessToken())
    await pass(SECOND)
    expect(token).toMatchObject({ status: 'rejected', error: { code: 'ERR_SESSION_EXPIRED' } })
    expect(auth.getState().status).toBe('expired')
    expect(refresh.reasons).toEqual(['restore', 'expired'])
  })

  it('belongs to the user who has logged in elsewhere', async () => {
    const { auth, refresh } = await cached(
      refreshStub(async (_, number) => alone({ sub: number === 1 ? 'ada' : 'grace' })),
    )
    back()
    await pass(SECOND)
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'grace' } })
    expect(refresh.calls).toHaveLength(2)
  })

  it('keeps its session where the server cannot be reached, and hands out no token meanwhile', async () => {
    let isDown = false
    const { auth, refresh } = await cached(
      refreshStub(() =>
        isDown ? Promise.reject(new TypeError('Failed to fetch')) : Promise.resolve(alone()),
      ),
    )
    isDown = true
    back()
    const token = watch(auth.getAccessToken())
    await pass(10 * SECOND)
    expect(token).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED' } })
    expect(auth.getState().status).toBe('authenticated')
    isDown = false
    await pass(MINUTE)
    expect(await auth.getAccessToken()).toEqual(expect.any(String))
    expect(refresh.reasons.at(-1)).toBe('expired')
  })

  it('hands out its token after it was frozen and resumed, without another request', async () => {
    const { auth, refresh } = await cached(refreshStub(async () => alone()))
    const token = await auth.getAccessToken()
    document.dispatchEvent(new Event('freeze'))
    await pass(SECOND)
    document.dispatchEvent(new Event('resume'))
    const asked = watch(auth.getAccessToken())
    await pass(SECOND)
    expect(asked).toMatchObject({ status: 'fulfilled', value: token })
    expect(refresh.calls).toHaveLength(1)
  })

  it('hands out its token after a mere focus', async () => {
    const { auth, refresh } = await cached(refreshStub(async () => alone()))
    const token = await auth.getAccessToken()
    window.dispatchEvent(new Event('focus'))
    window.dispatchEvent(new Event('pageshow'))
    await pass(SECOND)
    expect(await auth.getAccessToken()).toBe(token)
    expect(refresh.calls).toHaveLength(1)
  })
})

describe('a page of a shared storage that comes back from the back/forward cache', () => {
  it('leaves a token that has ended to the next request', async () => {
    Channel.install()
    const storage = cell(null, { shared: true })
    const options = { storage, lock: createLock(), name: `page-${++page}`, autoRefresh: 'off' as const }
    const { auth, refresh } = open(options)
    await auth.login(pair())
    await pass(HOUR)
    window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(0)
    watch(auth.getAccessToken())
    await pass(SECOND)
    expect(refresh.reasons).toEqual(['expired'])
  })
})

describe('a page of a shared storage that is frozen', () => {
  const frozen = async () => {
    Channel.install()
    const storage = cell(null, { shared: true })
    const options = { storage, lock: createLock(), name: `page-${++page}`, autoRefresh: 'off' as const }
    const { auth, refresh } = open(options)
    await auth.login(pair())
    await pass(SECOND)
    document.dispatchEvent(new Event('freeze'))
    await pass(SECOND)
    const stranger = new Channel(`tokenflight:${options.name}`)
    return { auth, refresh, storage, tell: () => stranger.postMessage({ changed: true }) }
  }

  it('reads nothing, for any message', async () => {
    const { storage, tell } = await frozen()
    const get = vi.spyOn(storage, 'getItem')
    tell()
    await pass(SECOND)
    expect(get).not.toHaveBeenCalled()
  })

  it.each([0, 1, 2])(
    'has read the missed record before it hands out a token, after %i messages',
    async times => {
      const { auth, refresh, storage, tell } = await frozen()
      for (let time = 0; time < times; time++) tell()
      await pass(SECOND)
      storage.record = { generation: 9e9, version: 0, savedAt: Date.now(), ended: 'logout' }
      const asked = watch(auth.getAccessToken())
      await pass(SECOND)
      expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
      expect(auth.getState()).toEqual({ status: 'anonymous' })
      expect(refresh.calls).toHaveLength(0)
    },
  )
})

describe('a page in cookie mode that opens', () => {
  it('asks nothing where a sibling that opened with it was told to wait', async () => {
    Channel.install()
    let isBusy = true
    const refresh = refreshStub(() =>
      isBusy ? Promise.reject(httpError(429, {}, { 'retry-after': '60' })) : Promise.resolve(alone()),
    )
    const options = { refresh, name: `page-${++page}`, lock: createLock() }
    const pages = Array.from({ length: 6 }, () => openCookie(options))
    await pass(5 * SECOND)
    expect(refresh.calls).toHaveLength(1)
    for (const { auth } of pages)
      expect(auth.getState()).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
    isBusy = false
    await pass(56 * SECOND)
    const tokens = pages.map(({ auth }) => watch(auth.getAccessToken()))
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(2)
    expect(new Set(tokens.map(({ value }) => value)).size).toBe(1)
    expect(tokens[0]?.value).toEqual(expect.any(String))
  })

  it('sends the cookie no second time while the restore of a sibling may still be answered', async () => {
    Channel.install()
    const refresh = refreshStub()
    const options = { refresh, name: `page-${++page}`, lock: createLock() }
    const [first, second] = [openCookie(options), openCookie(options)]
    await pass(15 * SECOND)
    expect(refresh.calls).toHaveLength(1)
    refresh.last.answer(alone())
    await pass(SECOND)
    expect([first, second].map(({ auth }) => auth.getState().status)).toEqual([
      'authenticated',
      'authenticated',
    ])
    expect(refresh.calls).toHaveLength(1)
  })

  it('costs no request of another page whose token has ended and that refreshes meanwhile', async () => {
    Channel.install()
    const lock = createLock()
    const name = `page-${++page}`
    const slow = () =>
      refreshStub(async () => {
        await new Promise(resolve => setTimeout(resolve, 200))
        return alone()
      })
    const options = { name, lock, autoRefresh: 'off' as const }
    const idle = openCookie({ ...options, refresh: slow() })
    await pass(SECOND)
    await pass(HOUR)
    const opened = openCookie({ ...options, refresh: slow() })
    await pass(20)
    const token = watch(idle.auth.getAccessToken())
    await pass(SECOND)
    expect(token.status).toBe('fulfilled')
    expect(token.value).toBe(await opened.auth.getAccessToken())
    expect(idle.events.of('login')).toEqual([])
    expect([idle.refresh.calls.length, opened.refresh.calls.length]).toEqual([1, 1])
  })
})

describe('a page whose session the server has rendered, with both tokens as cookies', () => {
  it('follows the login of another user in another tab', async () => {
    Channel.install()
    const lock = createLock()
    const storage = () => cookieSession({ access: 'cookie' })
    const options = { name: `rendered-${++page}`, lock, autoRefresh: 'off' as const }
    const expiresAt = Date.now() + 5 * MINUTE
    const rendered = { status: 'authenticated' as const, claims: undefined, expiresAt, refreshing: false }
    const first = open({ ...options, storage: storage(), initialState: rendered as never })
    await pass(SECOND)
    expect(first.auth.getState()).toMatchObject({ status: 'authenticated', expiresAt })
    const second = open({ ...options, storage: storage() })
    await pass(SECOND)
    const login = watch(second.auth.login({ expires_in: 900 } as never))
    await pass(SECOND)
    expect(login.status).toBe('fulfilled')
    expect(first.auth.getState()).toMatchObject({ expiresAt: Date.now() + 15 * MINUTE - SECOND })
    expect([first, second].map(({ refresh }) => refresh.calls.length)).toEqual([0, 0])
  })
})
