/** Calls of the application, and how each ended. */
import { isAxiosError } from 'axios'
import { isAuthError, isSessionExpired } from 'tokenflight'
import type { Device } from './device.js'

/**
 * The outcome of a request, as the application saw it. `refused`: a 401. `signedOut`: told to log in again. `lost`: any other
 * failure.
 */
export type Outcome = 'answered' | 'refused' | 'signedOut' | 'lost'

/** How one call went, as a panel shows it. */
export interface CallResult {
  readonly outcome: Outcome
  readonly status: number | undefined
  readonly duration: number
}

/** Sends one request; resolves to the status that the application got. */
export type Transport = (path: string) => Promise<number>

/** One panel's way to the server. */
export interface Client {
  /** Sends one request and says how it went. Never rejects. */
  send(): Promise<CallResult>
  /** How the last call went. */
  readonly last: CallResult | undefined
  subscribe(listener: () => void): () => void
}

export function createClient(transport: Transport, device: Device): Client {
  const listeners = new Set<() => void>()
  let number = 0
  let last: CallResult | undefined
  return {
    get last() {
      return last
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async send() {
      number += 1
      const start = Date.now()
      // An answer takes its time, and not always the same: spread over 0.6 to 1.4 of the latency.
      const delay = Math.round(device.latency * (0.6 + ((number * 37) % 80) / 100))
      const ending = await transport(`/api/orders?delay=${delay}`).then(judge, describe)
      last = { ...ending, duration: Date.now() - start }
      for (const listener of listeners) listener()
      return last
    },
  }
}

/** A result in a few words. */
export function formatResult(result: CallResult | undefined): string {
  if (!result) return 'none yet'
  const { outcome, status, duration } = result
  if (outcome === 'signedOut') return 'log in again'
  return `${status ?? 'failed'} in ${Math.round(duration)} ms`
}

type Ending = Pick<CallResult, 'outcome' | 'status'>

function judge(status: number): Ending {
  return { outcome: status < 400 ? 'answered' : status === 401 ? 'refused' : 'lost', status }
}

function describe(error: unknown): Ending {
  const isOver = isSessionExpired(error) || (isAuthError(error) && error.code === 'ERR_SIGNED_OUT')
  if (isOver) return { outcome: 'signedOut', status: undefined }
  if (isAxiosError(error) && error.response) return judge(error.response.status)
  return { outcome: 'lost', status: undefined }
}
