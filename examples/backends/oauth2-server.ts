import axios from 'axios'
import { createAuth, oauth2Refresh } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Express with @node-oauth/oauth2-server: an OAuth 2.0 server, and a public client. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    refresh: oauth2Refresh({ tokenEndpoint: `${server}/oauth/token`, clientId: 'spa' }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
