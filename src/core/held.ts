/** The tokens in memory: the stored record, with its deadlines on the steady clock. */
import { type SessionRecord, subjectOf } from './record.js'
import { decodeToken, isOlder, type Predecessor, SKEW, type TokenReading } from './tokens.js'
import type { JwtClaims, Spread } from './types.js'

/** How far a record may lie in the future before its deadlines are distrusted: clocks of one device agree. */
const FUTURE = 2_000

/** How many tokens are remembered after their replacement. */
const EARLIER = 50

/** One access token and what is known of it. All instants are on the steady clock; Infinity: unknown. */
export interface Held {
  /** Replaced when only the cool-down of the record changes; the tokens in it stay. */
  tokens: SessionRecord
  readonly accessToken: string
  /** The same for all tokens of one session. */
  readonly session: object
  readonly claims: JwtClaims | undefined
  readonly arrivedAt: number
  /** From here on the token is dead. A 401 moves it to that moment. */
  endsAt: number
  refreshEndsAt: number
  /** The begin of the window. */
  windowAt: number
  /** When the timer refreshes ahead: the window's begin and a jitter that is drawn once. */
  timerAt: number
  /** The first instant that asks for more than handing out the token. */
  attentionAt: number
  /** The access tokens that the session has replaced, and the refresh tokens that it has spent, oldest first. */
  readonly earlier: ReadonlySet<string>
  readonly spent: ReadonlySet<string>
  /** A refresh after a 401 brought it, so another 401 may have nothing to do with the token. */
  readonly brought: boolean
  /** Some request was accepted with it. */
  proven: boolean
  /** A request was refused with it, and only a refresh helps: no request uses it any more. */
  rejected: boolean
  /** It was handed out at least once. */
  used: boolean
  /** A new pair was asked for, after the refresh token's end. */
  asked: boolean
  /** The timer has asked the server whether the session is over. */
  isSettling: boolean
  /** The tokens after these, while somebody waits for them: a burst waits as one. */
  successor: Promise<Held | undefined> | undefined
  /** `sessionExpiring` was delivered for this end of the session. */
  announced: boolean
}

export interface HoldOptions {
  /** Steady clock. */
  readonly now: number
  /** Wall clock, epoch milliseconds. */
  readonly wall: number
  /** Whether a dead access token can be replaced. */
  readonly renewable: boolean
  readonly brought: boolean
  readonly window: (lifetime: number) => number
  readonly spread: Spread | undefined
  /** The tokens before, of the same session. */
  readonly previous: Held | undefined
}

export function hold(
  tokens: SessionRecord,
  { now, wall, renewable, brought, window, spread, previous }: HoldOptions,
): Held {
  const { lifetime, savedAt } = tokens
  const age = wall - savedAt
  const replaced = previous?.tokens.refreshToken
  /** Where on the steady clock an instant of the record lies. */
  const locate = (instant: number | undefined): number =>
    instant === undefined ? Number.POSITIVE_INFINITY : now + (instant - savedAt) - Math.max(age, 0)
  // A record from the future says nothing of its age: as good as dead where it can be replaced.
  const endsAt = age < -FUTURE && renewable && tokens.expiresAt !== undefined ? now : locate(tokens.expiresAt)
  const refreshEndsAt = locate(tokens.refreshExpiresAt)
  const windowAt = lifetime ? endsAt - window(lifetime) : endsAt
  const begin = endsAt - (lifetime ?? 0)
  const timerAt =
    spread?.first(tokens.generation, begin, windowAt) ?? windowAt + (Math.random() / 4) * (endsAt - windowAt)
  return {
    tokens,
    accessToken: tokens.accessToken as string,
    session: previous?.session ?? {},
    claims: freeze(decodeToken(tokens.accessToken as string)),
    arrivedAt: now,
    endsAt,
    refreshEndsAt,
    windowAt,
    timerAt: Number.isFinite(endsAt) ? timerAt : endsAt,
    attentionAt: Math.min(windowAt, Number.isFinite(endsAt) ? timerAt : endsAt, refreshEndsAt),
    earlier: remember(previous?.earlier, previous?.accessToken),
    spent: remember(previous?.spent, replaced === tokens.refreshToken ? undefined : replaced),
    brought,
    proven: false,
    rejected: false,
    used: false,
    asked: false,
    isSettling: false,
    successor: undefined,
    // The same end of the session, give or take a rounding, is announced once.
    announced: !!previous?.announced && Math.abs(previous.refreshEndsAt - refreshEndsAt) < 1_000,
  }
}

