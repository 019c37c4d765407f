/** Sessions in a storage of the application that several pages or processes share. */
import { ownOptions } from '../core/check.js'
import { checkMethods, checkStorage, markStorage, plainRecords, unlessProcessWide } from '../core/storage.js'
import type { AuthLock, TokenStorage } from '../core/types.js'
import { shareRecords } from './share.js'

/** The options of `sharedStorage`. */
export interface SharedStorageOptions {
  /** Mutual exclusion around a refresh, such as a Redis lock. `@default navigator.locks`, if there is one */
  lock?: AuthLock | undefined
}

/**
 * Several tabs or processes share a session in your own storage. A write must be visible to all of them once its
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
