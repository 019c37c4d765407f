/** What tabs, workers and processes of one session share: a lock around each grant, and a channel for news. */
import { startTimer, webLocks } from '../core/environment.js'
import type { AuthLock } from '../core/types.js'
import { within } from '../core/waiting.js'
import { createLease } from './lease.js'

/** How much longer than a grant a waiter waits for the lock, milliseconds. */
const PATIENCE = 2_000
/** How long a lock may take to heed the signal that ends a wait, milliseconds; a grant may be on its way. */
const HEED = 1_000
/** Whoever has waited so long may have waited for a holder that others have given up, milliseconds. */
const LONG = 1_000

/** What came of asking for a lock. */
interface Turn<T> {
  /** What ran under it, if it was granted. */
  readonly running: Promise<T> | undefined
  /** It was waited for in vain. */
  readonly isLate: boolean
}

/** Runs the callback while no other page runs its own; `locked`: under a lock. */
export type Exclusive = <T>(callback: (locked: boolean) => Promise<T>) => Promise<T>

/**
 * Runs the callback while no other tab runs its own, if there is a lock. The wait is bounded, since a frozen
 * holder keeps its lock, and never steals, since that holder would run on. So nothing may rest on the lock alone.
 */
export function createExclusive(
  name: string,
  lock: AuthLock | undefined,
  hold: number,
  clock: () => number,
): Exclusive {
  const lease = createLease(name, hold + PATIENCE / 2)
  /** Those who waited in vain for a frozen holder take turns by a lock of their own. */
  const second = `${name}:stuck`
  /** Locks that were waited for in vain, and that nobody has let go since. */
  const stuck = new Set<string>()
  let wasStuck = false

  /** Learns when a holder that was waited for in vain is gone, so that the next one is waited for again. */
  const probe = (locks: AuthLock, turn: string): void => {
    stuck.add(turn)
    const free = async (): Promise<void> => void stuck.delete(turn)
    const ask = async (): Promise<void> => locks.request(turn, { signal: new AbortController().signal }, free)
    ask().catch(free)
  }
  const under = async <T>(locks: AuthLock, turn: string, work: () => Promise<T>): Promise<Turn<T>> => {
    if (stuck.has(turn)) return { running: undefined, isLate: true }
    let running: Promise<T> | undefined
    /** Nobody waits for it any more. */
    let isOver = false
    const waiting = new AbortController()
    const cancel = startTimer(() => waiting.abort(), hold + PATIENCE, true)
    const giveUp = (): Error => {
      isOver = true
      return new Error()
    }
    try {
      const request = locks.request(turn, { signal: waiting.signal }, async () => {
        if (isOver) return
        cancel()
        running = work()
        await running
      })
      await within(request, hold + PATIENCE + HEED, giveUp, true)
    } catch {
      // What became of the lock afterwards does not matter.
    }
    cancel()
    const isLate = waiting.signal.aborted
    if (isLate && !running && !stuck.has(turn)) probe(locks, turn)
    return { running, isLate }
  }
  return async callback => {
    const locks = lock ?? webLocks() ?? lease
    const alone = (): ReturnType<typeof callback> => callback(true)
    // Whoever comes after such a holder may meet those who take turns.
    const inTurn = async (): ReturnType<typeof callback> =>
      (await under(locks, second, alone)).running ?? alone()
    const asked = clock()
    const first = await under(locks, name, () => (wasStuck || clock() - asked > LONG ? inTurn() : alone()))
    if (first.running) return first.running
    // No lock and no database, an opaque origin, a document that is not active: go on without.
    if (!first.isLate) return callback(false)
    wasStuck = true
    return (await under(locks, second, alone)).running ?? callback(false)
  }
}
