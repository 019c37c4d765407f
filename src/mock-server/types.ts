/** The public types of the mock auth server. Every duration is in milliseconds, every instant is epoch milliseconds. */
import type { MockStore } from './store.js'

/**
 * How `POST {baseUrl}/refresh` takes the refresh token (RT) and hands out the new access token (AT).
 *
 * - `'body'`: RT in the JSON body as `refreshToken` (or `refresh_token`, or `refresh`), both new tokens in the JSON
 *   answer.
 * - `'header'`: RT as `Authorization: Bearer <RT>` in place of the AT, or in `X-Refresh-Token`; the new AT in the
 *   `Authorization` response header, the new RT in `X-Refresh-Token` and as `refreshToken` in the JSON answer, which
 *   holds no AT.
 * - `'both'`: AT in `Authorization` and RT in the JSON body, or in `X-Refresh-Token`; both must be known and of one
 *   session. An AT that is expired but otherwise genuine will do. With a valid AT, an RT that is absent or expired is
 *   answered with a new pair.
 * - `'cookie'`: RT in an `HttpOnly; SameSite=Strict` cookie scoped to the path of `baseUrl`, beside a readable cookie
 *   `csrf` (see the option of that name).
 * - `'access'`: there is no RT. The AT itself goes in `Authorization: Bearer <AT>`, expired or not, for
 *   `refreshTokenLifetime` after the login; the settings of RTs hold for it at `/refresh`. With `rotation` an AT is
 *   refreshed once, and resources take it until its own end.
 * - `'cookies'`: as `'cookie'`, and the AT is a cookie too: `access`, `HttpOnly; SameSite=Strict` on every path. Resources
 *   read it alone. The JSON answers hold no token, but `expiresIn`, so that clients can refresh ahead.
 * - `'headers'`: as devise_token_auth has it. There is no RT and no refresh: an answer has the AT in `access-token`, beside
 *   `client`, `uid` and `expiry` (epoch seconds), and a resource takes the first three. With `rotation` each answer has the
 *   next AT. The AT before it is good for another 5 seconds, and is answered with a blank `access-token`: a batch request.
 */
export type MockTransport = 'body' | 'header' | 'both' | 'cookie' | 'access' | 'cookies' | 'headers'

/** A user who can log in. */
export interface MockUser {
  /** Compared as it is: this is a mock. */
  readonly password: string
  /** Space-separated scopes granted to the sessions of this user (RFC 6749 section 3.3). Default: none. */
  readonly scope?: string | undefined
  /** Further claims of the user's access tokens, such as `name` or `roles`. They never replace a registered claim. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined
}

/** Settings that `configure` can change while the server runs; they hold for tokens issued from then on. */
export interface MockAuthSettings {
  /** Lifetime of an AT in ms, greater than 0. Default `300_000` (5 minutes). */
  readonly accessTokenLifetime: number
  /**
   * Lifetime of an RT in ms, greater than 0. With rotation each new RT lives this long again. Under transport `'access'`,
   * how long after the login an AT can be refreshed. Default `86_400_000`.
   */
  readonly refreshTokenLifetime: number
  /** Whether each refresh spends its RT and hands out another (RFC 9700 section 4.14.2). Default `true`. */
  readonly rotation: boolean
  /** Whether an RT presented after it was spent ends its session (RFC 9700 section 4.14.2). Default `true`. */
  readonly reuseDetection: boolean
  /**
   * For how long, in ms, the RT spent last is still answered, with the RT that replaced it. Default `0`: never.
   * Under `renewal: 'server'` at least 10 s apply, because every request of a burst carries the same RT.
   */
  readonly graceWindow: number
  /** How tokens travel at `/login`, `/refresh` and `/logout`. Default `'body'`. `/token` always speaks OAuth 2.0. */
  readonly transport: MockTransport
  /** The method of `/refresh`. Any other is answered with 405. Default `'POST'`. */
  readonly refreshMethod: 'POST' | 'GET'
  /**
   * Under `transport: 'cookie'` and `'cookies'`, whether a refresh and a logout must bring the value of the cookie
   * `csrf` back in `X-CSRF-Token` (double submit), else they are 403 `csrf_mismatch`. The client needs a page to read
   * that cookie, so in Node a DOM. Default `false`: the header may be absent or empty; a value that does not match is
   * refused all the same.
   */
  readonly csrf: boolean
  /**
   * The side that renews. `'client'` (default): the client calls `/refresh`. `'server'`: protected resources take the AT in
   * `Authorization` and the RT in `X-Refresh-Token` on every request; where the AT has expired and the RT is good, the
   * ordinary answer carries the new tokens in `X-Access-Token` and `X-Refresh-Token`.
   */
  readonly renewal: 'client' | 'server'
}

/** The argument of `configure`: any of the settings. */
export type MockAuthChanges = {
  readonly [Name in keyof MockAuthSettings]?: MockAuthSettings[Name] | undefined
}

/** Options of `mockAuth`. Misuse throws a `TypeError` that names the option and the value it got. */
export interface MockAuthOptions extends MockAuthChanges {
  /**
   * The base address of the endpoints: an absolute `http(s)` URL or a path that begins with `/`, without query or fragment,
   * for example `'https://api.example.com/auth'`. A path is relative to the page, so in `msw/node` it needs a DOM.
   */
  readonly baseUrl: string
  /**
   * The users who can log in, by username. A string is a password.
   * Default: `ada` / `lovelace` (scope `orders:read orders:write`, roles `admin`) and
   * `grace` / `hopper` (scope `orders:read`, roles `user`).
   */
  readonly users?: Readonly<Record<string, MockUser | string>> | undefined
  /** If given, `/token` refuses any other `client_id` as `invalid_client`. Default: every client is taken. */
  readonly clientId?: string | undefined
  /** The server's clock. Default `Date.now`, read at each call so that fake timers drive it. */
  readonly clock?:
    | {
        /** Epoch ms. */
        now(): number
      }
    | undefined
  /** Where sessions and keys live. Default: in memory. */
  readonly store?: MockStore | undefined
}

/** The answer of a successful login, refresh or `issue`. */
export interface MockTokenAnswer {
  /**
   * In the header of a refresh under transport `'header'`, in a cookie of a login or refresh under `'cookies'`, in a header of
   * every answer under `'headers'`.
   */
  readonly accessToken: string
  /** Absent where a refresh did not rotate, and under transport `'cookie'`, `'cookies'`, `'access'` and `'headers'`. */
  readonly refreshToken?: string
  /** Lifetime of the AT in **seconds**, as OAuth answers have it. */
  readonly expiresIn: number
  /** The remaining lifetime of the RT, or under transport `'access'` of the time to refresh in, in **seconds**. */
  readonly refreshExpiresIn: number
  readonly tokenType: 'Bearer'
  /** Space-separated granted scopes; absent where the user has none. */
  readonly scope?: string
}

/** The payload of an AT (RFC 9068 section 2.2), `iat` and `exp` in seconds. */
export interface MockAccessClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string
  readonly iat: number
  readonly exp: number
  readonly jti: string
  /** The session (token family) that the token belongs to. */
  readonly sid: string
  readonly token_use: 'access'
  readonly scope?: string
  readonly [claim: string]: unknown
}

