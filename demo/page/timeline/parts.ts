/** What became of a request, piece by piece: read from the server's log and the page's own timing, and nothing else. */
import type { LogEntry } from '../../server/log.js'
import { isByHand, type Mark, type RequestMark } from '../marks.js'

/**
 * - `wait`: it waits for a fresh access token. `queue`: it is on its way, mostly in the browser's own queue.
 * - `attempt`, `replay`: what the server got, first and again. `unsent`: it never left. `open`: nobody knows yet.
 */
export interface Part {
  readonly name: 'wait' | 'queue' | 'attempt' | 'replay' | 'unsent' | 'open'
  readonly from: number
  readonly to: number
  readonly status?: number
  readonly attempt?: LogEntry
}

/** What else was going on: refreshes, and the access tokens that the page believed in. */
export interface Background {
  readonly refreshes: readonly { readonly from: number; readonly to: number; readonly isByHand: boolean }[]
  readonly tokens: readonly { readonly from: number; readonly to: number }[]
}

type Refreshes = Background['refreshes']

/** Shorter than this it is the network, and nobody waits: ms. */
const patience = 25

/** What the marks say of it. */
export function backgroundOf(marks: Iterable<Mark>): Background {
  const refreshes: Background['refreshes'][number][] = []
  const tokens: Background['tokens'][number][] = []
  for (const mark of marks) {
    if (mark.kind === 'call' && mark.entry.path.endsWith('/refresh')) {
      refreshes.push({ from: mark.start, to: mark.end, isByHand: isByHand(mark.entry.client) })
    }
    if (mark.kind === 'token' && mark.token === 'access') {
      tokens.push({ from: mark.start, to: mark.isUnseen ? mark.end : (mark.cut ?? mark.end) })
    }
  }
  return { refreshes, tokens }
}

export function partsOf(mark: RequestMark, background: Background, now: number): Part[] {
  const { attempts, start, outcome, status } = mark
  const end = mark.end ?? now
  if (attempts.length === 0) {
    // Either the log has not told yet, or it never left.
    if (outcome === 'answered') return [{ name: 'attempt', from: start, to: end, status: status ?? 200 }]
    return [{ name: outcome === 'open' ? 'open' : 'unsent', from: start, to: end }]
  }
  const own = background.refreshes.filter(refresh => refresh.isByHand === isByHand(mark.lane))
  const parts: Part[] = []
  let reached = start
  attempts.forEach((attempt, index) => {
    parts.push(...pause(reached, attempt.at, index === 0 ? held(mark, background, own) : own))
    const isLast = index === attempts.length - 1
    const from = Math.max(attempt.at, reached)
    // The way back of the answer belongs to it.
    reached = Math.max(from, isLast && outcome === 'answered' ? end : attempt.at + attempt.duration)
    parts.push({
      name: index === 0 ? 'attempt' : 'replay',
      from,
      to: reached,
      status: attempt.status,
      attempt,
    })
  })
  // After a 401 that nobody has seen it waits for the refresh, which the log tells of when it is over.
  if (outcome === 'open') parts.push({ name: 'wait', from: reached, to: end })
  else if (outcome !== 'answered') parts.push(...pause(reached, end, own))
  return parts
}

/** The refreshes that kept a request from leaving: with a token that it believes in, it leaves at once. */
function held({ lane, start }: RequestMark, { tokens }: Background, refreshes: Refreshes): Refreshes {
  const isSent = isByHand(lane) || tokens.some(({ from, to }) => from <= start && start < to)
  return isSent
    ? refreshes.filter(({ from, to }) => !isByHand(lane) && from < start && start < to)
    : refreshes
}

/** Until the last refresh in it ends it is a wait for the token; the rest is the browser's queue. */
function pause(from: number, to: number, refreshes: Refreshes): Part[] {
  if (to - from <= patience) return []
  const ends = refreshes.filter(refresh => refresh.from < to && refresh.to > from).map(refresh => refresh.to)
  const turn = Math.min(to, Math.max(from, ...ends))
  const parts: Part[] = []
  if (turn > from) parts.push({ name: 'wait', from, to: turn })
  if (to - turn > patience) parts.push({ name: 'queue', from: turn, to })
  return parts
}
