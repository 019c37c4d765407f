/** The session: its tokens, and the client that sends them. */
import { createAuth, oauth2Refresh, oauth2Revoke, webStorage } from 'tokenflight'
import { dpop } from 'tokenflight/dpop'
import { authFetch } from 'tokenflight/fetch'
import { apiUrl, clientId, server } from './settings.js'

/** The switch: `VITE_DPOP=on` binds the tokens to a key of this browser. */
export const key = import.meta.env.VITE_DPOP === 'on' ? dpop() : undefined

export const auth = createAuth({
  dpop: key,
  // Survives a reload without another redirect, and is shared by all tabs.
  storage: webStorage(),
  refresh: oauth2Refresh({ tokenEndpoint: server.token_endpoint, clientId }),
  logout: oauth2Revoke({ endpoint: server.revocation_endpoint, clientId }),
})

export const api = authFetch(auth, { allowedOrigins: [new URL(apiUrl).origin] })
