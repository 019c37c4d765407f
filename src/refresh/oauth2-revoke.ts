/** Token revocation (RFC 7009), for a public client. */

import { check, isOptionalFunction, isText, ownOptions } from '../core/check.js'
import type { LogoutContext } from '../core/types.js'
import { type Advice, request } from './request.js'

/** What `oauth2Revoke` takes. */
export interface OAuth2RevokeOptions {
  /** The revocation endpoint of the authorization server. */
  endpoint: string
  /** The public client's identifier. */
  clientId: string
  /** `@default globalThis.fetch`, looked up at each call */
  fetch?: typeof fetch | undefined
}

const advice: Readonly<Advice> = { address: 'endpoint', request: '`clientId`', answer: '' }

/**
 * A `logout` that revokes the refresh token and the access token, form encoded, on `fetch`. Some servers revoke no
 * access tokens (`unsupported_token_type`, RFC 7009 section 2.2.1), which is no failure.
 * @throws TypeError that names the option and what was wrong with it
 */
export function oauth2Revoke(given: OAuth2RevokeOptions): (context: LogoutContext) => Promise<void> {
  const options = ownOptions(given, 'oauth2Revoke', { endpoint: 1, clientId: 1, fetch: 1 })
  for (const name of ['endpoint', 'clientId'] as const)
    check(isText(options[name]), name, 'a non-empty string', options[name])
  const { endpoint: url, clientId } = options
  check(isOptionalFunction(options.fetch), 'fetch', 'a function', options.fetch)
  return async ({ refreshToken, accessToken, signal }) => {
    const revoke = async (token: string | undefined, type: string): Promise<void> => {
      if (!token) return
      const fields = { token, token_type_hint: type, client_id: clientId }
      const headers = new Headers({ 'Content-Type': 'application/x-www-form-urlencoded' })
      const body = new URLSearchParams(fields).toString()
      await request({
        url,
        endpoint: 'revocation',
        headers,
        body,
        signal,
        advice,
        // A logout often leads to another page.
        keepalive: true,
        fetch: options.fetch,
      })
    }
    // The failure of one does not keep the other from being sent.
    const outcomes = await Promise.allSettled([
      revoke(refreshToken, 'refresh_token'),
      revoke(accessToken, 'access_token'),
    ])
    for (const outcome of outcomes)
      if (outcome.status === 'rejected' && outcome.reason?.error !== 'unsupported_token_type')
        throw outcome.reason
  }
}
