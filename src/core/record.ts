/** The stored record: ordered by generation and version, so that of two writes the later always wins. */
import { decodeToken, isToken, readSubject } from './tokens.js'
import type { Credentials, SessionEndReason } from './types.js'

/**
 * The stored record: one JSON-serialisable value per session. Records are ordered by `generation`, then by
 * `version`, and a later one always wins, so that a late write of any tab loses. A record without
 * `accessToken` is a tombstone: the mark of a logout or of the end of a session in a shared storage.
 */
export interface SessionRecord {
  /** The version of this format. A record of another one reads as empty, and only a login or a logout replaces it. */
  readonly format?: number
  /** Which session: greater with every login and every end. */
  readonly generation: number
  /** Which tokens of the session: greater with every change. */
  readonly version: number
  readonly accessToken?: string
  readonly refreshToken?: string
  /** When the record was written, epoch milliseconds. A record from the future is not trusted. */
  readonly savedAt: number
  /** When the refresh that brought it was requested, epoch milliseconds. */
  readonly requestedAt?: number
  /** When the access token ends, epoch milliseconds. Absent: unknown, so only a 401 tells. */
  readonly expiresAt?: number
  /** Whole lifetime of the access token, milliseconds. */
  readonly lifetime?: number
  /** When the refresh token ends, epoch milliseconds. Absent: unknown. */
  readonly refreshExpiresAt?: number
  /** Whole lifetime of the refresh token, milliseconds. */
  readonly refreshLifetime?: number
  /** Granted scope (RFC 6749 section 3.3), where the server named one. */
  readonly scope?: string
  /** The user whom the `id_token` or an earlier access token identified, for access tokens that do not. */
  readonly subject?: string
  /** Failed refreshes in a row, shared by all tabs. */
  readonly failures?: number
  /** No refresh before this instant, epoch milliseconds, shared by all tabs. */
  readonly retryAt?: number
  /** When `retryAt` was written, epoch milliseconds. */
  readonly backoffAt?: number
  /** `retryAt` comes from the server's `Retry-After` or an open attempt: only a manual refresh may ignore the first. */
  readonly retryStrict?: boolean
  /** `retryAt` comes from an open attempt, which nothing may ignore. */
  readonly retryOpen?: boolean
  /** The page that failed last may try again until `retryAt`: the other tabs wait that long for its result. */
  readonly retrying?: boolean
  /** The session ends with its tab (`remember: false`), so the record lives in `sessionStorage`. */
  readonly tabOnly?: boolean
  /** Tombstones of a logout only: tokens that the server has not been told about, for a day at the most. */
  readonly revoke?: readonly Credentials[]
  /** Tombstones only: why the session ended. */
  readonly ended?: 'logout' | SessionEndReason
}

/** The object store of each database, and the key of the record in it. */
export const TABLE = 'tokens'
export const RECORD = 'record'

const LARGEST_COUNT = 1e12

/** The version of the format that is read and written here. */
const FORMAT = 1

/** Older than any other. */
export const EMPTY: SessionRecord = /* @__PURE__ */ Object.freeze({
  format: FORMAT,
  generation: 0,
  version: 0,
  savedAt: 0,
})

/** Whether another version of the package wrote it: tabs may run two versions at the same time. */
export function isOtherFormat(value: unknown): boolean {
  const { format } = (value ?? {}) as { format?: unknown }
  return format !== undefined && format !== FORMAT
}

/** The generation of a new session. It follows the clock, too: a page that knows no logout must not begin before one. */
export function generationAfter({ generation }: SessionRecord, now: number): number {
  return next(Math.max(generation, now / 1_000))
}

/** The generation of a cookie's session that a page has found: a login or logout of the same moment ends it. */
export function foundGeneration({ generation }: SessionRecord, now: number): number {
  return Math.max(next(generation), now / 1_000)
}

/** Whether the first record comes after the second. Of twins with one access token, the one that lets it live longer. */
export function isNewer(record: SessionRecord, than: SessionRecord): boolean {
  const { accessToken, expiresAt = Number.POSITIVE_INFINITY } = record
  const gain = expiresAt - (than.expiresAt ?? Number.POSITIVE_INFINITY)
  if (gain && accessToken && accessToken === than.accessToken && isTwin(record, than))
    // Stryker disable next-line EqualityOperator: it is not 0 here
    return gain > 0
  return (
    record.generation > than.generation ||
    (record.generation === than.generation && record.version > than.version)
  )
}

/** Whether both follow the same record, so that only the random fraction orders them. */
export function isTwin(record: SessionRecord, other: SessionRecord): boolean {
  return record.generation === other.generation && Math.floor(record.version) === Math.floor(other.version)
}

/** The next generation or version. The random fraction decides between two tabs that take it at the same time. */
export function next(count: number): number {
  return Math.floor(count) + 1 + Math.random()
}

/** A version after this one, and before any result of `next`: a record with a mere note loses to one with new tokens. */
export function between(count: number): number {
  return count + (Math.floor(count) + 1 - count) * Math.random()
}

/** The record without members that are undefined. */
export function withoutHoles(
  fields: { [Name in keyof SessionRecord]?: SessionRecord[Name] | undefined },
): SessionRecord {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as unknown as SessionRecord
}

/** The user whom the record identifies. Undefined: unknown. */
export function subjectOf({ subject, accessToken }: SessionRecord): string | undefined {
  return readSubject(decodeToken(`${accessToken}`)) ?? subject
}

/** Whether a storage of one page keeps the record: it has tokens, or the server must still be told about some. */
export function isWorthKeeping({ accessToken, revoke }: SessionRecord): boolean {
  return !!accessToken || !!revoke
}

function isCredentials(value: unknown): boolean {
  const { accessToken, refreshToken } = (value ?? {}) as Credentials
  return [accessToken, refreshToken].every(token => token === undefined || isToken(token))
}

/** The record, or null when it is not one: garbage and other versions' records read as empty. */
export function parseRecord(value: unknown): SessionRecord | null {
  const record = value as SessionRecord | null | undefined
  if (!record || isOtherFormat(record)) return null
  for (const name of ['generation', 'version', 'savedAt'] as const)
    if (!Number.isFinite(record[name])) return null
  // Beyond this a number could not be incremented safely.
  if (record.generation > LARGEST_COUNT || record.version > LARGEST_COUNT) return null
  for (const name of [
    'expiresAt',
    'lifetime',
    'refreshExpiresAt',
    'refreshLifetime',
    'retryAt',
    'requestedAt',
    'backoffAt',
    'failures',
  ] as const) {
    if (record[name] !== undefined && !Number.isFinite(record[name])) return null
  }
  for (const name of ['accessToken', 'refreshToken'] as const) {
    if (record[name] !== undefined && !isToken(record[name])) return null
  }
  // Stryker disable next-line ArrayDeclaration: a text in the list does no harm
  const { revoke = [] } = record
  if (!Array.isArray(revoke) || !revoke.every(isCredentials)) return null
  // An unknown reason, of a later version, is valid, too.
  if (record.ended !== undefined && !(isToken(record.ended) && record.ended.length < 40)) return null
  return record
}
