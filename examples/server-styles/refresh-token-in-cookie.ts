import axios from 'axios'
import { type AuthOptions, cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** The RT is an HttpOnly cookie; the readable cookie `csrf` comes back in a header. */
export function connect(server: string, options?: AuthOptions) {
  const api = axios.create({ baseURL: server, withCredentials: true })
  const auth = createAuth({
    storage: cookieSession(),
    refresh: refreshRequest({
      url: `${server}/auth/refresh`,
      send: 'cookie',
      csrf: { cookie: 'csrf', header: 'X-CSRF-Token' },
    }),
    // No script can delete the cookie, so the server does.
    logout: ({ signal }) =>
      fetch(`${server}/auth/logout`, {
        method: 'POST',
        credentials: 'include',
        headers: { 'X-CSRF-Token': /\bcsrf=([^;]+)/.exec(document.cookie)?.[1] ?? '' },
        keepalive: true,
        signal,
      }),
    ...options,
  })
  attachAuth(api, auth)
  return { api, auth } // `await auth.ready` before the first page: a reload restores the session
}
