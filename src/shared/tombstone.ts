/** The tombstone of a session: a record without tokens in `localStorage`. */
import { parseRecord, type SessionRecord } from '../core/record.js'
import { parseText } from '../core/storage.js'
import type { Tombstone } from '../core/store.js'

/** The record in an entry of a storage. Null: there is no storage, or it is forbidden, or it holds something else. */
export function readEntry(area: () => Storage, key: string): SessionRecord | null {
  try {
    return parseRecord(parseText(area().getItem(key)))
  } catch {
    return null
  }
}

/** @param name the namespace of the session */
export function createTombstone(name: string): Tombstone {
  const key = `${name}:logout`
  return {
    read() {
      const record = readEntry(() => localStorage, key)
      return record?.ended ? record : null
    },
    write(record) {
      try {
        if (record.accessToken) localStorage.removeItem(key)
        else if (record.ended === 'logout') localStorage.setItem(key, JSON.stringify(record))
      } catch {
        // The logout lasts as long as this page.
      }
    },
  }
}
