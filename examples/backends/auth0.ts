import axios from 'axios'
import { createAuth, oauth2Refresh } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Auth0: a single-page application with refresh token rotation. */
export function connect(server: string, tenant = 'https://shop.eu.auth0.com') {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    refresh: oauth2Refresh({ tokenEndpoint: `${tenant}/oauth/token`, clientId: 'spa' }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
