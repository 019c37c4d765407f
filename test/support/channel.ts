/** A `BroadcastChannel` between the `Auth`s of one process, and a lock for them, on fake time. */
import type { AuthLock } from 'tokenflight'
import { vi } from 'vitest'

/** A deaf one hears nothing, as a page in the back/forward cache. */
export class Channel {
  static readonly all = new Set<Channel>()
  /** How many messages were sent. */
  static posts = 0
  static reset(): void {
    Channel.all.clear()
    Channel.posts = 0
  }
  /** Makes it the channel of the process, without listeners of an earlier test. */
  static install(): void {
    Channel.reset()
    vi.stubGlobal('BroadcastChannel', Channel)
  }

  isDeaf = false
  onmessage: ((event: { data: unknown }) => void) | undefined
  readonly name: string

  constructor(name: string) {
    this.name = name
    Channel.all.add(this)
  }

  postMessage(message: unknown): void {
    Channel.posts++
    const data = structuredClone(message)
    for (const other of Channel.all)
      if (other !== this && other.name === this.name && !other.isDeaf)
        setTimeout(() => other.onmessage?.({ data }), 1)
  }

  close(): void {
    Channel.all.delete(this)
  }
}

/** One holder after the other, in the order in which they asked. */
export function createLock(): AuthLock {
  let tail: Promise<unknown> = Promise.resolve()
  return {
    request(_name, { signal }, callback) {
      const mine = tail.then(() => {
        signal?.throwIfAborted()
        return callback()
      })
      tail = mine.catch(() => {})
      return mine
    },
  }
}
