/** The tombstone of a session: a record without tokens in `localStorage`. */
import { parseRecord, type SessionRecord } from '../core/record.js'
import type { Tombstone } from '../core/store.js'

/** @param name the namespace of the session */
export function createTombstone(name: string): Tombstone {
  const key = `${name}:logout`
  return {
    read() {
      let record: SessionRecord | null = null
      try {
        record = parseRecord(JSON.parse(`${localStorage.getItem(key)}`))
      } catch {
        // There is no storage, or it is forbidden, or it holds something else.
      }
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
