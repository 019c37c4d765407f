/** Time that passes as fast as the work allows: timers and clocks of this process, seen by every contestant alike. */

interface Timer {
  at: number
  /** Of two timers of the same instant the earlier set one is first. */
  order: number
  callback: () => void
}

export interface VirtualTime {
  /** True time, epoch milliseconds. */
  now(): number
  /** Resolves after so many milliseconds. */
  pause(delay: number): Promise<void>
  /** Runs until nothing more is due before the end. */
  run(until: number): Promise<void>
  /** Gives the platform its own time back. */
  restore(): void
}

/**
 * Takes the place of the platform's timers and clocks.
 * @param start epoch milliseconds
 * @param skew how far the device's wall clock is ahead of the true time, milliseconds
 */
export function installVirtualTime(start: number, skew = 0): VirtualTime {
  const platform = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    now: Date.now,
    elapsed: performance.now,
  }
  const queue: Timer[] = []
  let now = start
  let count = 0

  const isBefore = (one: Timer, other: Timer): boolean =>
    one.at < other.at || (one.at === other.at && one.order < other.order)
  // A binary heap: the next timer is at its top.
  const push = (timer: Timer): void => {
    let at = queue.push(timer) - 1
    for (let parent = (at - 1) >> 1; at > 0; parent = (at - 1) >> 1) {
      const above = queue[parent] as Timer
      if (!isBefore(timer, above)) break
      queue[at] = above
      at = parent
    }
    queue[at] = timer
  }
  const pop = (): Timer | undefined => {
    const top = queue[0]
    const last = queue.pop()
    if (!last || queue.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const right = queue[child + 1]
      if (right && isBefore(right, queue[child] as Timer)) child++
      const below = queue[child]
      if (!below || !isBefore(below, last)) break
      queue[at] = below
      at = child
    }
    queue[at] = last
    return top
  }
  const set = (callback: () => void, delay = 0): Timer => {
    const timer = { at: now + Math.max(0, delay), order: count++, callback }
    push(timer)
    return timer
  }
  Object.assign(globalThis, {
    setTimeout: set,
    clearTimeout(timer: Timer | undefined) {
      // It stays in the queue and does nothing.
      if (timer) timer.callback = () => {}
    },
  })
  Date.now = () => now + skew
  performance.now = () => now - start
  return {
    now: () => now,
    pause: delay => new Promise(resolve => void set(resolve, delay)),
    async run(until) {
      for (;;) {
        // All promises settle before the clock moves on.
        await new Promise(resolve => void setImmediate(resolve))
        const next = queue[0]
        if (!next || next.at > until) break
        now = next.at
        for (; queue[0]?.at === now; ) pop()?.callback()
      }
      now = until
    },
    restore() {
      Object.assign(globalThis, { setTimeout: platform.setTimeout, clearTimeout: platform.clearTimeout })
      Date.now = platform.now
      performance.now = platform.elapsed
    },
  }
}
