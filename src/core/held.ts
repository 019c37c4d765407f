/** The tokens in memory: the stored record, with its deadlines on the steady clock. */
import { decodeToken, type Predecessor } from './tokens.js'
import type { JwtClaims, Tokens } from './types.js'

/** How far a record may lie in the future before its deadlines are distrusted: clocks of one device agree. */
const FUTURE = 2_000

/** How many earlier access tokens of a session are recognised in a left-over header. */
const EARLIER = 20

/** A beat that comes sooner after new tokens than this is left out, milliseconds. */
const SHORTEST_BEAT = 1_000

/** One access token and what is known of it. All instants are on the steady clock; Infinity: unknown. */
export interface Held {
  /** Replaced when only the cool-down of the record changes; the tokens in it stay. */
  tokens: Tokens
  readonly accessToken: string
  /** The same for all tokens of one session. */
  readonly session: object
  /** The last access tokens of the session before this one, the newest first. */
  readonly earlier: readonly string[]
  readonly claims: JwtClaims | undefined
  readonly arrivedAt: number
  /** From here on the token is dead. */
  endsAt: number
  readonly refreshEndsAt: number
  /** The begin of the window. */
  readonly windowAt: number
  /** When the timer refreshes ahead: the window's begin and a jitter that is drawn once. */
  readonly timerAt: number
  /** The first instant that asks for more than handing out the token. */
  readonly attentionAt: number
  /** A refresh after a 401 brought it, so another 401 may have nothing to do with the token. */
  readonly brought: boolean
  /** Some request was accepted with it. */
  proven: boolean
  /** It was handed out at least once. */
  used: boolean
  /** A new pair was asked for, after the refresh token's end. */
  asked: boolean
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
  /** Refresh on the session's own beat, anywhere in the lifetime. */
  readonly spread: boolean
  /** The tokens before, of the same session. */
  readonly previous: Held | undefined
}

export function hold(
  tokens: Tokens,
  { now, wall, renewable, brought, window, spread, previous }: HoldOptions,
): Held {
  const { lifetime, savedAt } = tokens
  const age = wall - savedAt
  /** Where on the steady clock an instant of the record lies. */
  const locate = (instant: number | undefined): number =>
    instant === undefined ? Number.POSITIVE_INFINITY : now + (instant - savedAt) - Math.max(age, 0)
  // A record from the future says nothing of its age: as good as dead where it can be replaced.
  const endsAt = age < -FUTURE && renewable && tokens.expiresAt !== undefined ? now : locate(tokens.expiresAt)
  const refreshEndsAt = locate(tokens.refreshExpiresAt)
  const windowAt = lifetime ? endsAt - window(lifetime) : endsAt
  const begin = endsAt - (lifetime ?? 0)
  const period = windowAt - begin
  const timerAt =
    spread && period > 0
      ? begin + beat(tokens.generation, begin, period)
      : windowAt + (Math.random() / 4) * (endsAt - windowAt)
  return {
    tokens,
    accessToken: tokens.accessToken as string,
    session: previous?.session ?? {},
    earlier: previous ? [previous.accessToken, ...previous.earlier].slice(0, EARLIER) : [],
    claims: freeze(decodeToken(tokens.accessToken as string)),
    arrivedAt: now,
    endsAt,
    refreshEndsAt,
    windowAt,
    timerAt: Number.isFinite(endsAt) ? timerAt : endsAt,
    attentionAt: Math.min(windowAt, Number.isFinite(endsAt) ? timerAt : endsAt, refreshEndsAt),
    brought,
    proven: false,
    used: false,
    asked: false,
    successor: undefined,
    // The same end of the session, give or take a rounding, is announced once.
    announced: !!previous?.announced && Math.abs(previous.refreshEndsAt - refreshEndsAt) < 1_000,
  }
}

/** The token in hand, for comparison with an answer that arrives now. */
export function toPredecessor(held: Held | undefined, now: number): Predecessor | undefined {
  return held && { token: held.accessToken, remaining: held.endsAt - now }
}

/**
 * How long after its tokens came a session refreshes with `spread`: on a beat of its own that goes on for as long as it
 * lives. The generation is the second of the login and a random fraction; the fraction is the phase, the same in every
 * tab. Whatever put a fleet in step, a login or an outage, it is out of step again at once.
 */
function beat(generation: number, begin: number, period: number): number {
  const login = (Math.floor(generation) - 1) * 1_000
  const beats = generation - Math.floor(generation) - (begin - login) / period
  const rest = period * (beats - Math.floor(beats))
  return rest < SHORTEST_BEAT ? period : rest
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
