/** Refreshes that fail or take long because a test asks for it. */
import { brokenConnection, jsonReply, type Reply } from './reply.js'
import type { MockFailure } from './types.js'

const defaultStatus = 503

/** The faults of one world. */
export interface Faults {
  /** The failure of the refresh that begins now, if any. Counts it. */
  next(): MockFailure | undefined
  fail(failure: MockFailure): void
  delay(ms: number): void
  /** Waits as long as the last call of `delay` asked for. */
  wait(): Promise<void>
}

/** No faults yet. */
export function createFaults(): Faults {
  let failure: MockFailure = {}
  let left = 0
  let delay = 0
  return {
    next() {
      if (left === 0) return undefined
      left -= 1
      return failure
    },
    fail(next) {
      failure = { ...next }
      left = next.times ?? 1
    },
    delay(ms) {
      delay = ms
    },
    // The timer is looked up when it is needed, so that fake timers drive it.
    wait: () => (delay === 0 ? Promise.resolve() : new Promise(resolve => setTimeout(resolve, delay))),
  }
}

/** Whether the failure is a refusal, and not a server that is busy, broken or out of reach. */
export function isRefusal({ status = defaultStatus, networkError }: MockFailure): boolean {
  return !networkError && status >= 400 && status < 500 && ![408, 425, 429].includes(status)
}

/** The answer of a refresh that is made to fail. */
export function failedReply(failure: MockFailure): Reply {
  if (failure.networkError) return brokenConnection()
  const { status = defaultStatus, retryAfter, error, body } = failure
  const headers: [string, string][] = retryAfter === undefined ? [] : [['Retry-After', String(retryAfter)]]
  const message = 'This failure was asked for by failNextRefresh'
  const reply = jsonReply(
    status,
    error === undefined ? { message } : { error, error_description: message },
    headers,
  )
  // Statuses that have no body by definition (RFC 9110 section 15).
  if ([204, 205, 304].includes(status)) return { ...reply, body: undefined }
  if (body === undefined) return reply
  return {
    ...reply,
    headers: [['Content-Type', 'text/html'], ['Cache-Control', 'no-store'], ...headers],
    body,
  }
}
