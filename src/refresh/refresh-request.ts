/** The refresh endpoint that most back ends of single-page applications have. */

import { check, isHeaderName, isOptionalFunction, isText, kindOf, ownOptions } from '../core/check.js'
import { readCookie } from '../core/environment.js'
import { createPreset, type SessionMode } from '../core/preset.js'
import type { RefreshFunction, TokenResponse } from '../core/types.js'
import { type Advice, missingToken, requestTokens } from './request.js'

/** The options of `refreshRequest`. */
export interface RefreshRequestOptions {
  /** The refresh endpoint; relative to the page where there is one. Its redirects are not followed. */
  url: string
  /** A `GET` has no body: it sends the refresh token in a header, or by cookie. `@default 'POST'` */
  method?: 'GET' | 'POST' | undefined
  /**
   * How the refresh token travels. `'body'`: JSON, under `field`. `'header'`: `Authorization: Bearer <RT>`, or `header`.
   * `'both'`: the access token in `Authorization`, the refresh token in the body, or in `header`. `'cookie'`: by the
   * browser. `'access'`: there is no refresh token; the access token itself is sent in `Authorization`, also after its
   * end, for as long as the server accepts it.
   * `@default 'body'`, or `'header'` if `header` is given, or `'cookie'` with `cookieSession()` or a `GET`
   */
  send?: 'body' | 'header' | 'both' | 'cookie' | 'access' | undefined
  /** Member of the JSON body that holds the refresh token. `@default 'refreshToken'` */
  field?: string | undefined
  /** Further members of the JSON body. The refresh token wins over a member of its name. */
  body?: Readonly<Record<string, unknown>> | undefined
  /** Name of a header that carries the refresh token as it is, without a scheme. */
  header?: string | undefined
  /**
   * Reads an answer that is not JSON. For unusual JSON, `AuthOptions.read` serves `login()` as well.
   * `@default` the JSON body, or the `Authorization` header if the body has no access token
   */
  read?: ((response: Response) => TokenResponse | Promise<TokenResponse>) | undefined
  /** Further request headers. */
  headers?: HeadersInit | undefined
  /** Copies a readable cookie into a header: the double-submit defence against CSRF. */
  csrf?: { cookie: string; header: string } | undefined
  /** `@default globalThis.fetch`, looked up at each call */
  fetch?: typeof fetch | undefined
}

const advice: Readonly<Advice> = {
  address: 'url',
  request: '`send`, `field`, `body` and `headers`',
  answer: 'map it with the option `read` of createAuth',
}

/**
 * A `refresh` for your own endpoint, on `fetch`, so that it never passes through an interceptor of ours. A POST is
 * always JSON.
 * @throws TypeError that names the option and its mistake
 */
export function refreshRequest(options: RefreshRequestOptions): RefreshFunction {
  const own = ownOptions(options, 'refreshRequest', optionNames)
  if (own.csrf && typeof own.csrf === 'object') own.csrf = ownOptions(own.csrf, 'csrf', csrfNames)
  checkOptions(own)
  // A GET has no body for the refresh token.
  const send = own.send ?? (own.header ? 'header' : own.method === 'GET' ? 'cookie' : undefined)
  return createPreset({
    address: own.url,
    place: send && (send === 'cookie' ? 'cookie' : 'storage'),
    renewsAccess: send === 'access',
    adapt: mode => createRefresh(own, send ?? (mode.isCookie ? 'cookie' : 'body'), mode),
  })
}

const csrfNames: Readonly<Record<'cookie' | 'header', 1>> = { cookie: 1, header: 1 }
const optionNames: Readonly<Record<keyof RefreshRequestOptions, 1>> = {
  url: 1,
  method: 1,
  send: 1,
  field: 1,
  body: 1,
  header: 1,
  read: 1,
  headers: 1,
  csrf: 1,
  fetch: 1,
}

function createRefresh(
  options: RefreshRequestOptions,
  send: NonNullable<RefreshRequestOptions['send']>,
  mode: SessionMode,
): RefreshFunction {
  const { url, method = 'POST', header, field = 'refreshToken', body, read, csrf } = options
  const isGet = method === 'GET'
  const isInBody = send === 'body' || (send === 'both' && !header)
  return async ({ refreshToken, accessToken, signal }) => {
    if (!refreshToken && (send === 'body' || send === 'header')) throw missingToken('refresh')
    if (!accessToken && send === 'access') throw missingToken('access')
    const headers = new Headers(options.headers)
    const bearer =
      send === 'both' || send === 'access' ? accessToken : send === 'header' && !header && refreshToken
    // The scheme `DPoP` is not defined for refresh tokens.
    const scheme = mode.dpop && send !== 'header' ? 'DPoP' : 'Bearer'
    if (bearer) headers.set('Authorization', `${scheme} ${bearer}`)
    if (header && refreshToken) headers.set(header, refreshToken)
    if (!isGet) headers.set('Content-Type', 'application/json')
    if (csrf) headers.set(csrf.header, readCookie(csrf.cookie))
    return requestTokens({
      url,
      method,
      headers,
      signal,
      read,
      mode,
      csrf,
      advice,
      // A server that sees the content type of JSON expects a body: Fastify refuses an empty body.
      body: isGet ? null : JSON.stringify({ ...body, ...(isInBody && { [field]: refreshToken }) }),
      credentials: send === 'cookie' ? 'include' : undefined,
      fetch: options.fetch,
    })
  }
}

function checkOptions({
  url,
  method,
  send,
  field,
  body,
  headers = {},
  header,
  read,
  csrf,
  fetch,
}: RefreshRequestOptions): void {
  check(isText(url), 'url', 'the URL of the refresh endpoint', url)
  check(method === undefined || method === 'GET' || method === 'POST', 'method', "'GET' or 'POST'", method)
  check(
    send === undefined || ['body', 'header', 'both', 'cookie', 'access'].includes(send),
    'send',
    "'body', 'header', 'both', 'cookie' or 'access'",
    send,
  )
  check(field === undefined || isText(field), 'field', 'a non-empty string', field)
  check(header === undefined || isHeaderName(header), 'header', 'the name of a header', header)
  check(
    header === undefined || send === undefined || send === 'header' || send === 'both',
    'send',
    "'header' or 'both' where `header` carries the refresh token",
    send,
  )
  check(
    body === undefined || (body && typeof body === 'object' && !Array.isArray(body)),
    'body',
    'an object of further members',
    kindOf(body),
  )
  check(headers && typeof headers === 'object', 'headers', 'an object of headers', kindOf(headers))
  const isBodiless = send !== 'body' && (send !== 'both' || header !== undefined)
  check(
    method !== 'GET' || (isBodiless && body === undefined),
    'method',
    "'POST' where the request has a body: a GET needs `header`, or `send` 'header', 'cookie' or 'access', and no `body`",
    method,
  )
  check(
    csrf === undefined || (isText(csrf?.cookie) && isHeaderName(csrf.header)),
    'csrf',
    'the names of a cookie and a header',
    csrf,
  )
  check(isOptionalFunction(read), 'read', 'a function', read)
  check(isOptionalFunction(fetch), 'fetch', 'a function', fetch)
}
