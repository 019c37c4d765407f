/** Reading and writing the record: bounded, in order, and never in the way. Memory carries on. */
import { isNewer, parseRecord } from './record.js'
import type { TokenStorage, Tokens } from './types.js'
import { ignore, isPromise, within } from './waiting.js'

/** Bound on one storage operation, milliseconds. */
const LIMIT = 2_000

/** What our own shared storages offer beyond the public interface, so that tabs agree. */
export interface CoherentStorage extends TokenStorage {
  /** Reads what the last writer of any tab has committed. */
  load?(): Promise<unknown>
  /** Writes in one step unless something newer is there. Resolves to what is there afterwards. */
  commit?(tokens: Tokens): Promise<unknown>
  /** Resolves when other tabs see the last write; undefined where they saw it at once. The writer itself need not wait. */
  settled?(): Promise<void> | undefined
  /** The name of the `Auth`: the namespace of what is stored. */
  open?(name: string): void
}

export interface Vault {
  /** What is stored; a promise only if the storage is asynchronous. Null when it is empty or unreadable. */
  first(): Tokens | null | Promise<Tokens | null>
  /** What is stored now, as coherent as the storage can tell. */
  read(): Promise<Tokens | null>
  /** Stores the record unless something newer is there. Resolves to what is there afterwards, if the storage says. */
  commit(record: Tokens): Promise<Tokens | null>
}

export function createVault(
  storage: CoherentStorage,
  name: string,
  warn: (message: string, error: unknown) => void,
): Vault {
  let last: Promise<unknown> | undefined
  let newest: Tokens
  storage.open?.(name)

  const attempt = async <T>(what: string, work: () => T | Promise<T>): Promise<T | null> => {
    try {
      return await within((async () => work())(), LIMIT, () => new Error(`no answer within ${LIMIT} ms`))
    } catch (error) {
      warn(`Storage failed to ${what}; the session goes on in memory`, error)
      return null
    }
  }
  const write = async (record: Tokens): Promise<unknown> => {
    if (storage.commit) return storage.commit(record)
    if (!storage.shared) return record.accessToken ? storage.set(record) : storage.remove()
    const stored = parseRecord(await storage.get())
    if (stored && isNewer(stored, record)) return stored
    return storage.set(record)
  }
  const read = async (): Promise<Tokens | null> =>
    parseRecord(await attempt<unknown>('read', () => (storage.load ? storage.load() : storage.get())))
  return {
    first() {
      try {
        const stored = storage.get()
        return isPromise(stored) ? attempt('read', () => stored).then(parseRecord) : parseRecord(stored)
      } catch (error) {
        warn('Storage failed to read; the session goes on in memory', error)
        return null
      }
    },
    read,
    async commit(record) {
      // At once, or after the one before it: an earlier write that is slow must not land on a later one.
      newest = record
      const work = async (): Promise<unknown> => {
        const writing = write(record)
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
