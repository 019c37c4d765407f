import axios from 'axios'
import { type AuthOptions, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** `auth.logout()` ends the session here at once, and tells the server, which then refuses both tokens. */
export function connect(server: string, options?: AuthOptions) {
  const api = axios.create({ baseURL: server })
  const auth = createAuth({
    refresh: refreshRequest({ url: `${server}/auth/refresh` }),
    logout: ({ accessToken, refreshToken, signal }) =>
      fetch(`${server}/auth/logout`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${accessToken}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ refreshToken }),
        keepalive: true,
        signal,
      }),
    ...options,
  })
  attachAuth(api, auth)
  return { api, auth }
}
