/// <reference types="vite/client" />
/** The OpenID Connect server, and the application as that server knows it. */
import type { AuthorizationServer } from 'oauth4webapi'

const issuer: string = import.meta.env.VITE_ISSUER ?? 'http://127.0.0.1:4320'

/** The values of `/.well-known/openid-configuration`. Since they are fixed here, no answer can replace an endpoint. */
export const server = {
  issuer,
  authorization_endpoint: `${issuer}/auth`,
  token_endpoint: `${issuer}/token`,
  revocation_endpoint: `${issuer}/token/revocation`,
  end_session_endpoint: `${issuer}/session/end`,
  authorization_response_iss_parameter_supported: true,
} satisfies AuthorizationServer

export const clientId = 'spa'

/** The server sends the browser back to this page, after the login and after the logout. */
export const home = `${location.origin}/`

/** The API that takes the tokens. */
export const apiUrl: string = import.meta.env.VITE_API ?? issuer
