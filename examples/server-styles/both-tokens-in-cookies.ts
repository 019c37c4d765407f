import axios from 'axios'
import { type AuthOptions, cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** AT and RT are HttpOnly cookies: the browser sends them, and no script sees any. */
export function connect(server: string, options?: AuthOptions) {
  const api = axios.create({ baseURL: server, withCredentials: true })
  const auth = createAuth({
    storage: cookieSession({ access: 'cookie' }),
    refresh: refreshRequest({ url: `${server}/auth/refresh` }),
    // No script can delete the cookies, so the server does.
    logout: ({ signal }) =>
      fetch(`${server}/auth/logout`, {
        method: 'POST',
        credentials: 'include',
        keepalive: true,
        signal,
      }),
    ...options,
  })
  attachAuth(api, auth)
  return { api, auth } // `await auth.ready` before the first page: a reload restores the session
}
