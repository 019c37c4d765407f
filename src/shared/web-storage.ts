/** Sessions in Web Storage, with a ledger in IndexedDB. */
import { check, isText, ownOptions } from '../core/check.js'
import { isPage } from '../core/environment.js'
import {
  EMPTY,
  isNewer,
  isOtherFormat,
  isTwin,
  isWorthKeeping,
  parseRecord,
  type SessionRecord,
} from '../core/record.js'
import { markStorage, parseText, versionOf } from '../core/storage.js'
import { NO_PAGE, type RecordStore, TOO_NEW } from '../core/store.js'
import type { TokenStorage } from '../core/types.js'
import { atMost, pause } from '../core/waiting.js'
import { transact } from './indexed-db.js'
import { shareRecords } from './share.js'
import { withTabSessions } from './tab-sessions.js'

/** How long a `localStorage` write of another tab may take to be seen, and how often it is looked for, milliseconds. */
const SEEN_WITHIN = 500
const LOOK = 5
/** Without a ledger a write may take so long to be seen by other tabs, milliseconds. */
const SETTLE = 20
/** How long the ledger may take, milliseconds. */
const LEDGER = 1_000

/** The options of `webStorage`. */
export interface WebStorageOptions {
  /** The entry that holds the record. `@default` `tokenflight:<name>` with the `name` of the `Auth` */
  key?: string | undefined
}

/**
 * The session lives in `localStorage` (all tabs, across reloads) or `sessionStorage` (one tab). Any script of the origin
 * can read the tokens. Without such a storage the session is kept in memory, and a `warning` is emitted. That includes a server
 * process, whose `localStorage` belongs to all its users.
 */
export function webStorage(storage?: Storage, options: WebStorageOptions = {}): TokenStorage {
  const { key } = ownOptions(options, 'webStorage', { key: 1 })
  check(key === undefined || isText(key), 'key', 'a non-empty string', key)
  const isSession = isGlobal(storage, 'sessionStorage')
  const isMissing = !isPage() && (!storage || isSession || isGlobal(storage, 'localStorage'))
  const area = (): Storage => {
    if (isMissing) throw new Error(NO_PAGE)
    return storage ?? localStorage
  }
  const own: TokenStorage = {
    getItem: entry => area().getItem(entry),
    setItem: (entry, value) => area().setItem(entry, value),
    removeItem: entry => area().removeItem(entry),
  }
  const records = (name: string): RecordStore => {
    const alone = openArea(area, key ?? name)
    return isMissing || isSession ? alone : withTabSessions(shareArea(alone, name, key ?? name), name)
  }
  return markStorage(own, { records, share: shareRecords })
}

interface AreaRecords extends RecordStore {
  get(): SessionRecord | null
  set(record: SessionRecord): void
  /** @throws Error when another version has stored a record, which only a login or a logout may replace */
  respect(force: boolean | undefined): void
}

/** The records in an entry of a storage that this page alone uses. */
function openArea(area: () => Storage, entry: string): AreaRecords {
  const read = (): unknown => parseText(area().getItem(entry))
  const records: AreaRecords = {
    shared: false,
    get: () => parseRecord(read()),
    set: record => area().setItem(entry, JSON.stringify(record)),
    remove: () => area().removeItem(entry),
    isAt: (other, at) => at === entry && versionOf(other.getItem(at)) === versionOf(area().getItem(at)),
    respect(force) {
      if (!force && isOtherFormat(read())) throw new Error(TOO_NEW)
    },
    async commit(record, force) {
      records.respect(force)
      if (isWorthKeeping(record)) records.set(record)
      else area().removeItem(entry)
    },
  }
  return records
}

/** Adds the ledger, so that all tabs agree. */
function shareArea(area: AreaRecords, database: string, entry: string): RecordStore {
  const { get, set, respect } = area
  let settled: Promise<void> | undefined
  const ledger = createLedger(database, `ledger:${entry}`)
  /** Reads until the record that the ledger names is visible. */
  const load = async (): Promise<SessionRecord | null> => {
    const last = await atMost(ledger.last(), LEDGER)
    for (let waited = 0; ; waited += LOOK) {
      const record = get()
      if (!last || (record && !isNewer(last, record)) || waited >= SEEN_WITHIN) return record
      // The end of a session needs no more than its stamp.
      if (last.ended) return last
      await pause(LOOK)
    }
  }
  return {
    ...area,
    shared: true,
    load,
    async commit(record, force) {
      respect(force)
      /** The stored record, if it is newer: perhaps the end of a session whose stamp was lost with its page. */
      const newer = (): SessionRecord | undefined => {
        const present = get()
        return present && isNewer(present, record) ? present : undefined
      }
      /** The same without a twin: of two grants for one refresh token, the last one counts. */
      const later = (): SessionRecord | undefined => {
        const present = newer()
        return present?.accessToken && isTwin(present, record) ? undefined : present
      }
      // The end of a session must depend neither on a database nor on a page that stays open.
      if (!record.accessToken && !newer()) set(record)
      settled = undefined
      const stamp = await atMost(
        ledger.note(record, () => void (later() ?? set(record))),
        LEDGER,
      )
      if (stamp) return isNewer(stamp, record) ? ((await load()) ?? stamp) : (later() ?? record)
      const present = newer()
      if (present) return present
      set(record)
      settled = pause(SETTLE)
      return record
    },
    settled: () => settled,
  }
}

/** Whether the storage is that global, where there is one. */
function isGlobal(storage: Storage | undefined, name: 'localStorage' | 'sessionStorage'): boolean {
  let global: Storage | undefined
  try {
    global = globalThis[name]
  } catch {
    // Access to the global is forbidden, so the storage is another one.
  }
  return !!storage && storage === global
}

/** The stamp of the newest record that any tab has written to `localStorage`. */
interface Ledger {
  /**
   * Calls `write` unless the ledger holds a newer stamp, and notes the stamp in the same transaction. Resolves to
   * the stamp that is there afterwards.
   */
  note(tokens: SessionRecord, write: () => void): Promise<SessionRecord>
  last(): Promise<SessionRecord | undefined>
}

function createLedger(database: string, key: string): Ledger {
  return {
    async note(tokens, write) {
      const { generation, version, savedAt, ended } = tokens
      const stamp = await transact<SessionRecord>(database, key, stored => {
        const present = parseRecord(stored)
        if (present && isNewer(present, tokens)) return undefined
        write()
        return { ...EMPTY, generation, version, savedAt, ...(ended && { ended }) }
      })
      return stamp ?? tokens
    },
    last: async () => parseRecord(await transact(database, key)) ?? undefined,
  }
}
