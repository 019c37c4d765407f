/** The demo without a page: axios through `attachAuth` against the mock auth server over real HTTP. */
import axios, { type AxiosInstance, isAxiosError } from 'axios'
import { type Auth, createAuth, isSessionExpired, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { type RunningServer, startServer } from './server/start.js'

/** Options of `runStory`. Durations are milliseconds. */
export interface StoryOptions {
  /** Takes the timeline, line by line. */
  readonly say: (line: string) => void
  /** How many refreshes in a row the auth server answers with 503. */
  readonly failRefreshes: number
}

/** The result: the answers that the application saw, and the counters of the server. */
export interface Tally {
  readonly sent: number
  readonly answered: number
  readonly lost: number
  /** 401s that reached the application. */
  readonly seen401: number
  /** 401s that the server gave. */
  readonly wire401: number
  readonly refreshes: number
  readonly logins: number
  readonly sessionsExpired: number
}

/** Longer than the story: only the server ends such a token, however busy the machine. */
const long = { accessTokenLifetime: 600_000, refreshTokenLifetime: 3_600_000 }
/** A token that ends in the middle of a chapter. */
const short = 2000

/** Tells the story from the first login to the last; takes some seconds. */
export async function runStory({ say, failRefreshes }: StoryOptions): Promise<Tally> {
  const server = await startServer(long)
  const auth = createAuth({
    refresh: refreshRequest({ url: `${server.url}/auth/refresh` }),
    // Without a page there is no timer unless one asks for it.
    autoRefresh: 'always',
    retry: { limit: 2, delay: 50, maxDelay: 200 },
  })
  const api = axios.create({ baseURL: server.url })
  const detach = attachAuth(api, auth, { skip: '/auth/login' })
  try {
    return await tell({ server, auth, api, say, failRefreshes })
  } finally {
    detach()
    auth.dispose()
    await server.close()
  }
}

interface Stage extends StoryOptions {
  readonly server: RunningServer
  readonly auth: Auth
  readonly api: AxiosInstance
}

async function tell({ server, auth, api, say, failRefreshes }: Stage): Promise<Tally> {
  const begun = performance.now()
  const tally = { sent: 0, answered: 0, lost: 0, seen401: 0, sessionsExpired: 0 }
  const { backend } = server
  const line = (text: string) =>
    say(`${((performance.now() - begun) / 1000).toFixed(2).padStart(6)} s  ${text}`)
  const tellEvents = [
    auth.on('refreshed', ({ reason, duration, attempts }) =>
      line(`  refreshed (${reason}) in ${Math.round(duration)} ms, ${count(attempts, 'attempt')}`),
    ),
    auth.on('refreshFailed', event => line(`  refresh failed (${event.class}): ${event.error.message}`)),
    auth.on('sessionExpired', ({ reason }) => {
      tally.sessionsExpired += 1
      line(`  session expired (${reason}): the application asks for a login, once`)
    }),
  ]
  /** The application: it shows the login screen, once for all requests that need it. */
  let loggingIn: Promise<void> | undefined
  const login = () => {
    loggingIn ??= logIn(api, auth).finally(() => {
      loggingIn = undefined
    })
    return loggingIn
  }
  const request = async () => {
    tally.sent += 1
    try {
      await api.get('/api/orders').catch(async error => {
        if (!isSessionExpired(error)) throw error
        await login()
        return api.get('/api/orders')
      })
      tally.answered += 1
    } catch (error) {
      tally.lost += 1
      if (isAxiosError(error) && error.response?.status === 401) tally.seen401 += 1
    }
  }
  const burst = (size: number) => Promise.all(Array.from({ length: size }, request))

  /** Prints the step, runs it, and prints its result. */
  const chapter = async (title: string, act: () => Promise<unknown>) => {
    line(title)
    const before = { ...tally, ...backend.stats }
    await act()
    const answered = tally.answered - before.answered
    const lost = tally.lost - before.lost
    const refused = backend.stats.unauthorized - before.unauthorized
    const refreshes = backend.stats.refreshes - before.refreshes
    line(
      `  ${answered} answered, ${lost} lost; the server gave ${count(refused, '401')} and ${count(refreshes, 'refresh', 'refreshes')}`,
    )
  }

  await chapter('Log in as ada and send 1 request', () => login().then(request))
  await chapter('Send 50 requests at once', () => burst(50))
  await chapter(`Send a request every 100 ms past the end of a token (${short} ms)`, async () => {
    backend.configure({ accessTokenLifetime: short })
    await auth.refresh()
    await steadily(request, 2 * short)
  })
  backend.configure(long)
  await chapter('Refresh by hand, for a token of 10 minutes, and send 1 request', () =>
    auth.refresh().then(request),
  )
  await chapter('The server expires the access token; send 50 at once', () => {
    backend.expireAccessTokens()
    return burst(50)
  })
  await chapter(
    `The auth server fails ${count(failRefreshes, 'refresh', 'refreshes')} with 503; the access token is expired; send 50`,
    () => {
      if (failRefreshes > 0) backend.failNextRefresh({ status: 503, times: failRefreshes })
      backend.expireAccessTokens()
      return burst(50)
    },
  )
  await chapter('The server revokes the session; send 50 at once', () => {
    backend.revokeRefreshTokens()
    backend.expireAccessTokens()
    return burst(50)
  })
  for (const stop of tellEvents) stop()
  const { refreshes, unauthorized: wire401, logins } = backend.stats
  return { ...tally, refreshes, wire401, logins }
}

async function logIn(api: AxiosInstance, auth: Auth): Promise<void> {
  const { data } = await api.post('/auth/login', { username: 'ada', password: 'lovelace' })
  await auth.login(data)
}

async function steadily(request: () => Promise<void>, duration: number): Promise<void> {
  const end = performance.now() + duration
  const requests: Promise<void>[] = []
  while (performance.now() < end) {
    requests.push(request())
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  await Promise.all(requests)
}

/** The closing lines. */
export function formatTally(tally: Tally): string {
  const rows: [string, number][] = [
    ['requests sent', tally.sent],
    ['answered', tally.answered],
    ['lost', tally.lost],
    ['refreshes', tally.refreshes],
    ['401s given by the server', tally.wire401],
    ['401s seen by the application', tally.seen401],
    ['asked to log in again', tally.sessionsExpired],
  ]
  return rows.map(([name, value]) => `${name.padEnd(30)}${String(value).padStart(5)}`).join('\n')
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}
