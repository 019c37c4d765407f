/** A lock on IndexedDB, for platforms without Web Locks. */
import type { AuthLock } from '../core/types.js'
import { abortReason, ignore, pause, unlessAborted } from '../core/waiting.js'
import { transact } from './indexed-db.js'

/** How often a waiter asks for the lease, milliseconds. */
const POLL_INTERVAL = 50

/**
 * A lock where Web Locks are missing: one page has the lease of a name, until it releases the lease or the lease expires.
 * @param duration lifetime of a lease, milliseconds: longer than an attempt, and shorter than the wait for the lock
 */
export function createLease(database: string, duration: number): AuthLock {
  interface Lease {
    holder: number
    until: number
  }
  return {
    async request(name, { signal }, callback) {
      const key = `lease:${name}`
      // Identifies this request, so that a late release does not release the lease of the next holder.
      const holder = Math.random()
      const release = (): Promise<unknown> =>
        transact<Lease>(database, key, stored =>
          // Stryker disable next-line OptionalChaining: an error here is ignored
          stored?.holder === holder ? { holder, until: 0 } : undefined,
        ).catch(ignore)
      for (;;) {
        if (signal?.aborted) throw abortReason(signal)
        const asking = transact<Lease>(database, key, stored =>
          stored && stored.until > Date.now() && stored.until < Date.now() + 2 * duration
            ? undefined
            : { holder, until: Date.now() + duration },
        )
        // A frozen tab may block the database.
        const lease = await unlessAborted(asking, signal).catch(error => {
          asking.then(release, ignore)
          throw error
        })
        // The device may have slept in the meantime. Then the lease has expired, and another page may have it.
        // Stryker disable next-line OptionalChaining: this transaction has found a lease, or stored one
        if (lease?.holder === holder && lease.until > Date.now()) break
        await pause(POLL_INTERVAL)
      }
      try {
        return await callback()
      } finally {
        void release()
      }
    },
  }
}
