/** A certified OpenID Connect server on this machine, and a person with a browser who logs in to it. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import type { TokenResponse } from 'tokenflight'
import { vi } from 'vitest'
import { createBrowser } from '../server-styles/browser.js'

export const clientId = 'spa'
/** Lifetimes, in **seconds** as the server has them. */
export const lifetimes = { accessToken: 60, refreshToken: 3_600 }

export interface Grant {
  readonly status: number
  /** `ok`, or the OAuth error code of the answer. */
  readonly outcome: string
  readonly refreshToken: string | undefined
}

export interface OidcServer {
  readonly issuer: string
  /** Every answer of the token endpoint to a `refresh_token` grant. */
  readonly grants: Grant[]
  /** Status of every answer of the protected resource (`/me`). */
  readonly visits: number[]
  /** Status of every answer of `/transfer`, which may want a recent login. */
  readonly transfers: number[]
  /** Since when a login is recent enough for `/transfer`, in **seconds** as the server has them. */
  recent: number
  /** When each user logged in that has used `/transfer`, in **seconds**. */
  readonly logins: number[]
  close(): Promise<void>
}

export interface OidcOptions {
  /** Its tokens must be bound to a key (RFC 9449), and its proofs have nonces. */
  readonly isBound?: boolean
  /** The page that it sends the browser back to, from an origin of its own. */
  readonly home?: string
  /** Lifetime of an access token, in **seconds**. */
  readonly accessToken?: number
}

/** Starts `oidc-provider` with refresh-token rotation; a spent refresh token revokes the whole grant. */
export async function startOidcServer(options: OidcOptions = {}): Promise<OidcServer> {
  const { isBound = false, home, accessToken = lifetimes.accessToken } = options
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  // Its warnings concern production only.
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const { Provider } = await import('oidc-provider')
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: clientId,
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        redirect_uris: [home ?? redirectUri(issuer)],
        post_logout_redirect_uris: home ? [home] : [],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        dpop_bound_access_tokens: isBound,
      },
    ],
    jwks: { keys: [await exportJWK(privateKey)] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    features: {
      devInteractions: { enabled: true },
      dPoP: { enabled: isBound, nonceSecret: randomBytes(32), requireNonce: () => isBound },
      revocation: {
        enabled: true,
        allowedPolicy: async (_context, client, token) => client.clientId === token.clientId,
      },
    },
    rotateRefreshToken: true,
    clientBasedCORS: (_context, origin) => `${origin}/` === home,
    ttl: {
      AccessToken: accessToken,
      RefreshToken: lifetimes.refreshToken,
      AuthorizationCode: 60,
      IdToken: 60,
      Interaction: 600,
      Session: 3_600,
      Grant: 86_400,
    },
  })
  const grants: Grant[] = []
  const visits: number[] = []
  const self: OidcServer = {
    issuer,
    grants,
    visits,
    transfers: [],
    recent: 0,
    logins: [],
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
  /** Looks up the login that the token comes from. Only its clients ask, so no proof is checked. */
  provider.use(async (context, next) => {
    if (context.path !== '/transfer') return next()
    context.set({
      'Access-Control-Allow-Origin': context.get('Origin'),
      'Access-Control-Allow-Headers': 'Authorization, DPoP',
      'Access-Control-Expose-Headers': 'WWW-Authenticate, DPoP-Nonce',
    })
    context.status = 204
    if (context.method === 'OPTIONS') return
    const token = await provider.AccessToken.find(context.get('Authorization').split(' ')[1] ?? '')
    const session = token && (await provider.Session.findByUid(token.sessionUid ?? ''))
    const login = session?.loginTs
    if (login) self.logins.push(login)
    if (!login || login < self.recent) {
      context.status = 401
      const challenge = 'error="insufficient_user_authentication", max_age="0"'
      context.set('WWW-Authenticate', `${isBound ? 'DPoP' : 'Bearer'} ${challenge}`)
    }
    self.transfers.push(context.status)
  })
  provider.use(async (context, next) => {
    await next()
    const params = context.oidc?.params
    if (context.oidc?.route === 'token' && params?.grant_type === 'refresh_token') {
      const body = context.body as { error?: string }
      grants.push({
        status: context.status,
        outcome: body.error ?? 'ok',
        refreshToken: params.refresh_token as string | undefined,
      })
    }
    if (context.path === '/me') visits.push(context.status)
  })
  server.on('request', provider.callback())
  return self
}

/** Logs in as a person does: the authorization page, the login form, the consent form, back with a code (PKCE). */
export async function logIn(
  issuer: string,
  login = 'ada',
  send: (url: string, init: RequestInit) => Promise<Response> = fetch,
): Promise<TokenResponse & { refresh_token: string }> {
  const verifier = randomBytes(32).toString('base64url')
  const state = randomBytes(8).toString('hex')
  const address = new URL('/auth', issuer)
  address.search = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: redirectUri(issuer),
    scope: 'openid offline_access',
    prompt: 'consent',
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString()

  const back = await walk(issuer, address.href, { login, password: 'lovelace' })
  if (back.get('state') !== state || back.get('iss') !== issuer) throw new Error('Another answer came back')
  const answer = await send(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      redirect_uri: redirectUri(issuer),
      code: back.get('code') ?? '',
      code_verifier: verifier,
    }),
  })
  if (!answer.ok) throw new Error(`No tokens: ${await answer.text()}`)
  return (await answer.json()) as TokenResponse & { refresh_token: string }
}

/** Follows redirects and fills in forms until the server sends the browser back to the application. */
async function walk(
  issuer: string,
  start: string,
  fields: Readonly<Record<string, string>>,
): Promise<URLSearchParams> {
  const browser = createBrowser()
  let address = start
  let form: URLSearchParams | undefined
  for (let step = 0; step < 12; step++) {
    const response = await browser.fetch(address, {
      credentials: 'include',
      redirect: 'manual',
      ...(form && { method: 'POST', body: form }),
    })
    form = undefined
    const location = response.headers.get('Location')
    if (location) {
      address = new URL(location, address).href
      if (address.startsWith(redirectUri(issuer))) return new URL(address).searchParams
      continue
    }
    const page = await response.text()
    const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1]
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1]
    if (!action || !prompt) throw new Error(`No form to fill in (${response.status}): ${page.slice(0, 300)}`)
    address = new URL(action, address).href
    form = new URLSearchParams({ prompt, ...(prompt === 'login' && fields) })
  }
  throw new Error('The login never ends')
}

function redirectUri(issuer: string): string {
  return `${issuer}/callback`
}
