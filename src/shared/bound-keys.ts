/** The keys that tokens are bound to, in the database of their session. */
import { ignore, within } from '../core/waiting.js'
import { transact } from './indexed-db.js'

/** Time limit of one transaction, milliseconds. */
const LIMIT = 2_000

export interface BoundKey {
  /** Tells it from the key of a later session. */
  readonly id: number
  readonly pair: CryptoKeyPair
}

export interface KeyStore {
  /** Stores the key of a session, unless `isFirst` and there is one. Resolves to the key that is there then. */
  store(made: BoundKey, of: number | undefined, after: unknown, isFirst?: boolean): Promise<BoundKey>
  /** Deletes the key of a session, and resolves to it. */
  clear(
    known: Promise<BoundKey> | undefined,
    of: number | undefined,
    after: unknown,
  ): Promise<BoundKey | undefined>
}

/**
 * @param isStored otherwise the keys are in memory alone
 * @param isShared all tabs have one session, and the key of the tab that came first
 */
export function openKeys(
  database: string,
  isStored: boolean,
  isShared: boolean,
  warn: (message: string, error?: unknown) => void,
): KeyStore {
  const row = async (
    of: number | undefined,
    update: (stored: BoundKey | undefined) => BoundKey | null | undefined,
  ): Promise<BoundKey | undefined> => {
    // The key of a tab has no place before its login. Its place is used again: a tab may be closed without a logout.
    const key = isShared ? 'dpop' : of && `dpop:${`${of}`.slice(-5)}`
    return isStored && key ? within(transact<BoundKey>(database, key, update), LIMIT, Error) : undefined
  }
  return {
    async store(made, of, after, isFirst) {
      await after
      try {
        return (await row(of, stored => (isFirst && stored ? undefined : made))) || made
      } catch (error) {
        isStored = false
        warn('The key could not be stored', error)
        return made
      }
    },
    async clear(known, of, after) {
      await after
      let key = await known?.catch(ignore)
      await row(of, stored => {
        key ??= stored
        // The next session may have begun in another tab.
        return stored?.id === key?.id ? null : undefined
      }).catch(error => warn('The key could not be deleted', error))
      return key || undefined
    },
  }
}
