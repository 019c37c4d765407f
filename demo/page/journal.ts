/** Everything that happened, in the order in which it is drawn, and the sums of it. */
import type { LogEntry } from '../server/log.js'
import {
  type CallMark,
  endOf,
  isByHand,
  type Mark,
  type RequestMark,
  serverLane,
  type TokenMark,
} from './marks.js'

/** Sums since the page was opened: for tokenflight, and for the interceptor written by hand. */
export interface Totals {
  sent: number
  answered: number
  /** Not answered, for whatever reason. */
  lost: number
  /** Calls that ended with "log in again", which is no loss: the user ended the session. */
  signedOut: number
  /** 401s that reached the application. */
  seen401: number
  /** 401s that the server gave. */
  wire401: number
  refreshes: number
}

type Start = Pick<RequestMark, 'id' | 'lane' | 'start'>
type End = Pick<RequestMark, 'id' | 'outcome'> & Partial<Pick<RequestMark, 'end' | 'status' | 'message'>>
type Unplaced<Kind extends Mark> = Omit<Kind, 'row' | 'kind' | 'id'>

export interface Journal {
  /** When the page was opened: the zero of the axis. */
  readonly epoch: number
  readonly marks: ReadonlyMap<string, Mark>
  readonly totals: Readonly<Record<'tokenflight' | 'byHand', Readonly<Totals>>>
  begin(start: Start): void
  finish(end: End): void
  /** Takes the server's log, and finds the requests that its entries belong to. */
  take(entries: readonly LogEntry[]): void
  token(token: Unplaced<TokenMark>): void
  /** A token ended before its time: with its session, or on the server alone, by a control. */
  cut(token: TokenMark['token'], at: number, by: string, isUnseen?: boolean): void
  /** The token that came last. */
  latest(token: TokenMark['token']): TokenMark | undefined
  point(kind: 'control' | 'event', point: Omit<Extract<Mark, { title: string }>, 'row' | 'kind' | 'id'>): void
  subscribe(listener: () => void): void
}

/** How long marks are kept, in ms. */
const memory = 10 * 60_000
const gap = 30

export function createJournal(epoch: number): Journal {
  const marks = new Map<string, Mark>()
  const rows = new Map<string, number[]>()
  const early = new Map<string, LogEntry[]>()
  const listeners = new Set<() => void>()
  const totals = { tokenflight: noTotals(), byHand: noTotals() }
  const totalsOf = (client: string | undefined) => totals[isByHand(client) ? 'byHand' : 'tokenflight']
  let points = 0

  const changed = () => {
    for (const listener of listeners) listener()
  }
  /** The first line of the lane that is free; it is taken until `end`. */
  const place = (lane: string, start: number, end: number): number => {
    const ends = rows.get(lane) ?? []
    rows.set(lane, ends)
    const free = ends.findIndex(taken => taken + gap <= start)
    const row = free < 0 ? ends.length : free
    ends[row] = end
    return row
  }
  const forget = () => {
    const now = Date.now()
    for (const [id, mark] of marks) if (endOf(mark, now) < now - memory) marks.delete(id)
  }
  const latest = (token: TokenMark['token']) =>
    [...marks.values()]
      .filter((mark): mark is TokenMark => mark.kind === 'token' && mark.token === token)
      .at(-1)
  const attach = (request: RequestMark, entries: readonly LogEntry[]) => {
    const attempts = [...request.attempts, ...entries].sort((one, other) => one.id - other.id)
    marks.set(request.id, { ...request, attempts })
  }

  const takeCall = (entry: LogEntry) => {
    const end = entry.at + Math.max(entry.duration, 1)
    const id = `call.${entry.id}`
    const row = place(serverLane, entry.at, end)
    marks.set(id, { kind: 'call', id, lane: serverLane, start: entry.at, end, entry, row } satisfies CallMark)
    if (entry.path.endsWith('/refresh') && entry.status === 200) totalsOf(entry.client).refreshes += 1
  }
  const takeAttempt = (entry: LogEntry) => {
    if (entry.status === 401) totalsOf(entry.client).wire401 += 1
    const request = marks.get(entry.client ?? '')
    if (request?.kind === 'request') attach(request, [entry])
    // The log may know of another tab's request before that tab has told us.
    else early.set(entry.client ?? '', [...(early.get(entry.client ?? '') ?? []), entry])
  }

  return {
    epoch,
    marks,
    totals,
    begin(start) {
      forget()
      const row = place(start.lane, start.start, Number.POSITIVE_INFINITY)
      const request: RequestMark = { kind: 'request', ...start, outcome: 'open', attempts: [], row }
      marks.set(start.id, request)
      attach(request, early.get(start.id) ?? [])
      early.delete(start.id)
      totalsOf(start.lane).sent += 1
      changed()
    },
    finish({ id, ...end }) {
      const request = marks.get(id)
      if (request?.kind !== 'request') return
      const at = end.end ?? Date.now()
      marks.set(id, { ...request, ...end, end: at })
      const ends = rows.get(request.lane)
      if (ends) ends[request.row] = at
      const sums = totalsOf(request.lane)
      if (end.outcome === 'answered') sums.answered += 1
      else if (end.outcome === 'signedOut') sums.signedOut += 1
      else sums.lost += 1
      if (end.outcome === 'refused') sums.seen401 += 1
      changed()
    },
    take(entries) {
      for (const entry of entries) {
        // What was before the page was opened is not its story.
        if (entry.at < epoch) continue
        if (entry.path.startsWith('/auth/')) takeCall(entry)
        else takeAttempt(entry)
      }
      if (entries.length > 0) changed()
    },
    token(token) {
      const last = latest(token.token)
      // A refresh without rotation brings the refresh token that was there.
      if (last && last.cut === undefined && Math.abs(last.end - token.end) < 100) return
      if (last && last.cut === undefined) {
        marks.set(last.id, { ...last, cut: Math.min(token.start, last.end), cutBy: 'replaced by the next' })
      }
      points += 1
      const id = `token.${points}`
      marks.set(id, { kind: 'token', id, row: token.token === 'access' ? 0 : 1, ...token })
      changed()
    },
    cut(token, at, by, isUnseen = false) {
      for (const mark of marks.values()) {
        if (mark.kind !== 'token' || mark.token !== token || mark.cut !== undefined || mark.end < at) continue
        marks.set(mark.id, { ...mark, cut: at, cutBy: by, isUnseen })
      }
      changed()
    },
    latest,
    point(kind, point) {
      points += 1
      const id = `point.${points}`
      marks.set(id, { kind, id, row: 0, ...point })
      changed()
    },
    subscribe: listener => void listeners.add(listener),
  }
}

function noTotals(): Totals {
  return { sent: 0, answered: 0, lost: 0, signedOut: 0, seen401: 0, wire401: 0, refreshes: 0 }
}
