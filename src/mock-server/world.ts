/** Everything that a `reset()` throws away at once, so that a request begun before it cannot affect later ones. */
import { createFaults, type Faults } from './faults.js'
import { createKeyRing, type KeyRing } from './keys.js'
import type { CompleteOptions } from './options.js'
import { emptyState, type MockState } from './store.js'
import type { MockAuthSettings, MockAuthStats } from './types.js'

/** The counters, writable. */
export type Counters = { -readonly [Name in keyof MockAuthStats]: MockAuthStats[Name] }

/** Tokens as the server made them, with the id of the access token. */
export interface Pair {
  readonly accessToken: string
  readonly accessId: string
  readonly expiresIn: number
  readonly scope: string
  /** Absent if the refresh token does not change. */
  readonly refreshToken: string | undefined
  readonly refreshExpiresIn: number
}

/** One life of the server, from its start or a reset to the next. */
export interface World {
  readonly options: CompleteOptions
  readonly state: MockState
  readonly keys: KeyRing
  readonly counters: Counters
  readonly faults: Faults
  /** By the hash of a spent refresh token: the tokens that replaced it. Kept for the grace window, in memory alone. */
  readonly repeats: Map<string, Pair>
  settings: MockAuthSettings
}

/** The ids (`jti`) of the tokens that a request carried, for a log; never the tokens. */
export interface Trace {
  accessTokenId?: string
  refreshTokenId?: string
  username?: string
  /** The error code of a refusal. */
  error?: string
}

/** One request on its way through the server. */
export interface Exchange {
  readonly world: World
  readonly request: Request
  readonly cookies: Readonly<Record<string, string>>
  readonly trace: Trace
}

/** A world on the state that the store holds. */
export function createWorld(options: CompleteOptions): World {
  const { state } = options.store
  return {
    options,
    state,
    keys: createKeyRing(state),
    counters: createCounters(),
    faults: createFaults(),
    repeats: new Map(),
    settings: options.settings,
  }
}

/** Empties the store, except for the key that signs, and returns the new world. */
export function renewWorld(options: CompleteOptions): World {
  options.store.state = emptyState(options.store.state.keys.filter(key => key.role === 'active'))
  return createWorld(options)
}

function createCounters(): Counters {
  return {
    logins: 0,
    refreshes: 0,
    rejected: 0,
    reuses: 0,
    repeats: 0,
    failures: 0,
    logouts: 0,
    unauthorized: 0,
    requests: 0,
  }
}
