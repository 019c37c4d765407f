import axios from 'axios'
import { cookieSession, createAuth } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Laravel Sanctum for single-page applications: a session cookie, and a CSRF cookie that may end before it. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server, withCredentials: true, withXSRFToken: true })

  const auth = createAuth({
    storage: cookieSession({ access: 'cookie' }),
    async refresh({ signal }) {
      await api.get('/sanctum/csrf-cookie', { signal }) // mends a 419
      await api.get('/api/user', { signal }) // its 401 ends the session
      return {}
    },
    logout: () => api.post('/logout', undefined, { skipAuth: true }),
  })
  attachAuth(api, auth, { shouldRefresh: ({ status }) => status === 401 || status === 419 })

  return { api, auth }
}
