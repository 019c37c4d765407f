/** One story for every server: docs/backends.md's snippet against the server itself, in real time, counted at the server. */
import type { AuthOptions, TokenStorage } from 'tokenflight'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Browser, createBrowser, visit } from '../server-styles/browser.js'
import { createLock } from '../support/channel.js'
import { decodeStored, recordEvents } from '../support/core.js'
import { becomePage } from '../support/page.js'
import { find, names, type ServerKind } from './servers.js'
import { type RunningServer, startServer } from './start.js'

/** 60 requests over five expiries. */
const EXPIRIES = 5
const BURST = 12
/** Of the access tokens of all servers, milliseconds. */
const LIFETIME = 3_000

/** The options that the tests add to each snippet, which otherwise runs as it is. */
const added = vi.hoisted((): { options: AuthOptions } => ({ options: {} }))
vi.mock('tokenflight', async load => {
  const real = await load<typeof import('tokenflight')>()
  return {
    ...real,
    // These tests have no database.
    indexedDBStorage: real.memoryStorage,
    createAuth: (options: AuthOptions) => real.createAuth({ ...options, ...added.options }),
  }
})
const { sharedStorage } = await import('tokenflight')

/** The client's clock. While it is halted, the client does not see tokens end. */
const clock = {
  lost: 0,
  haltedAt: undefined as number | undefined,
  monotonic: () => (clock.haltedAt ?? performance.now()) - clock.lost,
  now: () => performance.timeOrigin + clock.monotonic(),
  halt() {
    clock.haltedAt = performance.now()
  },
  goOn() {
    clock.lost += performance.now() - (clock.haltedAt ?? 0)
    clock.haltedAt = undefined
  },
}

/** Tells it of the servers of Debian, or of those of npm. */
export function tellStories(origin: 'Debian' | 'npm'): void {
  describe.each(names(origin))('%s', name => {
    const kind = find(name)
    if (!kind) process.stderr.write(`${name} is not there and cannot be installed: its tests are skipped\n`)
    describe.skipIf(!kind)('as a real server', () => tellStory(kind as ServerKind))
  })
}

