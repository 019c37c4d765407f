import axios from 'axios'
import { type AuthOptions, createAuth, serverRenewal } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Every request carries AT and RT; the server renews, and hands out new tokens in headers of ordinary answers. */
export function connect(server: string, options?: AuthOptions) {
  const api = axios.create({ baseURL: server })
  const auth = createAuth(options)
  attachAuth(api, auth, {
    renewal: serverRenewal({
      refreshTokenHeader: 'X-Refresh-Token',
      collect({ headers }) {
        const accessToken = headers['x-access-token']
        return accessToken && { accessToken, refreshToken: headers['x-refresh-token'] }
      },
    }),
  })
  return { api, auth }
}
