import axios from 'axios'
import { createAuth, refreshRequest, webStorage } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

const server = 'https://api.example.com'

export const api = axios.create({ baseURL: server })
export const auth = createAuth({
  refresh: refreshRequest({ url: `${server}/auth/refresh` }),
  storage: webStorage(), // axios-jwt keeps tokens in localStorage too
})
attachAuth(api, auth)

export const logIn = auth.login
export const logOut = auth.logout

/** Takes over the session that axios-jwt has left, so that users stay logged in. Call it once at the start. */
export async function adoptSession(key = 'auth-tokens-production'): Promise<void> {
  const left = localStorage.getItem(key)
  if (!left) return
  await auth.ready
  try {
    if (auth.getState().status === 'anonymous') await auth.login(JSON.parse(left))
  } catch {
    return // An unreadable entry stays, and the user logs in again.
  }
  localStorage.removeItem(key)
}
