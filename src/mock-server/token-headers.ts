/** Transport `'headers'`: an access token that travels with `client` and `uid`, as devise_token_auth has it. */
import { type GenuineAccess, presentAccess } from './grants.js'
import { commitAccess, mint } from './mint.js'
import { jsonReply, type Reply } from './reply.js'
import type { Exchange, Pair, World } from './world.js'

/** For how long, milliseconds, the access token before the present one is good. */
const BATCH = 5_000
/** The access token of an answer to a batch request. */
const BLANK = ' '

/** The access token of a request. Undefined: one of its three headers is missing. */
export function readTokenHeaders({ request: { headers } }: Exchange): string | undefined {
  const isComplete = headers.get('client') && headers.get('uid')
  return (isComplete && headers.get('access-token')?.trim()) || undefined
}

/** The answer of a login. */
export async function loginReply(exchange: Exchange, { accessToken, expiresIn }: Pair): Promise<Reply> {
  const access = await presentAccess(exchange, accessToken)
  if ('problem' in access) throw new Error(access.problem)
  const { claims, session } = access
  const end = exchange.world.options.clock.now() + expiresIn * 1000
  const headers = tokenHeaders({ id: claims.sid, username: session.username }, accessToken, end)
  return jsonReply(200, { data: { uid: session.username } }, headers)
}

/** The headers of an answer that brings an access token. */
function tokenHeaders(
  session: { readonly id: string; readonly username: string },
  accessToken: string,
  expiresAt: number,
): Reply['headers'] {
  return [
    ['access-token', accessToken],
    ['token-type', 'Bearer'],
    ['client', session.id],
    ['uid', session.username],
    ['expiry', String(Math.floor(expiresAt / 1000))],
  ]
}

/** The access token of a request and its session, or the reason why it is refused. `client` and `uid` must be those of the session. */
export async function presentTokenHeaders(
  exchange: Exchange,
  token: string,
): Promise<GenuineAccess | { readonly problem: string }> {
  const access = await presentAccess(exchange, token)
  if ('problem' in access) return access
  const { headers } = exchange.request
  const { sid, sub } = access.claims
  const isOwn = headers.get('client') === sid && headers.get('uid') === sub
  return isOwn ? access : { problem: 'The access token is of another client or uid' }
}

/** The headers of an ordinary answer: with rotation the next token, and a blank one for a batch request. */
export async function nextTokenHeaders(
  world: World,
  { claims, session }: GenuineAccess,
): Promise<Reply['headers']> {
  const owner = { id: claims.sid, username: session.username }
  const end = session.accessTokens[claims.jti] ?? 0
  if (!world.settings.rotation) return []
  if (end < claims.exp * 1000 - 1000) return tokenHeaders(owner, BLANK, end)
  const now = world.options.clock.now()
  session.accessTokens[claims.jti] = Math.min(end, now + BATCH)
  const minted = await mint(world, claims.sid, session, session.scope, 'access')
  const next: Pair = commitAccess(world, session, minted, undefined, now)
  world.counters.refreshes += 1
  return tokenHeaders(owner, next.accessToken, now + next.expiresIn * 1000)
}
