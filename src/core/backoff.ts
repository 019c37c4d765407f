/** The back-off after failed refreshes: pure functions on one value. Instants are on the steady clock, in milliseconds. */
import type { SessionRecord } from './record.js'

/** Upper end of the first delay. It doubles with every failure. */
const FIRST_DELAY = 1_000
/** Upper end of every delay. */
const LONGEST_DELAY = 60_000
/** The longest wait for the announced retry of another tab, even if its record names a later instant. */
const LONGEST_RETRY_WAIT = 20_000
/** The longest wait that a server may ask for. */
export const MAX_RETRY_AFTER = 600_000

export interface Backoff {
  /** No refresh before this instant. */
  readonly until: number
  /** The server asked for the wait, or an attempt is still open. Only a manual refresh may shorten a wait of the server. */
  readonly strict: boolean
  /** An attempt is still open. Nothing shortens that wait. */
  readonly open: boolean
  /** Another tab has announced that it tries again at `until`. */
  readonly retrying: boolean
  /** Failed refreshes in a row. */
  readonly failures: number
}

/** No refresh has failed. */
export const CLEAR: Readonly<Backoff> = { until: 0, strict: false, open: false, retrying: false, failures: 0 }

/** Whether a wait is under way that only a manual refresh may shorten. */
export function isStrict({ strict, until }: Backoff, now: number): boolean {
  // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
  return strict && now < until
}

/** A refresh has failed: full jitter, doubling, and not shorter than a strict wait. */
export function afterFailure({ until, strict, open, failures }: Backoff, now: number): Backoff {
  const own = Math.random() * Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** failures)
  const rest = strict ? until - now : 0
  return {
    until: now + Math.max(own, rest),
    // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
    strict: rest > 0,
    // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
    open: open && rest > 0,
    retrying: false,
    failures: failures + 1,
  }
}

/** A strict wait begins. */
export function holdUntil(backoff: Backoff, until: number, open = false): Backoff {
  return { ...backoff, until, strict: true, open }
}

/** The reason for the strict wait is gone. A short wait of our own is left. */
export function relax(backoff: Backoff, now: number): Backoff {
  const until = Math.min(backoff.until, now + Math.random() * FIRST_DELAY)
  return { ...backoff, until, strict: false, open: false }
}

/** The back-off that another tab, or an earlier page, has stored. */
export function fromRecord(
  { failures }: Backoff,
  record: Pick<
    SessionRecord,
    'failures' | 'retryAt' | 'backoffAt' | 'retryStrict' | 'retryOpen' | 'retrying'
  >,
  now: number,
  wall: number,
): Backoff {
  const { retryAt, backoffAt = wall, retryStrict, retryOpen, retrying } = record
  const end = Math.min(retryAt ?? 0, backoffAt + MAX_RETRY_AFTER)
  const until = retryAt ? now + end - Math.max(wall, backoffAt) : 0
  return {
    until,
    strict: retryStrict === true,
    open: retryOpen === true,
    retrying: retrying === true && until - now <= LONGEST_RETRY_WAIT,
    failures: Math.max(failures, record.failures ?? 0),
  }
}
