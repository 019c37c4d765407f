import axios from 'axios'
import { cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Fastify with @fastify/jwt: `{ token }`, and the refresh token is an HttpOnly cookie. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server, withCredentials: true })

  const auth = createAuth({
    storage: cookieSession(),
    read: ({ token }: { token: string }) => ({ accessToken: token }),
    refresh: refreshRequest({ url: `${server}/refresh` }),
    logout: () => api.post('/logout', {}, { skipAuth: true }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
