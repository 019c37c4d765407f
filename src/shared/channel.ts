/** Messages between the tabs of one session. */
import { ignore } from '../core/waiting.js'

/** A channel between the tabs. It does nothing without `BroadcastChannel`, or after it was closed. */
export interface Channel {
  post(message: unknown): void
  close(): void
}

export function openChannel(name: string, onMessage: (message: unknown) => void): Channel {
  try {
    const channel = new BroadcastChannel(name)
    channel.onmessage = event => onMessage(event.data)
    ;(channel as { unref?: () => void }).unref?.()
    return {
      post(message) {
        try {
          channel.postMessage(message)
        } catch {
          // The channel is closed, by us or by the platform. The other tabs read the storage again.
        }
      },
      close: () => channel.close(),
    }
  } catch {
    // No BroadcastChannel here: changes arrive with the next read of the storage.
    return { post: ignore, close: ignore }
  }
}