function tellStory(kind: ServerKind): void {
  let server: RunningServer
  let browser: Browser
  const opened: { dispose(): void }[] = []
  beforeAll(async () => {
    server = await startServer(kind)
  })
  afterAll(() => server?.remove())
  beforeEach(() => {
    clock.lost = 0
    added.options = { clock }
    browser = createBrowser()
    if (!kind.isCookie) return
    visit(browser, server.url)
    becomePage()
  })
  afterEach(() => {
    for (const auth of opened.splice(0)) auth.dispose()
    added.options = {}
  })

  /** A client as docs/backends.md connects it. */
  const open = () => {
    const { api, auth } = kind.connect(server.url)
    opened.push(auth)
    if (kind.isCookie) api.defaults.adapter = 'fetch'
    const read = async () => {
      const { status, headers } = await api.get(kind.orders)
      return `${status} ${String(headers['content-type']).split(';')[0]}`
    }
    const burst = async () => {
      const outcomes = await Promise.allSettled(Array.from({ length: BURST }, read))
      return outcomes.map(outcome => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason.code))
    }
    return { auth, read, burst, events: recordEvents(auth) }
  }
  type Client = ReturnType<typeof open>

  /** Logs in and gives the refresh token, if a script sees it. */
  const logIn = async ({ auth }: Client): Promise<string> => {
    await auth.ready
    const answer = await kind.logIn(server.url, browser.fetch)
    // As the section of better-auth says: the session is in a cookie.
    await (answer ? auth.login(answer as never) : auth.refresh())
    const { refresh, refresh_token = refresh } = (answer ?? {}) as Record<string, string | undefined>
    return refresh_token ?? ''
  }
  const all = (value: string) => Array(BURST).fill(value)
  const succeeded = all('200 application/json')

  /** The counters of the server from now on. */
  const count = () => {
    const before = server.counts()
    return () => {
      const { granted, refused } = server.counts()
      return { granted: granted - before.granted, refused: refused - before.refused }
    }
  }

  /** How long the access token has left, as the client knows it. */
  const rest = ({ auth }: Client): number => {
    const state = auth.getState()
    const expiresAt = state.status === 'authenticated' ? state.expiresAt : undefined
    return (expiresAt ?? Number.NaN) - clock.now()
  }

  /** Waits until the client knows that its access token has ended. */
  const end = (client: Client) => vi.waitFor(() => expect(rest(client)).toBeLessThan(0))

  /** Waits until the server refuses the access token, and the client does not know. */
  const endUnseen = async ({ auth }: Client) => {
    clock.halt()
    const token = await auth.getAccessToken()
    await vi.waitFor(async () => {
      const headers = { Authorization: `Bearer ${token}` }
      expect((await fetch(server.url + kind.orders, { headers })).status).toBe(401)
    })
    clock.goOn()
  }

  it('answers 60 requests in bursts over five expiries, with one grant for each', async () => {
    const client = open()
    await logIn(client)
    const { auth, burst } = client
    const events = recordEvents(auth)
    for (let expiry = 1; expiry <= EXPIRIES; expiry++) {
      await (expiry % 2 ? end(client) : endUnseen(client))
      const counted = count()
      expect(await burst()).toEqual(succeeded)
      expect(counted()).toEqual({ granted: 1, refused: 0 })
    }
    expect(events.of('refreshed').map(({ reason }) => reason)).toEqual([
      'expired',
      'rejected',
      'expired',
      'rejected',
      'expired',
    ])
    expect(events.names).toEqual(Array(EXPIRIES).fill('refreshed'))
  })

  it('makes one grant for 20 forced refreshes at once', async () => {
    const client = open()
    await logIn(client)
    const { auth, burst } = client
    const before = await auth.getAccessToken()
    const counted = count()
    await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        number % 2 ? auth.refresh() : auth.getAccessToken({ forceRefresh: true }),
      ),
    )
    expect(counted()).toEqual({ granted: 1, refused: 0 })
    expect(await auth.getAccessToken()).toEqual(expect.any(String))
    expect(before).toEqual(expect.any(String))
    expect(await burst()).toEqual(succeeded)
  })

  it('keeps the session while the server restarts, with one grant for the expiry', async () => {
    const client = open()
    await logIn(client)
    const { auth, burst, events, read } = client
    await burst()
    await end(client)
    await server.stop()
    const counted = count()
    expect(await burst()).toEqual(all('ERR_REFRESH_FAILED'))
    expect(auth.getState().status).toBe('authenticated')
    await server.start()
    // The back-off of the client ends by itself.
    await vi.waitFor(async () => expect(await read()).toBe('200 application/json'))
    expect(counted()).toEqual({ granted: 1, refused: 0 })
    await end(client)
    expect(await burst()).toEqual(succeeded)
    expect(counted()).toEqual({ granted: 2, refused: 0 })
    expect(events.names).not.toContain('sessionExpired')
  })

  it('ends the session once when the refresh token is dead, and the server is asked once', async () => {
    const client = open()
    await kind.kill(server.url, await logIn(client), browser.fetch)
    const { auth, burst, events } = client
    await end(client)
    const counted = count()
    expect(await burst()).toEqual(all('ERR_SESSION_EXPIRED'))
    expect(counted()).toEqual({ granted: 0, refused: 1 })
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_rejected' }])
    expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'refresh_rejected' })
  })

  it('makes one grant for each expiry of two clients on one storage, and their session ends once', async () => {
    const records = new Map<string, string>()
    const storage: TokenStorage = {
      getItem: key => records.get(key) ?? null,
      setItem: (key, value) => void records.set(key, value),
      removeItem: key => void records.delete(key),
    }
    if (!kind.isCookie) added.options = { clock, storage: sharedStorage(storage, { lock: createLock() }) }
    const first = open()
    await logIn(first)
    const second = open()
    await second.auth.ready
    const both = [first, second]
    for (let expiry = 1; expiry <= 3; expiry++) {
      await Promise.all(both.map(end))
      const counted = count()
      expect(await Promise.all(both.map(({ burst }) => burst()))).toEqual([succeeded, succeeded])
      expect(counted()).toEqual({ granted: 1, refused: 0 })
      for (const client of both) expect(rest(client)).toBeLessThanOrEqual(LIFETIME)
    }
    const { refreshToken = '' } = decodeStored(records.get('tokenflight:default') ?? null) ?? {}
    await kind.kill(server.url, refreshToken, browser.fetch)
    await Promise.all(both.map(end))
    const counted = count()
    const expired = all('ERR_SESSION_EXPIRED')
    expect(await Promise.all(both.map(({ burst }) => burst()))).toEqual([expired, expired])
    expect(counted()).toEqual({ granted: 0, refused: 1 })
    for (const { auth, events } of both) {
      expect(events.of('sessionExpired')).toHaveLength(1)
      expect(auth.getState().status).toBe('expired')
    }
  })

  if (kind.hasLogout)
    it('is notified of a logout, and refuses the refresh token afterwards', async () => {
      const client = open()
      const refreshToken = await logIn(client)
      await client.auth.logout()
      expect(client.events.of('warning')).toEqual([])
      expect(client.auth.getState()).toEqual({ status: 'anonymous' })
      // A session of its own, which no message of the first one reaches.
      added.options = { name: 'other' }
      const counted = count()
      const other = open()
      await other.auth.ready
      if (refreshToken)
        await other.auth.login({ access_token: 'ended', refresh_token: refreshToken } as never)
      await Promise.allSettled([other.auth.refresh()])
      expect(other.auth.getState().status).toBe(refreshToken ? 'expired' : 'anonymous')
      expect(counted().granted).toBe(0)
      expect(counted().refused).toBeGreaterThan(0)
    })
}
