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
export async function transact<T>(
  database: string,
  key: string,
  update?: (stored: T | undefined) => T | null | undefined,
): Promise<T | undefined> {
  const connection = await new Promise<IDBDatabase>((resolve, reject) => {
    const opening = indexedDB.open(database, 1)
    opening.onupgradeneeded = () => void opening.result.createObjectStore(TABLE)
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => resolve(opening.result)
  })
  return new Promise<T | undefined>((resolve, reject) => {
    const transaction = connection.transaction(TABLE, update ? 'readwrite' : 'readonly')
    const store = transaction.objectStore(TABLE)
    const reading: IDBRequest<T | undefined> = store.get(key)
    let value: T | undefined
    reading.onsuccess = () => {
      value = reading.result
      // The value that was read is committed already.
      if (!update) return resolve(value)
      try {
        const next = update(value)
        if (next === undefined) return
        value = next ?? undefined
        if (next === null) store.delete(key)
        else store.put(next, key)
      } catch (error) {
        reject(error)
        transaction.abort()
      }
    }
    transaction.oncomplete = () => resolve(value)
    transaction.onabort = () => reject(transaction.error)
  }).finally(() => connection.close())
}
