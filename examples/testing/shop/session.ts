import axios from 'axios'
import { type AuthOptions, cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** The application's client and session. An application makes them once, a test for each test. */
export function createSession(options?: AuthOptions) {
  const api = axios.create()
  const auth = createAuth({ refresh: refreshRequest({ url: '/auth/refresh' }), ...options })
  attachAuth(api, auth)
  return { api, auth }
}

export type Session = ReturnType<typeof createSession>

/** The same with the refresh token in an HttpOnly cookie. */
export function createCookieSession(options?: AuthOptions) {
  return createSession({
    storage: cookieSession(),
    refresh: refreshRequest({
      url: '/auth/refresh',
      send: 'cookie',
      csrf: { cookie: 'csrf', header: 'X-CSRF-Token' },
    }),
    logout: ({ signal }) =>
      fetch('/auth/logout', {
        method: 'POST',
        headers: { 'X-CSRF-Token': /\bcsrf=([^;]+)/.exec(document.cookie)?.[1] ?? '' },
        keepalive: true,
        signal,
      }),
    ...options,
  })
}

/** The page needs three requests at once. */
export async function loadShelves({ api }: Session): Promise<string[]> {
  const shelves = await Promise.all(
    ['orders', 'invoices', 'wishes'].map(shelf => api.get<string>(`/api/${shelf}`)),
  )
  return shelves.map(({ data }) => data)
}

/** Asks the server for a session. Who gets the answer logs in with it: `auth.login(await signIn(session))`. */
export async function signIn({ api }: Session, username = 'ada', password = 'lovelace') {
  const { data } = await api.post('/auth/login', { username, password })
  return data
}
