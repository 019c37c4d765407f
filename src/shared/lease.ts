/** A lock on IndexedDB, for platforms without Web Locks. */
import type { AuthLock } from '../core/types.js'
import { ignore, pause, unlessAborted } from '../core/waiting.js'
import { transact } from './indexed-db.js'

/** How often a waiter asks for the lease, milliseconds. */
const POLL_INTERVAL = 50

/**
 * Where Web Locks are missing: who holds the lease of a name may go on, until it is given back or runs out.
 * @param duration how long a lease survives its holder, milliseconds: longer than an attempt, and shorter than the wait for the lock
 */
export function createLease(database: string, duration: number): AuthLock {
  interface Lease {
    holder: number
    until: number
  }
  return {
    async request(name, { signal }, callback) {
      const key = `lease:${name}`
      // Of this request alone: its release, when it comes late, must not give back the next one's lease.
      const holder = Math.random()
      const release = (): Promise<unknown> =>
        transact<Lease>(database, key, stored =>
          stored?.holder === holder ? { holder, until: 0 } : undefined,
        ).catch(ignore)
      for (;;) {
        signal?.throwIfAborted()
        const asking = transact<Lease>(database, key, stored =>
          stored && stored.until > Date.now() && stored.until < Date.now() + 2 * duration
            ? undefined
            : { holder, until: Date.now() + duration },
        )
        // A frozen tab may keep the database to itself.
        const lease = await unlessAborted(asking, signal).catch(error => {
          asking.then(release, ignore)
          throw error
        })
        // The device may have slept meanwhile: then it is over, and perhaps another's.
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
