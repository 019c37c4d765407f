/** The state of the mock auth server, and its store. */

/** A signing key. `role`: it signs, or the tokens that it signed are still accepted: all of them, or refresh tokens only. */
export interface StoredKey {
  readonly kid: string
  /** The private key, ES256. */
  readonly jwk: JsonWebKey
  role: 'active' | 'all' | 'refresh'
}

/** A token family, from login to logout or expiry. */
export interface StoredSession {
  readonly username: string
  /** Space-separated; empty where the user has none. */
  readonly scope: string
  /** Why the session is over, if it is. */
  ended?: 'logout' | 'reuse'
  /** Access tokens by `jti`, with the instant (epoch ms) until which they are good; 0 for those that a knob expired. */
  readonly accessTokens: Record<string, number>
}

/** A refresh token, known by the SHA-256 of its text alone. */
export interface StoredRefreshToken {
  readonly session: string
  /** Epoch ms. */
  readonly expiresAt: number
  status: 'current' | 'spent' | 'revoked'
  /** Epoch ms of the grant that spent it. */
  spentAt?: number
  /** Hash of the token that replaced it. */
  child?: string
}

/** Everything that must survive a restart: one JSON-serialisable record. */
export interface MockState {
  readonly version: 1
  keys: StoredKey[]
  readonly sessions: Record<string, StoredSession>
  /** By SHA-256 of the token, base64url. */
  readonly refreshTokens: Record<string, StoredRefreshToken>
}

/**
 * Where the state lives. The server changes `state` in place, replaces it on `reset()`, and calls `save` after each
 * change, before it answers. One store serves one server.
 */
export interface MockStore {
  state: MockState
  /** Stores `state`. If it throws, `settled()` rejects with that error. */
  save(): void | Promise<void>
}

/** An empty state, with the given keys. */
export function emptyState(keys: StoredKey[] = []): MockState {
  return { version: 1, keys, sessions: {}, refreshTokens: {} }
}

/** The default store: nothing outlives the process. */
export function memoryStore(): MockStore {
  return { state: emptyState(), save: () => {} }
}

/** Removes tokens that ended so long ago that no request can depend on them, and sessions without tokens. */
export function pruneState(state: MockState, before: number): void {
  const alive = new Set<string>()
  for (const [hash, token] of Object.entries(state.refreshTokens)) {
    if (token.expiresAt < before) delete state.refreshTokens[hash]
    else alive.add(token.session)
  }
  for (const [id, session] of Object.entries(state.sessions)) {
    for (const [jti, expiresAt] of Object.entries(session.accessTokens)) {
      if (expiresAt >= before) alive.add(id)
      else if (expiresAt !== 0) delete session.accessTokens[jti]
    }
    if (!alive.has(id)) delete state.sessions[id]
  }
}
