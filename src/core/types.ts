/**
 * Every public type and option: the manual.
 *
 * Durations are milliseconds and instants are epoch milliseconds of the device's clock. Seconds exist only
 * where a JWT or an OAuth answer is read (`TokenResponse`).
 */

/** The payload of a JWT (RFC 7519 section 4). Unverified: for display, never for access decisions. */
export interface JwtClaims {
  /** Subject: the user of the token. */
  sub?: string
  /** Issuer. */
  iss?: string
  /** Audience. */
  aud?: string | string[]
  /** Expiry, in seconds since the epoch (NumericDate, may be fractional). */
  exp?: number
  /** Issue time, in seconds since the epoch. */
  iat?: number
  [claim: string]: unknown
}

/**
 * The answer of a login or a refresh, in the spelling of OAuth 2.0 (RFC 6749 section 5.1), in camelCase, or with the
 * short names `access` and `refresh`. Unknown members are ignored, and an unreadable lifetime causes a `warning`. An
 * access token that is missing, empty, not a string, or that contains white space or control characters is refused,
 * and the stored state does not change.
 *
 * The lifetime of the access token is the smallest positive value of the JWT's own `exp - iat`, `expires_in` and
 * `expires_at - now`.
 */
export interface TokenResponse {
  access_token?: string | undefined
  accessToken?: string | undefined
  access?: string | undefined
  /** Absent keeps the present refresh token, present replaces it (RFC 6749 section 6). */
  refresh_token?: string | null | undefined
  refreshToken?: string | null | undefined
  refresh?: string | null | undefined
  /** Lifetime of the access token in **seconds**, number or numeric string. */
  expires_in?: number | string | null | undefined
  expiresIn?: number | string | null | undefined
  /** End of the access token: epoch seconds, epoch milliseconds, or ISO 8601 with a zone. */
  expires_at?: number | string | null | undefined
  expiresAt?: number | string | null | undefined
  /** Lifetime of the refresh token in **seconds**. 0 means unknown. */
  refresh_expires_in?: number | string | null | undefined
  refresh_token_expires_in?: number | string | null | undefined
  refreshExpiresIn?: number | string | null | undefined
  /**
   * `Bearer` (RFC 6749 section 7.1) or `JWT`, in any case; surrounding spaces are ignored. Both are sent as `Bearer`,
   * and absent means `Bearer`. With `dpop()` also `DPoP`, which is then the default, and they cause a `warning`. An answer
   * with another type is refused.
   */
  token_type?: string | null | undefined
  tokenType?: string | null | undefined
  scope?: string | null | undefined
  /** Its `sub` identifies the user where the access token names none (OpenID Connect Core section 2). */
  id_token?: string | null | undefined
}

/**
 * Where the session lives: `localStorage`, AsyncStorage and others like them fit as they are. It may be asynchronous. The
 * value is one opaque string. If a method throws or does not answer, a `warning` is emitted and memory replaces it.
 */
export interface TokenStorage {
  /** The stored string, if there is one. If the method answers synchronously, the session is known at once. */
  getItem(key: string): string | null | undefined | Promise<string | null | undefined>
  /** Stores the string. If the method is asynchronous, the promise resolves when it is stored. */
  setItem(key: string, value: string): unknown
  /** Deletes the string. */
  removeItem(key: string): unknown
}

/** Why tokens are asked for: inside the window, past the end, after a 401, by hand, or at the start. */
export type RefreshReason = 'ahead' | 'expired' | 'rejected' | 'manual' | 'restore'

/** The argument of a refresh function. */
export interface RefreshContext {
  /** Absent in cookie mode, and when only the access token is still good (a new pair is asked for). */
  readonly refreshToken?: string
  readonly accessToken?: string
  readonly reason: RefreshReason
  /** From 1, within one flight. */
  readonly attempt: number
  /**
   * Aborted when the answer can no longer be used. Pass it to the request: it also marks the call as the
   * refresh, so that it may go through an instance that tokenflight is attached to.
   */
  readonly signal: AbortSignal
}

