/** A grant: one access token with its deadlines and its outcome. */
import type { SessionRecord } from './record.js'
import { decodeToken } from './tokens.js'
import type { JwtClaims, Spread } from './types.js'

const NEVER = Number.POSITIVE_INFINITY
/** A record may be this far in the future, milliseconds. The clocks of one device agree. */
const FUTURE_TOLERANCE = 2_000
/** Two ends of a token that lie closer together than this are one end, rounded. Milliseconds. */
export const SAME_END = 1_000
/** How many tokens are remembered after their replacement. */
const REMEMBERED = 50

/** All instants are on the steady clock, milliseconds. Infinity: unknown. */
export interface Grant {
  /** The stored record. Replaced when only the back-off in it changes; the tokens in it stay. */
  record: SessionRecord
  readonly accessToken: string
  /** Identifies the session. Each grant passes it on to the next one. */
  readonly session: object
  readonly claims: JwtClaims | undefined
  readonly arrivedAt: number
  /** The token is dead from here on. A 401 brings this forward. */
  endsAt: number
  /** The end that the server gave the token. A 401 does not change it. */
  statedEndsAt: number
  refreshEndsAt: number
  /** Start of the window. */
  windowAt: number
  /** When the timer refreshes ahead: the start of the window and a jitter that is drawn once. */
  timerAt: number
  /** The first instant at which handing out the token is not enough. */
  attentionAt: number
  /** The access tokens that the session has replaced, and the refresh tokens that it has spent, oldest first. */
  readonly earlier: ReadonlySet<string>
  readonly spent: ReadonlySet<string>
  /** A refresh after a 401 brought it, so another 401 may have nothing to do with the token. */
  readonly fromRejection: boolean
  /** A request has succeeded with it. */
  accepted: boolean
  /** A 401 has rejected it: no request uses it any more. */
  isRejected: boolean
  /** It was handed out at least once. */
  used: boolean
  /** The refresh token looks expired, and the server was asked for a new pair. */
  renewalAttempted: boolean
  /** The timer has asked the server about this grant. */
  endAttempted: boolean
  /** The grant after this one, while a call waits for it: all calls share one promise. */
  successor: Promise<Grant | undefined> | undefined
  /** `sessionExpiring` was emitted for this end of the session. */
  noticeSent: boolean
}

export interface GrantContext {
  /** Steady clock. */
  readonly now: number
  /** Wall clock, epoch milliseconds. */
  readonly wall: number
  /** Whether a dead access token can be replaced. */
  readonly isRenewable: boolean
  readonly fromRejection: boolean
  readonly window: (lifetime: number) => number
  readonly spread: Spread | undefined
  /** The grant before, of the same session. */
  readonly previous: Grant | undefined
}

export function createGrant(record: SessionRecord, context: GrantContext): Grant {
  const { now, previous } = context
  const { refreshToken } = record
  const accessToken = record.accessToken as string
  const replaced = previous?.record.refreshToken
  const deadlines = findDeadlines(record, context)
  const { refreshEndsAt } = deadlines
  return {
    ...deadlines,
    record,
    accessToken,
    session: previous?.session ?? {},
    claims: freeze(decodeToken(accessToken)),
    arrivedAt: now,
    earlier: remember(previous?.earlier, previous?.accessToken),
    spent: remember(previous?.spent, replaced === refreshToken ? undefined : replaced),
    fromRejection: context.fromRejection,
    accepted: false,
    isRejected: false,
    used: false,
    renewalAttempted: false,
    endAttempted: false,
    successor: undefined,
    noticeSent: !!previous?.noticeSent && Math.abs(previous.refreshEndsAt - refreshEndsAt) < SAME_END,
  }
}

type Deadlines = Pick<
  Grant,
  'endsAt' | 'statedEndsAt' | 'refreshEndsAt' | 'windowAt' | 'timerAt' | 'attentionAt'
>

function findDeadlines(
  { lifetime, savedAt, expiresAt, refreshExpiresAt, generation }: SessionRecord,
  { now, wall, isRenewable, window, spread }: GrantContext,
): Deadlines {
  const age = wall - savedAt
  /** The instant of the record on the steady clock. */
  const locate = (instant: number | undefined): number =>
    instant === undefined ? NEVER : now + (instant - savedAt) - Math.max(age, 0)
  // The age of a record from the future is unknown: it counts as dead if it can be replaced.
  const isDistrusted = age < -FUTURE_TOLERANCE && isRenewable && expiresAt !== undefined
  const statedEndsAt = locate(expiresAt)
  const endsAt = isDistrusted ? now : statedEndsAt
  const refreshEndsAt = locate(refreshExpiresAt)
  const windowAt = lifetime ? endsAt - window(lifetime) : endsAt
  const drawn = spread?.first(generation, endsAt - (lifetime ?? 0), windowAt)
  const timerAt = endsAt < NEVER ? (drawn ?? windowAt + (Math.random() / 4) * (endsAt - windowAt)) : NEVER
  return {
    endsAt,
    statedEndsAt,
    refreshEndsAt,
    windowAt,
    timerAt,
    attentionAt: Math.min(windowAt, timerAt, refreshEndsAt),
  }
}

/** The set with another token. If there are too many, the oldest are removed. */
export function remember(
  tokens: ReadonlySet<string> | undefined,
  token: string | undefined,
): ReadonlySet<string> {
  const all = [...(tokens ?? []), ...(token ? [token] : [])]
  return new Set(all.slice(-REMEMBERED))
}

/** Adopts a record with the same access token, perhaps with other deadlines. Returns whether the token is good again. */
export function prolong(grant: Grant, record: SessionRecord, context: GrantContext): boolean {
  const { record: before, endsAt, isRejected } = grant
  const isMoved = record.expiresAt !== before.expiresAt || record.refreshExpiresAt !== before.refreshExpiresAt
  grant.record = record
  if (isMoved) {
    const { endsAt: next, attentionAt, ...deadlines } = findDeadlines(record, context)
    const noticeSent = grant.noticeSent && Math.abs(grant.refreshEndsAt - deadlines.refreshEndsAt) < SAME_END
    Object.assign(grant, deadlines, { noticeSent, renewalAttempted: false })
    if (!isRejected) Object.assign(grant, { endsAt: next, attentionAt })
  }
  // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
  return endsAt <= context.now && grant.endsAt > context.now
}

/** Claims are handed out, so they are frozen at every depth. */
function freeze<T>(claims: T): T {
  const values: unknown[] = [claims]
  for (const value of values) {
    if (value && typeof value === 'object')
      for (const member of Object.values(Object.freeze(value))) values.push(member)
  }
  return claims
}
