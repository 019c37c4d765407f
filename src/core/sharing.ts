/** The parts of a session that several pages or processes share. Only the storages that share it import them. */
import type { GrantMark } from './grant-mark.js'
import { RECORD, transact } from './indexed-db.js'
import { createSiblings, type Siblings, type SiblingsHost } from './siblings.js'
import { createExclusive, type Exclusive } from './tabs.js'
import type { Tombstone } from './tombstone.js'
import type { AuthLock } from './types.js'
import type { CoherentStorage } from './vault.js'

export interface Sharing {
  /** Runs a grant while no other page runs its own. */
  readonly exclusive: Exclusive
  /** Tells the others of news, and hears theirs. */
  connect(host: SiblingsHost): Siblings
  /** Removes the record in the database of the session, if it is one that another storage has left. */
  clearRecord(isLeftover: (record: unknown) => boolean): Promise<unknown>
  /** The grant of a page that has gone away may still set the cookie. */
  readonly mark?: GrantMark
  /** The logout of a cookie session lasts, although no script can delete the cookie. */
  readonly tombstone?: Tombstone
}

/** The parts of the settings that it needs. */
export interface SharingSettings {
  readonly key: string
  readonly records: CoherentStorage
  readonly lock: AuthLock | undefined
  readonly refreshTimeout: number
}

/** Undefined: no other page or process can see this session. */
export type Share = (settings: SharingSettings, clock: () => number) => Sharing | undefined

export function shareAll({ key, lock, refreshTimeout }: SharingSettings, clock: () => number): Sharing {
  return {
    exclusive: createExclusive(key, lock, refreshTimeout, clock),
    connect: createSiblings,
    clearRecord: isLeftover => transact(key, RECORD, stored => (isLeftover(stored) ? null : undefined)),
  }
}

export const shareRecords: Share = (settings, clock) =>
  settings.records.shared ? shareAll(settings, clock) : undefined
