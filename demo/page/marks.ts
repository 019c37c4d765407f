/** What the timeline is made of. Every instant is real time in epoch ms: the simulated device clock changes none. */
import type { LogEntry } from '../server/log.js'

/**
 * What the application saw of a request. `refused`: a 401. `signedOut`: told to log in again. `lost`: any other
 * failure.
 */
export type Outcome = 'open' | 'answered' | 'refused' | 'signedOut' | 'lost'

/** One call of the application. */
export interface RequestMark {
  readonly kind: 'request'
  /** `<tab>.<panel>.<tag>.<number>`; also its `X-Client` header, so that the server's log says what became of it. */
  readonly id: string
  readonly lane: string
  readonly start: number
  readonly end?: number
  readonly outcome: Outcome
  readonly status?: number
  /** What the application was told, where it was not answered. */
  readonly message?: string
  /** What reached the server, oldest first. */
  readonly attempts: readonly LogEntry[]
  /** Which line of its lane it is drawn on, from 0. */
  readonly row: number
}

/** A request to the auth server: login, refresh, logout. */
export interface CallMark {
  readonly kind: 'call'
  readonly id: string
  readonly lane: string
  readonly start: number
  readonly end: number
  readonly entry: LogEntry
  readonly row: number
}

/** The life of a token, as the session knows it. */
export interface TokenMark {
  readonly kind: 'token'
  readonly id: string
  readonly lane: string
  readonly token: 'access' | 'refresh'
  readonly start: number
  /** When it ends by itself. */
  readonly end: number
  /** When the window begins in which it is refreshed ahead. */
  readonly windowStart?: number
  /** When it was replaced, or ended before its time. */
  readonly cut?: number
  readonly cutBy?: string
  /** It was cut on the server, and the page knows nothing of it yet. */
  readonly isUnseen?: boolean
  readonly row: number
}

/** An instant: a control that was used, or an event of the session. */
export interface PointMark {
  readonly kind: 'control' | 'event'
  readonly id: string
  readonly lane: string
  readonly start: number
  readonly title: string
  readonly detail: string
  readonly isBad?: boolean
  readonly row: number
}

export type Mark = RequestMark | CallMark | TokenMark | PointMark

/** The lanes that are always there. */
export const tokenLane = 'tokens'
export const serverLane = 'server'

/** When the mark leaves the picture; an open request lasts until now. */
export function endOf(mark: Mark, now: number): number {
  if (mark.kind === 'request') return mark.end ?? now
  if (mark.kind === 'token') return mark.cut ?? mark.end
  return mark.kind === 'call' ? mark.end : mark.start
}

/** Whether a client of the log, or a lane, belongs to the interceptor that was written by hand. */
export function isByHand(client = ''): boolean {
  return client.includes('.hand')
}
