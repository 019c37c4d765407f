/** The platform that the tabs of one origin share, as browsers have it: locks, channels and a `localStorage` that lags. */
import type { AuthLock } from 'tokenflight'
import type { SimTab, World } from './tabs-world.js'

interface Waiter {
  readonly tab: SimTab
  granted: boolean
  /** Its tab was frozen while it held the lock. */
  slept: boolean
  /** A waiting tab gave up on it. */
  abandoned: boolean
  readonly grant: () => void
}

/**
 * Web Locks. The browser owns the queue: a lock is granted to a frozen tab too, whose callback then waits, and a
 * lock of a tab that is gone is given to the next.
 */
export class SimLocks {
  readonly #queues = new Map<string, Waiter[]>()
  readonly #world: World
  /** Called when a tab stops waiting for a holder that a freeze has delayed, and that goes on. */
  onImpatience: () => void = () => {}

  constructor(world: World) {
    this.#world = world
  }
  /** Whether the tab holds a lock for which another tab has waited in vain and goes on without. */
  isAbandoned(tab: SimTab): boolean {
    return [...this.#queues.values()].some(([first]) => first?.abandoned && first.tab === tab)
  }
  /** The `navigator.locks` of the tab. */
  of(tab: SimTab): AuthLock {
    return {
      request: (name, { signal }, callback) =>
        new Promise((resolve, reject) => {
          if (signal?.aborted) return reject(signal.reason)
          const waiter: Waiter = {
            tab,
            granted: false,
            slept: false,
            abandoned: false,
            grant: () => {
              this.#world.mark('lock granted', tab)
              callback()
                .finally(() => this.#leave(name, waiter, 0.3))
                .then(resolve, reject)
            },
          }
          signal?.addEventListener('abort', () => {
            // Too late once it is granted, even if the callback has not begun (Web Locks, 2.6).
            if (waiter.granted) return
            const holder = this.#queues.get(name)?.[0]
            if (holder) holder.abandoned = true
            if (holder?.slept && !holder.tab.frozen) this.onImpatience()
            this.#leave(name, waiter, 0)
            reject(signal.reason)
          })
          this.#world.browser(this.#world.between(0.1, 1), () => {
            if (!tab.alive || signal?.aborted) return
            this.#queues.set(name, [...(this.#queues.get(name) ?? []), waiter])
            this.#next(name)
          })
        }),
    }
  }
  freeze(tab: SimTab): void {
    for (const [first] of this.#queues.values()) if (first?.granted && first.tab === tab) first.slept = true
  }
  release(tab: SimTab): void {
    for (const [name, queue] of this.#queues) {
      for (const waiter of queue) if (waiter.tab === tab) this.#leave(name, waiter, 20)
    }
  }
  #leave(name: string, waiter: Waiter, delay: number): void {
    this.#world.browser(delay, () => {
      const queue = this.#queues.get(name) ?? []
      this.#queues.set(
        name,
        queue.filter(other => other !== waiter),
      )
      this.#next(name)
    })
  }
  #next(name: string): void {
    const first = this.#queues.get(name)?.[0]
    if (!first || first.granted) return
    first.granted = true
    first.slept = first.tab.frozen
    this.#world.task(this.#world.between(0.1, 1), first.tab, first.grant)
  }
}

/** BroadcastChannel. A message is delivered to frozen tabs too, as Chromium does. */
export class SimChannels {
  readonly #members = new Set<{ name: string; tab: SimTab; onmessage: ((event: unknown) => void) | null }>()
  readonly messages: string[] = []
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }
  /** The constructor that the tab finds in its global scope. */
  of(tab: SimTab): unknown {
    const members = this.#members
    const { messages } = this
    const world = this.#world
    return class {
      readonly name: string
      readonly tab = tab
      onmessage: ((event: unknown) => void) | null = null
      constructor(name: string) {
        this.name = name
        members.add(this)
      }
      postMessage(data: unknown): void {
        if (!tab.alive) return
        const text = JSON.stringify(data)
        messages.push(text)
        for (const member of members) {
          if (member === this || member.name !== this.name) continue
          const deliver = (): void => member.onmessage?.({ data: JSON.parse(text) })
          world.task(world.between(0.3, 6), member.tab, deliver, false)
        }
      }
      close(): void {
        members.delete(this)
      }
    }
  }
  release(tab: SimTab): void {
    for (const member of this.#members) if (member.tab === tab) this.#members.delete(member)
  }
}

interface Copy {
  readonly tab: SimTab
  value: string | null
  /** Own writes that the browser has not confirmed: they hide the writes of others. */
  unconfirmed: number
  /** Changes leave and arrive in order. */
  leavesAt: number
  arrivesAt: number
}

/**
 * One entry of `localStorage` as Chromium keeps it: each process has a copy, a write reaches the browser and then the
 * other processes a moment later, in one order for all. With `lag` 0 it is coherent.
 */
export class SimWebStorage {
  value: string | null = null
  readonly writes: string[] = []
  readonly #copies = new Set<Copy>()
  readonly #world: World
  readonly #lag: number

  constructor(world: World, lag: number) {
    this.#world = world
    this.#lag = lag
  }
  of(tab: SimTab): Storage {
    const copy: Copy = { tab, value: this.value, unconfirmed: 0, leavesAt: 0, arrivesAt: 0 }
    this.#copies.add(copy)
    const write = (value: string | null): void => {
      if (!tab.alive) return
      copy.value = value
      if (value) this.writes.push(value)
      if (!this.#lag) {
        this.#commit(copy, value)
        return
      }
      copy.unconfirmed++
      // A write is lost with its process, if that dies before the browser received the write.
      copy.leavesAt = Math.max(copy.leavesAt, this.#world.now + this.#world.between(0, 0.5))
      this.#world.browser(copy.leavesAt - this.#world.now, () => {
        if (tab.alive) this.#commit(copy, value)
      })
    }
    const area: Partial<Storage> = {
      getItem: () => copy.value,
      setItem: (_key, value) => write(value),
      removeItem: () => write(null),
    }
    return area as Storage
  }
  release(tab: SimTab): void {
    for (const copy of this.#copies) if (copy.tab === tab) this.#copies.delete(copy)
  }
  #commit(writer: Copy, value: string | null): void {
    this.value = value
    const world = this.#world
    for (const copy of this.#copies) {
      if (!this.#lag) {
        copy.value = value
        continue
      }
      copy.arrivesAt = Math.max(copy.arrivesAt, world.now + world.between(0, this.#lag))
      world.browser(copy.arrivesAt - world.now, () => {
        if (copy === writer) copy.unconfirmed--
        else if (!copy.unconfirmed) copy.value = value
      })
    }
  }
}
