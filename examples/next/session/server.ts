import { cookies } from 'next/headers'
import { type AuthState, createAuth, isSessionExpired } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'

const server = process.env.API_URL ?? 'http://127.0.0.1:4310'

/** Data of the user whose request this is, and the state that the page shows. */
export async function load<Data>(path: string): Promise<{ state: AuthState; data?: Data | undefined }> {
  // Without `refresh`: a page that is being rendered could not hand new cookies to the browser.
  const auth = createAuth()
  const accessToken = (await cookies()).get('access')?.value
  // A cookie that is no token is the same as no cookie.
  if (accessToken) await auth.login({ accessToken }).catch(() => {})
  if (auth.getState().status !== 'authenticated') return { state: { status: 'loading' } }
  const api = authFetch(auth, { allowedOrigins: [new URL(server).origin] })
  try {
    const response = await api(server + path, { cache: 'no-store' })
    if (!response.ok) throw new Error(`${path} answered ${response.status}`)
    const data: Data = await response.json()
    // Taken after the data: the API decides whether the token is good.
    return { state: auth.getState(), data }
  } catch (error) {
    // The access token is over. The browser has the refresh token, so it decides.
    if (isSessionExpired(error)) return { state: { status: 'loading' } }
    throw error
  }
}
