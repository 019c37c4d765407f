/** A session whose tokens are bound to a key of this browser. */
import { createAuth, oauth2Refresh, oauth2Revoke, webStorage } from 'tokenflight'
import { dpop } from 'tokenflight/dpop'
import { authFetch } from 'tokenflight/fetch'

const issuer = 'https://id.example.com'
const clientId = 'spa'

const key = dpop()
export const auth = createAuth({
  dpop: key,
  storage: webStorage(),
  refresh: oauth2Refresh({ tokenEndpoint: `${issuer}/token`, clientId }),
  logout: oauth2Revoke({ endpoint: `${issuer}/revoke`, clientId }),
})
export const api = authFetch(auth, { allowedOrigins: ['https://api.example.com'] })

/** The request that logs in carries a proof, so that the server binds the tokens to the key. */
export async function logIn(code: string, verifier: string): Promise<void> {
  const response = await key.fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      redirect_uri: 'https://app.example.com/callback',
      code,
      code_verifier: verifier,
    }),
  })
  if (!response.ok) throw new Error(`The login failed: ${response.status}`)
  await auth.login(await response.json())
}
