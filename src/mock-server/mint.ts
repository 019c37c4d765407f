/** Making tokens and granting them. They are minted first; then they are granted in one step, without a wait. */
import type { StoredSession } from './store.js'
import { hashToken, signAccessToken, signRefreshToken } from './tokens.js'
import type { Pair, World } from './world.js'

/** Whether a token is renewed by a refresh token or by itself. */
export type Use = 'access' | 'refresh'

/** Signed, not yet granted. */
export interface Minted {
  readonly accessToken: string
  readonly accessId: string
  readonly accessLifetime: number
  readonly scope: string
  /** Absent under transport `'access'` and `'headers'`. */
  readonly refreshToken: string | undefined
  /** Of the token that the next refresh takes. */
  readonly refreshHash: string
  readonly refreshLifetime: number
}

export async function mint(
  world: World,
  id: string,
  session: StoredSession,
  scope: string,
  use: Use,
): Promise<Minted> {
  const { accessTokenLifetime, refreshTokenLifetime } = world.settings
  const accessId = crypto.randomUUID()
  const subject = { id, username: session.username }
  const accessToken = await signAccessToken(world, subject, accessId, scope)
  const refreshToken = use === 'access' ? undefined : await signRefreshToken(world, subject)
  return {
    accessToken,
    accessId,
    accessLifetime: accessTokenLifetime,
    scope,
    refreshToken,
    refreshHash: await hashToken(refreshToken ?? accessToken),
    refreshLifetime: refreshTokenLifetime,
  }
}

/** Grants both tokens. */
export function commit(world: World, id: string, session: StoredSession, minted: Minted, end?: number): Pair {
  const { refreshToken, refreshHash, refreshLifetime } = minted
  const now = world.options.clock.now()
  const expiresAt = end ?? now + refreshLifetime
  world.state.refreshTokens[refreshHash] = { session: id, expiresAt, status: 'current' }
  return commitAccess(world, session, minted, refreshToken, expiresAt, now)
}

/** Grants an access token, and keeps the refresh token, unless the access token is the refresh token. */
export function commitInPlace(
  world: World,
  { use, id, session }: { readonly use: Use; readonly id: string; readonly session: StoredSession },
  minted: Minted,
  refreshToken: string | undefined,
  expiresAt: number,
): Pair {
  return use === 'access'
    ? commit(world, id, session, minted, expiresAt)
    : commitAccess(world, session, minted, refreshToken, expiresAt)
}

/** Grants an access token. */
export function commitAccess(
  world: World,
  session: StoredSession,
  { accessToken, accessId, accessLifetime, scope }: Minted,
  refreshToken: string | undefined,
  refreshExpiresAt: number,
  now: number = world.options.clock.now(),
): Pair {
  session.accessTokens[accessId] = now + accessLifetime
  const expiresIn = accessLifetime / 1000
  return {
    accessToken,
    accessId,
    expiresIn,
    scope,
    refreshToken,
    refreshExpiresIn: (refreshExpiresAt - now) / 1000,
  }
}
