import { cookies } from 'next/headers'
import { createAuth } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'

/**
 * The session of one request, with the access token that the browser sent in a cookie. Without `refresh` it ends with
 * its token: a page that is being rendered could not hand a rotated refresh token back to the browser.
 */
export async function openSession(server: string) {
  const auth = createAuth()
  const accessToken = (await cookies()).get('access')?.value
  if (accessToken) await auth.login({ accessToken })
  return { auth, api: authFetch(auth, { allowedOrigins: [server] }) }
}
