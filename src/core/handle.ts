/** The part of an `Auth` that the HTTP entries use. A symbol hides it, so an entry needs no code of the core. */
import type { Grant } from './grant.js'
import type { Settings } from './state.js'
import type { Auth, AuthEvents, AuthState, RefreshContext, RequestEvent, TokenResponse } from './types.js'

/** Finds the handle of an `Auth`, also of one that another copy of the package has created. */
export const HANDLE: unique symbol = Symbol.for('tokenflight.engine') as never

export interface Handle {
  /** The state that the server rendered. Hooks repeat it when they take over the page. */
  readonly initialState?: AuthState<unknown> | undefined
  /** The session that a call begins in. Undefined: no user is logged in, or the restore has not finished. */
  session(): object | undefined
  /**
   * A grant that may leave now; at once if there is one. Undefined: no user is logged in.
   * @param began the session that the call began in; a token of another session is never handed out
   * @param isOneShot the body cannot be sent twice, so the token should last for a moment
   * @param acceptExpired the server renews by itself, so an expired token will do
   */
  acquire(
    began: object | undefined,
    isOneShot?: boolean,
    acceptExpired?: boolean,
  ): Grant | undefined | Promise<Grant | undefined>
  /**
   * A 401 for this grant. Resolves to the grant to replay with. Undefined: the caller gets the 401.
   * @param isAccepted whether its token was accepted before, as far as that tells about the endpoint of the 401. `@default` by
   * any endpoint
   */
  rejectGrant(grant: Grant, isAccepted?: boolean): Promise<Grant> | undefined
  /** An endpoint has rejected a token that a refresh has just brought, so the endpoint may be the cause of its next 401. */
  doubtEndpoint(grant: Grant): void
  /** Whether no answer has shown yet that there is a cookie session. Until then a request leaves without a token. */
  isUndecided(): boolean
  /** Tries the restore of a cookie session again, for a 401 of a request that left without a token. */
  restoreAgain(): Promise<Grant | undefined>
  /** A client is attached whose server renews: an expired access token is no end while the refresh token lives. */
  serverRenews(): void
  /** The current grant, usable or not. */
  current(): Grant | undefined
  /** Whether `dispose` was called: no token is sent any more. */
  isDisposed(): boolean
  isExpired(grant: Grant): boolean
  /**
   * Makes a request the refresh: one goes first, and the others wait for the tokens of its answer. If `send` resolves to
   * undefined, the answer has no tokens, and the next request goes first.
   */
  refreshWith(send: (context: RefreshContext) => Promise<TokenResponse | undefined>): Promise<void>
  /** Tokens that came with an ordinary answer. Resolves when they are stored. Undefined: there is nothing to store. */
  collect(tokens: TokenResponse, grant: Grant): Promise<void> | undefined
  /** Whether a request is the refresh, or tells of a logout: it starts inside that function, or carries its signal. */
  isRefresh(signal?: unknown): boolean
  /** The refresh token of the flight: a request that carries it is the refresh. */
  flightToken(): string | undefined
  /** The refresh tokens of logouts, which the server may still be told about. */
  readonly told: ReadonlySet<string | undefined>
  warn(message: string, error?: unknown): void
  /** Warns, once for each origin, where tokens travel to this address by plain HTTP. */
  warnOfPlainHttp(address: string): void
  /** Tells the application about a 401 that no refresh can fix. */
  challenge(event: AuthEvents['challenge']): void
  /** A number for a request to report. Undefined: no listener receives every event, so nothing is reported. */
  nextRequestId(): number | undefined
  /** Tells the listeners of every event about one step of a request. */
  report(event: Omit<RequestEvent, 'type' | 'at'>): void
  /** For devtools: `name`, `clock`, `window(lifetime)`, and `refresh`, which is read at the start of each flight. */
  readonly settings: Settings
  /** For devtools: the access token counts as expired, in this page alone. The next call that needs it refreshes. */
  expire(): void
}

/** @throws TypeError when it is not an `Auth` */
export function handleOf(auth: Auth<never, never>): Handle {
  const handle = (auth as { [HANDLE]?: Handle } | null | undefined)?.[HANDLE]
  if (!handle) throw new TypeError('tokenflight: `auth` must come from createAuth')
  return handle
}
