import axios from 'axios'
import { cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** dj-rest-auth with `JWT_AUTH_HTTPONLY`: both tokens are cookies. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server, withCredentials: true })

  const auth = createAuth({
    storage: cookieSession({ access: 'cookie' }),
    read: ({ access_expiration }: { access_expiration?: string }) => ({ expiresAt: access_expiration }),
    refresh: refreshRequest({ url: `${server}/dj-rest-auth/token/refresh/` }),
    logout: () => api.post('/dj-rest-auth/logout/', {}, { skipAuth: true }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
