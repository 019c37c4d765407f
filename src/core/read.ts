/** Reading the answers of the back end, by `AuthOptions.read` and the storage of the session. */
import { isText } from './check.js'
import { toFailure } from './failure.js'
import type { RefreshFunction, TokenResponse } from './types.js'
import { isPromise } from './waiting.js'

/** `AuthOptions.read`. */
export type Read = (answer: never) => TokenResponse

/** Names the access token of an answer that is a cookie, so that no script sees it. */
export type NameToken = (read: Read | undefined, answer: unknown) => TokenResponse

/** Whether the answer has an access token in a spelling that is known. The engine looks closer. */
export function hasAccessToken(answer: unknown): boolean {
  const { access_token, accessToken, access } = (answer ?? {}) as TokenResponse
  return isText(access_token ?? accessToken ?? access)
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
