import axios from 'axios'
import { createAuth, oauth2Refresh, oauth2Revoke } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Spring Authorization Server, with refresh tokens for public clients. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    refresh: oauth2Refresh({ tokenEndpoint: `${server}/oauth2/token`, clientId: 'spa' }),
    logout: oauth2Revoke({ endpoint: `${server}/oauth2/revoke`, clientId: 'spa' }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
