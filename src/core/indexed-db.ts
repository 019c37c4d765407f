/**
 * What tabs agree on. An IndexedDB transaction that has completed is seen by every tab that asks afterwards; a
 * `localStorage` write made just before a lock is released often is not.
 */
import type { AuthLock } from './types.js'
import { ignore, pause, unlessAborted } from './waiting.js'

/** How often a waiter asks for the lease, milliseconds. */
const ASK = 50

/** Key of the record in its database. */
export const RECORD = 'record'

/**
 * Reads a value and, in the same transaction, puts what `update` makes of it; undefined leaves it, null deletes it.
 * Resolves, once the transaction has completed, to what is there then. The connection is not kept, so nothing blocks
 * another tab or the back/forward cache.
 */
export function transact<T>(
  database: string,
  key: string,
  update?: (stored: T | undefined) => T | null | undefined,
): Promise<T | undefined> {
  const storeName = 'tokens'
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(database, 1)
    opening.onupgradeneeded = () => void opening.result.createObjectStore(storeName)
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const connection = opening.result
      try {
        const transaction = connection.transaction(storeName, update ? 'readwrite' : 'readonly')
        const store = transaction.objectStore(storeName)
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
          // What is read is committed already.
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
        if (update) transaction.oncomplete = settle
        transaction.onabort = settle
      } catch (error) {
        connection.close()
        reject(error)
      }
    }
  })
}

/**
 * Where Web Locks are missing: who holds the lease of a name may go on, until it is given back or runs out.
 * @param duration how long it lasts whose holder is gone, milliseconds: longer than an attempt, shorter than patience
 */
export function createLease(database: string, duration: number): AuthLock {
  interface Lease {
    holder: number
    until: number
  }
  return {
    async request(name, { signal }, callback) {
      const key = `lease:${name}`
      // Of this request alone: its release, when it comes late, must not give back the next one's lease.
      const holder = Math.random()
      const release = (): Promise<unknown> =>
        transact<Lease>(database, key, stored =>
          stored?.holder === holder ? { holder, until: 0 } : undefined,
        ).catch(ignore)
      for (;;) {
        signal?.throwIfAborted()
        const asking = transact<Lease>(database, key, stored =>
          stored && stored.until > Date.now() && stored.until < Date.now() + 2 * duration
            ? undefined
            : { holder, until: Date.now() + duration },
        )
        // A frozen tab may keep the database to itself.
        const lease = await unlessAborted(asking, signal).catch(error => {
          asking.then(release, ignore)
          throw error
        })
        // The device may have slept meanwhile: then it is over, and perhaps another's.
        if (lease?.holder === holder && lease.until > Date.now()) break
        await pause(ASK)
      }
      try {
        return await callback()
      } finally {
        void release()
      }
    },
  }
}
