/** One refresh in progress, as those who wait for it see it. */
import type { Held } from './held.js'
import type { RefreshFunction, RefreshReason } from './types.js'
import { ignore } from './waiting.js'

/** One refresh in progress. It belongs to one session and to the tokens that it set out with. */
export interface Flight {
  readonly reason: RefreshReason
  generation: number
  held: Held | undefined
  /** Obtains the tokens. */
  readonly refresh: RefreshFunction | undefined
  /** Settles when new tokens are in, here or in a sibling tab, or when this flight has failed. */
  readonly promise: Promise<void>
  /** Settles it, once. */
  readonly settle: (error?: Error) => void
  done: boolean
}

export function createFlight(
  reason: RefreshReason,
  generation: number,
  held: Held | undefined,
  refresh: RefreshFunction | undefined,
  onDone: (flight: Flight) => void,
): Flight {
  let settle: Flight['settle'] = ignore
  const promise = new Promise<void>((resolve, reject) => {
    settle = error => {
      if (flight.done) return
      flight.done = true
      onDone(flight)
      if (error) reject(error)
      else resolve()
    }
  })
  // Nobody has to wait for it.
  promise.catch(ignore)
  const flight: Flight = { reason, generation, held, refresh, promise, settle, done: false }
  return flight
}