/** Obtains new tokens. Every error that it throws is classified; see `AuthOptions.classify`. */
export type RefreshFunction = (context: RefreshContext) => Promise<TokenResponse>

/**
 * The class of a failed refresh. `rejected`: the session is over. `misconfigured`: the session is kept, no
 * retry, the error is shown. `transient`: the session is kept and the refresh is tried again.
 */
export type FailureClass = 'rejected' | 'transient' | 'misconfigured'

/**
 * A failed refresh, as `AuthOptions.classify` sees it. An answer without tokens is a failure, too. None of the members
 * is enumerable, so that no log shows a body.
 */
export interface RefreshFailure {
  /** HTTP status. Absent: the refresh failed without an answer, or its error does not tell. */
  readonly status?: number
  /** The parsed JSON of the answer, or its text. Absent: unknown. */
  readonly body?: unknown
  /** The headers of the answer, as far as the client shows them. */
  readonly headers?: Headers
  /** The value that the refresh function threw. */
  readonly cause: unknown
}

/** Retries of transient failures within one flight: exponential, full jitter, `Retry-After` obeyed. */
export interface RetryOptions {
  /** Further attempts after the first. `@default 2` */
  limit?: number | undefined
  /** Upper end of the first delay, milliseconds. `@default 500` */
  delay?: number | undefined
  /** Upper end of every delay, milliseconds. A longer `Retry-After` ends the flight. `@default 8_000` */
  maxDelay?: number | undefined
}

/** Mutual exclusion around a refresh, in the shape of `navigator.locks` (Web Locks API). */
export interface AuthLock {
  /** Runs the callback under the lock. Releases it when the callback settles, with the same outcome. `signal` ends the wait. */
  request<T>(name: string, options: { signal?: AbortSignal }, callback: () => Promise<T>): Promise<T>
}

/** A source of time, for tests. With `now` alone, `now` is also the source of elapsed time. */
export interface Clock {
  /** Wall clock, epoch milliseconds. `@default Date.now` */
  now(): number
  /** A clock that never goes backwards, milliseconds. `@default performance.now` where `now` is the default */
  monotonic?(): number
}

/** The argument of `AuthOptions.logout`. */
export interface LogoutContext {
  readonly refreshToken?: string
  readonly accessToken?: string
  /** Aborted after `refreshTimeout`, and in cookie mode by a login, whose cookie the call would delete. */
  readonly signal: AbortSignal
}

/** The tokens of a session that is over; without members where the refresh token is a cookie. */
export type Credentials = Omit<LogoutContext, 'signal'>

/** The deadlines of a token, milliseconds on one clock. */
export interface SpreadDeadlines {
  readonly timerAt: number
  readonly windowAt: number
  readonly endsAt: number
  /** Of the access token. */
  readonly lifetime: number
}

/** How a session spreads its refreshes, made by `spread()`. Instants are milliseconds on one clock. */
export interface Spread {
  /**
   * When the timer refreshes. `generation` identifies the session, and `begin` is the start of the token's lifetime.
   * Undefined: at the start of the window.
   */
  first(generation: number, begin: number, windowAt: number): number | undefined
  /** When the timer refreshes after a failure; `soon`: the first instant that the back-off allows. */
  again(deadlines: SpreadDeadlines, soon: number, now: number): number
}

