/** The platform that the tabs of one origin share, on fake time: Web Locks, `localStorage` as each tab sees it, IndexedDB. */
import { IDBFactory } from 'fake-indexeddb'
import type { AuthLock } from 'tokenflight'
import { vi } from 'vitest'
import { type Deferred, deferred, pass } from './core.js'
import { becomePage } from './page.js'

/** Locks by name, granted in order, as the Web Locks are. */
export interface Locks extends AuthLock {
  /** The names that were asked for, in order. */
  readonly asked: string[]
  /** A holder that is frozen. Returns a function that releases the lock. */
  freeze(name: string): () => void
}

export function createLocks(): Locks {
  const tails = new Map<string, Promise<unknown>>()
  const take = <T>(name: string, signal: AbortSignal, callback: () => Promise<T>): Promise<T> => {
    const before = tails.get(name) ?? Promise.resolve()
    const granted = new Promise<unknown>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      before.then(resolve)
    })
    const mine = granted.then(callback)
    tails.set(name, Promise.allSettled([before, mine]))
    return mine
  }
  const asked: string[] = []
  return {
    asked,
    async request(name, { signal }, callback) {
      asked.push(name)
      if (!signal) throw new TypeError('Nothing ends this wait')
      return take(name, signal, callback)
    },
    freeze(name) {
      const { promise, resolve } = deferred()
      void take(name, new AbortController().signal, () => promise)
      return resolve
    },
  }
}

/** `localStorage` of an origin, of which each tab has a view of its own. */
export interface LocalArea {
  /** The last value written. */
  readonly items: ReadonlyMap<string, string>
  /** The view of a tab that sees the writes of others so many milliseconds later. */
  view(lag?: number): Storage
}

export function createLocalArea(): LocalArea {
  const items = new Map<string, string>()
  const views = new Set<(key: string, value: string | undefined) => void>()
  const put = (map: Map<string, string>, key: string, value: string | undefined): void => {
    if (value === undefined) map.delete(key)
    else map.set(key, value)
  }
  return {
    items,
    view(lag = 0) {
      const seen = new Map(items)
      const hear = (key: string, value: string | undefined): void => {
        if (!lag) put(seen, key, value)
        else if (lag < Number.POSITIVE_INFINITY) setTimeout(() => put(seen, key, value), lag)
      }
      views.add(hear)
      const write = (key: string, value: string | undefined): void => {
        put(items, key, value)
        put(seen, key, value)
        for (const other of views) if (other !== hear) other(key, value)
      }
      return {
        getItem: (key: string) => seen.get(key) ?? null,
        setItem: (key: string, value: string) => write(key, value),
        removeItem: (key: string) => write(key, undefined),
      } as Storage
    },
  }
}

/** A page with an empty IndexedDB for the test. Each step of a request takes a millisecond. */
export function useDatabases(): void {
  becomePage()
  vi.stubGlobal('indexedDB', new IDBFactory())
}

/** Lets the databases answer all requests. */
export async function answers(): Promise<void> {
  await pass(30)
}

/** How long `readRow` and `writeRow` take, milliseconds. */
export const ROW = 60

/** From now on no database answers, as if a frozen tab kept them to itself. */
export function stopDatabases() {
  const databases = globalThis.indexedDB
  const waiting: (() => void)[] = []
  const open = (name: string, version: number): Partial<IDBOpenDBRequest> => {
    const late: Record<string, unknown> = {}
    waiting.push(() => {
      const opening = databases.open(name, version)
      for (const handler of ['onupgradeneeded', 'onsuccess', 'onerror'] as const)
        opening[handler] = () => {
          if (handler !== 'onerror') late['result'] = opening.result
          ;(late[handler] as () => void)()
        }
    })
    return late
  }
  vi.stubGlobal('indexedDB', { open })
  return {
    /** They answer again; also to the requests made meanwhile, unless their tab is gone. */
    resume({ isGone = false } = {}): void {
      vi.stubGlobal('indexedDB', databases)
      if (!isGone) for (const go of waiting) go()
    },
  }
}

/** Opens a database as an application would, with the store that is named if it is new. */
export async function connect(name: string, { version = 1, store = 'tokens' } = {}): Promise<IDBDatabase> {
  const { promise, resolve, reject }: Deferred<IDBDatabase> = deferred()
  const opening = indexedDB.open(name, version)
  opening.onupgradeneeded = () => void opening.result.createObjectStore(store)
  opening.onsuccess = () => resolve(opening.result)
  opening.onerror = () => reject(opening.error)
  await answers()
  return promise
}

/** The value of a row of the database. */
export async function readRow(name: string, key: string): Promise<unknown> {
  const connection = await connect(name)
  const reading = connection.transaction('tokens').objectStore('tokens').get(key)
  await answers()
  connection.close()
  return reading.result
}

export async function writeRow(name: string, key: string, value: unknown): Promise<void> {
  const connection = await connect(name)
  connection.transaction('tokens', 'readwrite').objectStore('tokens').put(value, key)
  await answers()
  connection.close()
}
