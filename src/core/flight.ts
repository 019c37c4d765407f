/** One refresh in progress, as the calls that wait for it see it. */
import { isPeerRetrying, isPresent, retryAt } from './derive.js'
import { RefreshFailedError } from './errors.js'
import type { Engine, Flight } from './state.js'
import type { RefreshFunction, RefreshReason } from './types.js'
import { ignore } from './waiting.js'

const BACKING_OFF = 'The last refresh failed; no further attempt yet'

/** Whether no request may be sent now. */
export function isBackingOff(engine: Engine, reason: RefreshReason): boolean {
  const { backoff, clock, unanswered } = engine
  const isWaiting =
    clock() < backoff.until && !isPeerRetrying(engine) && (backoff.open || reason !== 'manual')
  // A refresh token must not be sent again while the answer to it may still come.
  return isWaiting || [...unanswered].some(flight => isPresent(engine, flight))
}

/** The error of a refresh for which no request was sent. It starts no back-off. */
export function refusal(
  engine: Engine,
  message: string = BACKING_OFF,
  hasEnd: boolean = true,
): RefreshFailedError {
  return new RefreshFailedError(message, 0, hasEnd ? retryAt(engine) : undefined)
}

export function createFlight(
  engine: Engine,
  reason: RefreshReason,
  call: RefreshFunction | undefined,
): Flight {
  let resolve: () => void = ignore
  let reject: (error: Error) => void = ignore
  const wait = (): Promise<void> => {
    const promise = new Promise<void>((onResolve, onReject) => {
      resolve = onResolve
      reject = onReject
    })
    // Not every flight has a waiter.
    promise.catch(ignore)
    return promise
  }
  const flight: Flight = {
    reason,
    call,
    since: reason === 'manual' ? engine.settings.clock.now() : undefined,
    generation: engine.record.generation,
    grant: engine.grant,
    promise: wait(),
    isReleased: false,
    done: false,
    isSent: false,
    asksForNewPair: false,
    deliver: ignore,
    settle(error) {
      flight.done = true
      if (engine.flight === flight) engine.flight = undefined
      if (error) reject(error)
      else resolve()
    },
    release(stored) {
      void stored.then(resolve)
      flight.promise = wait()
    },
  }
  return flight
}

/** Whether the request of a manual refresh is sent at the moment of a call that is made now, or later. */
export function isUnsent(flight: Flight | undefined): flight is Flight {
  return flight?.reason === 'manual' && !flight.isSent
}

/** The flight's own outcome, not that of tokens that came in the meantime. */
export async function settlement(flight: Flight): Promise<void> {
  do await flight.promise
  while (!flight.done)
}