/** Binds the tokens of a session to a key that no script can read (RFC 9449), made by `dpop()` of `tokenflight/dpop`. */
export interface Dpop {
  /**
   * `fetch` with a proof, which learns the nonce of the server and sends the request again if that asks for it. For the
   * request that logs in, and for a refresh function of your own. An `Authorization` header of the scheme `DPoP` makes it
   * a request to a resource. `send` is the `fetch` that sends. `@default globalThis.fetch`, looked up at each call
   */
  fetch(input: string | URL | Request, init?: RequestInit, send?: typeof fetch): Promise<Response>
  /** The `DPoP` header of one request, good for one use; with an access token, of a request to a resource. */
  proof(method: string, url: string, accessToken?: string): Promise<string>
  /**
   * Learns the nonce of an answer.
   * @param isResource the proof was one for an access token
   * @returns whether the answer is a 401 that asks to send the request again with that nonce
   */
  learn(
    url: string,
    answer: { readonly status: number; readonly headers: { get(name: string): unknown } },
    isResource: boolean,
  ): boolean
  /**
   * For `createAuth`: the name of the database, whether the key is stored there, whether all tabs have one session, and a
   * function that gets the failures.
   */
  open(
    database: string,
    isStored: boolean,
    isShared: boolean,
    warn: (message: string, error?: unknown) => void,
  ): void
  /**
   * For `createAuth`: the present session. `isNew`: a login, whose key is the one of the last proof without a token. A promise
   * resolves when the key is stored.
   */
  use(session: number, isNew?: boolean): Promise<unknown> | undefined
  /**
   * For `createAuth`: no session is present. `isOver`: it has ended here, so its key is deleted. Proofs for its token are still
   * made, for the call of `logout`.
   */
  forget(isOver: boolean, accessToken?: string): void
}

/** The options of `createAuth`. `Answer` is the answer of the back end, if `read` maps it. */
export interface AuthOptions<Answer = TokenResponse> {
  /**
   * Obtains new tokens; see `refreshRequest` and `oauth2Refresh` for presets. May be left out if the server renews
   * tokens itself (`serverRenewal`). Otherwise the session then ends with its access token.
   */
  refresh?: RefreshFunction | undefined
  /**
   * One per session on an origin. The storage key, the database, the lock and the channel are all named
   * `tokenflight:<name>`, so they cannot be the application's own. `@default 'default'`
   */
  name?: string | undefined
  /** Where the session lives. `@default memoryStorage()` */
  storage?: TokenStorage | undefined
  /**
   * Maps the answer of the back end, once for `login()` and for the presets. An answer in a spelling of `TokenResponse`
   * is accepted as well. `@default` the spellings of `TokenResponse`
   */
  read?: ((answer: Answer) => TokenResponse) | undefined
  /**
   * The window: how long before its end a token is refreshed, in milliseconds, or a function of its lifetime in
   * milliseconds. Must not be negative; capped at half the lifetime. `spread()` is for large user bases.
   * `@default 60_000`, or a quarter of the lifetime if that is less
   */
  refreshAhead?: number | ((lifetime: number) => number) | Spread | undefined
  /**
   * The background timer. `'active'`: it refreshes only while the page is visible and the token has been used since
   * the last refresh, so that an abandoned tab does not keep a session alive. `@default 'active'`
   */
  autoRefresh?: 'active' | 'always' | 'off' | undefined
  /** Time limit of one attempt, milliseconds. A longer attempt is a transient failure. `@default 10_000` */
  refreshTimeout?: number | undefined
  /** Retries within one flight; a number is the `limit`. `@default { limit: 2, delay: 500, maxDelay: 8_000 }` */
  retry?: number | RetryOptions | undefined
  /**
   * Overrides the class of a failed refresh; `undefined` keeps the default: the OAuth `error` of the answer (RFC 6749
   * section 5.2), then its content type, its challenge and its status.
   */
  classify?: ((failure: RefreshFailure) => FailureClass | undefined) | undefined
  /**
   * Tells the server about `auth.logout()` (RFC 7009 or your own endpoint). Called again until the server was reached or a
   * day has passed. Cookie mode needs it, because no script can delete the cookie.
   */
  logout?: ((context: LogoutContext) => Promise<unknown>) | undefined
  /**
   * Sender-constrained tokens: `dpop()` of `tokenflight/dpop`. Every request with a token and every refresh by a preset
   * carries a proof that the key of the session is here, and the token travels in the scheme `DPoP`.
   */
  dpop?: Dpop | undefined
  /**
   * The state that the server rendered, without a token: `auth.getState()` of its request. It is shown until the
   * restore has finished, so that the page does not flash `loading`. If the network prevents the restore, it stays,
   * with `error`. `loading` is the same as leaving it out.
   */
  initialState?: AuthState<unknown> | undefined
  /** For tests. `@default Date.now` and `performance.now` */
  clock?: Clock | undefined
}

