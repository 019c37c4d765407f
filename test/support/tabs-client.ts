/** The page of the tests with real tabs: one `Auth`, one axios instance, and a log, all under `window.tab`. */
import axios from 'axios'
import {
  type AuthState,
  cookieSession,
  createAuth,
  indexedDBStorage,
  isAuthError,
  refreshRequest,
  webStorage,
} from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** One moment on the clock that all tabs of the machine share, milliseconds. */
export interface Moment {
  readonly what: string
  readonly at: number
}

export interface Tab {
  readonly events: Moment[]
  /** Requests sent and refresh answers read. */
  readonly traffic: Moment[]
  /** The messages that other tabs have posted on the channel, as JSON. */
  readonly heard: string[]
  login(username?: string): Promise<void>
  logout(): Promise<void>
  state(): AuthState
  ready(): Promise<void>
  refresh(): Promise<string>
  /** Sends so many requests at once. Resolves to their outcomes, each status or error once. */
  request(count?: number): Promise<string[]>
  /** Sends a request from each of so many tabs at the same moment, this one included; `together` in their queries. */
  requestEverywhere(count: number): Promise<string[]>
  /** Sends one request, and reports its outcome later. */
  begin(): void
  ended(): string[] | undefined
}

declare global {
  interface Window {
    tab: Tab
  }
}

const query = new URLSearchParams(location.search)
const kind = query.get('storage') ?? 'web'
const isCookie = kind === 'cookie'
/** Where the server is, if not where the page came from. */
const origin = query.get('api') ?? location.origin
const password: Readonly<Record<string, string>> = { ada: 'lovelace', grace: 'hopper' }
const now = (): number => performance.timeOrigin + performance.now()

/** A page that is to hold the same memory for an hour keeps no log. */
class Log<Entry> extends Array<Entry> {
  override push(...entries: Entry[]): number {
    return query.has('quiet') ? 0 : super.push(...entries)
  }
}
const events: Moment[] = new Log()
const traffic: Moment[] = new Log()
const heard: string[] = new Log()

const plain = globalThis.fetch
globalThis.fetch = async (input, init) => {
  const path = new URL(input instanceof Request ? input.url : String(input), location.href).pathname
  traffic.push({ what: `sent ${path}`, at: now() })
  const response = await plain(input, init)
  traffic.push({ what: `${response.status} ${path}`, at: now() })
  return response
}

if (query.has('gate')) {
  // Tells the server when this page has the lock.
  const request = navigator.locks.request.bind(navigator.locks) as (...all: unknown[]) => Promise<unknown>
  navigator.locks.request = ((name: string, options: object, callback: () => Promise<unknown>) =>
    request(name, options, () => {
      void plain(`${origin}/granted`, { method: 'POST' })
      return callback()
    })) as never
}
if (query.get('channel') === 'none') Reflect.deleteProperty(globalThis, 'BroadcastChannel')
if (typeof BroadcastChannel === 'function') {
  new BroadcastChannel('tokenflight:default').onmessage = ({ data }) => void heard.push(JSON.stringify(data))
}
const auth = createAuth({
  storage: isCookie ? cookieSession() : kind === 'web' ? webStorage() : indexedDBStorage(),
  refresh: refreshRequest({
    url: `${origin}/auth/refresh`,
    ...(isCookie && { send: 'cookie', csrf: { cookie: 'csrf', header: 'X-CSRF-Token' } }),
  }),
  logout: ({ refreshToken }) =>
    plain(`${origin}/auth/logout`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'X-CSRF-Token': /csrf=([^;]*)/.exec(document.cookie)?.[1] ?? '',
      },
      body: JSON.stringify({ refreshToken }),
    }),
  autoRefresh: query.get('background') === 'active' ? 'active' : 'off',
  refreshTimeout: query.has('timeout') ? Number(query.get('timeout')) : undefined,
})
const api = axios.create({ baseURL: origin, adapter: 'fetch' })
attachAuth(api, auth)
for (const name of ['login', 'refreshed', 'refreshFailed', 'sessionExpired', 'logout', 'warning'] as const) {
  auth.on(name, event => {
    const { source, message } = event as { source?: string; message?: string }
    events.push({ what: [name, source, message].filter(Boolean).join(' '), at: now() })
  })
}

const outcome = (error: unknown): string =>
  isAuthError(error)
    ? error.code
    : String(axios.isAxiosError(error) ? (error.response?.status ?? error.code) : error)

const request = async (count = 1): Promise<string[]> => {
  const answers = Array.from({ length: count }, () =>
    api.get('/api/orders').then(({ status }) => String(status), outcome),
  )
  return [...new Set(await Promise.all(answers))]
}

const others = query.has('together') ? new BroadcastChannel('together') : undefined
let hear = (_outcome: string): void => {}
if (others) {
  others.onmessage = async ({ data }: MessageEvent<string>) => {
    if (data !== 'request') hear(data)
    else for (const answer of await request()) others.postMessage(answer)
  }
}
const requestEverywhere = async (count: number): Promise<string[]> => {
  const answers: string[] = []
  const all = new Promise<void>(resolve => {
    hear = outcome => {
      if (answers.push(outcome) === count) resolve()
    }
  })
  others?.postMessage('request')
  for (const answer of await request()) hear(answer)
  await all
  return [...new Set(answers)]
}

let ended: string[] | undefined
window.tab = {
  events,
  traffic,
  heard,
  async login(username = 'ada') {
    const { data } = await api.post(
      '/auth/login',
      { username, password: password[username] },
      { skipAuth: true },
    )
    await auth.login(data)
  },
  logout: () => auth.logout(),
  state: () => auth.getState(),
  ready: () => auth.ready,
  refresh: () => auth.refresh().then(() => 'refreshed', outcome),
  request,
  requestEverywhere,
  begin() {
    ended = undefined
    void request().then(all => {
      ended = all
    })
  },
  ended: () => ended,
}
document.documentElement.dataset.ready = 'yes'
