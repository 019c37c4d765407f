/** A server of one style over real HTTP, the documented snippet connected to it, and one clock for both. */
import type { AxiosInstance, AxiosRequestConfig } from 'axios'
import type { Auth, AuthEvents, AuthOptions, SessionEndReason, TokenResponse } from 'tokenflight'
import { afterEach, expect } from 'vitest'
import type { RunningServer, ServerOptions } from '../../demo/server/start.js'
import { type Client, useServers } from '../mock-server/client.js'
import { type EventLog, recordEvents } from '../support/core.js'

export const MINUTE = 60_000
/** How many requests a burst has. */
export const BURST = 20

/** The exports of a snippet of the guide. */
interface Connection {
  api: AxiosInstance
  auth: Auth
}
type Connect<C extends Connection> = (server: string, options?: AuthOptions) => C

export interface Scene<C extends Connection = Connection> {
  readonly client: Client
  readonly server: RunningServer
  readonly backend: RunningServer['backend']
  readonly api: AxiosInstance
  readonly auth: Auth
  readonly connection: C
  readonly events: EventLog
  /** Lets that much time pass, for the server and for the client. */
  pass(milliseconds: number): void
  now(): number
  /** Connects once more, as another page or a page that was opened again does. */
  connect(options?: AuthOptions): { api: AxiosInstance; auth: Auth; events: EventLog }
  /** Logs in through the instance, as an application does, and returns the answer of the server. */
  login(username?: string, password?: string, config?: AxiosRequestConfig): Promise<TokenResponse>
  /** Requests at once, reading and writing; resolves when each has the answer that is its own. */
  burst(count?: number): Promise<void>
  /** The ids of the refresh tokens that were taken for new tokens, in order. */
  spent(): (string | undefined)[]
}

/** Sets a scene; its sessions are disposed after each test. */
export function useScene<C extends Connection>(
  connect: Connect<C>,
): (options?: ServerOptions & { auth?: AuthOptions }) => Promise<Scene<C>> {
  const start = useServers()
  const opened: Auth[] = []
  afterEach(() => {
    for (const auth of opened.splice(0)) auth.dispose()
  })
  return async ({ auth: authOptions, ...serverOptions } = {}) => {
    let now = Date.now()
    const clock = { now: () => now }
    const client = await start({ clock, ...serverOptions })
    const { server } = client
    const open = (options?: AuthOptions) => {
      const connection = connect(server.url, { clock, retry: 0, ...authOptions, ...options })
      opened.push(connection.auth)
      return { ...connection, connection, events: recordEvents(connection.auth) }
    }
    const { api, auth, events, connection } = open()
    return {
      client,
      server,
      backend: server.backend,
      api,
      auth,
      connection,
      events,
      now: () => now,
      pass: milliseconds => {
        now += milliseconds
      },
      connect: open,
      async login(username = 'ada', password = 'lovelace', config?) {
        const { data } = await api.post<TokenResponse>('/auth/login', { username, password }, config)
        await auth.login(data)
        return data
      },
      burst: count => burst(api, count),
      spent: () =>
        server.log
          .since(0)
          .filter(({ path, status }) => /^\/auth\/(refresh|token)$/.test(path) && status === 200)
          .map(({ refreshTokenId }) => refreshTokenId),
    }
  }
}

export async function burst(api: AxiosInstance, count = BURST): Promise<void> {
  const answers = await Promise.all(
    Array.from({ length: count }, (_, number) =>
      number % 2 ? api.post('/api/echo', { number }) : api.get('/api/orders', { params: { number } }),
    ),
  )
  const own = answers.map(({ data }, number) => (number % 2 ? JSON.parse(data.body) : data.customer))
  expect(own).toEqual(Array.from({ length: count }, (_, number) => (number % 2 ? { number } : 'ada')))
}

/** The next event of that kind. */
export function next<Name extends keyof AuthEvents>(auth: Auth, name: Name): Promise<AuthEvents[Name]> {
  return new Promise(resolve => {
    const off = auth.on(name, event => {
      off()
      resolve(event)
    })
  })
}

/**
 * The story that every style tells: three rounds of the three ways in which an access token ends, each met by a burst.
 * Each costs one refresh, and only the unforeseeable one costs 401s, which no caller sees.
 */
export async function tellStory(
  scene: Scene,
  { rotation, isHidden = false }: { rotation: boolean; isHidden?: boolean },
): Promise<void> {
  const { auth, backend, pass, events } = scene
  await scene.login()
  let refreshes = 0
  const expectCounts = (unforeseen: number) =>
    expect(backend.stats).toMatchObject({
      logins: 1,
      refreshes,
      unauthorized: unforeseen * BURST,
      rejected: 0,
      reuses: 0,
    })
  for (let round = 1; round <= 3; round++) {
    await scene.burst(2)
    expectCounts(round - 1)

    // It has ended, and its end was known: the burst waits for one refresh, and nothing is sent in vain.
    pass(5 * MINUTE)
    await scene.burst()
    refreshes += 1
    expectCounts(round - 1)

    // It ends soon: the burst leaves at once, and one refresh runs behind it.
    pass(4.5 * MINUTE)
    const refreshed = next(auth, 'refreshed')
    await scene.burst()
    expect(await refreshed).toMatchObject({ reason: 'ahead', attempts: 1, source: 'network' })
    refreshes += 1
    expectCounts(round - 1)

    // The server alone knows: each request of the burst meets a 401, and is sent again after one refresh.
    await scene.burst(2)
    backend.expireAccessTokens()
    await scene.burst()
    refreshes += 1
    expectCounts(round)
  }
  expect(events.of('refreshed').map(({ reason }) => reason)).toEqual(
    [1, 2, 3].flatMap(() => ['expired', 'ahead', 'rejected']),
  )
  const spent = scene.spent()
  expect(spent).toHaveLength(9)
  // Each refresh token is spent once, or there is only one.
  expect(new Set(spent).size).toBe(rotation ? 9 : 1)
  expect(events.names).not.toContain('sessionExpired')
  expect(events.of('warning')).toEqual([])
  expect(auth.getState()).toMatchObject({
    status: 'authenticated',
    refreshing: false,
    // No script reads the claims of a token that is a cookie.
    ...(isHidden ? {} : { claims: { sub: 'ada' } }),
  })
}

/** Twenty requests at once of a session that is over on the server: each gets the error, and the session ends once. */
export async function expectOneEnd(
  { api, auth, events }: Pick<Scene, 'api' | 'auth' | 'events'>,
  reason: SessionEndReason,
): Promise<void> {
  const expired = next(auth, 'sessionExpired')
  const outcomes = await Promise.allSettled(Array.from({ length: BURST }, () => api.get('/api/orders')))
  expect(await expired).toMatchObject({ reason })
  expect(outcomes).toEqual(
    Array(BURST).fill(
      expect.objectContaining({ reason: expect.objectContaining({ code: 'ERR_SESSION_EXPIRED' }) }),
    ),
  )
  expect(events.of('sessionExpired')).toHaveLength(1)
}
