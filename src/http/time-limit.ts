/** The time that a whole call may take. */
import { systemClock } from '../core/clock.js'
import { startTimer } from '../core/environment.js'
import { ignore } from '../core/waiting.js'

export interface TimeLimit {
  /** Rejects when the time is up. */
  readonly isOver: Promise<never>
  /** The time that is left, milliseconds: a whole number, and never 0, which means no limit. */
  rest(): number
  stop(): void
}

/** @param duration milliseconds */
export function startLimit(duration: number): TimeLimit {
  let stop: () => void = ignore
  const isOver = new Promise<never>((_, reject) => {
    stop = startTimer(reject, duration)
  })
  isOver.catch(ignore)
  const deadline = now() + duration
  return { isOver, rest: () => Math.max(1, Math.ceil(deadline - now())), stop }
}

function now(): number {
  return (systemClock.monotonic ?? systemClock.now)()
}
