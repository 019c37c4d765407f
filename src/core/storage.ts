/** The storages as the application chooses them, and as the engine uses them. */
import { check } from './check.js'
import { isPage } from './environment.js'
import type { SessionRecord } from './record.js'
import type { CookieRules, Share } from './state.js'
import { NO_PAGE, type RecordStore } from './store.js'
import type { AuthLock, TokenStorage } from './types.js'
import { ignore, isPromise } from './waiting.js'

/** Marks the storages of this package, also of another copy of it. The items of a Web Storage have no such name. */
const KIND: unique symbol = Symbol.for('tokenflight.storage') as never

/** The parts of our own storages that an application does not see. */
export interface StorageKind {
  /** The records of the session with this key. */
  readonly records?: (key: string) => RecordStore
  readonly cookie?: CookieRules
  readonly lock?: AuthLock | undefined
  /** Adds the parts that several pages or processes need. */
  readonly share?: Share
}

export function markStorage(storage: TokenStorage, kind: StorageKind): TokenStorage {
  return Object.defineProperty(storage, KIND, { value: kind })
}

/** The parts of a storage of this package. A storage of the application has no such parts, even with a polluted prototype. */
export function storageKindOf(storage: TokenStorage): StorageKind {
  return Object.assign(Object.create(null), (storage as { [KIND]?: StorageKind })[KIND])
}

/** The records in a storage. One of the application's own keeps one opaque string. */
export function openRecords(storage: TokenStorage, key: string): RecordStore {
  return storageKindOf(storage).records?.(key) ?? plainRecords(storage, key, false)
}

/** Tokens live as long as the page. The default, and the safest against theft. */
export function memoryStorage(): TokenStorage {
  const items = new Map<string, string>()
  return {
    getItem: key => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: key => void items.delete(key),
  }
}

/** @throws TypeError that names the method that is missing */
export function checkStorage(storage: TokenStorage): void {
  checkMethods('storage', storage, ['getItem', 'setItem', 'removeItem'])
}

/** @throws TypeError that names the method that is missing */
export function checkMethods(option: string, value: object, methods: readonly string[]): void {
  for (const method of methods) {
    const member = (value as Record<string, unknown> | null)?.[method]
    const got = value && typeof value === 'object' ? member : value
    check(typeof member === 'function', `${option}.${method}`, 'a function', got)
  }
}

/** A server process may have a `localStorage`, too, which belongs to all its users: there the session is kept in memory. */
export function unlessProcessWide(storage: TokenStorage): TokenStorage {
  if (isPage() || Object.prototype.toString.call(storage) !== '[object Storage]') return storage
  const refuse = (): never => {
    throw new Error(NO_PAGE)
  }
  return { getItem: refuse, setItem: refuse, removeItem: refuse }
}

/** The records as one string under the key. */
export function plainRecords(given: TokenStorage, key: string, shared: boolean): RecordStore {
  const storage = unlessProcessWide(given)
  return {
    shared,
    get() {
      const text = storage.getItem(key)
      return isPromise(text) ? text.then(parseText) : parseText(text)
    },
    set(record) {
      const written: unknown = storage.setItem(key, JSON.stringify(record))
      return isPromise(written) ? written.then(ignore) : undefined
    },
    remove() {
      const removed: unknown = storage.removeItem(key)
      return isPromise(removed) ? removed.then(ignore) : undefined
    },
    isAt(area, entry) {
      // The application may have wrapped the area: then both hold the same record, before or after a write.
      const before = versionOf(area.getItem(entry))
      const isSame = (text: unknown): boolean =>
        [before, versionOf(area.getItem(entry))].includes(versionOf(text))
      const text = storage.getItem(entry)
      return isPromise(text) ? text.then(isSame) : isSame(text)
    },
  }
}

/** The version of the record in the text: no two records have the same. The text itself may differ in its order. */
export function versionOf(text: unknown): unknown {
  return (parseText(text) as SessionRecord | null)?.version
}

/** The value in the text. A text that is no JSON reads as empty. Some storages, such as unstorage, parse it themselves. */
export function parseText(text: unknown): unknown {
  if (typeof text === 'object') return text
  try {
    return JSON.parse(String(text))
  } catch {
    return null
  }
}
