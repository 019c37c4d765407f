/** The options of a client, and their defaults; the same for axios and fetch. */

import { check, isOptionalFunction } from '../core/check.js'
import { parseUrl } from '../core/environment.js'
import type { Handle } from '../core/handle.js'
import { createTokenHeaders, type HeaderOption, type TokenHeaders } from './header.js'
import { createOrigins, createWithholding, isForeign, type Origins } from './origins.js'
import type { PluggedRenewal, Renewal } from './renewal.js'
import { createSkip, type Skip } from './skip.js'

/** The options of a client. `Request` and `Response` are the types of that client. */
export interface HttpOptions<Request, Response> {
  /**
   * Origins that may see a token, such as `'https://api.example.com'`, without paths or wildcards. The first request
   * whose token is withheld from another origin causes a `warning`, once for each origin.
   * `@default` the origin of the client's base URL when a request is sent, else the page's own; without both, none
   */
  allowedOrigins?: readonly string[] | undefined
  /**
   * Whether an answer asks for a new token; may be asynchronous. It may read the body: with axios `data` is the parsed
   * JSON, before any transform and for every `responseType`; with fetch it gets a clone. When it fails, a `warning`
   * is emitted and the default decides. A server that challenges with another scheme needs it, unless the token travels
   * in that scheme.
   * `@default` status 401 without `WWW-Authenticate`, or with `Bearer` and no error or `invalid_token` (RFC 6750 section 3)
   */
  shouldRefresh?: ((response: Response) => boolean | Promise<boolean>) | undefined
  /**
   * How the access token travels: one header, or a function that gives several, such as
   * `token => ({ 'X-Token': token, 'X-Kind': 'access' })`. A request that has such a header of its own is left alone,
   * unless the header holds a token of the session. A function that returns no string fails the request with a
   * `TypeError`. `@default { name: 'Authorization', format: token => 'Bearer ' + token }`, or `'DPoP '` with `dpop()`
   */
  header?: HeaderOption | undefined
  /**
   * Requests that need no login, such as `'/auth/login'`: they carry no token and their 401 is their own. A path prefix
   * (whole segments of the pathname, no wildcards), a RegExp (on the full URL), a predicate on the request, or a list
   * of them. A predicate that throws or returns a promise counts as no, and causes a `warning`.
   */
  skip?: Skip<Request> | readonly Skip<Request>[] | undefined
  /** For a server that hands out tokens with ordinary answers: `serverRenewal()` or `collectTokens()`. */
  renewal?: Renewal<Response> | undefined
}

/** The names of the options above. */
// Stryker disable next-line ObjectLiteral: it is made while the module loads, before the run switches a mutant on
export const optionNames: Readonly<Record<keyof HttpOptions<unknown, unknown>, 1>> = {
  allowedOrigins: 1,
  shouldRefresh: 1,
  header: 1,
  skip: 1,
  renewal: 1,
}

/** The options, complete. */
export interface HttpRules<Request, Response> {
  readonly header: TokenHeaders
  readonly shouldRefresh: ((response: Response) => boolean | Promise<boolean>) | undefined
  readonly renewal: Partial<PluggedRenewal<Response>>
  /** The origins that may see a token now, with this base URL of the client. */
  origins(base?: unknown): Origins
  /**
   * Whether a request to the URL may carry the token. `describe` makes the argument of a `skip` predicate, and
   * `complete` the URL with its query, where that is not there yet.
   */
  allows(origins: Origins, url: string, describe: (target: URL) => Request, complete?: () => string): boolean
  /** Whether the session was disposed. Warns about it, once. */
  isOver(): boolean
}

/**
 * @param options with own members only
 * @throws TypeError that names the option and its mistake
 */
export function resolveHttpOptions<Request, Response>(
  handle: Handle,
  options: HttpOptions<Request, Response>,
): HttpRules<Request, Response> {
  const { shouldRefresh, renewal } = options
  const origins = createOrigins(handle, options.allowedOrigins)
  const header = createTokenHeaders(handle, options.header)
  check(
    renewal === undefined || typeof renewal?.collect === 'function',
    'renewal',
    'serverRenewal() or collectTokens()',
    renewal,
  )
  check(isOptionalFunction(shouldRefresh), 'shouldRefresh', 'a function', shouldRefresh)
  const isSkipped = options.skip === undefined ? undefined : createSkip(handle, options.skip)
  const withhold = createWithholding(handle)
  let isWarned = false

  return {
    header,
    origins,
    allows(allowed, url, describe, complete) {
      // A URL that begins like this, where there is nothing to skip, needs no parsing.
      // Stryker disable next-line ArrowFunction,ConditionalExpression: a shortcut
      if (!isSkipped && allowed.some(origin => url.startsWith(`${origin}/`))) return true
      const target = parseUrl(url)
      if (!target || isForeign(allowed, target.href)) {
        withhold(allowed, url)
        return false
      }
      // The user info of a URL becomes an `Authorization` of its own.
      if (target.username + target.password && header.isCredentials()) return false
      return !(isSkipped && unlessThrows(handle, 'skip', () => isSkipped(target, describe, complete), false))
    },
    isOver() {
      if (!handle.isDisposed()) return false
      if (!isWarned) handle.warn('The session was disposed: its clients send no token any more')
      isWarned = true
      return true
    },
    shouldRefresh,
    renewal: ownRenewal(renewal),
  }
}

/** The plug-in's own members: a polluted prototype adds nothing. */
function ownRenewal<Response>(renewal: Renewal<Response> | undefined): Partial<PluggedRenewal<Response>> {
  return Object.assign(Object.create(null), renewal)
}

/** The result of a function of the application, or the fallback and a warning. */
export function unlessThrows<T>(handle: Handle, option: string, ask: () => T, fallback: T): T {
  try {
    return ask()
  } catch (error) {
    handle.warn(`${option} threw`, error)
    return fallback
  }
}
