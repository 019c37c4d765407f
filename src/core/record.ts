/** The stored record: ordered by generation and version, so that of two writes the later always wins. */
import { decodeToken, isToken, readSubject, type TokenReading } from './tokens.js'
import type { Tokens } from './types.js'

const LARGEST_COUNT = 1e12

/** The version of the format that is read and written here. */
const FORMAT = 1

/** Older than any other. */
export const EMPTY: Tokens = Object.freeze({ format: FORMAT, generation: 0, version: 0, savedAt: 0 })

/** Whether another version of the package wrote it: tabs may run two versions at the same time. */
export function isForeign(value: unknown): boolean {
  const { format } = (value ?? {}) as { format?: unknown }
  return format !== undefined && format !== FORMAT
}

/** Whether the first record comes after the second. */
export function isNewer(record: Tokens, than: Tokens): boolean {
  return (
    record.generation > than.generation ||
    (record.generation === than.generation && record.version > than.version)
  )
}

/** Whether both came of the same record, so that nothing but chance orders them. */
export function isTwin(record: Tokens, other: Tokens): boolean {
  return record.generation === other.generation && Math.floor(record.version) === Math.floor(other.version)
}

/** The next generation or version. The random fraction decides between two tabs that count on at once. */
export function next(count: number): number {
  return Math.floor(count) + 1 + Math.random()
}

/** A version after this one, and before whatever `next` makes of it: what only notes something loses to new tokens. */
export function between(count: number): number {
  return count + (Math.floor(count) + 1 - count) * Math.random()
}

/** The circumstances of a token answer. */
export interface Arrival {
  readonly generation: number
  /** The record that the answer continues; empty at the start of a session. */
  readonly base: Partial<Tokens>
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
): Tokens {
  const { refreshLifetime } = reading
  // No word of a refresh token keeps the one there is (RFC 6749 section 6).
  const refreshToken = reading.refreshToken ?? base.refreshToken
  // Whether it ends when it did: nothing says otherwise, or it says so by itself.
  const isKept =
    base.savedAt !== undefined &&
    refreshToken === base.refreshToken &&
    (refreshLifetime === undefined || decodeToken(`${reading.refreshToken}`)?.exp !== undefined)
  const rest = isKept ? remaining : (refreshLifetime ?? Number.POSITIVE_INFINITY)
  const fields: { [Name in keyof Tokens]?: Tokens[Name] | undefined } = {
    generation,
    version: next(base.version ?? 0),
    savedAt,
    accessToken: reading.accessToken,
    refreshToken: cookie ? undefined : refreshToken,
    expiresAt: reading.lifetime && Math.round(savedAt + reading.lifetime),
    lifetime: reading.lifetime,
    refreshExpiresAt: rest < Number.POSITIVE_INFINITY ? Math.round(savedAt + rest) : undefined,
    refreshLifetime: isKept ? base.refreshLifetime : refreshLifetime,
    scope: reading.scope ?? base.scope,
    subject: reading.subject ?? base.subject,
  }
  return { ...EMPTY, ...withoutHoles(fields) }
}

/** The record without members that are undefined. */
export function withoutHoles(fields: { [Name in keyof Tokens]?: Tokens[Name] | undefined }): Tokens {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as unknown as Tokens
}

/** The user whom the record identifies. Undefined: unknown. */
export function subjectOf({ subject, accessToken }: Tokens): string | undefined {
  return readSubject(decodeToken(`${accessToken}`)) ?? subject
}

/** The record, or null when it is not one: garbage and other versions' records read as empty. */
export function parseRecord(value: unknown): Tokens | null {
  const record = value as Tokens | null | undefined
  if (!record || isForeign(record)) return null
  for (const name of ['generation', 'version', 'savedAt'] as const)
    if (!Number.isFinite(record[name])) return null
  // Beyond this they could not be counted on.
  if (record.generation > LARGEST_COUNT || record.version > LARGEST_COUNT) return null
  for (const name of [
    'expiresAt',
    'lifetime',
    'refreshExpiresAt',
    'refreshLifetime',
    'retryAt',
    'cooledAt',
    'failures',
  ] as const) {
    if (record[name] !== undefined && !Number.isFinite(record[name])) return null
  }
  for (const name of ['accessToken', 'refreshToken'] as const) {
    if (record[name] !== undefined && !isToken(record[name])) return null
  }
  // A reason that only a later version knows is one, too.
  if (record.ended !== undefined && !(isToken(record.ended) && record.ended.length < 40)) return null
  return record
}
