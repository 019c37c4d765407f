/**
 * `fetch` with the session's access token.
 * @module tokenflight/fetch
 */

import { check, isOptionalFunction, ownOptions } from './core/check.js'
import { handleOf } from './core/handle.js'
import type { Auth } from './core/types.js'
import { isPromise } from './core/waiting.js'
import { carries, carriesInUrl } from './http/body.js'
import type { Client } from './http/call.js'
import { createClient } from './http/client.js'
import { onClone } from './http/clone.js'
import { createFetchCall } from './http/fetch-call.js'
import { createCopies, type Given, inspect, read, requestOf, unlessRefresh } from './http/fetch-request.js'
import { type HttpOptions, type HttpRules, optionNames } from './http/options.js'
import type { Origins } from './http/origins.js'
import { start } from './http/pipeline.js'
import { type Report, report } from './http/report.js'
import { isSkippedByCaller } from './http/skip.js'

/** The options of `fetch`, and whether the request needs a login. */
export interface AuthRequestInit extends RequestInit {
  /** The request needs no login: it carries no token, waits for nothing, and its 401 is its own. */
  skipAuth?: boolean | undefined
}

/** `fetch` with a token. It fits wherever a `typeof fetch` is expected. */
export type AuthFetch = (input: string | URL | Request, init?: AuthRequestInit) => Promise<Response>

/** The argument of a `skip` predicate: the request as it will be sent, without its body. */
export interface FetchRequest {
  /** Absolute. */
  readonly url: string
  /** In upper case. */
  readonly method: string
  readonly headers: Headers
}

/**
 * See `HttpOptions`. `fetch` follows redirects by itself and takes `Authorization` off on the way to another origin,
 * but no other header: with a `header` of your own, or with `serverRenewal()`, pass `redirect: 'error'` to endpoints
 * that may redirect elsewhere.
 */
export interface AuthFetchOptions extends HttpOptions<FetchRequest, Response> {
  /** Sends the requests. `@default` the global `fetch`, looked up at each call */
  fetch?: typeof fetch | undefined
}

/**
 * A `fetch` that sends the session's access token with every request to an allowed origin, refreshes it ahead of its
 * end and after a 401, and sends a refused request again. It shares one refresh with every other client of the `auth`.
 *
 * A `Request` with a body is cloned before it leaves, so that it can leave again; a stream in `init.body` cannot, and
 * its 401 is the caller's. It rejects with the errors of `fetch` and with those of `getAccessToken`.
 * @throws TypeError that names the option and its mistake
 */
export function authFetch<Claims>(auth: Auth<Claims, never>, options: AuthFetchOptions = {}): AuthFetch {
  const handle = handleOf(auth as Auth<never, never>)
  const own = ownOptions(options, 'authFetch', { ...optionNames, fetch: 1 })
  own.shouldRefresh = onClone(own.shouldRefresh)
  check(isOptionalFunction(own.fetch), 'fetch', 'a function', own.fetch)
  const client: FetchClient = createClient(handle, own, response => response)
  // The application may make the result its global `fetch`, which then calls itself.
  const before = globalThis.fetch
  let isInside = false
  const current: typeof fetch = (...args) => {
    isInside = true
    try {
      return fetch(...args)
    } finally {
      isInside = false
    }
  }
  return (input, init) => {
    if (isInside) return before(input, init)
    const call = (step?: Report): Promise<Response> => send(client, own.fetch ?? current, input, init, step)
    try {
      const request = requestOf(input)
      const { method = request?.method, signal = request?.signal } = init ?? {}
      // The refresh has events of its own.
      if (handle.isRefresh(signal)) return call()
      return report(handle, 'fetch', { method }, () => request?.url ?? String(input), call)
    } catch (error) {
      return Promise.reject(error)
    }
  }
}

interface FetchClient extends Client<Response> {
  readonly rules: HttpRules<FetchRequest, Response>
}

/** Reads the arguments of the caller at once, as `fetch` does, in the current session. */
function send(
  client: FetchClient,
  fetcher: typeof fetch,
  input: Input,
  init: AuthRequestInit | undefined,
  step: Report | undefined,
): Promise<Response> {
  const { handle, rules } = client
  const { carry } = rules.renewal
  const session = handle.session()
  const given = read(input, init)
  const token = handle.flightToken()
  const origins = rules.origins()
  const hasOwnCredentials = (): boolean => !rules.header.leftOvers(given.headers)
  const isLeft = isSkippedByCaller(init) || !wants(client, given, origins, token, hasOwnCredentials)
  const grant = isLeft ? undefined : handle.acquire(session, given.isOneShot, !!carry)
  if (!grant && (isLeft || !handle.isUndecided())) {
    step?.('sent')
    return fetcher(input, init)
  }
  const inspection = token ? inspect(given, token) : undefined
  const copies = createCopies(fetcher, input, init, given)
  const call = createFetchCall({ given, copies, origins, inspection, step, hasOwnCredentials })
  const isWaiting = isPromise(grant) || carry
  return start(client, call, inspection && isWaiting ? unlessRefresh(inspection, grant) : grant)
}

/** Whether a request gets a token: to an allowed origin, not skipped, not aborted, and not the refresh. */
function wants(
  { handle, rules }: FetchClient,
  { url, method, signal, headers, body }: Given,
  origins: Origins,
  token: string | undefined,
  hasOwnCredentials: () => boolean,
): boolean {
  if (signal?.aborted || handle.isRefresh(signal) || rules.isOver() || hasOwnCredentials()) return false
  if (token && (carries(body, token) || carries(headers.values(), token) || carriesInUrl(url, token)))
    return false
  const describe = ({ href }: URL): FetchRequest => ({
    url: href,
    method,
    headers: new Headers(headers.with()),
  })
  return rules.allows(origins, url, describe)
}

type Input = Parameters<AuthFetch>[0]
