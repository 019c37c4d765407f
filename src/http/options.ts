/** What attaching a client takes, and its defaults; the same for axios and fetch. */

import { check, isHeaderName, isOptionalFunction } from '../core/check.js'
import type { Engine } from '../core/engine.js'
import type { TokenResponse } from '../core/types.js'

/** One rule of `HttpOptions.skip`. */
export type Skip<Request> = string | RegExp | ((request: Request) => boolean)

/** What attaching a client takes. `Request` and `Response` are what the client calls so. */
export interface HttpOptions<Request, Response> {
  /**
   * Origins that may see a token, such as `'https://api.example.com'`.
   * `@default` the origin of the client's base URL, else the page's own
   */
  allowedOrigins?: readonly string[] | undefined
  /**
   * Whether an answer asks for a new token; may be asynchronous. It may read the body: with axios `data` is the parsed
   * JSON, before any transform and whatever the `responseType`; with fetch it gets a clone. When it fails, a `warning`
   * is emitted and the default decides. A server that challenges with another scheme needs it, unless the token travels
   * in that scheme.
   * `@default` status 401 without `WWW-Authenticate`, or with `Bearer` and no error or `invalid_token` (RFC 6750 section 3)
   */
  shouldRefresh?: ((response: Response) => boolean | Promise<boolean>) | undefined
  /** How the access token travels. `@default { name: 'Authorization', format: token => 'Bearer ' + token }` */
  header?:
    | {
        name: string
        /** Makes the header's value of a token. */
        format: (token: string) => string
      }
    | undefined
  /**
   * Takes the tokens that a server hands out on ordinary answers; undefined where there are none. Must be synchronous.
   * With axios the answer's `data` is the parsed JSON, before any transform and whatever the `responseType`.
   */
  collect?: ((response: Response) => TokenResponse | undefined) | undefined
  /**
   * Requests that need no login, such as `'/auth/login'`: they carry no token and their 401 is their own. A path prefix
   * (whole segments of the pathname), a RegExp (on the full URL), a predicate on the request, or a list of them.
   */
  skip?: Skip<Request> | readonly Skip<Request>[] | undefined
  /**
   * `'server'`: both tokens travel on every request, the refresh token in `refreshTokenHeader`; the server renews
   * on its own and `collect` takes what it hands out. `@default 'client'`
   */
  renewal?: 'client' | 'server' | undefined
  /** Header of the refresh token with `renewal: 'server'`. `@default 'X-Refresh-Token'` */
  refreshTokenHeader?: string | undefined
}

/** The options, complete. */
export interface HttpRules<Request, Response> {
  readonly name: string
  readonly format: (token: string) => string
  readonly shouldRefresh: ((response: Response) => boolean | Promise<boolean>) | undefined
  readonly collect: ((response: Response) => TokenResponse | undefined) | undefined
  /** The header that the refresh token travels in, if it does. */
  readonly refreshTokenHeader: string | undefined
  /**
   * Whether a request to the URL may carry the token. `describe` makes what a `skip` predicate is asked about, and
   * `complete` the URL with its query, where that is not there yet.
   */
  allows(engine: Engine, url: string, describe: (target: URL) => Request, complete?: () => string): boolean
  /** Whether the URL lies at an origin that must not see a token. */
  isForeign(url: string): boolean
}

/**
 * @param base the client's base URL; may be relative to the page
 * @throws TypeError that names the option and what was wrong with it
 */
export function resolveHttpOptions<Request, Response>(
  { allowedOrigins, header, skip = [], renewal = 'client', ...options }: HttpOptions<Request, Response>,
  base: string | undefined,
): HttpRules<Request, Response> {
  const { collect, shouldRefresh, refreshTokenHeader = 'X-Refresh-Token' } = options
  const { name, format } = header ?? { name: 'Authorization', format: token => `Bearer ${token}` }
  const skips = Array.isArray(skip) ? (skip as readonly Skip<Request>[]) : [skip as Skip<Request>]
  const isServer = renewal === 'server'
  const { location } = globalThis as { location?: { origin?: string } }
  // Against nothing, so that what names no origin gives none.
  const origins =
    allowedOrigins === undefined
      ? [parseUrl(base ?? '', location?.origin ?? null)?.origin]
      : Array.isArray(allowedOrigins)
        ? allowedOrigins.map(origin => parseUrl(origin, null)?.origin)
        : [undefined]

  check(isServer || renewal === 'client', 'renewal', "'client' or 'server'", renewal)
  check(isOptionalFunction(collect) && (collect ?? !isServer), 'collect', 'a function', collect)
  check(isOptionalFunction(shouldRefresh), 'shouldRefresh', 'a function', shouldRefresh)
  check(isHeaderName(name) && typeof format === 'function', 'header', 'a name and a function', name ?? header)
  check(isHeaderName(refreshTokenHeader), 'refreshTokenHeader', 'a name', refreshTokenHeader)
  check(skips.every(isSkip), 'skip', "paths like '/login', RegExps or functions", skip)
  check(
    origins.every(origin => origin && origin !== 'null'),
    'allowedOrigins',
    "origins like 'https://api.example.com'",
    allowedOrigins,
  )

  const isCredentials = name.toLowerCase() === 'authorization'
  /** A URL that begins like this, where there is nothing to skip, needs no parsing. */
  const prefixes = skips.length ? [] : origins.map(origin => `${origin}/`)
  // A `blob:` URL has the origin of whoever made it, and leads to no server.
  const isForeign = (url: string): boolean =>
    url.startsWith('blob:') || !origins.includes(parseUrl(url)?.origin)

  return {
    name,
    format,
    isForeign,
    allows(engine, url, describe, complete) {
      if (prefixes.some(prefix => url.startsWith(prefix))) return true
      const target = parseUrl(url)
      if (!target || isForeign(target.href)) return false
      // The user info of a URL becomes an `Authorization` of its own.
      if (isCredentials && target.username + target.password) return false
      const isSkipped = (skip: Skip<Request>): boolean =>
        typeof skip === 'function'
          ? skip(describe(target))
          : typeof skip === 'string'
            ? isBelow(target.pathname, skip)
            : (parseUrl(complete?.() ?? url) as URL).href.search(skip) >= 0
      return !unlessThrows(engine, 'skip', () => skips.some(isSkipped), false)
    },
    shouldRefresh,
    collect,
    refreshTokenHeader: isServer ? refreshTokenHeader : undefined,
  }
}

/** The URL as the platform resolves it: against the document's base where there is one. Undefined when it is none. */
export function parseUrl(url: string, base?: string | null): URL | undefined {
  const { document, location } = globalThis as {
    document?: { baseURI?: string }
    location?: { href?: string }
  }
  try {
    return new URL(url, base === undefined ? (document?.baseURI ?? location?.href) : (base ?? undefined))
  } catch {
    return undefined
  }
}

/** What the function of the application returns, or the fallback and a warning. */
export function unlessThrows<T>(engine: Engine, option: string, ask: () => T, fallback: T): T {
  try {
    return ask()
  } catch (error) {
    engine.warn(`${option} threw`, error)
    return fallback
  }
}

function isSkip(skip: unknown): boolean {
  return typeof skip === 'string'
    ? skip.startsWith('/')
    : typeof skip === 'function' || skip instanceof RegExp
}

/** Whether the path is the other or below it, by whole segments. */
function isBelow(pathname: string, prefix: string): boolean {
  return pathname === prefix || pathname.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
}
