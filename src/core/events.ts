/** Listeners, and a queue that delivers to them only when the engine says so: outside locks and flights. */
import type { AuthEvents, RequestEvent } from './types.js'

type Listener = (event: never) => void
type Entry = (event: unknown, type: string) => void

export interface Events {
  on(name: string, listener: Listener): () => void
  /** Queues an event. */
  emit<Name extends keyof Emitted>(name: Name, event: Emitted[Name]): void
  /** A number for a request to report, where somebody listens to every event. */
  watched(): number | undefined
  /** Queues a change of state; those that wait already are one. */
  change(): void
  /** Delivers what waits. A listener that throws harms nobody, and may call any method of `auth`. */
  flush(): void
}

interface Emitted extends AuthEvents {
  request: Omit<RequestEvent, 'type'>
}

export const CHANGE = ''
const EVERY = '*'

export function createEvents(): Events {
  const listeners = new Map<string, Set<Entry>>()
  const queue: [name: string, event: unknown][] = []
  let isOpen = false
  let isFlushing = false
  let watched = 0

  const deliver = (name: string, event: unknown): void => {
    for (const listener of [...(listeners.get(name) ?? []), ...((name && listeners.get(EVERY)) || [])]) {
      try {
        listener(event, name)
      } catch (error) {
        if (name !== 'warning')
          queue.push(['warning', { message: `A listener of ${name || 'subscribe'} threw`, error }])
      }
    }
  }
  const flush = (): void => {
    // A listener that calls back: its events come after those that the others still wait for.
    if (isFlushing) return
    isFlushing = true
    for (let entry = isOpen && queue.shift(); entry; entry = queue.shift()) deliver(...entry)
    isFlushing = false
  }
  // What happens while the session is created waits for the listeners that are about to be added.
  queueMicrotask(() => {
    isOpen = true
    flush()
  })
  return {
    on(name, listener) {
      // Wrapped, so that one function that is registered twice is two listeners.
      const entry: Entry = (event, type) =>
        listener((name === EVERY ? { type, ...(event as object) } : event) as never)
      const set = listeners.get(name) ?? new Set()
      listeners.set(name, set.add(entry))
      return () => void set.delete(entry)
    },
    watched: () => listeners.get(EVERY)?.size && ++watched,
    emit: (name, event) => void queue.push([name, event]),
    change: () => {
      if (!queue.some(([name]) => name === CHANGE)) queue.push([CHANGE, undefined])
    },
    flush,
  }
}
