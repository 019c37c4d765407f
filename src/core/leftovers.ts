/** The tokens that an earlier release of the application has left in another storage. */
import { isPage } from './environment.js'
import { parseRecord, RECORD, type SessionRecord, TABLE } from './record.js'
import type { RecordStore } from './store.js'
import { ignore, isPromise } from './waiting.js'

const AREAS = ['localStorage', 'sessionStorage'] as const

/**
 * Removes the tokens that lie under the name of the session in another storage than its own: nothing would ever spend
 * or revoke them. They are not adopted, because a tab with the earlier release may still be using them.
 */
export function clearLeftovers(name: string, storage: RecordStore): void {
  if (!isPage()) return
  for (const each of AREAS) clearArea(name, storage, each)
  if (storage.database !== name) void clearDatabase(name).catch(ignore)
}

/** Removes the record alone: the database may hold the key of the session, or items of the application's own storage. */
async function clearDatabase(name: string): Promise<void> {
  const connection = await new Promise<IDBDatabase>(resolve => {
    const opening = indexedDB.open(name)
    // There is no such database, and none is created.
    opening.onupgradeneeded = () => opening.transaction?.abort()
    opening.onerror = event => event.preventDefault()
    opening.onsuccess = () => resolve(opening.result)
  })
  try {
    const store = connection.transaction(TABLE, 'readwrite').objectStore(TABLE)
    const reading = store.get(RECORD)
    reading.onsuccess = () => {
      if (hasTokens(reading.result)) store.delete(RECORD)
    }
  } finally {
    // It waits for the transaction.
    connection.close()
  }
}

function clearArea(name: string, storage: RecordStore, each: (typeof AREAS)[number]): void {
  try {
    const area = globalThis[each]
    if (!hasTokens(JSON.parse(String(area.getItem(name))))) return
    const clear = (isOwn: boolean | undefined): void => {
      if (!isOwn) area.removeItem(name)
    }
    const isOwn = storage.isAt(area, name)
    if (isPromise(isOwn)) isOwn.then(clear).catch(ignore)
    else clear(isOwn)
  } catch {
    // There is no such storage, or it holds no record.
  }
}

function hasTokens(value: unknown): boolean {
  const { accessToken, refreshToken, revoke }: Partial<SessionRecord> = parseRecord(value) ?? {}
  return !!accessToken || !!refreshToken || !!revoke
}
