/** A ring buffer of notes: all that runs while the panel is closed. */
import type { Auth, AuthState } from '../core/types.js'
import { type Note, noteOf, type StateNote } from './notes.js'
import type { Seam } from './seam.js'

/** Sums since the devtools were mounted. */
export interface Totals {
  sent: number
  answered: number
  /** Without an answer, or with an error status. */
  failed: number
  refreshes: number
  /** Access tokens that the server rejected. */
  rejected: number
  /** Of these, the ones that the application saw. */
  seen: number
}

export interface Recorder {
  /** Oldest first. */
  readonly notes: readonly Note[]
  readonly totals: Readonly<Totals>
  add(note: Note): void
  /** Calls back with each note from now on. Returns the unsubscriber. */
  listen(listener: (note: Note) => void): () => void
  stop(): void
}

/** How many notes are kept. */
const limit = 2000

export function createRecorder(auth: Auth<never, never>, seam: Seam): Recorder {
  const notes: Note[] = []
  const listeners = new Set<(note: Note) => void>()
  const epoch = Date.now()
  const totals: Totals = { sent: 0, answered: 0, failed: 0, refreshes: 0, rejected: 0, seen: 0 }
  /** The requests that have left, until they are over. */
  const open = new Set<number>()
  let last: AuthState<never> | undefined

  const add = (note: Note): void => {
    count(note, totals, open)
    notes.push(note)
    if (notes.length > limit) notes.shift()
    for (const listener of listeners) listener(note)
  }
  const look = (): void => {
    const state = auth.getState()
    if (state === last) return
    last = state
    add(describe(state, seam, epoch))
  }
  const stops = [
    auth.on('*', event => {
      const at = Date.now()
      if (event.type === 'request') {
        const { type: _type, ...step } = event
        return add({ kind: 'request', ...step, at })
      }
      // The state has changed already, and an event is explained by it.
      look()
      add(noteOf(event, at, seam.skew()))
    }),
    auth.subscribe(look),
  ]
  look()
  return {
    notes,
    totals,
    add,
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    stop() {
      for (const stop of stops) stop()
      listeners.clear()
    },
  }
}

function describe(state: AuthState<never>, seam: Seam, epoch: number): StateNote {
  const at = Date.now()
  const { status } = state
  if (status !== 'authenticated') return { kind: 'state', at, status, isRefreshing: false }
  const { expiresAt, sessionExpiresAt, refreshing } = state
  const skew = seam.skew()
  const end = expiresAt && expiresAt - skew
  const lifetime = end && seam.lifetime()
  return {
    kind: 'state',
    at,
    status,
    isRefreshing: refreshing,
    // The token arrived before the event: the session stores it first.
    since: lifetime ? Math.min(Math.max(end - lifetime, epoch), at) : at,
    expiresAt: end,
    sessionExpiresAt: sessionExpiresAt && sessionExpiresAt - skew,
    windowAt: lifetime && end - seam.windowOf(lifetime),
  }
}

function count(note: Note, totals: Totals, open: Set<number>): void {
  if (note.kind === 'event') {
    if (note.type === 'refreshed' && note.members['source'] === 'network') totals.refreshes++
  } else if (note.kind === 'request') {
    const { id, phase, status = 0 } = note
    if (phase === 'rejected') totals.rejected++
    if (phase === 'waiting' || phase === 'sent') {
      if (!open.has(id)) totals.sent++
      open.add(id)
    }
    if (phase === 'done' || phase === 'failed') {
      open.delete(id)
      if (phase === 'done' && status < 400) totals.answered++
      else totals.failed++
      if (status === 401) totals.seen++
    }
  }
}
