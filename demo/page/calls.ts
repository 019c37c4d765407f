/** Calls of the application, each told to the journal: when it began, how it ended. */
import { isAxiosError } from 'axios'
import { isAuthError, isSessionExpired } from 'tokenflight'
import type { Outcome, RequestMark } from './marks.js'
import type { Device } from './network.js'

/** How one call went, as a panel shows it. */
export interface CallResult {
  readonly outcome: Outcome
  readonly status: number | undefined
  readonly message: string | undefined
  readonly duration: number
}

/** Sends one request; resolves to the status that the application got. */
export type Transport = (path: string, headers: Record<string, string>) => Promise<number>

/** Takes what happened to each call. */
export interface Recorder {
  begin(start: Pick<RequestMark, 'id' | 'lane' | 'start'>): void
  finish(end: Ending & Pick<RequestMark, 'id'> & { end: number }): void
}

/** One panel's way to the server. */
export interface Client {
  /** Sends one request and says how it went. Never rejects. */
  send(): Promise<CallResult>
  /** How the last call went. */
  readonly last: CallResult | undefined
  subscribe(listener: () => void): () => void
}

/** Tells ids of this page from those of an earlier one in the same tab. */
const tag = crypto.randomUUID().slice(0, 4)

export function createClient(lane: string, transport: Transport, recorder: Recorder, device: Device): Client {
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
      const id = `${lane}.${tag}.${number}`
      const start = Date.now()
      recorder.begin({ id, lane, start })
      // An answer takes its time, and not always the same: spread over 0.6 to 1.4 of the latency.
      const delay = Math.round(device.latency * (0.6 + ((number * 37) % 80) / 100))
      const ending = await transport(`/api/orders?delay=${delay}`, { 'X-Client': id }).then(
        status => judge(status, undefined),
        error => describe(error),
      )
      const end = Date.now()
      recorder.finish({ id, end, ...ending })
      last = { status: undefined, message: undefined, ...ending, duration: end - start }
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

type Ending = { outcome: Outcome; status?: number; message?: string }

function judge(status: number, message: string | undefined): Ending {
  if (status < 400) return { outcome: 'answered', status }
  return { outcome: status === 401 ? 'refused' : 'lost', status, message: message ?? `Status ${status}` }
}

function describe(error: unknown): Ending {
  const message = error instanceof Error ? error.message : String(error)
  if (isSessionExpired(error)) return { outcome: 'signedOut', message }
  if (isAuthError(error)) return { outcome: error.code === 'ERR_SIGNED_OUT' ? 'signedOut' : 'lost', message }
  if (isAxiosError(error) && error.response) return judge(error.response.status, message)
  return { outcome: 'lost', message }
}
