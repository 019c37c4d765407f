/** The data of the model in core-model.ts: its options, its server, its sessions and its requests. */
import type { RefreshContext, TokenResponse } from 'tokenflight'
import type { TicketView } from './core.js'

export interface ModelOptions {
  mode: 'storage' | 'cookie'
  autoRefresh: 'always' | 'off'
  retries: number
  /** How many ticks of the microtask queue a storage operation takes; 0: it is synchronous. */
  storageTicks: number
  shared: boolean
  /** Milliseconds. */
  lifetime: number
  /** Milliseconds; 0: the server does not say. */
  refreshLifetime: number
  rotates: boolean
  /** The server gives a new pair for a good access token alone. */
  offersPairs: boolean
}

/** Decides the order in which servers and storage answer, in place of commands; as `fc.scheduler` does. */
export interface Order {
  schedule<T>(task: Promise<T>, label: string): Promise<T>
  /** How the next refresh request ends. */
  ending(): Ending
  /** Whether the API refuses the next request. */
  refusal(): boolean
}

/** How a refresh request ends. `lost`: the server has answered, and the connection broke. */
export type Ending = 'truth' | 'lost' | 'broken' | 'unavailable' | 'overloaded' | 'nonsense'

/** A login at the server, and the refresh tokens that followed from it. */
export interface Family {
  readonly sub: string
  /** The newest one, and the one before it, which the grace window still takes. */
  current: string
  parent: string | undefined
  revoked: boolean
}

/** A session of the client. */
export interface Session {
  readonly sub: string
  /** The last refresh token that the client was given, which it must use. */
  refreshToken: string | undefined
  refreshTokenAt: Instant
  /** A refusal of the present refresh token has been delivered. */
  refused: boolean
  /** Some 401 was delivered for it. */
  challenged: boolean
  expired: boolean
}

/** A moment, on a clock that ignores every jump, and on one that takes every jump forward for sleep. */
export interface Instant {
  readonly least: number
  readonly most: number
  readonly back: number
}

export interface AccessToken {
  readonly session: Session
  readonly family: Family
  readonly at: Instant
  readonly lifetime: number
  reloaded: boolean
  revoked: boolean
}

export interface OpenCall {
  readonly context: RefreshContext
  readonly session: Session | undefined
  resolve(tokens: TokenResponse): void
  reject(error: unknown): void
  open: boolean
}

export interface ApiRequest {
  readonly ticket: TicketView
  readonly session: Session
  readonly isReplay: boolean
  resolve(status: number): void
}

export interface Waiter {
  readonly what: string
  since: number
}
