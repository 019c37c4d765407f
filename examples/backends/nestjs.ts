import axios from 'axios'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** NestJS with a second Passport strategy: the refresh token goes in `Authorization`. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    refresh: refreshRequest({ url: `${server}/auth/refresh`, send: 'header' }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
