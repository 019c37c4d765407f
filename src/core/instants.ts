/** Reading the times of a token answer and of a JWT as milliseconds: the only file that knows seconds. */

/** Above this a NumericDate is milliseconds by mistake: as seconds it would be the year 5138. */
const LARGEST_SECONDS = 1e11
/** Lifetimes from this on (47 years) are ignored: an instant in place of a lifetime, or an issue time of 0. */
const LONGEST_LIFETIME = 1.5e12

/** The smallest positive value that can be a lifetime. */
export function smallest(...values: number[]): number | undefined {
  const least = Math.min(...values.filter(value => value > 0))
  return least < LONGEST_LIFETIME ? least : undefined
}

/**
 * An instant as epoch milliseconds, whether it is a NumericDate (RFC 7519 section 2) as a number or a string, epoch
 * milliseconds, or ISO 8601 with a zone. NaN: unreadable.
 */
export function readInstant(value: unknown): number {
  // Stryker disable next-line Regex: `Date.parse` refuses a text with more before or after the date, at least in V8
  const isDate = typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)$/i.test(value)
  const number = isDate ? Date.parse(value) : readNumber(value)
  return isDate || number > LARGEST_SECONDS ? number : number * 1000
}

/** A number, or a string that is one. NaN: unreadable. */
function readNumber(value: unknown): number {
  return typeof value === 'number' || (typeof value === 'string' && value.trim()) ? Number(value) : Number.NaN
}

/** `expires_in` and its kind as milliseconds. NaN: unreadable. */
export function readSeconds(name: string, value: unknown, warnings: string[]): number {
  const lifetime = readNumber(value) * 1000
  if (isStated(value) && !(lifetime >= 0 && lifetime < LONGEST_LIFETIME))
    warnings.push(`${name} of the answer is not a number of seconds; ignored`)
  return lifetime
}

/** `expires_at` as epoch milliseconds. NaN: unreadable. */
export function readEnd(value: unknown, warnings: string[]): number {
  const end = readInstant(value)
  if (isStated(value) && !(end >= 0))
    warnings.push('expires_at of the answer is neither epoch time nor ISO 8601 with a zone; ignored')
  return end
}

/** Whether the member is there and not empty. */
function isStated(value: unknown): boolean {
  return value !== undefined && value !== null && value !== ''
}
