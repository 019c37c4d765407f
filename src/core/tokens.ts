/** Reading a token answer and a JWT: the only file that knows seconds. */
import { jwtDecode } from 'jwt-decode'
import type { JwtClaims, TokenResponse } from './types.js'

/** Above this a NumericDate is milliseconds by mistake: as seconds it would be the year 5138. */
const LARGEST_SECONDS = 1e11
/** Lifetimes beyond this (a century) say nothing. */
const LONGEST_LIFETIME = 3.2e12

/** A token answer, read. Durations are milliseconds. */
export interface TokenReading {
  readonly accessToken: string
  readonly refreshToken: string | undefined
  /** Undefined: unknown. */
  readonly lifetime: number | undefined
  /** Undefined: unknown. */
  readonly refreshLifetime: number | undefined
  readonly scope: string | undefined
  /** What was odd about it, if anything. */
  readonly warning: string | undefined
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

/**
 * Reads what a login or a refresh answered.
 * @param now wall clock, epoch milliseconds
 * @throws TypeError that names what was wrong, without any token
 */
export function readAnswer(answer: TokenResponse, now: number): TokenReading {
  if (!answer || typeof answer !== 'object')
    throw new TypeError(`Not a token answer: ${answer === null ? null : typeof answer}`)
  const accessToken = answer.access_token ?? answer.accessToken
  const refreshToken = answer.refresh_token ?? answer.refreshToken
  const type = answer.token_type ?? answer.tokenType
  const refuse = (name: string, value: unknown): TypeError =>
    new TypeError(
      `Not a token answer: ${name} must be a string without white space or control characters, got ${describe(value)}; members: ${Object.keys(answer).filter(name => /^[a-z_]{1,24}$/i.test(name))}`,
    )
  if (!isToken(accessToken)) throw refuse('access_token', accessToken)
  if (refreshToken && !isToken(refreshToken)) throw refuse('refresh_token', refreshToken)
  if (type && !(typeof type === 'string' && type.toLowerCase() === 'bearer'))
    throw new TypeError('Not a token answer: token_type must be Bearer')
  const [lifetime, warning] = readLifetime(accessToken, answer.expires_in ?? answer.expiresIn, now)
  return {
    accessToken,
    refreshToken: refreshToken || undefined,
    lifetime,
    refreshLifetime: readLifetime(
      refreshToken || '',
      answer.refresh_expires_in ?? answer.refresh_token_expires_in ?? answer.refreshExpiresIn,
      now,
    )[0],
    scope: typeof answer.scope === 'string' ? answer.scope : undefined,
    warning,
  }
}

/**
 * The lifetime in milliseconds: `exp - iat` of the JWT, else the answer's seconds, else `exp` against the wall
 * clock, unless that says the token was dead on arrival, which only a wrong clock says.
 */
function readLifetime(
  token: string,
  seconds: unknown,
  now: number,
): [lifetime: number | undefined, warning: string | undefined] {
  const claims = decodeToken(token) ?? {}
  const exp = readInstant(claims.exp)
  const iat = readInstant(claims.iat)
  const stated = readSeconds(seconds)
  const lifetime = [exp - iat, stated, exp - now].find(value => value > 0 && value < LONGEST_LIFETIME)
  return [
    lifetime,
    exp > 0 && exp === claims.exp
      ? 'exp of the access token is in milliseconds; taken as such'
      : claims.exp !== undefined && !(exp - iat > 0 && lifetime) && !stated
        ? `exp of the access token makes no sense${lifetime ? ' without iat; counted on the device clock' : '; only a 401 will tell its end'}`
        : undefined,
  ]
}

/** A NumericDate (RFC 7519 section 2) as epoch milliseconds; NaN when it is none. */
function readInstant(value: unknown): number {
  return typeof value === 'number' ? (value > LARGEST_SECONDS ? value : value * 1000) : Number.NaN
}

/** `expires_in` and its kind as milliseconds; 0 or NaN when it says nothing. */
function readSeconds(value: unknown): number {
  return typeof value === 'number' || typeof value === 'string' ? Number(value) * 1000 : Number.NaN
}

/** What a value is, without what it says. */
function describe(value: unknown): string {
  return value === ''
    ? 'an empty string'
    : typeof value === 'string'
      ? 'one with them'
      : value === null
        ? 'null'
        : typeof value
}
