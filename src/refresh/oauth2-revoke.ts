/** Token revocation (RFC 7009), for a public client. */

import { check, isOptionalFunction, isText, ownOptions } from '../core/check.js'
import { mark } from '../core/preset.js'
import type { LogoutContext } from '../core/types.js'
import { atMost } from '../core/waiting.js'
import { type Advice, request } from './request.js'

/** The second revocation waits this long for the first one, milliseconds. */
const HEAD_START = 1_000

/** The options of `oauth2Revoke`. */
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
 * access tokens (`unsupported_token_type`, RFC 7009 section 2.2.1), which is not a failure.
 * @throws TypeError that names the option and its mistake
 */
export function oauth2Revoke(given: OAuth2RevokeOptions): (context: LogoutContext) => Promise<void> {
  const options = ownOptions(given, 'oauth2Revoke', { endpoint: 1, clientId: 1, fetch: 1 })
  for (const name of ['endpoint', 'clientId'] as const)
    check(isText(options[name]), name, 'a non-empty string', options[name])
  const { endpoint: url, clientId } = options
  check(isOptionalFunction(options.fetch), 'fetch', 'a function', options.fetch)
  const logout = async ({ refreshToken, accessToken, signal }: LogoutContext): Promise<void> => {
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
    // One after the other: two at once meet on the same rows, and django-oauth-toolkit answers 500. Neither a failure of the
    // first nor a server that is slow keeps the other from being sent.
    const first = revoke(refreshToken, 'refresh_token')
    await atMost(first, HEAD_START)
    const outcomes = await Promise.allSettled([first, revoke(accessToken, 'access_token')])
    for (const outcome of outcomes)
      if (outcome.status === 'rejected' && outcome.reason?.error !== 'unsupported_token_type')
        throw outcome.reason
  }
  return mark(logout, { address: url })
}
