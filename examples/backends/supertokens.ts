import axios from 'axios'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** SuperTokens in its header mode: tokens come and go in headers. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    refresh: refreshRequest({
      url: `${server}/auth/session/refresh`,
      send: 'header',
      headers: { 'st-auth-mode': 'header' },
      read: ({ headers }) => ({
        accessToken: headers.get('st-access-token') ?? '',
        refreshToken: headers.get('st-refresh-token'),
      }),
    }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
