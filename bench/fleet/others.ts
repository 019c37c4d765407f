/** The other strategies: a refresh after a 401, and a refresh at a fixed time before the end. */
import { type Counter, createCounter } from './histogram.js'
import { LATENCY, type Scenario, WINDOW } from './scenario.js'

/** The mean time between two actions of a user, seconds. */
const ACTS_EVERY = 60
/** How soon a client tries again that knows nothing better, seconds. */
const RETRY = 15

/** The next refresh after new tokens, and the next attempt after one that failed. */
interface Policy {
  next(tokensAt: number, lifetime: number): number
  retry(failedAt: number): number
}

export const others: Record<string, Policy> = {
  'refresh on 401': {
    next: (tokensAt, lifetime) => tokensAt + lifetime - Math.log(Math.random()) * ACTS_EVERY,
    retry: failedAt => failedAt - Math.log(Math.random()) * ACTS_EVERY,
  },
  'fixed window, no jitter': {
    next: (tokensAt, lifetime) => tokensAt + lifetime - WINDOW,
    retry: failedAt => failedAt + RETRY,
  },
}

export function simulateOther(
  { sessions, duration, lifetime, loginsWithin, outage }: Scenario,
  policy: Policy,
): Counter {
  const counter = createCounter(duration)
  for (let index = 0; index < sessions; index++) {
    let at = policy.next(Math.random() * loginsWithin, lifetime)
    while (at < duration) {
      if (outage && at >= outage.from && at < outage.to) at = policy.retry(at)
      else {
        counter.count(at)
        at = policy.next(at + LATENCY, lifetime)
      }
    }
  }
  return counter
}
