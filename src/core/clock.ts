/** Time that only goes forward, and that no correction of the wall clock moves. */
import { attempt } from './environment.js'
import type { Clock } from './types.js'

/** How long before the page wakes the wall clock may have run ahead for that to be sleep, milliseconds. */
const WAKING = 5_000
/** A smaller difference between the clocks is rounding or drift, milliseconds. */
const DRIFT = 500

/** Milliseconds. The first value is that of the wall clock, and the value never decreases. */
export interface SteadyClock {
  (): number
  /** The page wakes: if the wall clock has just run ahead of the monotonic clock, the device has slept. */
  wake(): void
}

/**
 * Follows the monotonic clock, which may stand still while the device sleeps. The wall clock shows that
 * sleep, but it jumps when it is corrected, too: only a jump that is noticed as the page wakes counts. Without a
 * monotonic clock, it follows the wall clock, except for backward jumps.
 */
export function createSteadyClock(clock: Clock): SteadyClock {
  let wall = clock.now()
  let monotonic = clock.monotonic?.() ?? wall
  let steady = wall
  let jump = 0
  let jumpedAt = monotonic
  const now = (): number => {
    const nextWall = clock.now()
    const nextMonotonic = clock.monotonic?.() ?? nextWall
    const step = Math.max(0, nextMonotonic - monotonic)
    const ahead = nextWall - wall - step
    // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
    if (nextMonotonic - jumpedAt > WAKING) jump = 0
    // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
    if (Math.abs(ahead) > DRIFT) {
      jump += ahead
      jumpedAt = nextMonotonic
    }
    steady += step
    wall = nextWall
    monotonic = nextMonotonic
    return steady
  }
  return Object.assign(now, {
    wake() {
      now()
      steady += Math.max(0, jump)
      jump = 0
    },
  })
}

/** The platform's clocks, looked up at every call. */
export const systemClock: Required<Clock> = {
  now: () => Date.now(),
  monotonic: () => attempt(() => performance.now()) ?? Date.now(),
}
