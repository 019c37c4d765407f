import axios from 'axios'
import { type AuthOptions, createAuth, oauth2Refresh } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** The `refresh_token` grant of OAuth 2.0 (RFC 6749 section 6), form encoded, as a public client. */
export function connect(server: string, options?: AuthOptions, scope?: string) {
  const api = axios.create({ baseURL: server })
  const auth = createAuth({
    refresh: oauth2Refresh({ tokenEndpoint: `${server}/auth/token`, clientId: 'spa', scope }),
    ...options,
  })
  attachAuth(api, auth)
  return { api, auth }
}
