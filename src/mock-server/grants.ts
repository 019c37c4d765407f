/** Sessions, the tokens that clients present, and the grants that they receive. */
import { commit, commitInPlace, type Minted, mint, type Use } from './mint.js'
import { refuse } from './reply.js'
import { pruneState, type StoredRefreshToken, type StoredSession } from './store.js'
import { hashToken, readAccessClaims, readRefreshClaims } from './tokens.js'
import type { MockAccessClaims } from './types.js'
import type { Exchange, Pair, World } from './world.js'

/** How long a spent refresh token is answered at least where the server renews on every request of a burst. */
const leastGraceOfServerRenewal = 10_000

/** An access token that this server signed for a session that it knows. */
export interface GenuineAccess {
  readonly claims: MockAccessClaims
  readonly session: StoredSession
  readonly expired: boolean
}

/** An access token that is refused, and why. */
export interface RefusedAccess {
  readonly problem: string
  /** Whether it is genuine, of a session that is over. */
  readonly isOver: boolean
}

/** A refresh token that is in the store, or under transport `'access'` the access token that is one. */
export interface PresentedRefresh {
  readonly use: Use
  readonly hash: string
  readonly record: StoredRefreshToken
  readonly id: string
  readonly session: StoredSession
}

/** Begins a session and issues its first tokens. */
export async function startSession(world: World, username: string): Promise<Pair> {
  const scope = world.options.users.get(username)?.scope ?? ''
  const id = crypto.randomUUID()
  const session: StoredSession = { username, scope, accessTokens: {} }
  const use = ['access', 'headers'].includes(world.settings.transport) ? 'access' : 'refresh'
  const minted = await mint(world, id, session, scope, use)
  pruneState(world.state, world.options.clock.now() - Math.max(3_600_000, world.settings.accessTokenLifetime))
  world.state.sessions[id] = session
  return commit(world, id, session, minted)
}

/** Ends a session: neither of its tokens is good any more. Returns whether it was still active. */
export function endSession(session: StoredSession, reason: 'logout' | 'reuse'): boolean {
  if (session.ended) return false
  session.ended = reason
  return true
}

/** The access token and its session, expired or not; or why it is refused. See `readAccessClaims`. */
export async function presentAccess(
  exchange: Exchange,
  token: string,
  inPlaceOfRefresh = false,
): Promise<GenuineAccess | RefusedAccess> {
  const { world, trace } = exchange
  const read = await readAccessClaims(world, token, inPlaceOfRefresh)
  if ('problem' in read) return { problem: read.problem, isOver: false }
  const { claims } = read
  trace.accessTokenId = claims.jti
  trace.username = claims.sub
  const session = world.state.sessions[claims.sid]
  if (!session) return { problem: 'The session of the access token is unknown', isOver: true }
  if (session.ended) return { problem: 'The session of the access token has ended', isOver: true }
  return { claims, session, expired: (session.accessTokens[claims.jti] ?? 0) <= world.options.clock.now() }
}

/** The refresh token and its session, good or not; `use` is its kind. Refuses one that the server never issued. */
export async function presentRefresh(
  exchange: Exchange,
  token: string,
  use: Use = 'refresh',
): Promise<PresentedRefresh> {
  const { world, trace } = exchange
  const read =
    use === 'access' ? await readAccessClaims(world, token, true) : await readRefreshClaims(world, token)
  if ('problem' in read) throw refuse(400, 'invalid_grant', read.problem)
  trace.refreshTokenId = read.claims.jti
  trace.username = read.claims.sub
  const hash = await hashToken(token)
  const record = world.state.refreshTokens[hash]
  const session = record && world.state.sessions[record.session]
  if (!record || !session) throw refuse(400, 'invalid_grant', `The ${use} token is unknown`)
  return { use, hash, record, id: record.session, session }
}

/** Whether the refresh token is past its end. */
export function hasExpired(world: World, { record }: PresentedRefresh): boolean {
  return record.expiresAt <= world.options.clock.now()
}

