/** What attaching a client takes, and its defaults; the same for axios and fetch. */
import { readHeader } from '../core/failure.js'
import type { TokenResponse } from '../core/types.js'
import { isInsufficientScope } from './challenge.js'

/** A path prefix (whole segments of the pathname), a RegExp (on the full URL), or a predicate on the request. */
export type Skip<Request> = string | RegExp | ((request: Request) => boolean)

export interface HttpOptions<Request, Response> {
  /**
   * Origins that may see a token, such as `'https://api.example.com'`.
   * `@default` the origin of the client's base URL, else the page's own
   */
  allowedOrigins?: readonly string[] | undefined
  /** Whether an answer asks for a new token. `@default` status 401 that is not `insufficient_scope` (RFC 6750 section 3.1) */
  shouldRefresh?: ((response: Response) => boolean) | undefined
  /** How the access token travels. `@default { name: 'Authorization', format: token => 'Bearer ' + token }` */
  header?: { name: string; format: (token: string) => string } | undefined
  /** Takes the tokens that a server hands out on ordinary answers; undefined where there are none. */
  collect?: ((response: Response) => TokenResponse | undefined) | undefined
  /** Requests that need no login, such as `'/auth/login'`: they carry no token and their 401 is their own. */
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
  readonly shouldRefresh: (response: Response) => boolean
  readonly collect: ((response: Response) => TokenResponse | undefined) | undefined
  /** The header that the refresh token travels in, if it does. */
  readonly refreshTokenHeader: string | undefined
  readonly skips: readonly Skip<Request>[]
  readonly origins: ReadonlySet<string>
}

/** The parts that an answer has with every client. */
interface Answer {
  status: number
  headers: unknown
}

/**
 * @param base the client's base URL; may be relative to the page
 * @throws TypeError that names the option and what was wrong with it
 */
export function resolveHttpOptions<Request, Response extends Answer>(
  options: HttpOptions<Request, Response>,
  base: string | undefined,
): HttpRules<Request, Response> {
  const { allowedOrigins, header, skip = [], renewal, refreshTokenHeader = 'X-Refresh-Token' } = options
  const isServer = renewal === 'server'
  if (renewal !== undefined && !isServer && renewal !== 'client')
    fail('renewal', "'client' or 'server'", renewal)
  if (isServer && !options.collect) fail('collect', "a function with renewal: 'server'", options.collect)
  if (header && !(header.name && typeof header.format === 'function'))
    fail('header', 'a name and a format function', header)
  const origins = allowedOrigins?.map(
    origin => parseUrl(origin)?.origin ?? fail('allowedOrigins', 'a list of origins', origin),
  )
  const own =
    parseUrl(base ?? '')?.origin ??
    fail('allowedOrigins', 'given, for there is no base URL and no page', allowedOrigins, origins)
  return {
    name: header?.name ?? 'Authorization',
    format: header?.format ?? (token => `Bearer ${token}`),
    shouldRefresh:
      options.shouldRefresh ??
      (({ status, headers }) =>
        status === 401 && !isInsufficientScope(readHeader(headers, 'www-authenticate'))),
    collect: options.collect,
    refreshTokenHeader: isServer ? refreshTokenHeader : undefined,
    skips: Array.isArray(skip) ? skip : [skip as Skip<Request>],
    origins: new Set(origins ?? [own]),
  }
}

/** The URL as the platform resolves it: against the document's base where there is one. Undefined when it is none. */
export function parseUrl(url: string): URL | undefined {
  const { document, location } = globalThis as {
    document?: { baseURI?: string }
    location?: { href?: string }
  }
  try {
    const parsed = new URL(url, document?.baseURI ?? location?.href)
    return parsed.origin === 'null' ? undefined : parsed
  } catch {
    return undefined
  }
}

export function isSkipped<Request>(skips: readonly Skip<Request>[], request: Request, url: URL): boolean {
  return skips.some(skip =>
    typeof skip === 'function'
      ? skip(request)
      : typeof skip === 'string'
        ? url.pathname === skip || url.pathname.startsWith(skip.endsWith('/') ? skip : `${skip}/`)
        : url.href.search(skip) >= 0,
  )
}

/** Throws, or returns the fallback where there is one. */
function fail(option: string, expected: string, value: unknown, fallback?: readonly string[]): string {
  if (fallback) return ''
  const got = value && typeof value === 'object' ? 'an object' : String(value)
  throw new TypeError(`tokenflight: \`${option}\` must be ${expected}, got ${got}`)
}
