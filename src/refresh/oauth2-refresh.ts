/** The `refresh_token` grant of OAuth 2.0 (RFC 6749 section 6), for a public client. */

import { check, isOptionalFunction, isText, kindOf, ownOptions } from '../core/check.js'
import { createPreset, type SessionMode } from '../core/preset.js'
import type { RefreshFunction } from '../core/types.js'
import { type Advice, missingToken, requestTokens } from './request.js'

/** The options of `oauth2Refresh`. */
export interface OAuth2RefreshOptions {
  /** The token endpoint of the authorization server. */
  tokenEndpoint: string
  /** The public client's identifier; a browser holds no client secret. */
  clientId: string
  /** Must not exceed the scope of the login. `@default` the same scope as before (RFC 6749 section 6) */
  scope?: string | undefined
  /** Further request headers. */
  headers?: HeadersInit | undefined
  /** Further form fields, such as `audience` or `resource` (RFC 8707). Those of the grant win. */
  params?: Readonly<Record<string, string>> | undefined
  /** `@default globalThis.fetch`, looked up at each call */
  fetch?: typeof fetch | undefined
}

const advice: Readonly<Advice> = {
  address: 'tokenEndpoint',
  request: '`clientId`, `scope` and `params`',
  answer: '`tokenEndpoint` is no token endpoint (RFC 6749 section 5.1)',
}

/**
 * A `refresh` for an OAuth 2.0 or OpenID Connect server: form encoded, on `fetch`, so that it never passes
 * through an interceptor of ours.
 * @throws TypeError that names the option and its mistake
 */
export function oauth2Refresh(given: OAuth2RefreshOptions): RefreshFunction {
  const options = ownOptions(given, 'oauth2Refresh', optionNames)
  for (const name of ['tokenEndpoint', 'clientId'] as const)
    check(isText(options[name]), name, 'a non-empty string', options[name])
  const { tokenEndpoint: url, clientId, scope, params, headers: further = {} } = options
  check(further && typeof further === 'object', 'headers', 'an object of headers', kindOf(further))
  check(scope === undefined || typeof scope === 'string', 'scope', 'a string', scope)
  check(
    params === undefined ||
      (params &&
        typeof params === 'object' &&
        Object.values(params).every(value => typeof value === 'string')),
    'params',
    'an object of strings',
    kindOf(params),
  )
  check(isOptionalFunction(options.fetch), 'fetch', 'a function', options.fetch)
  const adapt =
    (mode: SessionMode): RefreshFunction =>
    async ({ refreshToken, signal }) => {
      if (!refreshToken) throw missingToken('refresh')
      const fields = {
        ...params,
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        client_id: clientId,
        ...(scope && { scope }),
      }
      const headers = new Headers(options.headers)
      headers.set('Content-Type', 'application/x-www-form-urlencoded')
      return requestTokens({
        url,
        headers,
        body: new URLSearchParams(fields).toString(),
        signal,
        advice,
        mode,
        fetch: options.fetch,
      })
    }
  return createPreset({ address: url, place: 'storage', adapt })
}

const optionNames: Readonly<Record<keyof OAuth2RefreshOptions, 1>> = {
  tokenEndpoint: 1,
  clientId: 1,
  scope: 1,
  headers: 1,
  params: 1,
  fetch: 1,
}
