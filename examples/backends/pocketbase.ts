import axios from 'axios'
import { createAuth, decodeToken, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** PocketBase: `{ token, record }`; there is no refresh token, and an ended token cannot be renewed. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    read: ({ token }: { token: string }) => ({ accessToken: token, expiresAt: decodeToken(token)?.exp }),
    refresh: refreshRequest({ url: `${server}/api/collections/users/auth-refresh`, send: 'access' }),
    refreshAhead: lifetime => lifetime / 2,
  })
  attachAuth(api, auth)

  return { api, auth }
}
