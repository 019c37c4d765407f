/** Reading the answers of the back end, by `AuthOptions.read` and the storage of the session. */
import { isText } from './check.js'
import { toFailure } from './failure.js'
import type { RefreshFunction, TokenResponse } from './types.js'
import { ignore, isPromise } from './waiting.js'

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
 * @param accessToken the token of an answer that has none in its body
 * @throws TypeError that keeps the answer for `classify`
 */
export function mapAnswer(read: Read | undefined, answer: unknown, accessToken?: string): TokenResponse {
  let mapped: unknown
  let cause: unknown
  try {
    mapped = read?.(answer as never)
  } catch (error) {
    cause = error
  }
  refusePromise(mapped, answer)
  if (hasAccessToken(mapped)) return mapped as TokenResponse
  // `read` may find a rotated refresh token, or rely on an access token that is not there.
  if (accessToken && !hasAccessToken(answer))
    return { ...(answer as object), ...(mapped as object), accessToken }
  if (!read || hasAccessToken(answer)) return answer as TokenResponse
  throw refusal(cause ? 'threw' : 'returned no access token', answer, cause)
}

/** @throws TypeError where `read` returned a promise: its tokens are needed at once */
export function refusePromise(mapped: unknown, answer: unknown): void {
  if (!isPromise(mapped)) return
  mapped.then(ignore, ignore)
  throw refusal('returned a promise', answer)
}

function refusal(deed: string, answer: unknown, cause?: unknown): unknown {
  return toFailure(new TypeError(`Not a token answer: \`read\` ${deed}`, { cause }), answer)
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
