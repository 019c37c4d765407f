/** The logout at the provider (OpenID Connect RP-Initiated Logout). */
import { auth } from './session.js'
import { clientId, home, server } from './settings.js'

/** Ends the session in all tabs, revokes its tokens, and leaves for the provider, which ends its own session. */
export async function logOut(): Promise<void> {
  await auth.logout()

  const address = new URL(server.end_session_endpoint)
  address.search = new URLSearchParams({
    client_id: clientId,
    post_logout_redirect_uri: home,
  }).toString()
  location.assign(address)
}
