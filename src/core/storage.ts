/** Where the record lives: memory, or Web Storage. */
import type { TokenStorage, Tokens } from './types.js'

/** Tokens live as long as the page. The default, and the safest against theft. */
export function memoryStorage(): TokenStorage {
  let record: Tokens | null = null
  return {
    get: () => record,
    set: tokens => {
      record = tokens
    },
    remove: () => {
      record = null
    },
  }
}

export interface WebStorageOptions {
  /** The entry that holds the record. `@default 'tokenflight'` */
  key?: string | undefined
}

/**
 * Tokens live in `localStorage` (all tabs, across reloads) or `sessionStorage` (one tab). Any script of the origin
 * can read them. Where there is no such storage memory carries on, and a `warning` says so.
 */
export function webStorage(storage?: Storage, { key = 'tokenflight' }: WebStorageOptions = {}): TokenStorage {
  const area = (): Storage => storage ?? localStorage
  const isShared = (): boolean => {
    try {
      return area() !== sessionStorage
    } catch {
      return true
    }
  }
  return {
    shared: isShared(),
    get() {
      const text = area().getItem(key)
      try {
        return text ? (JSON.parse(text) as Tokens) : null
      } catch {
        return null
      }
    },
    set: tokens => area().setItem(key, JSON.stringify(tokens)),
    remove: () => area().removeItem(key),
  }
}
