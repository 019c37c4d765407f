/** Protected resources: access (RFC 6750), and the renewal on ordinary answers of `renewal: 'server'`. */
import { accessCookieName } from './cookies.js'
import { type GenuineAccess, grantRefresh, presentAccess, presentRefresh } from './grants.js'
import { readBearer } from './reading.js'
import { challenge, jsonReply, type Refusal, type Reply } from './reply.js'
import { nextTokenHeaders, presentTokenHeaders, readTokenHeaders } from './token-headers.js'
import { readAccessClaims } from './tokens.js'
import type { MockAccessClaims } from './types.js'
import type { Exchange } from './world.js'

/** The header that carries the refresh token on every request, and a new one on an answer (`renewal: 'server'`). */
const refreshTokenHeader = 'X-Refresh-Token'

/** The header of an ordinary answer that carries a new access token (`renewal: 'server'`). */
const accessTokenHeader = 'X-Access-Token'

/** A request that may pass. */
export interface Passage {
  readonly claims: MockAccessClaims
  /** Headers to put on the answer: new tokens, where the server renewed. */
  readonly headers: Reply['headers']
}

/**
 * Lets a request pass, or refuses it: 401 without an error code where there are no credentials, 400 `invalid_request`
 * where they are malformed, 401 `invalid_token` where they are not valid, 403 `insufficient_scope` where a scope is missing.
 */
export async function authorize(exchange: Exchange, scope?: string): Promise<Passage> {
  const passage = await identify(exchange)
  const granted = (passage.claims.scope ?? '').split(' ')
  if (scope !== undefined && !scope.split(' ').every(one => granted.includes(one))) {
    throw challenge(
      403,
      'insufficient_scope',
      'The access token lacks a scope that this resource needs',
      scope,
    )
  }
  return passage
}

/** `GET {baseUrl}/me`: the user of the access token. */
export async function me(exchange: Exchange): Promise<Reply> {
  const { claims, headers } = await authorize(exchange)
  const { options } = exchange.world
  const user = options.users.get(claims.sub)
  return jsonReply(200, { ...user?.claims, username: claims.sub, scope: claims.scope ?? '' }, headers)
}

async function identify(exchange: Exchange): Promise<Passage> {
  const { world, request, cookies } = exchange
  if (world.settings.transport === 'headers') return identifyByHeaders(exchange)
  const token =
    world.settings.transport === 'cookies'
      ? cookies[accessCookieName] || undefined
      : readBearer(request.headers)
  if (token === undefined) throw refused(exchange, undefined, 'This resource needs an access token')
  const access = await presentAccess(exchange, token)
  if ('problem' in access) throw refused(exchange, 'invalid_token', access.problem)
  if (!access.expired) return { claims: access.claims, headers: [] }
  const refreshToken = request.headers.get(refreshTokenHeader)
  if (world.settings.renewal === 'client' || refreshToken === null || refreshToken === '') {
    throw refused(exchange, 'invalid_token', 'The access token has expired')
  }
  return renew(exchange, access, refreshToken)
}

async function identifyByHeaders(exchange: Exchange): Promise<Passage> {
  const token = readTokenHeaders(exchange)
  if (token === undefined)
    throw refused(exchange, undefined, 'This resource needs access-token, client and uid')
  const access = await presentTokenHeaders(exchange, token)
  if ('problem' in access) throw refused(exchange, 'invalid_token', access.problem)
  if (access.expired) throw refused(exchange, 'invalid_token', 'The access token has expired')
  return { claims: access.claims, headers: await nextTokenHeaders(exchange.world, access) }
}

async function renew(exchange: Exchange, access: GenuineAccess, refreshToken: string): Promise<Passage> {
  const { world } = exchange
  try {
    const presented = await presentRefresh(exchange, refreshToken)
    if (presented.session !== access.session) throw new Error('The two tokens belong to different sessions')
    const pair = await grantRefresh(world, presented)
    const headers: [string, string][] = [[accessTokenHeader, pair.accessToken]]
    if (pair.refreshToken !== undefined) headers.push([refreshTokenHeader, pair.refreshToken])
    const read = await readAccessClaims(world, pair.accessToken)
    if ('problem' in read) throw new Error(read.problem)
    return { claims: read.claims, headers }
  } catch (error) {
    world.counters.rejected += 1
    const reason = error instanceof Error ? error.message : 'The refresh token was refused'
    throw refused(exchange, 'invalid_token', `The access token has expired. ${reason}`)
  }
}

function refused({ world }: Exchange, error: string | undefined, description: string): Refusal {
  world.counters.unauthorized += 1
  return challenge(401, error, description)
}
