/** Sessions that end with their tab (`remember: false`): their records lie in `sessionStorage`. */
import { EMPTY, isNewer, parseRecord, type SessionRecord } from '../core/record.js'
import type { RecordStore } from '../core/store.js'
import { isPromise } from '../core/waiting.js'
import { readEntry } from './tombstone.js'

/** Adds the record of this tab to a storage of all tabs. The newer of the two records counts. */
export function withTabSessions(records: RecordStore, key: string): RecordStore {
  const own = (): SessionRecord | null => {
    const record = readEntry(() => sessionStorage, key)
    return record?.tabOnly ? record : null
  }
  const clear = (): void => {
    if (own()) sessionStorage.removeItem(key)
  }
  const newer = (value: unknown): unknown => {
    const mine = own()
    const stored = parseRecord(value)
    if (!mine || (stored && isNewer(stored, mine))) {
      // The session of this tab has been replaced: nothing would ever spend its tokens.
      clear()
      return value
    }
    return mine
  }
  const commit = async (record: SessionRecord, force?: boolean): Promise<unknown> =>
    // Stryker disable next-line OptionalChaining: the storages that all tabs share have it
    (await records.commit?.(record, force)) ?? record
  return {
    ...records,
    canBeTabOnly: true,
    get() {
      const stored = records.get()
      return isPromise(stored) ? stored.then(newer) : newer(stored)
    },
    load: async () => newer(await (records.load ?? records.get)()),
    remove() {
      clear()
      return records.remove()
    },
    isAt: (area, entry) => (entry === key && !!own() && area === sessionStorage) || records.isAt(area, entry),
    async commit(record, force) {
      if (!record.tabOnly) {
        clear()
        return commit(record, force)
      }
      sessionStorage.setItem(key, JSON.stringify(record))
      // In the other tabs the session before this one ends. That end is older than this session.
      const { generation, savedAt } = record
      const end: SessionRecord = { ...EMPTY, generation: Math.floor(generation), savedAt, ended: 'logout' }
      const stored = parseRecord(await commit(end, force))
      return stored && isNewer(stored, record) ? stored : record
    },
  }
}
