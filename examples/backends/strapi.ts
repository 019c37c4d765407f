import axios from 'axios'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

interface Answer {
  jwt: string
  refreshToken?: string
}

/** Strapi 5 with `jwtManagement: 'refresh'`: `{ jwt, refreshToken }`. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    read: ({ jwt, refreshToken }: Answer) => ({ accessToken: jwt, refreshToken }),
    refresh: refreshRequest({ url: `${server}/api/auth/refresh` }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
