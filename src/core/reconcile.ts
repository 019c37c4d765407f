/** A token answer beside the current grant: which of its tokens are new, and of which user they are. */
import { type Grant, SAME_END } from './grant.js'
import { subjectOf } from './record.js'
import { isOlder, type Predecessor, SKEW, type TokenReading } from './tokens.js'

const NEVER = Number.POSITIVE_INFINITY

/** Whether the answer has only the tokens of the grant. */
export function isKnown(grant: Grant | undefined, { accessToken, refreshToken }: TokenReading): boolean {
  return (
    grant?.accessToken === accessToken &&
    (refreshToken ?? grant.record.refreshToken) === grant.record.refreshToken
  )
}

/** Whether the present access token has a later end, as in a session that each request extends. Of a burst, the first counts. */
export function isProlonged(
  { accessToken, claims, isRejected, statedEndsAt }: Grant,
  { accessToken: token, lifetime }: TokenReading,
  now: number,
): boolean {
  // An end that is in the token itself stays.
  if (isRejected || token !== accessToken || claims?.exp || !lifetime) return false
  return now + lifetime > statedEndsAt + SAME_END
}

/** Whether the session has replaced the access token, or it was issued before the current one, which a server may repeat. */
export function isOutdated(grant: Grant, token: string, leeway = 0): boolean {
  if (token === grant.accessToken) return false
  return grant.earlier.has(token) || isOlder(token, grant.accessToken, leeway)
}

/**
 * The answer of a refresh without the tokens that are older than the current ones. An answer that is older as a whole is
 * a copy from a cache. A refresh token that the session never had proves that it is not. In place of a dead token, any
 * token will do.
 * @param isLate other tokens came in the meantime
 * @throws TypeError when nothing is left
 */
export function reconcile(grant: Grant, reading: TokenReading, isLate: boolean, now: number): TokenReading {
  const answer = withoutSpent(grant, reading)
  const { refreshToken } = answer
  // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
  const leeway = now >= grant.endsAt ? NEVER : isLate ? 0 : SKEW
  if (!isOutdated(grant, answer.accessToken, leeway)) return answer
  if (isLate) {
    const lifetime = grant.endsAt < NEVER ? grant.endsAt - now : undefined
    return { ...answer, accessToken: grant.accessToken, lifetime }
  }
  if (refreshToken && refreshToken !== grant.record.refreshToken) return answer
  throw new TypeError('Not a token answer: the access token is older than the present one')
}

/** The answer without a refresh token that the session has replaced. */
export function withoutSpent({ spent }: Grant, reading: TokenReading): TokenReading {
  const isSpent = spent.has(`${reading.refreshToken}`)
  return isSpent ? { ...reading, refreshToken: undefined, refreshLifetime: undefined } : reading
}

/** Whether the subject is known to be another user than the one of the session. */
export function isOfAnother(grant: Grant | undefined, subject: string | undefined): boolean {
  const present = grant && subjectOf(grant.record)
  return present !== undefined && subject !== undefined && present !== subject
}

/** How long the refresh token has left, milliseconds, when an answer arrives now. Infinity: unknown. */
export function restOfRefresh(grant: Grant | undefined, now: number): number {
  // The server accepted a refresh token that looked expired, so its end is unknown.
  // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
  const isUnknown = !grant || now >= Math.max(grant.endsAt, grant.refreshEndsAt)
  return isUnknown ? NEVER : grant.refreshEndsAt - now
}

/** The current token, for comparison with an answer that arrives now. */
export function toPredecessor(grant: Grant | undefined, now: number): Predecessor | undefined {
  return grant && { token: grant.accessToken, remaining: grant.statedEndsAt - now }
}
