import axios from 'axios'
import { type AuthOptions, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Shows each of the four cases as the user sees it. */
export function connect(server: string, options?: AuthOptions) {
  const api = axios.create({ baseURL: server })
  const auth = createAuth({
    // The server gives a new pair for a valid AT alone: it must see the AT.
    refresh: refreshRequest({ url: `${server}/auth/refresh`, send: 'both' }),
    ...options,
  })
  attachAuth(api, auth)
  const notices: string[] = []
  auth.on('sessionExpiring', ({ expiresAt }) => notices.push(`expires at ${expiresAt}`)) // "Stay signed in?"
  auth.on('sessionExpired', ({ reason }) => notices.push(reason)) // to the login
  return { api, auth, notices }
}
