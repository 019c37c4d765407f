/** The marks of the timeline. Every instant is epoch milliseconds of the device's own clock. */
import type { RequestEvent } from '../core/types.js'

/**
 * How a request ended. `refused`: the application saw a 401. `signedOut`: it never left, because the session was over.
 * `failed`: any other error.
 */
export type Outcome = 'open' | 'answered' | 'refused' | 'signedOut' | 'failed'

interface Placed {
  readonly id: string
  readonly lane: string
  readonly start: number
  /** The line of its lane that it is drawn on, from 0. */
  readonly row: number
}

/** One step of a request. */
export interface Step {
  readonly phase: RequestEvent['phase']
  readonly at: number
  readonly status?: number | undefined
}

/** One call of the application. */
export interface RequestMark extends Placed {
  readonly kind: 'request'
  readonly method: string
  readonly url: string
  readonly steps: Step[]
  end?: number
  outcome: Outcome
}

/** A refresh, of this tab or another. */
export interface RefreshMark extends Placed {
  readonly kind: 'refresh'
  start: number
  end?: number
  outcome: 'open' | 'done' | 'failed'
  detail: string
}

/** A back-off: the time in which no refresh is tried. */
export interface BackoffMark extends Placed {
  readonly kind: 'backoff'
  end: number
}

/** The life of a token, as the session knows it. */
export interface TokenMark extends Placed {
  readonly kind: 'token'
  readonly token: 'access' | 'refresh'
  /** When it ends by itself; infinite where that is not known. */
  readonly end: number
  /** When the window begins in which it is refreshed ahead. */
  readonly windowAt?: number | undefined
  /** When it was replaced, or ended early, and the cause. */
  cut?: number
  cutBy?: string
}

/** An instant: an event of the session, or a control that was used. */
export interface PointMark extends Placed {
  readonly kind: 'event' | 'control'
  readonly title: string
  readonly detail: string
  readonly isBad: boolean
}

export type Mark = RequestMark | RefreshMark | BackoffMark | TokenMark | PointMark

/** The lanes that are always there. */
export const eventLane = 'events'
export const tokenLane = 'tokens'
export const refreshLane = 'refreshes'

/** The lane of another tab, and of a client of this one. */
export const laneOfTab = (tab: string): string => `tab ${tab}`
export const laneOfClient = (client: string): string => `client ${client}`

/** The end of the mark in the picture; an open mark lasts until now. */
export function endOf(mark: Mark, now: number): number {
  if (mark.kind === 'token') return mark.cut ?? mark.end
  return 'end' in mark && mark.end !== undefined ? mark.end : isOpen(mark) ? now : mark.start
}

function isOpen(mark: Mark): boolean {
  return 'outcome' in mark && mark.outcome === 'open'
}
