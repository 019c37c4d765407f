/** The answers of the back end, as `AuthOptions.read` and the storage of the session say. */
import { toFailure } from './failure.js'
import type { RefreshFunction, TokenResponse } from './types.js'
import { isPromise } from './waiting.js'

type Read = (answer: never) => TokenResponse

/** Whether the answer has an access token in a spelling that is known. The engine looks closer. */
export function hasAccessToken(answer: unknown): boolean {
  const { access_token, access, accessToken } = (answer ?? {}) as TokenResponse
  return !!(access_token ?? access ?? accessToken)
}

/**
 * The answer as `read` maps it. An answer that is mapped already is accepted, too.
 * @throws TypeError that keeps the answer for `classify`
 */
export function mapAnswer(read: Read | undefined, answer: unknown): TokenResponse {
  if (!read) return answer as TokenResponse
  let mapped: unknown
  let cause: unknown
  try {
    mapped = read(answer as never)
  } catch (error) {
    cause = error
  }
  if (hasAccessToken(mapped)) return mapped as TokenResponse
  if (hasAccessToken(answer)) return answer as TokenResponse
  const kind = cause ? 'threw' : isPromise(mapped) ? 'returned a promise' : 'returned no access token'
  throw toFailure(new TypeError(`Not a token answer: \`read\` ${kind}`, { cause }), answer)
}

/**
 * The answer of a server whose access token is a cookie. A name takes the place of the token that no script sees, so that
 * the engine can tell one token from the next.
 * @throws TypeError for an answer that is no success
 */
export function nameHiddenToken(read: Read | undefined, given: unknown): TokenResponse {
  const answer: unknown = read ? read(given as never) : given
  const members = (answer && typeof answer === 'object' ? answer : {}) as TokenResponse & { error?: unknown }
  if (members.error || (answer instanceof Response && !answer.ok))
    throw toFailure(new TypeError('Not a token answer: it is an error'), answer)
  const { expires_in, expiresIn, expires_at, expiresAt, scope, id_token } = members
  const { refresh_expires_in, refresh_token_expires_in, refreshExpiresIn } = members
  return {
    access_token: `cookie-${Math.random().toString(36).slice(2)}`,
    ...{ expires_in, expiresIn, expires_at, expiresAt, scope, id_token },
    ...{ refresh_expires_in, refresh_token_expires_in, refreshExpiresIn },
  }
}

/** The refresh function with its answers read. It is called at once, so that its requests are recognised. */
export function withRead(
  refresh: RefreshFunction,
  read: (answer: unknown) => TokenResponse,
): RefreshFunction {
  return context => {
    const answer: unknown = refresh(context)
    return isPromise(answer) ? Promise.resolve(answer).then(read) : Promise.resolve(read(answer))
  }
}
