import axios from 'axios'
import { type AuthOptions, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** `POST /auth/refresh` takes the AT itself, expired or not, in `Authorization`. There is no RT. */
export function connect(server: string, options?: AuthOptions) {
  const api = axios.create({ baseURL: server })
  const auth = createAuth({
    refresh: refreshRequest({ url: `${server}/auth/refresh`, send: 'access' }),
    ...options,
  })
  attachAuth(api, auth)
  return { api, auth }
}
