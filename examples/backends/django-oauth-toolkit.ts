import axios from 'axios'
import { createAuth, oauth2Refresh, oauth2Revoke } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** django-oauth-toolkit: an OAuth 2.0 server, and a public client. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    refresh: oauth2Refresh({ tokenEndpoint: `${server}/o/token/`, clientId: 'spa' }),
    logout: oauth2Revoke({ endpoint: `${server}/o/revoke_token/`, clientId: 'spa' }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
