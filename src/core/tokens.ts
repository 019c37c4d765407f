/** Reading a token answer and a JWT. */
import { jwtDecode } from 'jwt-decode'
import { kindOf } from './check.js'
import { readEnd, readInstant, readSeconds, smallest } from './instants.js'
import type { JwtClaims, TokenResponse } from './types.js'

/** A later arrival than this, milliseconds, is not only the network and the whole seconds of a NumericDate. */
const LATE = 2_000

/** How far the clocks of the servers of one service may lie apart, milliseconds. */
export const SKEW = 5_000

/** A token answer, read. Durations are milliseconds. */
export interface TokenReading {
  readonly accessToken: string
  readonly refreshToken: string | undefined
  /** Undefined: unknown. */
  readonly lifetime: number | undefined
  /** Undefined: unknown. */
  readonly refreshLifetime: number | undefined
  readonly scope: string | undefined
  /** The user whom the tokens identify. Undefined: unknown. */
  readonly subject: string | undefined
  /** When a refresh asked for it, epoch milliseconds. */
  readonly requestedAt?: number
  /** One sentence for each oddity of the answer. */
  readonly warnings: readonly string[]
}

/** A token of the present session, for comparison with its successor. */
export interface Predecessor {
  readonly token: string
  /** How long it has left, milliseconds. */
  readonly remaining: number
}

/** The payload of a JWT, or undefined when it is not one. Never throws, verifies nothing (RFC 7519 section 7.2). */
export function decodeToken<Claims = JwtClaims>(token: string): Claims | undefined {
  try {
    const claims: unknown = jwtDecode(token)
    if (claims && typeof claims === 'object' && !Array.isArray(claims)) return claims as Claims
  } catch {
    // Not a JWT.
  }
  return undefined
}

/** Whether the value can travel in a header: a non-empty string without white space or control characters. */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[!-~]+$/.test(value)
}

/** The subject of the claims (RFC 7519 section 4.1.2) as a string, because some servers use numbers. Undefined: unknown. */
export function readSubject(claims: JwtClaims | undefined): string | undefined {
  const subject: unknown = claims?.sub
  return subject === undefined || subject === '' || typeof subject === 'object' ? undefined : String(subject)
}

/** Whether the token was issued before the other one or, where the issue times do not tell, ends before it. */
export function isOlder(token: string, other: string, leeway = 0): boolean {
  const [mine, theirs] = [decodeToken(token), decodeToken(other)]
  const [issuedAt, before] = [readIssueTime(mine), readIssueTime(theirs)]
  const isTold = issuedAt < before || issuedAt > before
  return isTold ? issuedAt < before - leeway : readInstant(mine?.exp) < readInstant(theirs?.exp) - leeway
}

/**
 * Reads the answer of a login or a refresh.
 * @param now wall clock, epoch milliseconds
 * @param previous the access token that the answer replaces, if it belongs to the same session
 * @param isBound whether the session has a key that its tokens are bound to
 * @throws TypeError that names the mistake, without any token
 */
export function readAnswer(
  answer: TokenResponse,
  now: number,
  previous?: Predecessor,
  isBound?: boolean,
): TokenReading {
  if (!answer || typeof answer !== 'object') throw new TypeError(`Not a token answer: ${kindOf(answer)}`)
  const accessToken = answer.access_token ?? answer.accessToken ?? answer.access
  const refreshToken = answer.refresh_token ?? answer.refreshToken ?? answer.refresh
  const type = answer.token_type ?? answer.tokenType
  const refuse = (name: string, value: unknown): TypeError =>
    new TypeError(
      `Not a token answer: ${name} must be a string without white space or control characters, got ${describe(value)}; members: ${Object.keys(answer).filter(name => /^[a-z_]{1,24}$/i.test(name))}`,
    )
  if (!isToken(accessToken)) throw refuse('access_token', accessToken)
  if (refreshToken && !isToken(refreshToken)) throw refuse('refresh_token', refreshToken)
  const kind = typeof type === 'string' ? /^\s*(bearer|jwt|(dpop))\s*$/i.exec(type) : null
  if ((type && !kind) || (kind?.[2] && !isBound))
    throw new TypeError(`Not a token answer: token_type must be ${isBound ? 'DPoP' : 'Bearer'}`)
  const warnings: string[] = []
  if (isBound && kind && !kind[2])
    warnings.push('token_type of the answer is not DPoP: the token may not be bound to the key')
  const seconds = readSeconds('expires_in', answer.expires_in ?? answer.expiresIn, warnings)
  const end = readEnd(answer.expires_at ?? answer.expiresAt, warnings)
  const refreshSeconds = readSeconds(
    'refresh_expires_in',
    answer.refresh_expires_in ?? answer.refresh_token_expires_in ?? answer.refreshExpiresIn,
    warnings,
  )
  const [lifetime, warning] = readLifetime(accessToken, [seconds, end - now], now, previous)
  if (warning) warnings.push(warning)
  return {
    accessToken,
    refreshToken: refreshToken || undefined,
    lifetime,
    refreshLifetime: readLifetime(`${refreshToken}`, [refreshSeconds], now)[0],
    scope: typeof answer.scope === 'string' ? answer.scope : undefined,
    subject: readSubject(decodeToken(accessToken)) ?? readSubject(decodeToken(`${answer.id_token}`)),
    warnings,
  }
}

/**
 * The lifetime in milliseconds: the smallest positive value of the JWT's own `exp - iat` and the answer's. Without
 * either it is `exp` against the wall clock, unless the token would be dead on arrival, which means a wrong clock.
 * Some servers take `iat` from the token before, or from the refresh token, whose own may be that of the grant before
 * (simplejwt). Then it is no issue time: both the device clock and the token before put the end earlier.
 * `nbf` replaces an `iat` that is missing.
 * @param stated the values of the answer, milliseconds; NaN and values below zero are unknown
 */
function readLifetime(
  token: string,
  stated: readonly number[],
  now: number,
  previous?: Predecessor,
): [lifetime: number | undefined, warning: string | undefined] {
  const claims = decodeToken(token) ?? {}
  const before = previous && decodeToken(previous.token)
  const [exp, issuedAt] = [readInstant(claims.exp), readIssueTime(claims)]
  const span = exp - issuedAt
  const later = exp - readInstant(before?.exp)
  const rest = later + (previous?.remaining ?? 0)
  const left = later ? Math.max(exp - now, rest) : rest
  const isCopied = left > 0 && (issuedAt === readIssueTime(before) || span - left > LATE)
  const lifetime = smallest(isCopied ? left : span, ...stated) ?? smallest(exp - now)
  return [
    lifetime,
    exp > 0 && exp === claims.exp
      ? 'exp of the access token is in milliseconds; taken as such'
      : claims.exp !== undefined && !(span > 0 && lifetime) && !smallest(...stated)
        ? `exp of the access token makes no sense${lifetime ? ' without iat; counted on the device clock' : '; only a 401 will tell its end'}`
        : undefined,
  ]
}

function readIssueTime(claims: JwtClaims | undefined): number {
  return readInstant(claims?.iat ?? claims?.['nbf'])
}

/** The kind of a value, without its contents. */
function describe(value: unknown): string {
  return value === '' ? 'an empty string' : typeof value === 'string' ? 'one with them' : kindOf(value)
}
