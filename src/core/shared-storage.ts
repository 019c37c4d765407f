/** Sessions in a storage of the application that several pages or processes share. */
import { ownOptions } from './check.js'
import { shareRecords } from './sharing.js'
import { checkMethods, checkStorage, markStorage, plainRecords, unlessProcessWide } from './storage.js'
import type { AuthLock, TokenStorage } from './types.js'

/** The options of `sharedStorage`. */
export interface SharedStorageOptions {
  /** Mutual exclusion around a grant, such as a Redis lock. `@default navigator.locks`, if there is one */
  lock?: AuthLock | undefined
}

/**
 * Several tabs or processes share a session through your own storage. A write must be visible to all of them once its
 * promise has resolved.
 * @throws TypeError that names the option
 */
export function sharedStorage(given: TokenStorage, options: SharedStorageOptions = {}): TokenStorage {
  const { lock } = ownOptions(options, 'sharedStorage', { lock: 1 })
  checkStorage(given)
  if (lock !== undefined) checkMethods('lock', lock, ['request'])
  const storage = unlessProcessWide(given)
  const shared: TokenStorage = {
    getItem: key => storage.getItem(key),
    setItem: (key, value) => storage.setItem(key, value),
    removeItem: key => storage.removeItem(key),
  }
  return markStorage(shared, {
    records: key => plainRecords(shared, key, storage === given),
    share: shareRecords,
    lock,
  })
}
