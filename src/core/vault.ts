/** Reading and writing the record: bounded, in order, and never in the way. Memory carries on. */
import { isForeign, isNewer, isWorthKeeping, parseRecord, type SessionRecord } from './record.js'
import type { Tombstone } from './tombstone.js'
import { ignore, isPromise, within } from './waiting.js'

/** Bound on one storage operation, milliseconds. */
const LIMIT = 2_000

/** The reason why a server process has no storage of pages. */
export const NO_PAGE = 'There is no page, and the storage of a server process belongs to all its users'
/** The reason why a record is left alone. */
export const TOO_NEW = 'The storage holds a record of another version of tokenflight'

/** The records of one session in a storage. */
export interface CoherentStorage {
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
   * @param insist a record of another version is replaced, too
   */
  commit?(record: SessionRecord, insist?: boolean): Promise<unknown>
  /** Resolves when other tabs see the last write; undefined if they saw it at once. The writer need not wait. */
  settled?(): Promise<void> | undefined
  /** Whether the record lives in this entry of this Web Storage. */
  isAt?(area: Storage, key: string): boolean | Promise<boolean>
  /** A session can be kept for this tab alone. */
  readonly canBeTabOnly?: boolean
  /** The database that the record lives in, if it lives in one. */
  readonly database?: string
}

export interface Vault {
  /** What is stored; a promise only if the storage is asynchronous. Null when it is empty or unreadable. */
  first(): SessionRecord | null | Promise<SessionRecord | null>
  /** What is stored now, as coherent as the storage can tell; of one that is not shared the tombstone alone. */
  read(): Promise<SessionRecord | null>
  /**
   * Stores the record unless something newer is there. Resolves to what is there afterwards, if the storage says.
   * @param insist a login or logout, which replaces a record of another version, too
   */
  commit(record: SessionRecord, insist?: boolean): Promise<SessionRecord | null>
}

export function createVault(
  storage: CoherentStorage,
  warn: (message: string, error: unknown) => void,
  tombstone?: Tombstone,
): Vault {
  let last: Promise<unknown> | undefined
  let newest: SessionRecord
  /** A storage that is not shared holds a record of another version. */
  let isTaken = false

  const attempt = async <T>(what: string, work: () => T | Promise<T>): Promise<T | null> => {
    try {
      return await within((async () => work())(), LIMIT, () => new Error(`no answer within ${LIMIT} ms`))
    } catch (error) {
      warn(`Storage failed to ${what}; the session goes on in memory`, error)
      return null
    }
  }
  const write = async (record: SessionRecord, insist?: boolean): Promise<unknown> => {
    if (storage.commit) return storage.commit(record, insist)
    const present = storage.shared ? await storage.get() : null
    if (!insist && (isTaken || isForeign(present))) throw new Error(TOO_NEW)
    isTaken = false
    if (!storage.shared) return isWorthKeeping(record) ? storage.set(record) : storage.remove()
    const stored = parseRecord(present)
    if (stored && isNewer(stored, record)) return stored
    return storage.set(record)
  }
  /** A record that could not be replaced holds a refresh token that is spent, or a session that is over. */
  const drop = async (record: SessionRecord): Promise<void> => {
    const stored = parseRecord(await storage.get())
    if (!stored || !isNewer(record, stored)) return
    if (stored.generation !== record.generation || stored.refreshToken !== record.refreshToken)
      await storage.remove()
  }
  /** The record, unless a logout came after it. */
  const unlessOver = (record: SessionRecord | null): SessionRecord | null => {
    const over = tombstone?.read()
    return over && (!record || isNewer(over, record)) ? over : record
  }
  const first = (stored: unknown): SessionRecord | null => {
    isTaken = isForeign(stored)
    return unlessOver(parseRecord(stored))
  }
  const read = async (): Promise<SessionRecord | null> =>
    unlessOver(
      storage.shared
        ? parseRecord(await attempt<unknown>('read', () => (storage.load ? storage.load() : storage.get())))
        : null,
    )
  return {
    first() {
      try {
        const stored = storage.get()
        return isPromise(stored) ? attempt('read', () => stored).then(first) : first(stored)
      } catch (error) {
        warn('Storage failed to read; the session goes on in memory', error)
        return null
      }
    },
    read,
    async commit(record, insist) {
      const over = unlessOver(record)
      if (over !== record) return over
      tombstone?.write(record)
      // At once, or after the one before it: an earlier write that is slow must not land on a later one.
      newest = record
      const work = async (): Promise<unknown> => {
        const writing = write(record, insist).catch(async error => {
          await drop(record).catch(ignore)
          throw error
        })
        const result = await attempt('write', () => writing)
        // It may land yet, on what was written after it: then that is written again.
        if (result === null) writing.then(() => newest !== record && write(newest)).catch(ignore)
        return result
      }
      const mine = last ? last.then(work) : work()
      last = mine
      const winner = parseRecord(await mine)
      if (last === mine) last = undefined
      return winner
    },
  }
}
