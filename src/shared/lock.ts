/** The lock around each refresh of a session that tabs, workers or processes share. */
import { startTimer, webLocks } from '../core/environment.js'
import type { AuthLock } from '../core/types.js'
import { within } from '../core/waiting.js'
import { createLease } from './lease.js'

/** A waiter waits this much longer for the lock than a refresh may take, milliseconds. */
const LOCK_MARGIN = 2_000
/** A lock may take this long to notice the signal that ends a wait, milliseconds. */
const ABORT_MARGIN = 1_000
/** After a wait this long, other pages may have given up on the same holder, milliseconds. */
const LONG_WAIT = 1_000

/** The result of a request for a lock. */
interface LockResult<T> {
  /** The work that ran under the lock, if the lock was granted. */
  readonly running: Promise<T> | undefined
  /** The wait has ended without the lock. */
  readonly isLate: boolean
}

/** Runs the callback while no other page runs its own. `locked`: whether it ran under a lock. */
export type Exclusive = <T>(callback: (locked: boolean) => Promise<T>) => Promise<T>

/**
 * Runs the callback while no other tab runs its own, if there is a lock. The wait has a limit, because a frozen page keeps its
 * lock. The lock is never stolen, because the frozen page would continue later. So nothing may depend on the lock alone.
 */
export function createExclusive(
  name: string,
  lock: AuthLock | undefined,
  hold: number,
  clock: () => number,
): Exclusive {
  const lease = createLease(name, hold + LOCK_MARGIN / 2)
  const waits: Waits = { hold, stuck: new Set() }
  /** Pages that gave up on a frozen holder take turns by a second lock. */
  const second = `${name}:stuck`
  /** Pages that gave up on both take turns by the lease. */
  const third = `${name}:lease`
  let wasStuck = false
  return async callback => {
    const locks = lock ?? webLocks() ?? lease
    const alone = (): ReturnType<typeof callback> => callback(true)
    // The page that gets the lock after a frozen one may meet the pages that take turns.
    const inTurn = async (): ReturnType<typeof callback> =>
      (await under(waits, locks, second, alone)).running ?? alone()
    const asked = clock()
    const first = await under(waits, locks, name, () =>
      wasStuck || clock() - asked > LONG_WAIT ? inTurn() : alone(),
    )
    if (first.running) return first.running
    // No lock and no database, an opaque origin, a document that is not active: continue without a lock.
    if (!first.isLate) return callback(false)
    wasStuck = true
    const turn = await under(waits, locks, second, alone)
    // A page may freeze with both locks. The lease of a frozen page runs out.
    const last = turn.running || locks === lease ? turn : await under(waits, lease, third, alone)
    return last.running ?? callback(false)
  }
}

interface Waits {
  /** The longest time that a holder may keep the lock, milliseconds. */
  readonly hold: number
  /** Locks whose holder is frozen, as far as this page knows. */
  readonly stuck: Set<string>
}

/** Runs the work under the lock, unless its holder keeps it too long. */
async function under<T>(
  { hold, stuck }: Waits,
  locks: AuthLock,
  name: string,
  work: () => Promise<T>,
): Promise<LockResult<T>> {
  if (stuck.has(name)) return { running: undefined, isLate: true }
  let running: Promise<T> | undefined
  /** The wait is over. */
  let isOver = false
  const waiting = new AbortController()
  const cancel = startTimer(() => waiting.abort(), hold + LOCK_MARGIN, true)
  const giveUp = (): Error => {
    isOver = true
    return new Error()
  }
  try {
    const request = locks.request(name, { signal: waiting.signal }, async () => {
      if (isOver) return
      cancel()
      running = work()
      await running
    })
    await within(request, hold + LOCK_MARGIN + ABORT_MARGIN, giveUp, true)
  } catch {
    // The wait has ended, and the outcome of the lock does not matter any more.
  }
  cancel()
  const isLate = waiting.signal.aborted
  if (isLate && !running && !stuck.has(name)) probe(stuck, locks, name)
  return { running, isLate }
}

/** Notices when the frozen holder has released the lock. Then the next holder is waited for again. */
function probe(stuck: Set<string>, locks: AuthLock, name: string): void {
  stuck.add(name)
  const free = async (): Promise<void> => void stuck.delete(name)
  const ask = async (): Promise<void> => locks.request(name, { signal: new AbortController().signal }, free)
  ask().catch(free)
}
