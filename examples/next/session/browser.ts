import axios from 'axios'
import { type Auth, cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

// In development an edit runs this module again; the global object outlives that.
const kept = (process.env.NODE_ENV === 'development' ? globalThis : {}) as { auth?: Auth }

function createSession(): Auth {
  return createAuth({
    // The cookie `csrf` lives as long as the session, so without it there is nothing to restore.
    storage: cookieSession({ exists: () => readCookie('csrf') !== '' }),
    refresh: refreshRequest({
      url: '/auth/refresh',
      csrf: { cookie: 'csrf', header: 'X-CSRF-Token' },
    }),
    // No script can delete an HttpOnly cookie, so the server does.
    logout: ({ signal }) =>
      fetch('/auth/logout', {
        method: 'POST',
        headers: { 'X-CSRF-Token': readCookie('csrf') },
        keepalive: true,
        signal,
      }),
  })
}

/** One session for the life of the page. The server renders with one that has no user: its pages bring their state. */
export function openSession(): Auth {
  if (typeof window === 'undefined') return createAuth()
  kept.auth ??= createSession()
  return kept.auth
}

/** For requests from the browser. */
export const api = axios.create({ baseURL: '/api' })
if (typeof window !== 'undefined') attachAuth(api, openSession())

function readCookie(name: string): string {
  const pair = document.cookie.split('; ').find(each => each.startsWith(`${name}=`))
  return decodeURIComponent(pair?.slice(name.length + 1) ?? '')
}
