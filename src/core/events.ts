/** Listeners, and a queue that delivers to them when the engine flushes it: outside locks and flights. */
import { check } from './check.js'
import type { AuthEvents, RequestEvent } from './types.js'
import { isPromise } from './waiting.js'

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
  /** Queues a change of state; those that wait already are one. */
  change(): void
  /** Delivers the queue. A listener that throws or rejects disturbs no other one, and may call any method of `auth`. */
  flush(): void
  /**
   * Delivers nothing until this promise has settled. Without one, delivery goes on with the next `flush`.
   * @returns a function that ends this hold, unless another one has replaced it. The next `flush` delivers.
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
  const { add, has, call } = createListeners()
  const queue: [name: string, event: unknown][] = []
  let isOpen = false
  let isFlushing = false
  let awaited: Promise<unknown> | undefined
  let requests = 0

  const warn = (message: string, error: unknown): void => void queue.push(['warning', { message, error }])
  const flush = (): void => {
    // A listener that calls back: its events come after those that the others still wait for.
    if (isFlushing) return
    isFlushing = true
    while (isOpen && !awaited && queue.length) call(...(queue.shift() as (typeof queue)[number]), warn, flush)
    isFlushing = false
  }
  // The events of the creation wait for the listeners that are about to be added.
  queueMicrotask(() => {
    isOpen = true
    flush()
  })
  return {
    on: add,
    nextRequestId: () => (has(EVERY) ? ++requests : undefined),
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

interface Listeners {
  add: Events['on']
  has(name: string): boolean
  /** Calls the listeners of an event. `warn` hears of those that fail; `onReject` follows a late failure. */
  call(
    name: string,
    event: unknown,
    warn: (message: string, error: unknown) => void,
    onReject: () => void,
  ): void
}

function createListeners(): Listeners {
  const listeners = new Map<string, Set<Entry>>()
  return {
    add(name, listener) {
      // Wrapped, so that one function that is registered twice is two listeners.
      const entry: Entry = (event, type) =>
        listener((name === EVERY ? { type, ...(event as object) } : event) as never)
      const set = listeners.get(name) ?? new Set()
      listeners.set(name, set.add(entry))
      return () => void set.delete(entry)
    },
    has: name => !!listeners.get(name)?.size,
    call(name, event, warn, onReject) {
      const fail = (verb: string, error: unknown): void => {
        if (name !== 'warning') warn(`A listener of ${name || 'subscribe'} ${verb}`, error)
      }
      for (const listener of [...(listeners.get(name) ?? []), ...((name && listeners.get(EVERY)) || [])]) {
        try {
          const result = listener(event, name)
          if (!isPromise(result)) continue
          const reject = (error: unknown): void => {
            fail('rejected', error)
            onReject()
          }
          result.then(undefined, reject)
        } catch (error) {
          fail('threw', error)
        }
      }
    },
  }
}
