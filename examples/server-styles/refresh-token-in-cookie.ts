import axios from 'axios'
import { type AuthOptions, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** The RT is an HttpOnly cookie; the readable cookie `csrf` comes back in a header. */
export function connect(server: string, options?: AuthOptions) {
  const api = axios.create({ baseURL: server, withCredentials: true })
  const auth = createAuth({
    refreshTokenIn: 'cookie',
    refresh: refreshRequest({
      url: `${server}/auth/refresh`,
      send: 'cookie',
      csrf: { cookie: 'csrf', header: 'X-CSRF-Token' },
    }),
    ...options,
  })
  attachAuth(api, auth, { skip: '/auth/login' })
  return { api, auth } // `await auth.ready` before the first page: a reload restores the session
}
