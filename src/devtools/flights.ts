/** Refreshes, and the back-offs between them. */
import { type BackoffMark, type RefreshMark, refreshLane } from './marks.js'
import type { EventNote, StateNote } from './notes.js'
import type { Pen } from './pen.js'
import { formatDuration, wordsOf } from './words.js'

export interface Flights {
  state(note: StateNote): void
  event(note: EventNote, tab: string): void
}

/** The state changes a moment before the event that explains it. */
const moment = 50

export function createFlights(pen: Pen): Flights {
  const { marks, name } = pen
  /** The refresh of this tab that is under way, or has just ended. */
  let flight: RefreshMark | undefined
  let backoff: BackoffMark | undefined

  const stopBackoff = (at: number): void => {
    if (backoff && backoff.end > at) backoff.end = at
    backoff = undefined
  }
  const startBackoff = (start: number, until: number): void => {
    stopBackoff(start)
    if (until - start < moment) return
    const id = name('backoff')
    backoff = { kind: 'backoff', id, lane: refreshLane, start, end: until, row: 0 }
    marks.set(id, backoff)
  }
  return {
    state({ isRefreshing, at }) {
      if (isRefreshing && flight?.outcome !== 'open') {
        stopBackoff(at)
        flight = begin(pen, at)
      } else if (!isRefreshing && flight?.outcome === 'open')
        end(pen, flight, at, 'done', 'another tab had the tokens')
    },
    event(note, tab) {
      const { type, at, members } = note
      const isFailed = type === 'refreshFailed' || type === 'sessionExpired'
      const duration = Number(members['duration'] ?? 0)
      if (type === 'refreshFailed' && typeof members['retryAt'] === 'number' && !tab)
        startBackoff(at, members['retryAt'])
      if (type === 'login' || type === 'logout') stopBackoff(at)
      if (!(isFailed || type === 'refreshed')) return
      const isRecent = flight?.outcome === 'open' || at - (flight?.end ?? 0) < moment
      const { title, detail } = wordsOf(note)
      const words = isFailed ? `${title}: ${detail}` : detail
      if (!tab && flight && isRecent) {
        end(pen, flight, at, isFailed ? 'failed' : 'done', words)
        flight = undefined
      } else if (members['source'] !== 'tab' && duration > 0)
        end(
          pen,
          begin(pen, at - duration),
          at,
          isFailed ? 'failed' : 'done',
          tab ? `${words}, in another tab` : words,
        )
    },
  }
}

function begin({ marks, place, name }: Pen, start: number): RefreshMark {
  const id = name('refresh')
  const row = place(refreshLane, start, Number.POSITIVE_INFINITY)
  const mark: RefreshMark = {
    kind: 'refresh',
    id,
    lane: refreshLane,
    start,
    row,
    outcome: 'open',
    detail: '',
  }
  marks.set(id, mark)
  return mark
}

function end(
  { release }: Pen,
  mark: RefreshMark,
  at: number,
  outcome: RefreshMark['outcome'],
  detail: string,
): void {
  Object.assign(mark, { end: at, outcome, detail })
  release(refreshLane, mark.row, at)
}

/** In words, how long a back-off lasts. */
export function explainBackoff({ start, end }: BackoffMark): string {
  return `No refresh is tried for ${formatDuration(end - start)}`
}
