/** Marks of the application on the timeline: `performance.mark('tokenflight: deployed', { detail: 'v2' })`. */
import { type ControlNote, redact } from './notes.js'

const prefix = 'tokenflight: '

/** The marks that were set so far. */
export function readMarks(): ControlNote[] {
  return performance.getEntriesByType('mark').flatMap(noteOf)
}

/** Calls back with each mark from now on. Returns the unsubscriber. */
export function watchMarks(onMark: (note: ControlNote) => void): () => void {
  const observer = new PerformanceObserver(list => {
    for (const note of list.getEntries().flatMap(noteOf)) onMark(note)
  })
  observer.observe({ type: 'mark' })
  return () => observer.disconnect()
}

function noteOf(entry: PerformanceEntry): ControlNote[] {
  if (!entry.name.startsWith(prefix)) return []
  const { detail } = entry as PerformanceMark
  return [
    {
      kind: 'control',
      at: Math.round(performance.timeOrigin + entry.startTime),
      title: redact(entry.name.slice(prefix.length)),
      detail: typeof detail === 'string' ? redact(detail) : '',
    },
  ]
}