/** The set with another token; of too many the oldest are forgotten. */
export function remember(
  tokens: ReadonlySet<string> | undefined,
  token: string | undefined,
): ReadonlySet<string> {
  const all = [...(tokens ?? []), ...(token ? [token] : [])]
  return new Set(all.slice(-EARLIER))
}

/** Whether the answer has nothing but the tokens in hand. */
export function isKnown(held: Held | undefined, { accessToken, refreshToken }: TokenReading): boolean {
  return (
    held?.accessToken === accessToken &&
    (refreshToken ?? held.tokens.refreshToken) === held.tokens.refreshToken
  )
}

/** Whether the access token was replaced earlier in the session, or was issued before the one in hand. */
export function isOutdated(held: Held, token: string, leeway = 0): boolean {
  return held.earlier.has(token) || isOlder(token, held.accessToken, leeway)
}

/**
 * The answer of a refresh, less what is older than the tokens in hand. One that is older as a whole is a copy from a
 * cache; a refresh token that the session never had proves that it is not, and in place of a dead token any will do.
 * @param isLate tokens came by another way meanwhile
 * @throws TypeError when nothing is left
 */
export function reconcile(held: Held, reading: TokenReading, isLate: boolean, now: number): TokenReading {
  const answer = withoutSpent(held, reading)
  const { refreshToken } = answer
  const leeway = now >= held.endsAt ? Number.POSITIVE_INFINITY : isLate ? 0 : SKEW
  if (!isOutdated(held, answer.accessToken, leeway)) return answer
  if (isLate) {
    const lifetime = held.endsAt < Number.POSITIVE_INFINITY ? held.endsAt - now : undefined
    return { ...answer, accessToken: held.accessToken, lifetime }
  }
  if (refreshToken && refreshToken !== held.tokens.refreshToken) return answer
  throw new TypeError('Not a token answer: the access token is older than the present one')
}

/** The answer without a refresh token that the session has replaced. */
export function withoutSpent({ spent }: Held, reading: TokenReading): TokenReading {
  const isSpent = spent.has(`${reading.refreshToken}`)
  return isSpent ? { ...reading, refreshToken: undefined, refreshLifetime: undefined } : reading
}

/** Whether the subject is known to be another user than that of the present session. */
export function isOfAnother(held: Held | undefined, subject: string | undefined): boolean {
  const present = held && subjectOf(held.tokens)
  return present !== undefined && subject !== undefined && present !== subject
}

/** Takes over a record with the same access token, perhaps with other deadlines. Whether that revived the token. */
export function prolong(held: Held, tokens: SessionRecord, options: HoldOptions): boolean {
  const { endsAt, rejected } = held
  const isMoved =
    tokens.expiresAt !== held.tokens.expiresAt || tokens.refreshExpiresAt !== held.tokens.refreshExpiresAt
  held.tokens = tokens
  if (isMoved) {
    const { refreshEndsAt, windowAt, timerAt, attentionAt, announced, ...next } = hold(tokens, options)
    Object.assign(held, { refreshEndsAt, windowAt, timerAt, announced, asked: false })
    if (!rejected) Object.assign(held, { endsAt: next.endsAt, attentionAt })
  }
  return endsAt <= options.now && held.endsAt > options.now
}

/** How long the refresh token has left, milliseconds, when an answer arrives now. Infinity: unknown. */
export function restOfRefresh(held: Held | undefined, now: number): number {
  // If the server has taken one that looked expired, its end was not what it seemed.
  const isUnknown = !held || now >= Math.max(held.endsAt, held.refreshEndsAt)
  return isUnknown ? Number.POSITIVE_INFINITY : held.refreshEndsAt - now
}

/** The token in hand, for comparison with an answer that arrives now. */
export function toPredecessor(held: Held | undefined, now: number): Predecessor | undefined {
  return held && { token: held.accessToken, remaining: held.endsAt - now }
}

/** Frozen as deep as claims go, however deep that is, for they are handed out. */
function freeze<T>(claims: T): T {
  const values: unknown[] = [claims]
  for (const value of values) {
    if (value && typeof value === 'object')
      for (const member of Object.values(Object.freeze(value))) values.push(member)
  }
  return claims
}
