/**
 * `fetch` with the session's access token.
 * @module tokenflight/fetch
 */

import { check, isOptionalFunction, ownOptions } from './core/check.js'
import { engineOf, type Ticket } from './core/engine.js'
import { rethrowOwn } from './core/errors.js'
import type { Auth } from './core/types.js'
import { ignore, isPromise, unlessAborted } from './core/waiting.js'
import { carries, closedEarly, discard, whileIntact } from './http/body.js'
import { onClone } from './http/clone.js'
import {
  type Copies,
  createCopies,
  type Given,
  inspect,
  read,
  requestOf,
  unlessRefresh,
} from './http/fetch-request.js'
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
 * but no other header: with a `header` of your own, or with `serverRenewal()`, pass `redirect: 'error'` to endpoints
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
export function authFetch<Claims>(auth: Auth<Claims, never>, options: AuthFetchOptions = {}): AuthFetch {
  const engine = engineOf(auth as Auth<never, never>)
  const own = ownOptions(options, 'authFetch', { ...optionNames, fetch: 1 })
  own.shouldRefresh = onClone(own.shouldRefresh)
  const rules = resolveHttpOptions(engine, own)
  check(isOptionalFunction(own.fetch), 'fetch', 'a function', own.fetch)
  const { header } = rules
  const { refreshTokenHeader, carry } = rules.renewal
  const { dpop } = engine.settings
  const { isRefused, wasRefused, renew, restore } = createVerdict(engine, rules, response => response)
  if (carry) engine.serve()
  /** Another origin, that a redirect led to, never saw the token: it refuses none, and hands out none. */
  const isAway = ({ redirected, url }: Response, { origins }: Call): boolean =>
    // A polyfill may not know whether it was redirected.
    redirected !== false && !!url && isForeign(origins, url, origins[0])

  const tokensOf = ({ accessToken, tokens }: Ticket): Record<string, string> => ({
    ...header.make(accessToken),
    ...(refreshTokenHeader && tokens.refreshToken && { [refreshTokenHeader]: tokens.refreshToken }),
  })

  /** One attempt, and another one if its token is refused: one refresh, one replay, one outcome. */
  const send = async (call: Call, found: Ticket | undefined, isReplay: boolean): Promise<Response> => {
    const { given, copies, inspection, step } = call
    const { isOnce, url, method } = given
    const ticket = engine.isDisposed() ? undefined : found
    /** Nothing is known yet of a cookie's session: a refusal tries its restore again. */
    const isHopeful = !found && engine.isUndecided() && !call.isTaken()
    step?.('sent')
    const attempt = async (isLast: boolean): Promise<Response> => {
      const headers = ticket ? tokensOf(ticket) : {}
      if (dpop && ticket) headers.DPoP = await patiently(given, dpop.proof(method, url, ticket.accessToken))
      return copies.send(headers, isLast)
    }
    let response = await (ticket || isReplay ? attempt(isReplay && !dpop) : copies.pass(isHopeful))
    // Its server wants a nonce of its own in the proof: no refusal of the token.
    if (dpop && ticket && !isAway(response, call) && dpop.learn(url, response, true) && !isOnce) {
      discard(response.body)
      response = await attempt(isReplay)
      dpop.learn(url, response, true)
    }
    if (isHopeful && !isAway(response, call)) {
      const restored = restore(response)
      const late = isOnce ? undefined : await patiently(given, restored)
      if (!late) return response
      step?.('rejected', response.status)
      discard(response.body)
      return send(call, late, true)
    }
    if (!ticket || engine.isDisposed() || isAway(response, call)) return response
    if (!response.ok && inspection && !(await unlessRefresh(inspection, ticket))) return response
    let refused = isRefused(response, ticket, url, isReplay)
    if (isPromise(refused)) refused = await patiently(given, refused)
    const renewal = refused && !isReplay && renew(ticket, url, isOnce)
    if (renewal) step?.('rejected', response.status)
    // A body that cannot be sent twice is not: the refresh prepares the next call.
    if (isOnce && renewal) renewal.catch(ignore)
    if (isOnce || !renewal) return response
    discard(response.body)
    return send(call, await patiently(given, renewal), true)
  }

  // What the caller gave is read at once, as `fetch` does, in the session of now.
  const start = (input: Input, init?: AuthRequestInit, step?: Report): Promise<Response> => {
    const session = engine.session()
    const fetcher = own.fetch ?? fetch
    const given = read(input, init)
    const { url, method, signal, headers, body, isOnce } = given
    const token = engine.flightToken()
    const origins = rules.origins()
    /** Whether it brings credentials of its own. */
    const isTaken = (): boolean => !header.leftOvers(headers.get)
    const isLeft =
      init?.skipAuth ||
      signal?.aborted ||
      engine.refreshing(signal) ||
      rules.isOver() ||
      isTaken() ||
      (token && (carries(body, token) || carries(headers.values(), token))) ||
      !rules.allows(origins, url, ({ href }) => ({ url: href, method, headers: new Headers(headers.with()) }))
    const ticket = isLeft ? undefined : engine.acquire(session, isOnce, !!carry)
    if (!ticket && (isLeft || !engine.isUndecided())) {
      step?.('sent')
      return fetcher(input, init)
    }
    const isWaiting = isPromise(ticket)
    if (isWaiting || (carry && ticket && engine.isDead(ticket))) step?.('waiting')

    const inspection = token ? inspect(given, token) : undefined
    const copies = createCopies(fetcher, input, init, given)
    const call: Call = { given, origins, step, copies, isTaken, inspection }
    if (!isWaiting && !carry) return send(call, ticket, false)
    const late = inspection ? unlessRefresh(inspection, ticket) : ticket
    const wait = <T>(promise: Promise<T>): Promise<T> =>
      whileIntact(copies.body, patiently(given, promise), explainBody)
    if (!carry) return wait(Promise.resolve(late)).then(own => send(call, isTaken() ? undefined : own, false))
    return carry(engine, {
      ticket: late,
      isOnce,
      send: (own, isAlone) => send(call, own, isAlone),
      isAway: response => isAway(response, call),
      refuses: wasRefused,
      patiently: promise => patiently(given, promise),
      wait,
    })
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
function patiently<T>({ signal }: Given, promise: Promise<T>): Promise<T> {
  return unlessAborted(promise.catch(rethrowOwn), signal)
}

/** The error of `fetch` for a body that fails; undefined: it was destroyed. */
function explainBody(cause: unknown): TypeError {
  return new TypeError('fetch failed', { cause: cause ?? closedEarly() })
}

type Input = Parameters<AuthFetch>[0]

/** One call of the application: one or two attempts. */
interface Call {
  readonly given: Given
  readonly origins: Origins
  readonly copies: Copies
  readonly step: Report | undefined
  /** Whether it brings credentials of its own. */
  isTaken(): boolean
  /** Whether its body makes it the refresh, whose 401 is its own. */
  readonly inspection: Promise<boolean> | undefined
}
