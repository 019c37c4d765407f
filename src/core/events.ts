/** Listeners, and a queue that delivers to them when the engine flushes it: outside locks and flights. */
import { check } from './check.js'
import type { AuthEvents, RequestEvent } from './types.js'
import { isPromise, runSoon } from './waiting.js'

type Listener = (event: never) => unknown
type Entry = (event: unknown, type: string) => unknown

export interface Events {
  on(name: string, listener: Listener): () => void
  /** Queues an event. */
  emit<Name extends keyof Emitted>(name: Name, event: Emitted[Name]): void
  /** Queues an event, and delivers the queue. */
  emitNow<Name extends keyof Emitted>(name: Name, event: Emitted[Name]): void
  /** A number for a request to report. Undefined: no listener receives every event. */
  nextRequestId(): number | undefined
  /** Queues a change of state. Changes that are queued together are delivered as one. */
  change(): void
  /** Delivers the queue. A listener that throws or rejects disturbs no other one, and may call any method of `auth`. */
  flush(): void
  /**
   * Delivers nothing until this promise has settled. Without one, delivery goes on with the next `flush`.
   * @returns a function that ends this pause, unless another one has replaced it. The next `flush` delivers.
   */
  hold(until?: Promise<unknown>): () => void
}

interface Emitted extends AuthEvents {
  request: Omit<RequestEvent, 'type'>
}

export const CHANGE = ''
const EVERY = '*'

const eventNames: Readonly<Record<keyof AuthEvents | typeof EVERY, 1>> = {
  login: 1,
  refreshed: 1,
  refreshFailed: 1,
  sessionExpiring: 1,
  sessionExpired: 1,
  logout: 1,
  challenge: 1,
  warning: 1,
  '*': 1,
}

/** @throws TypeError when there is no such event */
export function checkEvent(name: string): string {
  const names = Object.keys(eventNames)
  check(names.includes(name), 'event', `one of ${names.join(', ')}`, name)
  return name
}

/** @throws TypeError when it is no function */
export function checkListener<Listener>(listener: Listener): Listener {
  check(typeof listener === 'function', 'listener', 'a function', listener)
  return listener
}

export function createEvents(): Events {
  const listeners: Listeners = new Map()
  const queue: Queue = []
  let isOpen = false
  let isFlushing = false
  let awaited: Promise<unknown> | undefined
  let requests = 0

  const flush = (): void => {
    // A listener that calls back: its events come after those that the others still wait for.
    if (isFlushing) return
    isFlushing = true
    while (isOpen && !awaited && queue.length) deliver(listeners, queue, flush)
    isFlushing = false
  }
  // The events of the creation wait for the listeners that are about to be added.
  void runSoon(() => {
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
    nextRequestId: () => (listeners.get(EVERY)?.size ? ++requests : undefined),
    emit: (name, event) => void queue.push([name, event]),
    emitNow(name, event) {
      queue.push([name, event])
      flush()
    },
    change: () => {
      if (!queue.some(([name]) => name === CHANGE)) queue.push([CHANGE, undefined])
    },
    flush,
    hold(until) {
      awaited = until
      const end = (): void => {
        if (awaited === until) awaited = undefined
      }
      const release = (): void => {
        end()
        flush()
      }
      until?.then(release, release)
      return end
    },
  }
}

type Listeners = Map<string, Set<Entry>>
type Queue = [name: string, event: unknown][]

/** Delivers the first event of the queue. A listener that fails causes a warning. */
function deliver(listeners: Listeners, queue: Queue, flush: () => void): void {
  const [name, event] = queue.shift() as Queue[number]
  const warn = (verb: string, error: unknown): void => {
    if (name !== 'warning')
      queue.push(['warning', { message: `A listener of ${name || 'subscribe'} ${verb}`, error }])
  }
  for (const listener of [...(listeners.get(name) ?? []), ...((name && listeners.get(EVERY)) || [])]) {
    try {
      const result = listener(event, name)
      if (!isPromise(result)) continue
      const reject = (error: unknown): void => {
        warn('rejected', error)
        flush()
      }
      result.then(undefined, reject)
    } catch (error) {
      warn('threw', error)
    }
  }
}
