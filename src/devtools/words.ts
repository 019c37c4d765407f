/** Events in words, for the list, the timeline and a screen reader alike. */
import type { ControlNote, EventNote } from './notes.js'

export interface Words {
  readonly title: string
  readonly detail: string
  readonly isBad: boolean
}

export function wordsOf(note: EventNote | ControlNote): Words {
  if (note.kind === 'control') return { title: note.title, detail: note.detail, isBad: false }
  const { type, members, at } = note
  const [title, detail, isBad = false] = describe(type, members, at)
  return { title, detail, isBad }
}

type Members = EventNote['members']

function describe(type: string, members: Members, at: number): readonly [string, string, boolean?] {
  const { reason, error, source, message } = members
  const isElsewhere = source === 'tab'
  if (type === 'login') return ['Logged in', '']
  if (type === 'logout') return ['Logged out', isElsewhere ? 'in another tab' : '']
  if (type === 'refreshed')
    return ['Refreshed', isElsewhere ? `${reason}, by another tab` : `${reason}, ${attempt(members)}`]
  if (type === 'refreshFailed') {
    const { retryAt } = members
    const next = typeof retryAt === 'number' ? `, next attempt in ${formatDuration(retryAt - at)}` : ''
    return [`Refresh failed (${members['class']})`, `${error}${next}`, true]
  }
  if (type === 'sessionExpiring')
    return [
      'Session ends soon',
      `in ${formatDuration(Number(members['expiresAt']) - at)}, unless it is renewed`,
    ]
  if (type === 'sessionExpired') return ['Session expired', String(reason), true]
  if (type === 'warning') return ['Warning', `${message}${error ? ` (${error})` : ''}`, true]
  return [
    type,
    Object.entries(members)
      .map(pair => pair.join(': '))
      .join(', '),
  ]
}

function attempt({ duration, attempts }: Members): string {
  const tries = Number(attempts) > 1 ? `, attempt ${attempts}` : ''
  return `in ${formatDuration(Number(duration))}${tries}`
}

/** A duration in its shortest form. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 100_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`
}

/** Minutes and seconds since the devtools were mounted. */
export function formatInstant(ms: number): string {
  const tenths = Math.round(ms / 100)
  const seconds = (tenths % 600) / 10
  return `${Math.floor(tenths / 600)}:${seconds.toFixed(1).padStart(4, '0')}`
}
