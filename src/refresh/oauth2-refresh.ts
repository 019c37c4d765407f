/** The `refresh_token` grant of OAuth 2.0 (RFC 6749 section 6), for a public client. */

import { check, isOptionalFunction, isText } from '../core/check.js'
import type { RefreshFunction } from '../core/types.js'
import { missingRefreshToken, requestTokens } from './request.js'

/** What `oauth2Refresh` takes. */
export interface OAuth2RefreshOptions {
  /** The token endpoint of the authorization server. */
  tokenEndpoint: string
  /** The public client's identifier; a browser holds no client secret. */
  clientId: string
  /** Must not exceed what was granted. `@default` the same scope as before (RFC 6749 section 6) */
  scope?: string | undefined
  /** `@default globalThis.fetch`, looked up at each call */
  fetch?: typeof fetch | undefined
}

/**
 * A `refresh` for an OAuth 2.0 or OpenID Connect server: form encoded, on `fetch`, so that it never passes
 * through an interceptor of ours.
 * @throws TypeError that names the option and what was wrong with it
 */
export function oauth2Refresh(options: OAuth2RefreshOptions): RefreshFunction {
  for (const name of ['tokenEndpoint', 'clientId'] as const)
    check(isText(options[name]), name, 'a non-empty string', options[name])
  const { tokenEndpoint: url, clientId, scope } = options
  check(scope === undefined || typeof scope === 'string', 'scope', 'a string', scope)
  check(isOptionalFunction(options.fetch), 'fetch', 'a function', options.fetch)
  return async ({ refreshToken, signal }) => {
    if (!refreshToken) throw missingRefreshToken()
    const fields = {
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: clientId,
      ...(scope && { scope }),
    }
    return requestTokens({
      url,
      headers: new Headers({ 'Content-Type': 'application/x-www-form-urlencoded' }),
      body: new URLSearchParams(fields).toString(),
      signal,
      fetch: options.fetch,
    })
  }
}