/** The options of `Auth.login`. */
export interface LoginOptions {
  /**
   * `false`: with `webStorage` and `indexedDBStorage` the session is kept in `sessionStorage`, so it ends with the tab.
   * `@default true`
   */
  remember?: boolean | undefined
}

/** Why a session ended. */
export type SessionEndReason = 'refresh_token_expired' | 'refresh_rejected' | 'no_refresh_token'

/** The stored or cookie session is still being restored. */
export interface LoadingState {
  readonly status: 'loading'
}

/** No user is logged in. */
export interface AnonymousState {
  readonly status: 'anonymous'
  /**
   * The network prevented the restore of a cookie session. Requests leave without a token; the next 401, the next
   * `getAccessToken()` and `online` try the restore again.
   */
  readonly error?: Error
}

/** A user is logged in. A refresh in progress does not change that. */
export interface AuthenticatedState<Claims = JwtClaims> {
  readonly status: 'authenticated'
  /** Decoded payload of the access token. Unverified: for display, never for access decisions. */
  readonly claims?: Claims
  /** When the access token ends, epoch milliseconds. */
  readonly expiresAt?: number
  /** When the session ends unless it is renewed, epoch milliseconds. */
  readonly sessionExpiresAt?: number
  readonly refreshing: boolean
  /** Last transient or misconfigured failure of a refresh; gone after a success. */
  readonly error?: Error
}

/** The session is over and only a login helps. */
export interface ExpiredState {
  readonly status: 'expired'
  readonly reason: SessionEndReason
  readonly error?: Error
}

/** A frozen snapshot; the same reference until something changed; never holds a token. */
export type AuthState<Claims = JwtClaims> =
  | LoadingState
  | AnonymousState
  | AuthenticatedState<Claims>
  | ExpiredState

/** The events and their members. They are delivered outside locks and flights. No event holds a token. */
export interface AuthEvents {
  login: Record<never, never>
  /** `duration` in milliseconds; `source: 'tab'` when another tab made the refresh. */
  refreshed: { reason: RefreshReason; duration: number; attempts: number; source: 'network' | 'tab' }
  /**
   * A refresh failed and the session goes on; a refusal that ends it is reported by `sessionExpired` instead.
   * `retryAt`, epoch milliseconds: no further attempt before it.
   */
  refreshFailed: { error: Error; class: FailureClass; attempts: number; retryAt?: number }
  /** Once, 60 s (or a quarter of the refresh token's lifetime) before the session ends. */
  sessionExpiring: { expiresAt: number }
  /** Once per session. */
  sessionExpired: { reason: SessionEndReason; error?: Error }
  logout: { source: 'local' | 'tab' }
  /**
   * A 401 that no refresh can fix, once per answer: the server wants more than a new token of the same kind, such as a
   * stronger login (`error: 'insufficient_user_authentication'`, RFC 9470). The caller gets the 401 as well.
   */
  challenge: {
    status: number
    /** Authentication scheme, as the server wrote it; to be compared regardless of case (RFC 9110 section 11.1). */
    scheme: string
    error?: string
    /** The accepted authentication contexts, the preferred one first (`acr_values`). */
    acrValues?: readonly string[]
    /** How long ago the user may have logged in, milliseconds (`max_age`, which is in seconds). */
    maxAge?: number
  }
  /** A problem that failed no call: in the storage, in a listener, or in a token. */
  warning: { message: string; error?: unknown }
}

