/**
 * `fetch` with the session's access token.
 * @module tokenflight/fetch
 */

import { check, isOptionalFunction, ownOptions } from './core/check.js'
import { engineOf, type Ticket } from './core/engine.js'
import { rethrowOwn } from './core/errors.js'
import type { Auth } from './core/types.js'
import { ignore, isPromise, unlessAborted } from './core/waiting.js'
import { carries, discard, isOneShot } from './http/body.js'
import { carry } from './http/carry.js'
import { onClone } from './http/clone.js'
import { type HttpOptions, optionNames, resolveHttpOptions } from './http/options.js'
import { isForeign, type Origins } from './http/origins.js'
import { type Report, report } from './http/report.js'
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
 * @throws TypeError that names the option and its mistake
 */
export function authFetch<Claims>(auth: Auth<Claims>, options: AuthFetchOptions = {}): AuthFetch {
  const engine = engineOf(auth as Auth<never>)
  const given = ownOptions(options, 'authFetch', { ...optionNames, fetch: 1 })
  given.shouldRefresh = onClone(given.shouldRefresh)
  const rules = resolveHttpOptions(engine, given)
  check(isOptionalFunction(given.fetch), 'fetch', 'a function', given.fetch)
  const { header } = rules
  const refreshTokenHeader = rules.refreshTokenHeader?.toLowerCase()
  const { isRefused, wasRefused, renew, restore } = createVerdict(engine, rules, response => response)
  const isServer = !!refreshTokenHeader
  if (isServer) engine.serve()
  /** Another origin, that a redirect led to, never saw the token: it refuses none, and hands out none. */
  const isAway = ({ redirected, url }: Response, { origins }: Call): boolean =>
    // A polyfill may not know whether it was redirected.
    redirected !== false && !!url && isForeign(origins, url, origins[0])

  /** One attempt, and another one if its token is refused: one refresh, one replay, one outcome. */
  const send = async (call: Call, found: Ticket | undefined, isReplay: boolean): Promise<Response> => {
    const { fetcher, url, init, bag, own, isOnce, step } = call
    const ticket = engine.isDisposed() ? undefined : found
    /** Nothing is known yet of a cookie's session: a refusal tries its restore again. */
    const isHopeful = !found && engine.isUndecided() && !call.isTaken()
    const dressed: Bag = Object.assign({}, bag)
    if (ticket) {
      const { refreshToken } = ticket.tokens
      const tokens = header.make(ticket.accessToken)
      for (const name in tokens) dressed[name.toLowerCase()] = tokens[name] as string
      if (refreshTokenHeader && refreshToken) dressed[refreshTokenHeader] = refreshToken
    }
    const copy = isOnce ? own : own?.clone()
    for (const key in dressed) copy?.headers.set(key, dressed[key] as string)
    step?.('sent')
    const response = await (copy ? fetcher(copy, init) : fetcher(url, { ...init, headers: dressed }))
    if (isHopeful && !isAway(response, call)) {
      const restored = restore(response)
      const late = isOnce ? undefined : await patiently(call, restored)
      if (!late) return response
      step?.('rejected', response.status)
      discard(response.body)
      return send(call, late, true)
    }
    if (!ticket || engine.isDisposed() || isAway(response, call)) return response
    let refused = isRefused(response, ticket, url, isReplay)
    if (isPromise(refused)) refused = await patiently(call, refused)
    const renewal = refused && !isReplay && renew(ticket, url, isOnce)
    if (renewal) step?.('rejected', response.status)
    // A body that cannot be sent twice is not: the refresh prepares the next call.
    if (isOnce && renewal) renewal.catch(ignore)
    if (isOnce || !renewal) return response
    discard(response.body)
    return send(call, await patiently(call, renewal), true)
  }

  // What the caller gave is read at once, as `fetch` does, in the session of now.
  const start = (input: Input, init?: AuthRequestInit, step?: Report): Promise<Response> => {
    const session = engine.session()
    const fetcher = given.fetch ?? fetch
    const request = requestOf(input)
    const url = request ? request.url : String(input)
    const {
      body,
      method = request?.method ?? 'GET',
      headers = request?.headers,
      signal = request?.signal,
    } = init ?? {}
    // A plain object: `Headers` that a long token is set on cost more than all the rest.
    const bag: Bag = {}
    if (headers) {
      for (const [key, value] of Symbol.iterator in headers
        ? new Headers(headers)
        : Object.entries(headers)) {
        const lower = key.toLowerCase()
        bag[lower] = typeof bag[lower] === 'string' ? `${bag[lower]}, ${value}` : value
      }
    }
    const token = engine.flightToken()
    const origins = rules.origins()
    /** Whether it brings credentials of its own. */
    const isTaken = (): boolean => !header.leftOvers(name => memberOf(bag, name.toLowerCase()))
    if (
      init?.skipAuth ||
      signal?.aborted ||
      engine.refreshing(signal) ||
      rules.isOver() ||
      isTaken() ||
      (token && (carries(body, token) || carries(Object.values(bag).join(), token))) ||
      !rules.allows(origins, url, ({ href }) => ({ url: href, method, headers: new Headers(bag) }))
    ) {
      step?.('sent')
      return fetcher(input, init)
    }
    const isOnce = isOneShot(body)
    // A `Request` in place of `init` is allowed, and its members are no properties of its own.
    const own = request || (init && 'clone' in init) ? new Request(input, init) : undefined
    const call: Call = {
      fetcher,
      url,
      origins,
      // A `Request` holds all that it knows of; what only this `fetch` knows (`dispatcher`, say) comes beside it.
      init: own ? init && { ...init, headers: undefined, body: undefined } : { ...init },
      bag,
      own,
      isOnce,
      signal: signal ?? undefined,
      step,
      isTaken,
    }
    const acquire = (): ReturnType<typeof engine.acquire> => engine.acquire(session, isOnce, isServer)
    // The body of a `Request` may be what makes it the refresh, and can only be read by and by.
    const ticket =
      own && token && bag['content-type']
        ? own
            .clone()
            .text()
            .then(text => (carries(text, token) ? undefined : acquire()))
        : acquire()
    if (isPromise(ticket) || (isServer && ticket && engine.isDead(ticket))) step?.('waiting')
    if (isServer) {
      return carry(engine, {
        ticket,
        isOnce,
        send: (own, isAlone) => send(call, own, isAlone),
        isAway: response => isAway(response, call),
        refuses: wasRefused,
        patiently: promise => patiently(call, promise),
      })
    }
    return isPromise(ticket)
      ? patiently(call, ticket).then(late => send(call, isTaken() ? undefined : late, false))
      : send(call, ticket, false)
  }
  return (input, init) => {
    const call = (step?: Report): Promise<Response> => start(input, init, step)
    try {
      const request = requestOf(input)
      const { method = request?.method, signal = request?.signal } = init ?? {}
      // The refresh has events of its own.
      if (engine.refreshing(signal)) return call()
      return report(engine, 'fetch', { method }, () => request?.url ?? String(input), call)
    } catch (error) {
      return Promise.reject(error)
    }
  }
}

/** The promise, unless the request is aborted first. Rejects with an error of this request alone. */
function patiently<T>({ signal }: Call, promise: Promise<T>): Promise<T> {
  return unlessAborted(promise.catch(rethrowOwn), signal)
}

type Input = Parameters<AuthFetch>[0]
type Bag = Record<string, string>

/** An own member: `constructor` may be a header, too. */
function memberOf(bag: Bag, name: string): string | undefined {
  return Object.keys(bag).includes(name) ? bag[name] : undefined
}

function requestOf(input: Input): Request | undefined {
  return typeof input === 'object' && 'url' in input ? input : undefined
}

/** What is to be sent. */
interface Call {
  readonly fetcher: typeof fetch
  readonly url: string
  readonly origins: Origins
  readonly init: object | undefined
  readonly bag: Bag
  readonly own: Request | undefined
  readonly isOnce: boolean
  readonly signal: AbortSignal | undefined
  readonly step: Report | undefined
  /** Whether it brings credentials of its own. */
  readonly isTaken: () => boolean
}
