/** What an earlier release of the application, which used another storage, has left behind. */
import { isPage } from './environment.js'
import { RECORD, transact } from './indexed-db.js'
import { parseRecord } from './record.js'
import type { Tokens } from './types.js'
import type { CoherentStorage } from './vault.js'
import { ignore } from './waiting.js'

const AREAS = ['localStorage', 'sessionStorage'] as const

/**
 * Removes the tokens that lie under the name of the session in another storage than its own: nothing would ever spend
 * or revoke them. They are not taken over, since a tab with the earlier release may still be using them.
 * @param isShared the database is used anyway; else it is deleted as a whole, so that none comes into being
 */
export function clearLeftovers(name: string, storage: CoherentStorage, isShared: boolean): void {
  if (!isPage()) return
  for (const each of AREAS) clearArea(name, storage, each)
  if (storage.database !== name) void clearDatabase(name, isShared).catch(ignore)
}

async function clearDatabase(name: string, isShared: boolean): Promise<void> {
  const databases = await indexedDB.databases?.()
  if (databases && !databases.some(each => each.name === name)) return
  if (!isShared) indexedDB.deleteDatabase(name)
  else if (hasTokens(await transact(name, RECORD))) await transact(name, RECORD, () => null)
}

function clearArea(name: string, storage: CoherentStorage, each: (typeof AREAS)[number]): void {
  try {
    const area = globalThis[each]
    if (!storage.isAt?.(area, name) && hasTokens(JSON.parse(String(area.getItem(name)))))
      area.removeItem(name)
  } catch {
    // There is no such storage, or it holds no record.
  }
}

function hasTokens(value: unknown): boolean {
  const { accessToken, refreshToken }: Partial<Tokens> = parseRecord(value) ?? {}
  return !!accessToken || !!refreshToken
}
