/** What tabs, workers and processes of one session share: a lock around each grant, and a channel for news. */
import { startTimer, webLocks } from './environment.js'
import { createLease, hasIndexedDB } from './indexed-db.js'
import type { AuthLock } from './types.js'

/** How much longer than a grant a waiter waits for the lock, milliseconds. */
const PATIENCE = 2_000
/** How long a waiter waits for a holder that it has waited for in vain, milliseconds. */
const NO_PATIENCE = 50

/**
 * Runs the callback while no other tab runs its own, if there is a lock. The wait is bounded, since a frozen
 * holder keeps its lock, and never steals, since that holder would run on. So nothing may rest on the lock alone.
 */
export function createExclusive(
  name: string,
  lock: AuthLock | undefined,
  hold: number,
): <T>(callback: (locked: boolean) => Promise<T>) => Promise<T> {
  const lease = hasIndexedDB() ? createLease(name) : undefined
  let stuck = false
  return async callback => {
    const locks = lock ?? webLocks() ?? lease
    if (!locks) return callback(false)
    let running: ReturnType<typeof callback> | undefined
    const waiting = new AbortController()
    const cancel = startTimer(
      () => {
        stuck = true
        waiting.abort()
      },
      stuck ? NO_PATIENCE : hold + PATIENCE,
    )
    try {
      return await locks.request(name, { signal: waiting.signal }, () => {
        cancel()
        stuck = false
        running = callback(true)
        return running
      })
    } catch (error) {
      // An opaque origin, a document that is not active, a holder that hangs: go on without.
      if (running) throw error
      return callback(false)
    } finally {
      cancel()
    }
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
