/** Time that only goes forward, by whichever of two clocks says that more of it has passed. */
import type { Clock } from './types.js'

/** Milliseconds on a scale that starts at the wall clock's reading and never goes back. */
export type SteadyClock = () => number

/**
 * The wall clock jumps when it is corrected and the monotonic clock may stand still while the device sleeps.
 * Each reading moves on by the larger of the two steps, so a correction backwards costs nothing, and sleep or a
 * correction forwards makes a token look older, never younger.
 */
export function createSteadyClock(clock: Clock): SteadyClock {
  let wall = clock.now()
  let monotonic = clock.monotonic?.() ?? 0
  let steady = wall
  return () => {
    const nextWall = clock.now()
    const nextMonotonic = clock.monotonic?.() ?? 0
    steady += Math.max(0, nextWall - wall, nextMonotonic - monotonic)
    wall = nextWall
    monotonic = nextMonotonic
    return steady
  }
}

/** The platform's clocks, looked up at every call. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
