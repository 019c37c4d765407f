import axios from 'axios'
import { createAuth, oauth2Refresh, oauth2Revoke } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Rails with Doorkeeper: an OAuth 2.0 server, and a public client. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    refresh: oauth2Refresh({ tokenEndpoint: `${server}/oauth/token`, clientId: 'spa' }),
    logout: oauth2Revoke({ endpoint: `${server}/oauth/revoke`, clientId: 'spa' }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
