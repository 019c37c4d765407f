/** The record of a token answer. */
import { EMPTY, next, type SessionRecord, withoutHoles } from './record.js'
import { decodeToken, type TokenReading } from './tokens.js'

/** The circumstances of a token answer. */
export interface Arrival {
  readonly generation: number
  /** The record that the answer continues; empty at the start of a session. */
  readonly base: Partial<SessionRecord>
  /** How long the refresh token of the base has left, milliseconds. Infinity: unknown. */
  readonly remaining: number
  /** Wall clock, epoch milliseconds. */
  readonly savedAt: number
  /** Whether the refresh token is a cookie, which no record holds. */
  readonly cookie: boolean
}

/** The record of a token answer. */
export function toRecord(
  reading: TokenReading,
  { generation, base, remaining, savedAt, cookie }: Arrival,
): SessionRecord {
  const { refreshLifetime } = reading
  // Without a refresh token in the answer the current one stays (RFC 6749 section 6).
  const refreshToken = reading.refreshToken ?? base.refreshToken
  // The end of the refresh token stays: the answer states no other end, or the token itself contains it.
  const isKept =
    base.savedAt !== undefined &&
    refreshToken === base.refreshToken &&
    (refreshLifetime === undefined || decodeToken(`${reading.refreshToken}`)?.exp !== undefined)
  const rest = isKept ? remaining : (refreshLifetime ?? Number.POSITIVE_INFINITY)
  const fields: { [Name in keyof SessionRecord]?: SessionRecord[Name] | undefined } = {
    generation,
    version: next(base.version ?? 0),
    savedAt,
    requestedAt: reading.requestedAt,
    accessToken: reading.accessToken,
    refreshToken: cookie ? undefined : refreshToken,
    expiresAt: reading.lifetime && Math.round(savedAt + reading.lifetime),
    lifetime: reading.lifetime,
    refreshExpiresAt: rest < Number.POSITIVE_INFINITY ? Math.round(savedAt + rest) : undefined,
    refreshLifetime: isKept ? base.refreshLifetime : refreshLifetime,
    scope: reading.scope ?? base.scope,
    subject: reading.subject ?? base.subject,
    tabOnly: base.tabOnly,
  }
  return { ...EMPTY, ...withoutHoles(fields) }
}
