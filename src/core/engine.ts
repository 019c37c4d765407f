/** The part of an `Auth` that the HTTP entries use. A symbol hides it, so an entry needs no code of the core. */
import type { Held } from './held.js'
import type { Settings } from './options.js'
import type { Auth, AuthEvents, AuthState, RefreshContext, RequestEvent, TokenResponse } from './types.js'

/** Finds the engine of an `Auth`, also one that another copy of the package made. */
export const ENGINE: unique symbol = Symbol.for('tokenflight.engine') as never

/** One token for one request, and what becomes of it. */
export type Ticket = Held

export interface Engine {
  /** The state that the server rendered; hooks repeat it when they take over the page. */
  readonly initialState?: AuthState<unknown> | undefined
  /** The session that a call begins in; undefined: no user is logged in, or the restore has not finished. */
  session(): object | undefined
  /**
   * A token that may leave now, at once where there is one. Undefined: no user is logged in.
   * @param session the one that the call began in; a token of another is never handed out
   * @param lasting a body that cannot be sent twice wants a token that lasts for a moment
   * @param dead a dead token will do, because the server renews by itself
   */
  acquire(
    session: object | undefined,
    lasting?: boolean,
    dead?: boolean,
  ): Ticket | undefined | Promise<Ticket | undefined>
  /** A token that a refresh has just brought was refused, so the next 401 may say more about its endpoint. */
  doubt(ticket: Ticket): void
  /** A 401. A token to replay with, or undefined: the caller gets the 401. */
  rejected(ticket: Ticket): Promise<Ticket> | undefined
  /** No answer has told yet whether there is a cookie's session, so a request leaves without a token. */
  isUndecided(): boolean
  /** Tries the restore of a cookie's session again; for a 401 of a request that left without a token. */
  restore(): Promise<Ticket | undefined>
  /** A client is attached whose server renews by itself: a dead access token is no end while the refresh token lives. */
  serve(): void
  /** The present token, dead or not. */
  lend(): Ticket | undefined
  /** Whether `dispose` was called: no token is sent any more. */
  isDisposed(): boolean
  isDead(ticket: Ticket): boolean
  /**
   * Makes a request the refresh: one goes first, and who joins waits for the tokens that its answer hands out.
   * Resolves to undefined: the answer says nothing of the tokens, and the next request goes first.
   */
  carry(send: (context: RefreshContext) => Promise<TokenResponse | undefined>): Promise<void>
  /** Tokens that came with an ordinary answer. Resolves when they are stored; undefined: there is nothing to store. */
  collect(tokens: TokenResponse, ticket: Ticket): Promise<void> | undefined
  /** Whether the refresh function is being called on this very stack, or was given this signal. */
  refreshing(signal?: unknown): boolean
  /** The refresh token of a refresh that is under way: what carries it is the refresh. */
  flightToken(): string | undefined
  warn(message: string, error?: unknown): void
  /** Tells the application of a 401 that no refresh can fix. */
  challenge(event: AuthEvents['challenge']): void
  /** A number for a request, where a listener of every event exists; else nothing is to be reported. */
  watched(): number | undefined
  /** Tells those listeners of a step of a request. */
  report(event: Omit<RequestEvent, 'type' | 'at'>): void
  /** For devtools: `name`, `clock`, `window(lifetime)`, and `refresh`, which is read at the start of each flight. */
  readonly settings: Settings
  /** For devtools: the access token counts as expired, here alone; whatever needs it next refreshes. */
  expire(): void
}

/** @throws TypeError when it is not an `Auth` */
export function engineOf(auth: Auth<never, never>): Engine {
  const engine = (auth as { [ENGINE]?: Engine } | null | undefined)?.[ENGINE]
  if (!engine) throw new TypeError('tokenflight: `auth` must come from createAuth')
  return engine
}
