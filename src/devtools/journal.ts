/** Notes become marks: everything that the timeline draws, in bounded memory. */
import { createFlights } from './flights.js'
import {
  endOf,
  eventLane,
  laneOfClient,
  laneOfTab,
  type Mark,
  type Outcome,
  type RequestMark,
} from './marks.js'
import type { Note, RequestNote } from './notes.js'
import type { Pen } from './pen.js'
import { createTokens } from './tokens.js'
import { wordsOf } from './words.js'

export interface Journal {
  readonly marks: ReadonlyMap<string, Mark>
  /** Takes a note of this tab, or of another. */
  take(note: Note, tab?: string): void
  /** Greater after each change. */
  readonly version: number
}

/** How long marks are kept, and how many, at the most. */
const memory = 10 * 60_000
const limit = 3000
/** The room between two marks on a line, in milliseconds. */
const gap = 30

export function createJournal(): Journal {
  const marks = new Map<string, Mark>()
  let version = 0
  let isSignedOut = false

  const pen = createPen(marks)
  const tokens = createTokens(pen)
  const flights = createFlights(pen)

  const takeRequest = (note: RequestNote, tab: string): void => {
    const { phase, at, status, client, method, url } = note
    const id = `request.${tab}.${note.id}`
    let mark = marks.get(id) as RequestMark | undefined
    if (!mark) {
      // The rest of a request whose beginning was too long ago.
      if (phase !== 'waiting' && phase !== 'sent') return
      const lane = tab ? laneOfTab(tab) : laneOfClient(client)
      const row = pen.place(lane, at, Number.POSITIVE_INFINITY)
      mark = { kind: 'request', id, lane, start: at, row, method, url, steps: [], outcome: 'open' }
      marks.set(id, mark)
    }
    // Another tab may send the same note twice.
    if (mark.outcome !== 'open') return
    mark.steps.push({ phase, at, status })
    if (phase !== 'done' && phase !== 'failed') return
    mark.end = at
    mark.outcome = judge(note, mark, isSignedOut)
    pen.release(mark.lane, mark.row, at)
  }
  return {
    marks,
    get version() {
      return version
    },
    take(note, tab = '') {
      version++
      forget(marks, note.at)
      if (note.kind === 'request') return takeRequest(note, tab)
      if (tab) return note.kind === 'event' ? flights.event(note, tab) : undefined
      if (note.kind === 'state') {
        isSignedOut = note.status !== 'authenticated'
        tokens.state(note)
        return flights.state(note)
      }
      if (note.kind === 'event') {
        flights.event(note, tab)
        tokens.event(note)
      } else if (note.cuts) tokens.cut(note.cuts, note.at, note.title)
      const { title, detail, isBad } = wordsOf(note)
      const id = pen.name(note.kind)
      marks.set(id, { kind: note.kind, id, lane: eventLane, start: note.at, row: 0, title, detail, isBad })
    },
  }
}

/** Keeps the memory bounded. An open request stays, unless there are too many marks. */
function forget(marks: Map<string, Mark>, now: number): void {
  for (const [id, mark] of marks) {
    if (marks.size <= limit && endOf(mark, now) >= now - memory) continue
    if (marks.size <= limit && mark.kind === 'request' && mark.outcome === 'open') continue
    marks.delete(id)
  }
}

function createPen(marks: Map<string, Mark>): Pen {
  const rows = new Map<string, number[]>()
  let names = 0
  return {
    marks,
    place(lane, start, end) {
      const ends = rows.get(lane) ?? []
      rows.set(lane, ends)
      const free = ends.findIndex(taken => taken + gap <= start)
      const row = free < 0 ? ends.length : free
      ends[row] = end
      return row
    },
    release(lane, row, at) {
      const ends = rows.get(lane)
      if (ends) ends[row] = at
    },
    name: kind => `${kind}.${++names}`,
  }
}

function judge({ phase, status = 0 }: RequestNote, { steps }: RequestMark, isSignedOut: boolean): Outcome {
  if (phase === 'failed') {
    const isReplayed = steps.at(-2)?.phase === 'replayed'
    const isUnsent = !isReplayed && steps.at(-2)?.phase !== 'sent'
    return isUnsent && isSignedOut ? 'signedOut' : 'failed'
  }
  return status < 400 ? 'answered' : status === 401 ? 'refused' : 'failed'
}
