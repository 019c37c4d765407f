/** The session of pages that a server renders, where both tokens are HttpOnly cookies. */
import axios from 'axios'
import { type Auth, type AuthState, cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

// In development an edit runs this module again; the global object outlives that.
const kept = (process.env.NODE_ENV === 'development' ? globalThis : {}) as { auth?: Auth }

export const api = axios.create({ baseURL: '/api' })
if (kept.auth) attachAuth(api, kept.auth)

/** One session for the life of the page. The first call decides: it hands over the state that the server rendered. */
export function openSession(state?: AuthState): Auth {
  if (typeof window === 'undefined') return createAuth()
  if (!kept.auth) {
    kept.auth = createAuth({
      // The cookie `csrf` lives as long as the session, so without it there is nothing to restore.
      storage: cookieSession({ access: 'cookie', exists: () => readCookie('csrf') !== '' }),
      initialState: state,
      refresh: refreshRequest({ url: '/auth/refresh', csrf: { cookie: 'csrf', header: 'X-CSRF-Token' } }),
      // No script can delete the cookies, so the server does.
      logout: ({ signal }) =>
        fetch('/auth/logout', {
          method: 'POST',
          headers: { 'X-CSRF-Token': readCookie('csrf') },
          keepalive: true,
          signal,
        }),
    })
    attachAuth(api, kept.auth)
  }
  return kept.auth
}

/** The answer of the login has no tokens. With `expiresIn` in it, the access token is refreshed ahead. */
export async function logIn(username: string, password: string): Promise<boolean> {
  const response = await fetch('/auth/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username, password }),
  })
  if (!response.ok) return false
  await openSession().login(response.status === 204 ? {} : await response.json())
  return true
}

function readCookie(name: string): string {
  const pair = document.cookie.split('; ').find(each => each.startsWith(`${name}=`))
  return decodeURIComponent(pair?.slice(name.length + 1) ?? '')
}
