/** Signed tokens: making them, and identifying a presented one. Lifetimes in ms become the seconds of a JWT here. */
import { compactVerify, decodeProtectedHeader, SignJWT } from 'jose'
import { signatureAlgorithm } from './keys.js'
import type { MockAccessClaims } from './types.js'
import type { World } from './world.js'

/** The payload of a refresh token. Clients need not read it. */
export interface RefreshClaims {
  readonly sub: string
  readonly jti: string
  readonly sid: string
  readonly token_use: 'refresh'
  readonly [claim: string]: unknown
}

/** A token that this server signed for that use, or the reason for the refusal. The caller checks the expiry. */
export type ReadToken<Claims> = { readonly claims: Claims } | { readonly problem: string }

const headerTypes = { access: 'at+jwt', refresh: 'rt+jwt' } as const

/** Signs an access token (RFC 9068) of a session; `id` becomes its `jti`. */
export async function signAccessToken(
  world: World,
  session: { readonly id: string; readonly username: string },
  id: string,
  scope: string,
): Promise<string> {
  const { options, settings } = world
  return sign(world, 'access', settings.accessTokenLifetime, {
    ...options.users.get(session.username)?.claims,
    iss: options.baseUrl,
    sub: session.username,
    aud: options.baseUrl,
    jti: id,
    sid: session.id,
    scope: scope || undefined,
  })
}

/** Signs a refresh token of a session. */
export async function signRefreshToken(
  world: World,
  session: { readonly id: string; readonly username: string },
): Promise<string> {
  return sign(world, 'refresh', world.settings.refreshTokenLifetime, {
    iss: world.options.baseUrl,
    sub: session.username,
    jti: crypto.randomUUID(),
    sid: session.id,
  })
}

/**
 * Reads a presented access token: signature, key and use. Where it is presented in place of a refresh token, the keys
 * that are good for those are good for it.
 */
export async function readAccessClaims(
  world: World,
  token: string,
  inPlaceOfRefresh = false,
): Promise<ReadToken<MockAccessClaims>> {
  return read(world, token, 'access', inPlaceOfRefresh) as Promise<ReadToken<MockAccessClaims>>
}

/** Reads a presented refresh token: signature, key and use. */
export async function readRefreshClaims(world: World, token: string): Promise<ReadToken<RefreshClaims>> {
  return read(world, token, 'refresh') as Promise<ReadToken<RefreshClaims>>
}

/** SHA-256 as base64url: the key of a refresh token in the store. */
export async function hashToken(token: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

async function sign(
  world: World,
  use: 'access' | 'refresh',
  lifetime: number,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  // Whole seconds, as servers have them; the exact end is in the store, so no token dies before its lifetime is over.
  const issuedAt = Math.floor(world.options.clock.now() / 1000)
  const { kid, key } = await world.keys.signing()
  return new SignJWT({ ...claims, token_use: use, iat: issuedAt, exp: issuedAt + lifetime / 1000 })
    .setProtectedHeader({ alg: signatureAlgorithm, kid, typ: headerTypes[use] })
    .sign(key)
}

async function read(
  world: World,
  token: string,
  use: 'access' | 'refresh',
  inPlaceOfRefresh = use === 'refresh',
): Promise<ReadToken<MockAccessClaims | RefreshClaims>> {
  const noun = use === 'access' ? 'access token' : 'refresh token'
  let header: { kid?: string; typ?: string }
  try {
    header = decodeProtectedHeader(token)
  } catch {
    return { problem: `The ${noun} is not a token of this server` }
  }
  const known = await world.keys.verifying(header.kid ?? '')
  if (!known) return { problem: `The ${noun} is signed by a key that this server does not know` }
  try {
    const { payload } = await compactVerify(token, known.key, { algorithms: [signatureAlgorithm] })
    const claims = JSON.parse(new TextDecoder().decode(payload)) as MockAccessClaims | RefreshClaims
    if (header.typ !== headerTypes[use] || claims.token_use !== use) {
      return {
        problem:
          use === 'access' ? 'A refresh token is no access token' : 'An access token is no refresh token',
      }
    }
    if (!inPlaceOfRefresh && known.role === 'refresh') {
      return { problem: 'The access token is signed by a key that was retired' }
    }
    return { claims }
  } catch {
    return { problem: `The signature of the ${noun} is wrong` }
  }
}
