/**
 * A page that goes away during a refresh. Firefox cancels its requests when the navigation begins, and lets the page live
 * until the next one is there. A request that it sends in the meantime reaches the server, and the answer reaches no page.
 */
import { listen } from './environment.js'
import type { Engine } from './state.js'

/** A page that goes away may live this long, milliseconds. A page that lives longer has stayed. */
const LONGEST = 10_000

/**
 * Watches for a departure. Returns a function that stops it. Runs only during a refresh, because the listener may keep a
 * page out of the back/forward cache.
 */
export function watchDeparture(engine: Engine): () => void {
  const note = (): void => {
    engine.leavingUntil = engine.clock() + LONGEST
  }
  return listen(note, ['beforeunload'], [])
}

/** Whether the page seems to go away. */
export function isLeaving({ clock, leavingUntil }: Engine): boolean {
  // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
  return clock() < leavingUntil
}
