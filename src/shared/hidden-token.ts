/** Answers of servers whose access token is a cookie. */
import { isRefusal, toFailure } from '../core/failure.js'
import { type NameToken, refusePromise } from '../core/read.js'
import type { TokenResponse } from '../core/types.js'

/**
 * The answer of a server whose access token is a cookie. A name takes the place of the token that no script sees, so that
 * the engine can tell one token from the next.
 * @throws TypeError for an answer that is not a success
 */
export const nameHiddenToken: NameToken = (read, given) => {
  refuseError(given)
  const mapped: unknown = read ? read(given as never) : given
  refusePromise(mapped, given)
  refuseError(mapped)
  const members: TokenResponse = Object(mapped)
  const { expires_in, expiresIn, expires_at, expiresAt, scope, id_token } = members
  const { refresh_expires_in, refresh_token_expires_in, refreshExpiresIn } = members
  return {
    access_token: `cookie-${Math.random()}`,
    ...{ expires_in, expiresIn, expires_at, expiresAt, scope, id_token },
    ...{ refresh_expires_in, refresh_token_expires_in, refreshExpiresIn },
  }
}

function refuseError(answer: unknown): void {
  // GraphQL lists its errors in an answer of 200.
  const { error, errors } = Object(answer)
  if (isRefusal(answer) || error || errors?.length)
    throw toFailure(new TypeError('Not a token answer: it is an error'), answer)
}
