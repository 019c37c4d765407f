import axios from 'axios'
import { createAuth, oauth2Refresh } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Microsoft Entra ID: an application of the platform "Single-page application". */
export function connect(server: string, tenant = 'common') {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    refresh: oauth2Refresh({
      tokenEndpoint: `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`,
      clientId: 'spa',
      scope: 'api://shop/orders.read offline_access',
    }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
