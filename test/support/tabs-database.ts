/** As much of IndexedDB as an origin needs: transactions one after the other, durable or not at all, and late. */
import type { SimTab, World } from './tabs-world.js'

type Handler = (() => void) | null

interface Transaction {
  readonly tab: SimTab
  readonly name: string
  readonly changes: Map<string, unknown>
  pending: number
  active: boolean
  done: boolean
  readonly waiting: (() => void)[]
  oncomplete: Handler
  onabort: Handler
}

export class SimDatabase {
  /** The committed values, by the name of the database and the key. */
  readonly rows = new Map<string, unknown>()
  /** Which tab took a lease last, by the path of its row. */
  readonly #leases = new Map<string, SimTab>()
  /** Called when a tab has waited for a lease for as long as it may, and takes turns without it. */
  onImpatience: () => void = () => {}
  readonly #created = new Set<string>()
  readonly #queue: Transaction[] = []
  readonly #world: World
  readonly #latency: number

  /** @param latency each step of a request takes up to so long, milliseconds */
  constructor(world: World, latency = 2) {
    this.#world = world
    this.#latency = latency
  }
  /** The `indexedDB` of the tab. */
  of(tab: SimTab): unknown {
    return {
      open: (name: string) => {
        const request = {
          result: this.#connect(tab, name),
          error: null,
          onupgradeneeded: null as Handler,
          onsuccess: null as Handler,
        }
        if (tab.frozen) throw new Error(`The frozen tab ${tab.id} opened a database`)
        this.#after(tab, () => {
          if (!this.#created.has(name)) {
            this.#created.add(name)
            request.onupgradeneeded?.()
          }
          request.onsuccess?.()
        })
        return request
      },
    }
  }
  /** Whether a transaction of the tab is open, which keeps others out until the tab goes on. */
  isBusy(tab: SimTab): boolean {
    return this.#queue.some(one => one.tab === tab)
  }
  /** Whether a lease is held by the tab, or by any. */
  isLeased(tab?: SimTab): boolean {
    return [...this.#leases].some(
      ([path, holder]) =>
        (!tab || holder === tab) && (this.rows.get(path) as { until: number }).until > this.#world.wall,
    )
  }
  /** A tab is gone: its open transactions never happened. */
  release(tab: SimTab): void {
    for (const transaction of this.#queue.filter(one => one.tab === tab)) this.#leave(transaction)
  }
  #after(tab: SimTab, run: () => void): void {
    this.#world.task(this.#world.between(0.05, this.#latency), tab, run)
  }
  #connect(tab: SimTab, name: string): unknown {
    return {
      createObjectStore: () => ({}),
      close: () => {},
      transaction: () => {
        const transaction: Transaction = {
          tab,
          name,
          changes: new Map(),
          pending: 0,
          active: false,
          done: false,
          waiting: [],
          oncomplete: null,
          onabort: null,
        }
        this.#queue.push(transaction)
        this.#world.browser(0, () => this.#next())
        return Object.assign(transaction, { error: null, objectStore: () => this.#store(transaction) })
      },
    }
  }
  #store(transaction: Transaction): unknown {
    const path = (key: string): string => `${transaction.name}/${key}`
    return {
      get: (key: string) => {
        const request = { result: undefined as unknown, onsuccess: null as Handler }
        this.#step(transaction, () => {
          const { changes } = transaction
          // Read where the data lives, told to the tab a moment later.
          request.result = structuredClone(
            changes.has(path(key)) ? changes.get(path(key)) : this.rows.get(path(key)),
          )
          return () => request.onsuccess?.()
        })
        return request
      },
      put: (value: unknown, key: string) => {
        transaction.changes.set(path(key), structuredClone(value))
        this.#step(transaction, () => () => {})
      },
    }
  }
  /** One request of a transaction; the last one without another commits it. */
  #step(transaction: Transaction, work: () => () => void): void {
    transaction.pending++
    const run = (): void => {
      const tell = work()
      this.#world.mark('database read', transaction.tab)
      this.#after(transaction.tab, () => {
        tell()
        transaction.pending--
        if (!transaction.pending) this.#commit(transaction)
      })
    }
    if (transaction.active) run()
    else transaction.waiting.push(run)
  }
  #commit(transaction: Transaction): void {
    this.#world.browser(this.#world.between(0.05, this.#latency), () => {
      if (transaction.done) return
      for (const [path, value] of transaction.changes) {
        this.rows.set(path, value)
        if (path.includes('/lease:')) this.#leases.set(path, transaction.tab)
        if (path.endsWith(':stuck')) this.onImpatience()
      }
      this.#leave(transaction)
      if (transaction.changes.size) this.#world.mark('database committed', transaction.tab)
      this.#after(transaction.tab, () => transaction.oncomplete?.())
    })
  }
  #leave(transaction: Transaction): void {
    transaction.done = true
    const index = this.#queue.indexOf(transaction)
    if (index >= 0) this.#queue.splice(index, 1)
    this.#world.browser(0, () => this.#next())
  }
  #next(): void {
    const first = this.#queue[0]
    if (!first || first.active) return
    first.active = true
    for (const run of first.waiting.splice(0)) run()
  }
}
