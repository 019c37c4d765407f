import axios from 'axios'
import { type AuthOptions, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** `POST /auth/refresh` takes the AT, expired or not, in `Authorization` and the RT in the body. */
export function connect(server: string, options?: AuthOptions) {
  const api = axios.create({ baseURL: server })
  const auth = createAuth({
    refresh: refreshRequest({ url: `${server}/auth/refresh`, send: 'both' }),
    ...options,
  })
  attachAuth(api, auth)
  return { api, auth }
}
