import axios from 'axios'
import { createAuth, oauth2Refresh } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Glewlwyd: its plug-in for OpenID Connect, and a public client. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    refresh: oauth2Refresh({ tokenEndpoint: `${server}/api/oidc/token`, clientId: 'spa' }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
