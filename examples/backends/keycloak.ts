import axios from 'axios'
import { createAuth, oauth2Refresh, oauth2Revoke } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Keycloak: the token endpoint of a realm, and a public client. */
export function connect(server: string, realm = 'https://id.example.com/realms/shop') {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    refresh: oauth2Refresh({ tokenEndpoint: `${realm}/protocol/openid-connect/token`, clientId: 'spa' }),
    logout: oauth2Revoke({ endpoint: `${realm}/protocol/openid-connect/revoke`, clientId: 'spa' }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
