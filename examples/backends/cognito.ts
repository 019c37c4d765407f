import axios from 'axios'
import { createAuth, oauth2Refresh } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Amazon Cognito: the token endpoint of the domain of a user pool. */
export function connect(server: string, domain = 'https://shop.auth.eu-west-1.amazoncognito.com') {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    refresh: oauth2Refresh({ tokenEndpoint: `${domain}/oauth2/token`, clientId: 'spa' }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
