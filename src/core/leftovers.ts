/** The tokens that an earlier release of the application has left in another storage. */
import { isPage } from './environment.js'
import { parseRecord, type SessionRecord } from './record.js'
import type { Sharing } from './state.js'
import type { RecordStore } from './store.js'
import { ignore, isPromise } from './waiting.js'

const AREAS = ['localStorage', 'sessionStorage'] as const

/**
 * Removes the tokens that lie under the name of the session in another storage than its own: nothing would ever spend
 * or revoke them. They are not adopted, because a tab with the earlier release may still be using them.
 * @param sharing uses the database anyway. Without it the whole database is deleted, so that no empty one is created.
 */
export function clearLeftovers(name: string, storage: RecordStore, sharing: Sharing | undefined): void {
  if (!isPage()) return
  for (const each of AREAS) clearArea(name, storage, each)
  if (storage.database !== name) void clearDatabase(name, sharing).catch(ignore)
}

async function clearDatabase(name: string, sharing: Sharing | undefined): Promise<void> {
  const databases = await indexedDB.databases?.()
  if (databases && !databases.some(each => each.name === name)) return
  if (sharing) await sharing.clearRecord(hasTokens)
  else indexedDB.deleteDatabase(name)
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
