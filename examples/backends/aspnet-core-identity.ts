import axios from 'axios'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** ASP.NET Core Identity, `MapIdentityApi`: every name is a default. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({ refresh: refreshRequest({ url: `${server}/refresh` }) })
  attachAuth(api, auth)

  return { api, auth }
}
