/** The page of the tests of security: a session with the built package, as a strict policy lets it run. */
import {
  cookieSession,
  createAuth,
  indexedDBStorage,
  memoryStorage,
  refreshRequest,
  webStorage,
} from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'

/** The functions that the tests call in the page. */
export interface SecurityPage {
  login(): Promise<void>
  logout(): Promise<void>
  /** Status of a request to the API. */
  request(): Promise<number>
  refresh(): Promise<void>
  status(): string
  ready(): Promise<void>
  token(): Promise<string | undefined>
  readonly warnings: string[]
}

declare global {
  interface Window {
    page: SecurityPage
  }
}

const query = new URLSearchParams(location.search)
const mode = query.get('mode') ?? 'memory'
const api = query.get('api') ?? location.origin
const isCookie = mode.startsWith('cookie')
const storages = {
  memory: memoryStorage,
  web: webStorage,
  indexedDB: indexedDBStorage,
  cookie: cookieSession,
  cookies: () => cookieSession({ access: 'cookie' }),
}

const csrf = (): string => /csrf=([^;]*)/.exec(document.cookie)?.[1] ?? ''
const credentials = isCookie ? 'include' : 'same-origin'
const auth = createAuth({
  storage: storages[mode as keyof typeof storages](),
  autoRefresh: 'off',
  refresh: refreshRequest({
    url: `${api}/auth/refresh`,
    ...(isCookie && { csrf: { cookie: 'csrf', header: 'X-CSRF-Token' } }),
  }),
  logout: ({ refreshToken, signal }) =>
    fetch(`${api}/auth/logout`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf() },
      body: JSON.stringify({ refreshToken }),
      credentials,
      signal,
    }),
})
const client = authFetch(auth, { allowedOrigins: [new URL(api).origin] })
const warnings: string[] = []
auth.on('warning', ({ message }) => void warnings.push(message))

window.page = {
  async login() {
    const response = await fetch(`${api}/auth/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: 'ada', password: 'lovelace' }),
      credentials,
    })
    await auth.login(await response.json())
  },
  logout: () => auth.logout(),
  request: async () =>
    (await client(`${api}/api/orders`, { credentials: mode === 'cookies' ? 'include' : 'same-origin' }))
      .status,
  refresh: () => auth.refresh(),
  status: () => auth.getState().status,
  ready: () => auth.ready,
  token: () => auth.getAccessToken(),
  warnings,
}
document.documentElement.dataset['ready'] = 'yes'
