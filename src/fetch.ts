/** `tokenflight/fetch`: `fetch` with the session's access token. */
import { engineOf, type Ticket } from './core/engine.js'
import type { Auth } from './core/types.js'
import { ignore, unlessAborted } from './core/waiting.js'
import { carries, discard, isOneShot } from './http/body.js'
import { type HttpOptions, isSkipped, parseUrl, resolveHttpOptions, unlessThrows } from './http/options.js'
import { createVerdict } from './http/verdict.js'

/** What `fetch` takes, and whether the request needs a login. */
export interface AuthRequestInit extends RequestInit {
  /** The request needs no login: it carries no token, waits for nothing, and its 401 is its own. */
  skipAuth?: boolean | undefined
}

/** `fetch` with a token: whatever takes a `typeof fetch` takes it. */
export type AuthFetch = (input: string | URL | Request, init?: AuthRequestInit) => Promise<Response>

/** What a `skip` predicate is asked about: the request as it is about to leave, without its body. */
export interface FetchRequest {
  /** Absolute. */
  readonly url: string
  readonly method: string
  readonly headers: Headers
}

/**
 * See `HttpOptions`. `fetch` follows redirects by itself and takes `Authorization` off on the way to another origin,
 * but no other header: with a `header` of your own, or with `renewal: 'server'`, pass `redirect: 'error'` to endpoints
 * that may redirect elsewhere.
 */
export interface AuthFetchOptions extends HttpOptions<FetchRequest, Response> {
  /** What sends. `@default` the global `fetch`, looked up at each call */
  fetch?: typeof fetch | undefined
}

/**
 * A `fetch` that sends the session's access token with every request to an allowed origin, refreshes it ahead of its
 * end and after a 401, and sends a refused request again. It shares one refresh with every other client of the `auth`.
 *
 * A `Request` with a body is cloned before it leaves, so that it can leave again; a stream in `init.body` cannot, and
 * its 401 is the caller's. It rejects with what `fetch` rejects with, and with the errors of `getAccessToken`.
 * @throws TypeError that names the option; where there is no page, `allowedOrigins` is required
 */
export function authFetch<Claims>(auth: Auth<Claims>, options: AuthFetchOptions = {}): AuthFetch {
  const engine = engineOf(auth as Auth<never>)
  const rules = resolveHttpOptions(options, undefined)
  const { format, origins, skips } = rules
  const name = rules.name.toLowerCase()
  const refreshTokenHeader = rules.refreshTokenHeader?.toLowerCase()
  const { isRefused, renew } = createVerdict(engine, rules)
  /** A URL that begins like this, where there is nothing to skip, needs no parsing. */
  const prefixes = skips.length ? [] : Array.from(origins, origin => `${origin}/`)

  const isAllowed = (url: string, method = 'GET', headers?: Bag): boolean => {
    if (prefixes.some(prefix => url.startsWith(prefix))) return true
    const target = parseUrl(url)
    if (!target || !origins.has(target.origin)) return false
    const described = { url: target.href, method, headers: new Headers(headers) }
    return !unlessThrows(engine, 'skip', () => isSkipped(skips, described, target), false)
  }

  const credentials = ({ accessToken, tokens }: Ticket): Bag => {
    const bag: Bag = { [name]: format(accessToken) }
    if (refreshTokenHeader && tokens.refreshToken) bag[refreshTokenHeader] = tokens.refreshToken
    return bag
  }

  // Up to its first `await` it runs at once: what the caller gave is read now, as `fetch` does, in the session of now.
  return async (input, init) => {
    const session = engine.session()
    const fetcher = options.fetch ?? fetch
    const request = typeof input === 'object' && 'url' in input ? input : undefined
    const url = request ? request.url : String(input)
    const {
      body,
      method = request?.method,
      headers = request?.headers,
      signal = request?.signal,
    } = init ?? {}
    // A plain object: `Headers` that a long token is set on cost more than all the rest.
    const bag: Bag = headers ? Object.fromEntries(new Headers(headers)) : {}
    const token = engine.flightToken()
    if (
      init?.skipAuth ||
      signal?.aborted ||
      engine.refreshing(signal) ||
      name in bag ||
      !isAllowed(url, method, bag) ||
      (token && (carries(body, token) || carries(Object.values(bag).join(), token)))
    ) {
      return fetcher(input, init)
    }

    const isOnce = isOneShot(body)
    // A `Request` in place of `init` is allowed, and its members are no properties of its own.
    const own = request || (init && 'clone' in init) ? new Request(input, init) : undefined
    const kept = { ...init }
    const patiently = <T>(promise: Promise<T>): Promise<T> => unlessAborted(promise, signal ?? undefined)

    // The body of a `Request` may be what makes it the refresh, and can only be read by and by.
    const isRefresh = own && token && bag['content-type'] && carries(await own.clone().text(), token)
    let ticket = isRefresh ? undefined : engine.acquire(session, isOnce)
    if (ticket instanceof Promise) ticket = await patiently(ticket)
    for (let isReplay = false; ; isReplay = true) {
      const dressed: Bag = ticket ? { ...bag, ...credentials(ticket) } : bag
      const copy = isOnce ? own : own?.clone()
      for (const key in dressed) copy?.headers.set(key, dressed[key] as string)
      const response: Response = await (copy ? fetcher(copy) : fetcher(url, { ...kept, headers: dressed }))
      // What a redirect led to elsewhere never saw the token.
      if (!ticket || (response.redirected && !isAllowed(response.url))) return response
      const renewal: ReturnType<typeof renew> | false =
        isRefused(response, ticket, url, isReplay) && !isReplay && renew(ticket, url)
      // A body that cannot be sent twice is not: the refresh prepares the next call.
      if (isOnce && renewal) renewal.catch(ignore)
      if (isOnce || !renewal) return response
      discard(response.body)
      ticket = await patiently(renewal)
    }
  }
}

type Bag = Record<string, string>
