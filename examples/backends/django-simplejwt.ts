import axios from 'axios'
import { createAuth, indexedDBStorage, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Django REST framework with simplejwt: `{ access, refresh }`, and `{ refresh }` in the request. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })
  const auth = createAuth({
    storage: indexedDBStorage(), // survives a reload; without this line the tokens are in memory
    // With the slash at the end: Django redirects from the URL without it, and the error message contains "redirect".
    refresh: refreshRequest({ url: `${server}/api/token/refresh/`, field: 'refresh' }),
  })
  attachAuth(api, auth)
  return { api, auth }
}
