/** Spreading the refreshes of a large user base. */
import type { Spread } from './types.js'

/** A refresh that would come sooner than this after new tokens is left out, milliseconds. */
const SHORTEST_PERIOD = 1_000

/**
 * For `refreshAhead` and large user bases: each session refreshes at a phase of its own, anywhere in the lifetime of its
 * tokens. The session keeps the phase for as long as it lives, so users who logged in together, or who were cut off
 * together, do not refresh together. A request refreshes ahead in the default window.
 */
export function spread(): Spread {
  return {
    first(generation, begin, windowAt) {
      const period = windowAt - begin
      if (!(period > 0)) return undefined
      // The generation is the second of the login and a random fraction. The fraction is the phase, the same in every tab.
      const login = (Math.floor(generation) - 1) * 1_000
      const phases = generation - Math.floor(generation) - (begin - login) / period
      const rest = period * (phases - Math.floor(phases))
      // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
      return begin + (rest < SHORTEST_PERIOD ? period : rest)
    },
    again({ timerAt, windowAt, endsAt, lifetime }, soon, now) {
      // Every half window while the token lives, and then at the next phase.
      const later = Math.max(soon, now + (endsAt - windowAt) / 2)
      if (later < endsAt) return later
      const period = windowAt - endsAt + lifetime
      return period > 0 ? timerAt + period * Math.ceil((soon - timerAt) / period) : soon
    },
  }
}
