/** Sessions in IndexedDB. */
import { check, isText, ownOptions } from '../core/check.js'
import { isPage } from '../core/environment.js'
import { isNewer, isOtherFormat, parseRecord, RECORD } from '../core/record.js'
import type { Share } from '../core/state.js'
import { markStorage } from '../core/storage.js'
import { NO_PAGE, type RecordStore, TOO_NEW } from '../core/store.js'
import type { TokenStorage } from '../core/types.js'
import { transact } from './indexed-db.js'
import { shareRecords } from './share.js'
import { withTabSessions } from './tab-sessions.js'
import { createTombstone } from './tombstone.js'

/** The options of `indexedDBStorage`. */
export interface IndexedDBStorageOptions {
  /** Name of the database. `@default` `tokenflight:<name>` with the `name` of the `Auth` */
  database?: string | undefined
}

/**
 * The session lives in IndexedDB: all tabs, across reloads. The most reliable storage where several tabs share a rotating
 * refresh token. Any script of the origin can read the tokens. Without IndexedDB or a page, the session is kept in memory,
 * and a `warning` is emitted.
 */
export function indexedDBStorage(options: IndexedDBStorageOptions = {}): TokenStorage {
  const { database } = ownOptions(options, 'indexedDBStorage', { database: 1 })
  check(database === undefined || isText(database), 'database', 'a non-empty string', database)
  const shared = isPage()
  const row = async <T>(name: string, key: string, update?: (stored: unknown) => unknown): Promise<T> => {
    if (!shared) throw new Error(NO_PAGE)
    return (await transact(name, key, update)) as T
  }
  const own: TokenStorage = {
    getItem: key => row<string | undefined>(database ?? key, `item:${key}`),
    setItem: async (key, value) => void (await row(database ?? key, `item:${key}`, () => value)),
    removeItem: async key => void (await row(database ?? key, `item:${key}`, () => null)),
  }
  const records = (key: string): RecordStore => {
    const name = database ?? key
    const alone: RecordStore = {
      shared,
      database: name,
      get: async () => parseRecord(await row(name, RECORD)),
      // Stryker disable next-line ArrowFunction: the store calls `commit` where there is one
      set: record => row(name, RECORD, () => record),
      remove: () => row(name, RECORD, () => null),
      isAt: () => false,
      commit: (record, force) =>
        row(name, RECORD, stored => {
          if (!force && isOtherFormat(stored)) throw new Error(TOO_NEW)
          const present = parseRecord(stored)
          return present && isNewer(present, record) ? undefined : record
        }),
    }
    return shared ? withTabSessions(alone, key) : alone
  }
  return markStorage(own, { records, share: shareDatabase })
}

/**
 * A page that goes away when it learns of its logout loses the write to its database. The tombstone is there at once. Its empty
 * list of tokens makes the next page write it to the database.
 */
const shareDatabase: Share = engine => {
  const sharing = shareRecords(engine)
  const { read, write } = createTombstone(engine.settings.key)
  return sharing && { ...sharing, tombstone: { read, write: record => write({ ...record, revoke: [] }) } }
}
