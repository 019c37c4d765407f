/** Patience after failures: how long no refresh is tried, and whether anything may shorten that. */
import { MAX_RETRY_AFTER } from './failure.js'
import type { SessionRecord } from './record.js'

/** The upper end of the first one, milliseconds; it doubles with every failure. */
const FIRST = 1_000
/** The longest wait for the result of a sibling's next attempt, milliseconds. The stored record may promise a longer one. */
const WORTH = 20_000
/** The longest one of our own, milliseconds. */
const LONGEST = 60_000

/** No refresh before `until` on the steady clock. */
export interface CoolDown {
  until: number
  /** The server said so, or an attempt is still open: only a manual refresh may shorten the first. */
  strict: boolean
  /** An attempt is still open: nothing shortens that. */
  open: boolean
  /** A sibling may try again until then: its outcome is worth waiting for. */
  retrying: boolean
  failures: number
  /** Whether nothing may shorten the wait now. */
  isStrict(): boolean
  /** When it ends, epoch milliseconds. */
  retryAt(): number
  /** Begins a strict wait. */
  hold(until: number, open?: boolean): void
  /** The strict wait is over. The back-off of the failures remains. */
  relent(): void
  /** A refresh has failed: full jitter, doubling, and no shorter than what holds it. */
  fail(): void
  /** Takes over what a sibling, or an earlier page, noted in the record. */
  learn(record: SessionRecord): void
  clear(): void
}

export function createCoolDown(clock: () => number, wall: () => number): CoolDown {
  const coolDown: CoolDown = {
    until: 0,
    strict: false,
    open: false,
    retrying: false,
    failures: 0,
    isStrict: () => coolDown.strict && clock() < coolDown.until,
    retryAt: () => Math.round(wall() + coolDown.until - clock()),
    hold(until, open = false) {
      coolDown.until = until
      coolDown.strict = true
      coolDown.open = open
    },
    relent() {
      coolDown.strict = coolDown.open = false
      coolDown.until = Math.min(coolDown.until, clock() + Math.random() * FIRST)
    },
    fail() {
      const now = clock()
      const own = Math.random() * Math.min(LONGEST, FIRST * 2 ** coolDown.failures++)
      const rest = coolDown.strict ? coolDown.until - now : 0
      coolDown.until = now + Math.max(own, rest)
      coolDown.strict = rest > 0
      coolDown.open &&= rest > 0
      coolDown.retrying = false
    },
    learn({ failures = 0, retryAt, cooledAt = wall(), retryStrict, retryOpen, retrying }) {
      coolDown.failures = Math.max(coolDown.failures, failures)
      const end = Math.min(retryAt ?? 0, cooledAt + MAX_RETRY_AFTER)
      coolDown.until = retryAt ? clock() + end - Math.max(wall(), cooledAt) : 0
      coolDown.strict = retryStrict === true
      coolDown.open = retryOpen === true
      coolDown.retrying = retrying === true && coolDown.until - clock() <= WORTH
    },
    clear() {
      coolDown.until = coolDown.failures = 0
      coolDown.strict = coolDown.open = coolDown.retrying = false
    },
  }
  return coolDown
}
