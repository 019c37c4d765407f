/** Reading and writing the record: with a time limit, and in order. If the storage fails, memory replaces it. */
import { isNewer, isOtherFormat, isWorthKeeping, parseRecord, type SessionRecord } from './record.js'
import { ignore, isPromise, within } from './waiting.js'

/** Time limit of one storage operation, milliseconds. */
const LIMIT = 2_000

/** The reason why a server process has no storage of pages. */
export const NO_PAGE = 'There is no page, and the storage of a server process belongs to all its users'
/** The reason why a record is not replaced. */
export const TOO_NEW = 'The storage holds a record of another version of tokenflight'

/** The records of one session in a storage. */
export interface RecordStore {
  /** All tabs of the origin, or all processes of a service, see them. */
  readonly shared: boolean
  /** The record, synchronously where the storage can. */
  get(): unknown
  /** Resolves when it is stored; where `shared`, so that every tab would read it. */
  set(record: SessionRecord): void | Promise<void>
  remove(): void | Promise<void>
  /** Reads the last record that any tab has committed. */
  load?(): Promise<unknown>
  /**
   * Writes in one step unless something newer is there. Resolves to the record that is there afterwards.
   * @param force a record of another version is replaced, too
   */
  commit?(record: SessionRecord, force?: boolean): Promise<unknown>
  /** Resolves when other tabs see the last write; undefined if they saw it at once. The writer need not wait. */
  settled?(): Promise<void> | undefined
  /** Whether the record lives in this entry of this Web Storage. */
  isAt(area: Storage, key: string): boolean | Promise<boolean>
  /** A session can be kept for this tab alone. */
  readonly canBeTabOnly?: boolean
  /** The database that the record lives in, if it lives in one. */
  readonly database?: string
}

/** The logout of a session, in `localStorage`: a record without tokens. */
export interface Tombstone {
  /** The last logout, unless a login came after it. */
  read(): SessionRecord | null
  /** Notes a logout, or that a session is newer than it. */
  write(record: SessionRecord): void
}

/** The storage of one session, and its writes. */
export interface Store {
  readonly records: RecordStore
  readonly tombstone: Tombstone | undefined
  readonly warn: (message: string, error: unknown) => void
  /** The write in progress. The next one waits for it: a slow write must not land on a later one. */
  writing: Promise<unknown> | undefined
  /** The last record that was written. */
  newest: SessionRecord | undefined
  /** A storage that is not shared holds a record of another version. */
  isTooNew: boolean
}

export function createStore(
  records: RecordStore,
  warn: Store['warn'],
  tombstone: Tombstone | undefined,
): Store {
  // Stryker disable next-line BooleanLiteral: the first read sets it, or the login before the first write
  return { records, warn, tombstone, writing: undefined, newest: undefined, isTooNew: false }
}

/** The stored record; a promise only if the storage is asynchronous. Null: the storage is empty or unreadable. */
export function readFirst(store: Store): SessionRecord | null | Promise<SessionRecord | null> {
  const finish = (stored: unknown): SessionRecord | null => {
    store.isTooNew = isOtherFormat(stored)
    return unlessOver(store, parseRecord(stored))
  }
  try {
    const stored = store.records.get()
    return isPromise(stored) ? limited(store, 'read', () => stored).then(finish) : finish(stored)
  } catch (error) {
    return warnOfFailure(store, 'read', error)
  }
}

/** The record that the last page has stored. If the storage is not shared, the tombstone alone. */
export async function readStored(store: Store): Promise<SessionRecord | null> {
  const { records } = store
  const read = (): unknown => (records.load ?? records.get)()
  return unlessOver(store, records.shared ? parseRecord(await limited(store, 'read', read)) : null)
}

/**
 * Stores the record unless a newer one is there. Resolves to the record that is there afterwards, if the storage tells it.
 * @param force a login or logout, which replaces a record of another version, too
 */
export async function commit(
  store: Store,
  record: SessionRecord,
  force?: boolean,
): Promise<SessionRecord | null> {
  const over = unlessOver(store, record)
  if (over !== record) return over
  store.tombstone?.write(record)
  store.newest = record
  const work = (): Promise<unknown> => write(store, record, force)
  const mine = store.writing ? store.writing.then(work) : work()
  store.writing = mine
  const winner = parseRecord(await mine)
  if (store.writing === mine) store.writing = undefined
  return winner
}

async function write(store: Store, record: SessionRecord, force: boolean | undefined): Promise<unknown> {
  const writing = put(store, record, force).catch(async error => {
    await drop(store, record).catch(ignore)
    throw error
  })
  const result = await limited(store, 'write', () => writing)
  // A late write, or one that fails late, may still land on a newer record. Then the newer one is written again.
  const repeat = (): unknown => store.newest && store.newest !== record && put(store, store.newest, false)
  if (result === null) writing.then(repeat, repeat).catch(ignore)
  return result
}

async function put(store: Store, record: SessionRecord, force: boolean | undefined): Promise<unknown> {
  const { records } = store
  if (records.commit) return records.commit(record, force)
  const present = records.shared ? await records.get() : null
  if (!force && (store.isTooNew || isOtherFormat(present))) throw new Error(TOO_NEW)
  store.isTooNew = false
  if (!records.shared) return isWorthKeeping(record) ? records.set(record) : records.remove()
  const stored = parseRecord(present)
  return stored && isNewer(stored, record) ? stored : records.set(record)
}

/** A record that could not be replaced contains a spent refresh token, or a session that is over. */
async function drop({ records }: Store, record: SessionRecord): Promise<void> {
  const stored = parseRecord(await records.get())
  if (!stored || !isNewer(record, stored)) return
  if (stored.generation === record.generation && stored.refreshToken === record.refreshToken) return
  try {
    await records.remove()
  } catch {
    // A storage that removes nothing may still replace it.
    await records.set(record)
  }
}

/** The record, unless a logout came after it. */
function unlessOver({ tombstone }: Store, record: SessionRecord | null): SessionRecord | null {
  const over = tombstone?.read()
  return over && (!record || isNewer(over, record)) ? over : record
}

/** One operation with a time limit. If it fails, memory replaces the storage. */
async function limited(store: Store, operation: 'read' | 'write', work: () => unknown): Promise<unknown> {
  try {
    return await within((async () => work())(), LIMIT, () => new Error(`no answer within ${LIMIT} ms`))
  } catch (error) {
    return warnOfFailure(store, operation, error)
  }
}

function warnOfFailure({ warn }: Store, operation: string, error: unknown): null {
  warn(`Storage failed to ${operation}; the session goes on in memory`, error)
  return null
}
