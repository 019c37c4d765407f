/** Reading `WWW-Authenticate` (RFC 9110 section 11.6.1). */

import { hide } from '../core/errors.js'
import type { AuthEvents } from '../core/types.js'

/** One challenge of an answer. A server that names no scheme gives an empty one. */
export interface Challenge {
  readonly scheme: string
  /** By their names in lower case, unquoted. */
  readonly params: ReadonlyMap<string, string>
}

/**
 * A comma, a token, `token=value`, `token="value"` or a quoted string. Every prefix of a match is a match, so the
 * time is linear in the length of the text.
 */
const PART =
  // Stryker disable next-line Regex: it is made while the module loads, before the run switches a mutant on
  /,|([\w!#$%&'*+.^`|~-]+)(?:\s*(=)\s*(?:"((?:[^"\\]|\\[\s\S])*)"?|([^\s,"]*)))?|"(?:[^"\\]|\\[\s\S])*"?/g

/** The challenges of a header, in their order. Text that belongs to none is left out. */
export function readChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = []
  let params: Map<string, string> | undefined
  const add = (scheme: string): Map<string, string> => {
    const added = new Map<string, string>()
    challenges.push({ scheme, params: added })
    return added
  }
  let isFirst = true
  for (const [part, name, equals, quoted, plain] of header.matchAll(PART)) {
    if (name && equals) {
      params ??= add('')
      const key = name.toLowerCase()
      if (!params.has(key)) params.set(key, `${quoted?.replace(/\\([\s\S])/g, '$1') ?? plain}`)
    } else if (name && isFirst) params = add(name)
    // A token that follows a scheme is its token68.
    isFirst = part === ','
  }
  return challenges
}

/**
 * The challenge that a new token of the same kind would not meet: of the token's own scheme with another error than
 * `invalid_token` (RFC 6750 section 3.1, RFC 9470 section 3), or of other schemes alone.
 * @param isOwn whether tokens of the session travel in the scheme, which is in lower case
 */
export function findUnmet(
  challenges: readonly Challenge[],
  isOwn: (scheme: string) => boolean,
): Challenge | undefined {
  const own = challenges.filter(({ scheme }) => !scheme || isOwn(scheme.toLowerCase()))
  const error = ({ params }: Challenge): string => params.get('error') ?? ''
  const isUnmet = (challenge: Challenge): boolean => !/^(invalid_token)?$/i.test(error(challenge))
  return own.length ? own.find(isUnmet) : (challenges.find(error) ?? challenges[0])
}

/** Sets it on an answer or an error, as a property that serialisers skip. */
export function noteChallenge(outcome: unknown, challenge: AuthEvents['challenge']): void {
  hide(outcome as object, 'challenge', challenge)
}

/**
 * The challenge of a 401 that no refresh can meet, as the event `challenge` tells it: of the `Response` of `authFetch`, of
 * the error of an axios call, or of its answer. They have it as their property `challenge`, too. Undefined: no such challenge.
 */
export function challengeOf(outcome: unknown): AuthEvents['challenge'] | undefined {
  return (outcome as { challenge?: AuthEvents['challenge'] } | null | undefined)?.challenge
}

/** Its description in the event `challenge`. */
export function describeChallenge({ scheme, params }: Challenge): AuthEvents['challenge'] {
  const error = params.get('error')
  const acrValues = params.get('acr_values')?.split(/\s/).filter(Boolean)
  const maxAge = `${params.get('max_age')}`
  return {
    status: 401,
    scheme: scheme || 'Bearer',
    ...(error && { error }),
    ...(acrValues?.length && { acrValues }),
    ...(/^\d{1,12}$/.test(maxAge) && { maxAge: Number(maxAge) * 1000 }),
  }
}
