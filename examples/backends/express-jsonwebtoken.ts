import axios from 'axios'
import { cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Express with jsonwebtoken: the refresh token is an HttpOnly cookie. */
export function connect(server: string) {
  const api = axios.create({ baseURL: `${server}/api`, withCredentials: true })

  const auth = createAuth({
    storage: cookieSession(),
    refresh: refreshRequest({ url: `${server}/api/auth/refresh` }),
    logout: () => api.post('/auth/logout', undefined, { skipAuth: true }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
