import axios from 'axios'
import { cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** better-auth with its plug-in `jwt`: the session cookie is exchanged for a JWT. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server, withCredentials: true })

  const auth = createAuth({
    storage: cookieSession(),
    read: ({ token }: { token: string }) => ({ accessToken: token }),
    refresh: refreshRequest({ url: `${server}/api/auth/token`, method: 'GET' }),
    logout: () => api.post('/api/auth/sign-out', {}, { skipAuth: true }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
