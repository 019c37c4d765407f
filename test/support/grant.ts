/** The circumstances of a grant, for tests of pure functions. */
import type { GrantContext } from '../../src/core/grant.js'

/** A grant that arrives at this instant, the same on both clocks, with a window of a minute. */
export function contextAt(now: number): GrantContext {
  return {
    now,
    wall: now,
    isRenewable: true,
    fromRejection: false,
    window: () => 60_000,
    spread: undefined,
    previous: undefined,
  }
}
