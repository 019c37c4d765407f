/** The login by redirect: authorization code with PKCE (RFC 7636, RFC 9700). */
import * as oauth from 'oauth4webapi'
import { auth, key } from './session.js'
import { clientId, home, server } from './settings.js'

/** The data that the page needs when it comes back. */
interface Attempt {
  readonly verifier: string
  readonly nonce: string
  /** The task of the user, never a token. */
  readonly task: string | undefined
}

/**
 * Leaves the page for the login.
 * @param task the task that follows
 * @param parameters further parameters of the authorization request, such as `acr_values`
 */
export async function logIn(task?: string, parameters: Record<string, string> = {}): Promise<void> {
  const state = oauth.generateRandomState()
  const attempt: Attempt = {
    verifier: oauth.generateRandomCodeVerifier(),
    nonce: oauth.generateRandomNonce(),
    task,
  }
  // Of this tab alone: two tabs may log in at once.
  sessionStorage.setItem(`login:${state}`, JSON.stringify(attempt))
  const address = new URL(server.authorization_endpoint)
  address.search = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: home,
    scope: 'openid offline_access',
    prompt: 'consent',
    state,
    nonce: attempt.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(attempt.verifier),
    code_challenge_method: 'S256',
    ...parameters,
  }).toString()
  location.assign(address)
}

/**
 * Ends a login that this tab began, if the server has just sent the browser back.
 * @returns the task of the user
 * @throws the refusal of the server, or a sign of an attack
 */
export async function finishLogin(): Promise<string | undefined> {
  const address = new URL(location.href)
  const state = address.searchParams.get('state') ?? ''
  const noted = sessionStorage.getItem(`login:${state}`)
  // This tab did not ask for this code.
  if (!noted) return undefined
  sessionStorage.removeItem(`login:${state}`)
  // The code is spent, and a reload must not send it again.
  history.replaceState(null, '', home)
  const { verifier, nonce, task }: Attempt = JSON.parse(noted)

  const client = { client_id: clientId }
  const answer = oauth.validateAuthResponse(server, client, address, state)
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    answer,
    home,
    verifier,
    {
      // The proof of this request binds the tokens to the key.
      ...(key && { [oauth.customFetch]: key.fetch }),
      // For a server on this machine; any other needs https.
      [oauth.allowInsecureRequests]: /^(127\.0\.0\.1|localhost)$/.test(new URL(server.issuer).hostname),
    },
  )
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
    expectedNonce: nonce,
    requireIdToken: true,
  })

  await auth.login(tokens)
  return task
}