/** Counters since the start or the last `reset()`. A live, read-only view. */
export interface MockAuthStats {
  /** Sessions begun by `/login`. */
  readonly logins: number
  /** Refresh requests answered with tokens, repeats within the grace window included; renewals by the server too. */
  readonly refreshes: number
  /**
   * Refresh requests refused, for any reason. Those that `failNextRefresh` answered with a 4xx are among them,
   * except 408, 425 and 429, which ask for patience.
   */
  readonly rejected: number
  /** Spent RTs presented again that ended their session. */
  readonly reuses: number
  /** Spent RTs presented again and answered, because the grace window was open. */
  readonly repeats: number
  /** Refresh requests that `failNextRefresh` made fail, in any way. */
  readonly failures: number
  /** Sessions ended by `/logout`. */
  readonly logouts: number
  /** 401 answers of protected resources, `/me` included. */
  readonly unauthorized: number
  /** All requests that reached an endpoint or a protected resource. */
  readonly requests: number
}

/** How the next refreshes fail. */
export interface MockFailure {
  /** Status of the answer, 200 to 599. Default `503`. */
  readonly status?: number | undefined
  /** How many refreshes fail, an integer from 1; `Infinity` until `reset()`. Default `1`. */
  readonly times?: number | undefined
  /** `Retry-After`: seconds as a number, or an HTTP date as a string (RFC 9110 section 10.2.3). Default: none. */
  readonly retryAfter?: number | string | undefined
  /** The connection breaks before anything was granted. Default `false`. */
  readonly networkError?: boolean | undefined
  /** The grant is made and the RT spent, then the connection breaks before the answer arrives. Default `false`. */
  readonly lostAnswer?: boolean | undefined
  /** OAuth error code of the JSON answer, for example `'invalid_grant'`. Default: none, so only the status tells the failure. */
  readonly error?: string | undefined
  /** A body to answer with instead of JSON, sent as `text/html`; 204, 205 and 304 have none. Default: none. */
  readonly body?: string | undefined
}

/** The tokens of the retired keys that stay good. See `MockAuth.rotateKeys`. */
export interface MockKeyRotation {
  readonly keep?: 'refresh' | 'all' | 'none' | undefined
}

/** The knobs and counters that the msw handlers and the demo's HTTP server share. */
export interface MockAuthControls {
  readonly stats: MockAuthStats
  /** The settings in force. */
  readonly settings: MockAuthSettings
  /** Changes settings on the fly. Throws a `TypeError` for an invalid value, and then changes nothing. */
  configure(changes: MockAuthChanges): void
  /** All outstanding ATs are refused as expired from now on; RTs stay good. */
  expireAccessTokens(): void
  /**
   * All outstanding RTs are refused with `invalid_grant` from now on; ATs live on until they expire. Under transport
   * `'access'` the ATs themselves can no longer be refreshed.
   */
  revokeRefreshTokens(): void
  /**
   * Signs with a new key (another `kid`) from now on, while sessions live on. `keep` selects the old tokens that stay good:
   * `'refresh'` (default): RTs; ATs are refused with 401 `invalid_token`, so each client refreshes once, under transport
   * `'access'` with that AT.
   * `'all'`: ATs too until they expire, as in a graceful roll, where `/jwks` lists both keys.
   * `'none'`: nothing; every session must log in again.
   */
  rotateKeys(options?: MockKeyRotation): void
  /** Makes the next refreshes fail; replaces the faults of an earlier call. Throws a `TypeError` for a bad option. */
  failNextRefresh(failure?: MockFailure): void
  /** Each refresh waits this long, in ms from 0, before it is processed. `0` ends that. Uses `setTimeout`. */
  delayRefresh(ms: number): void
  /** Back to the start: no sessions, counters at zero, no faults, the settings given at first. */
  reset(): void
  /** Resolves when every change so far is in the store; rejects with the error of the store. */
  settled(): Promise<void>
}
