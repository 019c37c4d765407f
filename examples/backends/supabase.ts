import axios from 'axios'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Supabase Auth: the grant is in the query, and every request needs the `apikey`. */
export function connect(server: string, apikey = 'anon-key') {
  const api = axios.create({ baseURL: server, headers: { apikey } })

  const auth = createAuth({
    refresh: refreshRequest({
      url: `${server}/auth/v1/token?grant_type=refresh_token`,
      field: 'refresh_token',
      headers: { apikey },
    }),
  })
  attachAuth(api, auth)

  return { api, auth }
}
