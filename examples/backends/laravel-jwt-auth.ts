import axios from 'axios'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Laravel jwt-auth: there is no refresh token; the access token is renewed, also after its end. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    refresh: refreshRequest({ url: `${server}/api/auth/refresh`, send: 'access' }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
