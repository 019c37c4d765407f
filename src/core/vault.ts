/** Reading and writing the record: bounded, in order, and never in the way. Memory carries on. */
import { isForeign, isNewer, parseRecord } from './record.js'
import type { TokenStorage, Tokens } from './types.js'
import { ignore, isPromise, within } from './waiting.js'

/** Bound on one storage operation, milliseconds. */
const LIMIT = 2_000

/** What a storage is named that no `Auth` has opened. */
export const DEFAULT_NAME = 'tokenflight:default'
/** Why a storage of pages is none in a server process. */
export const NO_PAGE = 'There is no page, and the storage of a server process is that of all its users'
/** Why a record is left alone. */
export const TOO_NEW = 'The storage holds a record of another version of tokenflight'

/** What our own shared storages offer beyond the public interface, so that tabs agree. */
export interface CoherentStorage extends TokenStorage {
  /** Reads what the last writer of any tab has committed. */
  load?(): Promise<unknown>
  /**
   * Writes in one step unless something newer is there. Resolves to what is there afterwards.
   * @param insist a record of another version is replaced, too
   */
  commit?(tokens: Tokens, insist?: boolean): Promise<unknown>
  /** Resolves when other tabs see the last write; undefined where they saw it at once. The writer itself need not wait. */
  settled?(): Promise<void> | undefined
  /** The name of the `Auth`: the namespace of what is stored. */
  open?(name: string): void
  /** Whether the record lives in this entry of this Web Storage. */
  isAt?(area: Storage, key: string): boolean
  /** The database that the record lives in, if it lives in one. */
  readonly database?: string
}

export interface Vault {
  /** What is stored; a promise only if the storage is asynchronous. Null when it is empty or unreadable. */
  first(): Tokens | null | Promise<Tokens | null>
  /** What is stored now, as coherent as the storage can tell. */
  read(): Promise<Tokens | null>
  /**
   * Stores the record unless something newer is there. Resolves to what is there afterwards, if the storage says.
   * @param insist a login or logout, which replaces a record of another version, too
   */
  commit(record: Tokens, insist?: boolean): Promise<Tokens | null>
}

export function createVault(
  storage: CoherentStorage,
  name: string,
  warn: (message: string, error: unknown) => void,
): Vault {
  let last: Promise<unknown> | undefined
  let newest: Tokens
  /** A storage that is not shared holds a record of another version. */
  let isTaken = false
  storage.open?.(name)

  const attempt = async <T>(what: string, work: () => T | Promise<T>): Promise<T | null> => {
    try {
      return await within((async () => work())(), LIMIT, () => new Error(`no answer within ${LIMIT} ms`))
    } catch (error) {
      warn(`Storage failed to ${what}; the session goes on in memory`, error)
      return null
    }
  }
  const write = async (record: Tokens, insist?: boolean): Promise<unknown> => {
    if (storage.commit) return storage.commit(record, insist)
    const present = storage.shared ? await storage.get() : null
    if (!insist && (isTaken || isForeign(present))) throw new Error(TOO_NEW)
    isTaken = false
    if (!storage.shared) return record.accessToken ? storage.set(record) : storage.remove()
    const stored = parseRecord(present)
    if (stored && isNewer(stored, record)) return stored
    return storage.set(record)
  }
  /** A record that could not be replaced holds a refresh token that is spent, or a session that is over. */
  const drop = async (record: Tokens): Promise<void> => {
    const stored = parseRecord(await storage.get())
    if (!stored || !isNewer(record, stored)) return
    if (stored.generation !== record.generation || stored.refreshToken !== record.refreshToken)
      await storage.remove()
  }
  const first = (stored: unknown): Tokens | null => {
    isTaken = isForeign(stored)
    return parseRecord(stored)
  }
  const read = async (): Promise<Tokens | null> =>
    parseRecord(await attempt<unknown>('read', () => (storage.load ? storage.load() : storage.get())))
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
