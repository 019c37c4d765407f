/** The refresh endpoint that most back ends of single-page applications have. */

import { check, isHeaderName, isOptionalFunction, isText } from '../core/check.js'
import { readCookie } from '../core/environment.js'
import type { RefreshFunction, TokenResponse } from '../core/types.js'
import { missingRefreshToken, requestTokens } from './request.js'

/** What `refreshRequest` takes. */
export interface RefreshRequestOptions {
  /** The refresh endpoint; relative to the page where there is one. Receives a POST. */
  url: string
  /**
   * How the refresh token travels: `'body'`: JSON, under `field`; `'header'`: `Authorization: Bearer <RT>`;
   * `'both'`: the access token in `Authorization`, the refresh token in the body; `'cookie'`: by the browser.
   * `@default 'body'`
   */
  send?: 'body' | 'header' | 'both' | 'cookie' | undefined
  /** Member of the JSON body that holds the refresh token. `@default 'refreshToken'` */
  field?: string | undefined
  /** Reads an unusual answer. `@default` the JSON body, or the `Authorization` header where it has no access token */
  read?: ((response: Response) => TokenResponse | Promise<TokenResponse>) | undefined
  /** Further request headers. */
  headers?: HeadersInit | undefined
  /** Copies a readable cookie into a header: the double-submit defence against CSRF. */
  csrf?: { cookie: string; header: string } | undefined
  /** `@default globalThis.fetch`, looked up at each call */
  fetch?: typeof fetch | undefined
}

/**
 * A `refresh` that posts to your own endpoint, on `fetch`, so that it never passes through an interceptor of ours.
 * @throws TypeError that names the option and what was wrong with it
 */
export function refreshRequest(options: RefreshRequestOptions): RefreshFunction {
  const { url, send = 'body', field = 'refreshToken', read, csrf } = options
  check(isText(url), 'url', 'the URL of the refresh endpoint', url)
  check(
    ['body', 'header', 'both', 'cookie'].includes(send),
    'send',
    "'body', 'header', 'both' or 'cookie'",
    send,
  )
  check(isText(field), 'field', 'a non-empty string', field)
  check(
    csrf === undefined || (isText(csrf?.cookie) && isHeaderName(csrf.header)),
    'csrf',
    'the names of a cookie and a header',
    csrf,
  )
  check(isOptionalFunction(read), 'read', 'a function', read)
  check(isOptionalFunction(options.fetch), 'fetch', 'a function', options.fetch)
  return async ({ refreshToken, accessToken, signal }) => {
    const inHeader = send === 'header' ? refreshToken : send === 'both' ? accessToken : undefined
    if (!refreshToken && (send === 'body' || send === 'header')) throw missingRefreshToken()
    const headers = new Headers(options.headers)
    const isBody = send === 'body' || send === 'both'
    if (inHeader) headers.set('Authorization', `Bearer ${inHeader}`)
    if (isBody) headers.set('Content-Type', 'application/json')
    if (csrf) headers.set(csrf.header, readCookie(csrf.cookie))
    return requestTokens({
      url,
      headers,
      signal,
      read,
      body: isBody ? JSON.stringify({ [field]: refreshToken }) : null,
      credentials: send === 'cookie' ? 'include' : undefined,
      forbidden: csrf && 'misconfigured',
      fetch: options.fetch,
    })
  }
}
