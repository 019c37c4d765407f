/** The tombstone of a session: a record without tokens in `localStorage`. */
import { parseRecord } from '../core/record.js'
import type { Tombstone } from '../core/store.js'

/** @param name the namespace of the session */
export function createTombstone(name: string): Tombstone {
  const key = `${name}:logout`
  return {
    read() {
      try {
        const record = parseRecord(JSON.parse(`${localStorage.getItem(key)}`))
        return record?.ended ? record : null
      } catch {
        // There is no storage, or it is forbidden, or it holds something else.
        return null
      }
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