/** Grants new tokens for a refresh token, and spends it where tokens rotate. Refuses one that is no longer good. */
export async function grantRefresh(world: World, presented: PresentedRefresh, scope?: string): Promise<Pair> {
  const { use, hash, record, id, session } = presented
  const minted = await mint(world, id, session, narrowScope(session, scope), use)
  if (session.ended) throw refuse(400, 'invalid_grant', `The session of the ${use} token has ended`)
  if (record.status === 'revoked') throw refuse(400, 'invalid_grant', `The ${use} token was revoked`)
  if (hasExpired(world, presented)) {
    const late = use === 'access' ? 'can no longer be refreshed' : 'has expired'
    throw refuse(400, 'invalid_grant', `The ${use} token ${late}`)
  }
  if (record.status === 'spent') return repeatGrant(world, presented, minted)
  world.counters.refreshes += 1
  if (!world.settings.rotation) return commitInPlace(world, presented, minted, undefined, record.expiresAt)
  record.status = 'spent'
  record.spentAt = world.options.clock.now()
  record.child = minted.refreshHash
  const pair = commit(world, id, session, minted, endOf(presented))
  if (graceWindow(world) > 0) keepForRepeats(world, hash, pair)
  return pair
}

/** Grants a new pair to a session that still has a good access token: the special case of transport `'both'`. */
export async function grantToSession(world: World, { claims, session }: GenuineAccess): Promise<Pair> {
  const minted = await mint(world, claims.sid, session, session.scope, 'refresh')
  world.counters.refreshes += 1
  return commit(world, claims.sid, session, minted)
}

function repeatGrant(world: World, presented: PresentedRefresh, minted: Minted): Pair {
  const { use, hash, record, id, session } = presented
  const { counters, settings, state } = world
  const now = world.options.clock.now()
  const child = record.child === undefined ? undefined : state.refreshTokens[record.child]
  if (child?.status !== 'current' || now - (record.spentAt ?? 0) >= graceWindow(world)) {
    if (settings.reuseDetection && endSession(session, 'reuse')) counters.reuses += 1
    const outcome = settings.reuseDetection ? '; its session has ended' : ''
    throw refuse(400, 'invalid_grant', `The ${use} token was used before${outcome}`)
  }
  counters.refreshes += 1
  counters.repeats += 1
  // After a restart the child is known by its hash alone: then the repeated request gets another new token.
  const known = world.repeats.get(hash)
  if (!known) return commit(world, id, session, minted, endOf(presented))
  const left = (session.accessTokens[known.accessId] ?? 0) - now
  if (left > 0 && known.scope === minted.scope) {
    return { ...known, expiresIn: left / 1000, refreshExpiresIn: (child.expiresAt - now) / 1000 }
  }
  return commitInPlace(world, presented, minted, known.refreshToken, child.expiresAt)
}

/** The end that the next token inherits: an access token can be refreshed for so long after the login, and no longer. */
function endOf({ use, record }: PresentedRefresh): number | undefined {
  return use === 'access' ? record.expiresAt : undefined
}

function graceWindow({ settings }: World): number {
  return settings.renewal === 'server'
    ? Math.max(settings.graceWindow, leastGraceOfServerRenewal)
    : settings.graceWindow
}

function keepForRepeats(world: World, hash: string, pair: Pair): void {
  const now = world.options.clock.now()
  for (const known of world.repeats.keys()) {
    const spentAt = world.state.refreshTokens[known]?.spentAt ?? 0
    if (now - spentAt >= graceWindow(world)) world.repeats.delete(known)
  }
  world.repeats.set(hash, pair)
}

function narrowScope(session: StoredSession, scope: string | undefined): string {
  if (scope === undefined) return session.scope
  const granted = session.scope.split(' ')
  if (scope.split(' ').every(one => granted.includes(one))) return scope
  throw refuse(400, 'invalid_scope', 'The scope exceeds what the session was granted')
}
