/** The resources of the platform that a page holds, counted from its start. */
declare global {
  /** The edit of the module that the page has run. */
  var edit: number
  var isSamePage: boolean | undefined
  var counts: () => PlatformCounts
}

export interface PlatformCounts {
  /** Each Auth listens for `freeze` once. */
  readonly sessions: number
  /** Listeners of the window and the document for the events that a session wakes up on, and for `storage`. */
  readonly listeners: number
  readonly channels: number
  /** Timers that are due in more than ten seconds: those that refresh ahead. */
  readonly timers: number
}

/** Runs in the page before anything else does, so it uses nothing from outside. */
export function countPlatform(): void {
  const counted = ['pageshow', 'focus', 'online', 'visibilitychange', 'freeze', 'resume', 'storage']
  const listeners: string[] = []
  for (const target of [window, document]) {
    const { addEventListener, removeEventListener } = target
    target.addEventListener = (type: string, ...rest: unknown[]) => {
      if (counted.includes(type)) listeners.push(type)
      return addEventListener.call(target, type, ...(rest as [never]))
    }
    target.removeEventListener = (type: string, ...rest: unknown[]) => {
      const index = listeners.indexOf(type)
      if (index >= 0) listeners.splice(index, 1)
      return removeEventListener.call(target, type, ...(rest as [never]))
    }
  }
  const channels = new Set<BroadcastChannel>()
  const Channel = BroadcastChannel
  globalThis.BroadcastChannel = class extends Channel {
    constructor(name: string) {
      super(name)
      channels.add(this)
    }
    override close(): void {
      channels.delete(this)
      super.close()
    }
  }
  const timers = new Set<unknown>()
  const { setTimeout, clearTimeout } = globalThis
  globalThis.setTimeout = ((callback: () => void, delay = 0) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      callback()
    }, delay)
    if (delay > 10_000) timers.add(timer)
    return timer
  }) as typeof setTimeout
  globalThis.clearTimeout = (timer => {
    timers.delete(timer)
    clearTimeout(timer as number)
  }) as typeof clearTimeout
  globalThis.counts = () => ({
    sessions: listeners.filter(type => type === 'freeze').length,
    listeners: listeners.length,
    channels: channels.size,
    timers: timers.size,
  })
}
