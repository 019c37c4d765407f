import axios from 'axios'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

interface Answer {
  data: { access_token: string; refresh_token: string; expires: number }
}

/** Directus: the tokens are in `data`, and `expires` is in milliseconds. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({
    read: ({ data }: Answer) => ({ ...data, expires_in: data.expires / 1000 }), // milliseconds
    refresh: refreshRequest({
      url: `${server}/auth/refresh`,
      field: 'refresh_token',
      body: { mode: 'json' },
    }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
