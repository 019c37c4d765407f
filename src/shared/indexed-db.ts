/**
 * The storage that keeps tabs consistent. Every tab sees an IndexedDB transaction that has completed. A `localStorage`
 * write that comes just before the release of a lock is often not visible to the next tab.
 */

import { TABLE } from '../core/record.js'

/**
 * Reads a value and, in the same transaction, writes the result of `update`; undefined keeps the value, null deletes it.
 * Resolves to the stored value when the transaction has completed. The connection is not kept open, so nothing blocks
 * another tab or the back/forward cache.
 */
export function transact<T>(
  database: string,
  key: string,
  update?: (stored: T | undefined) => T | null | undefined,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(database, 1)
    opening.onupgradeneeded = () => void opening.result.createObjectStore(TABLE)
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const connection = opening.result
      try {
        const transaction = connection.transaction(TABLE, update ? 'readwrite' : 'readonly')
        const store = transaction.objectStore(TABLE)
        const reading: IDBRequest<T | undefined> = store.get(key)
        let value: T | undefined
        let failure: unknown
        const settle = (): void => {
          connection.close()
          if (failure ?? transaction.error) reject(failure ?? transaction.error)
          else resolve(value)
        }
        reading.onsuccess = () => {
          value = reading.result
          // The value that was read is committed already.
          if (!update) return settle()
          try {
            const next = update(value)
            if (next === undefined) return
            value = next ?? undefined
            if (next === null) store.delete(key)
            else store.put(next, key)
          } catch (error) {
            failure = error
            transaction.abort()
          }
        }
        // Stryker disable next-line ConditionalExpression: a connection that is closed twice is closed
        if (update) transaction.oncomplete = settle
        transaction.onabort = settle
      } catch (error) {
        connection.close()
        reject(error)
      }
    }
  })
}