/**
 * One step of one request of a client, for listeners of every event. `waiting`: it needs a token that is not there yet.
 * `sent`: it leaves. `rejected`: the answer rejects its token; a refresh and `replayed` follow, unless its body can be
 * sent only once. `done`: an answer reached the caller, with any status. `failed`: no answer did.
 */
export interface RequestEvent {
  readonly type: 'request'
  /** The same for all steps of one call, and of no other call of this `auth`. */
  readonly id: number
  /** `'fetch'`, or `'axios'` and the base URL where the instance has one. */
  readonly client: string
  /** In upper case. */
  readonly method: string
  /**
   * Origin and path, never the query. Segments of the path that are longer than a UUID may be secrets: each is an
   * ellipsis here. Empty where a relative URL has no page to resolve it.
   */
  readonly url: string
  readonly phase: 'waiting' | 'sent' | 'rejected' | 'replayed' | 'done' | 'failed'
  /** Status of the answer, where there was one. */
  readonly status?: number | undefined
  /** When, epoch milliseconds. */
  readonly at: number
}

/** Any event with its name, as `auth.on('*', listener)` hands it over. No token, no body and no query is in it. */
export type AuthEvent =
  | { [Name in keyof AuthEvents]: { type: Name } & AuthEvents[Name] }[keyof AuthEvents]
  | RequestEvent

/** The options of `getAccessToken`. */
export interface GetAccessTokenOptions {
  /** Stops this caller's wait at once with the signal's reason; the refresh goes on for the others. */
  signal?: AbortSignal | undefined
  /** Refresh first, with a request that leaves after this call, even if the present token is good. `@default false` */
  forceRefresh?: boolean | undefined
}

/**
 * One session. Create it once, outside components; any number of clients may share it. `Answer` is the answer of the back
 * end, if `AuthOptions.read` maps it.
 */
export interface Auth<Claims = JwtClaims, Answer = TokenResponse> {
  /** Resolves when the stored (or cookie) session is restored; never rejects. */
  readonly ready: Promise<void>
  /**
   * Starts a session, in place of any other. Resolves, and tells listeners, when it is stored.
   * @throws TypeError (as a rejection) when the answer holds no usable access token; nothing changes then.
   */
  login(answer: Answer, options?: LoginOptions): Promise<void>
  /**
   * Ends the session locally at once and in every tab; then tells the server, and again until it was reached or a day
   * has passed. Never rejects. The promise waits for the server for two seconds at the most.
   */
  logout(): Promise<void>
  /**
   * A token that is good now; waits for a refresh only if it must. `undefined` when no user is logged in,
   * and with `cookieSession({ access: 'cookie' })`, whose token no script sees.
   * @throws SessionExpiredError the session is over, until the next login or logout
   * @throws SignedOutError logout, or another login, while waiting
   * @throws RefreshFailedError the network or the server failed and there is no good token: try later
   */
  getAccessToken(options?: GetAccessTokenOptions): Promise<string | undefined>
  /**
   * Refreshes now, with a request that leaves after this call. All calls during a refresh wait for that refresh, and
   * share the next one. It ignores `Retry-After`. Does nothing when no user is logged in.
   */
  refresh(): Promise<void>
  /** A frozen snapshot; the same reference until something changed. */
  getState(): AuthState<Claims>
  /** Called after each change of state. Returns the unsubscriber. */
  subscribe(listener: () => void): () => void
  /** Calls the listener with each event of the kind. Returns the unsubscriber. */
  on<Name extends keyof AuthEvents>(event: Name, listener: (event: AuthEvents[Name]) => void): () => void
  /**
   * Calls the listener with every event and its name, `{ type, ...event }`, and with each step of each request, which
   * clients report only while such a listener exists. Returns the unsubscriber.
   */
  on(event: '*', listener: (event: AuthEvent) => void): () => void
  /** Stops timers, channel and attached clients; subscribers are still told about changes. Idempotent. */
  dispose(): void
}
