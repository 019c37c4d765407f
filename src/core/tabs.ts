/** What tabs, workers and processes of one session share: a lock around each grant, and a channel for news. */
import { startTimer, webLocks } from './environment.js'
import { createLease, hasIndexedDB } from './indexed-db.js'
import type { AuthLock } from './types.js'

/** How much longer than a grant a waiter waits for the lock, milliseconds. */
const PATIENCE = 2_000

/**
 * Runs the callback while no other tab runs its own, if there is a lock. The wait is bounded, since a frozen
 * holder keeps its lock, and never steals, since that holder would run on. So nothing may rest on the lock alone.
 */
export function createExclusive(
  name: string,
  lock: AuthLock | undefined,
  hold: number,
): <T>(callback: (locked: boolean) => Promise<T>) => Promise<T> {
  const lease = hasIndexedDB() ? createLease(name, hold + PATIENCE / 2) : undefined
  /** Locks that were waited for in vain, and that nobody has let go since. */
  const stuck = new Set<string>()

  /** Learns when a holder that was waited for in vain is gone, so that the next one is waited for again. */
  const probe = (locks: AuthLock, turn: string): void => {
    stuck.add(turn)
    const free = async (): Promise<void> => void stuck.delete(turn)
    locks.request(turn, { signal: new AbortController().signal }, free).catch(free)
  }
  return async callback => {
    const locks = lock ?? webLocks() ?? lease
    // Those who waited in vain for a frozen holder take turns by a lock of their own.
    for (const turn of locks ? [name, `${name}:stuck`] : []) {
      if (!locks || stuck.has(turn)) continue
      let running: ReturnType<typeof callback> | undefined
      const waiting = new AbortController()
      const cancel = startTimer(() => waiting.abort(), hold + PATIENCE)
      try {
        return await locks.request(turn, { signal: waiting.signal }, () => {
          cancel()
          running = callback(true)
          return running
        })
      } catch {
        // Its own outcome counts, whatever became of the lock afterwards.
        if (running) return await running
        // An opaque origin, a document that is not active: go on without.
        if (!waiting.signal.aborted) break
        if (!stuck.has(turn)) probe(locks, turn)
      } finally {
        cancel()
      }
    }
    return callback(false)
  }
}

/** A channel between the tabs; silent where there is none, or when it was closed. */
export interface Channel {
  post(message: unknown): void
  close(): void
}

export function openChannel(name: string, onMessage: (message: unknown) => void): Channel {
  let channel: BroadcastChannel | undefined
  try {
    channel = new BroadcastChannel(name)
    channel.onmessage = event => onMessage(event.data)
    ;(channel as { unref?: () => void }).unref?.()
  } catch {
    // No BroadcastChannel here: news arrive with the next read of the storage.
  }
  return {
    post(message) {
      try {
        channel?.postMessage(message)
      } catch {
        // Closed underneath us; the others read storage again.
      }
    },
    close() {
      channel?.close()
      channel = undefined
    },
  }
}
