/** A device and a network in virtual time: one event queue, seeded noise, and tabs that freeze, sleep and die. */
/** One tab of the simulated platform: a browsing context with its own tasks. */
export interface SimTab {
  readonly id: string
  alive: boolean
  /** Its tasks wait; only the channel's are run. */
  frozen: boolean
  /** How long it has been frozen in all, milliseconds; while it is frozen, less the instant when that began. */
  slept: number
  visible: boolean
  readonly held: (() => void)[]
  readonly document: EventTarget
  readonly window: EventTarget
}

interface Entry {
  at: number
  readonly order: number
  /** Work that stops while the device sleeps. */
  readonly local: boolean
  readonly run: () => void
}

/** A small, fast generator (mulberry32): the same seed, the same numbers. */
function noise(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}

const START = Date.UTC(2026, 0, 15, 12)
const breathe = globalThis.setImmediate

export class World {
  /** The true time, which the server's clock shows. */
  now = START
  /** How far the device's wall clock is off. */
  skew = 0
  /** How long the device has slept, which its monotonic clock does not count. */
  slept = 0
  online = true
  /** How long the device was offline, until it came back last. */
  offline = 0
  #lostAt = 0
  readonly random: () => number
  readonly trace: string[] = []
  readonly #queue: Entry[] = []
  #current: SimTab | undefined
  readonly #timers = new Map<number, SimTab | undefined>()
  readonly #hooks: ((name: string, tab: SimTab) => void)[] = []
  #order = 0
  #entries = 0

  constructor(seed: number) {
    this.random = noise(seed)
  }
  /** The tab whose code is running, which an entry of the queue and the microtasks after it have to themselves. */
  get tab(): SimTab | undefined {
    return this.#current
  }
  get wall(): number {
    return this.now + this.skew
  }
  get monotonic(): number {
    return this.now - START - this.slept
  }
  /** How long the tab could run, milliseconds. */
  awake({ frozen, slept }: SimTab): number {
    return frozen ? -slept : this.monotonic - slept
  }
  between(least: number, most: number): number {
    return least + this.random() * (most - least)
  }
  log(text: string, tab = this.tab): void {
    this.trace.push(`${((this.now - START) / 1000).toFixed(4)} ${tab?.id ?? '-'} ${text}`)
  }
  /** Something that faults may strike at: a grant of the lock, a request, a read. */
  mark(name: string, tab: SimTab): void {
    this.log(name, tab)
    for (const hook of this.#hooks) hook(name, tab)
  }
  onMark(hook: (name: string, tab: SimTab) => void): void {
    this.#hooks.push(hook)
  }

  #push(delay: number, local: boolean, run: () => void): void {
    const at = this.now + Math.max(0, delay)
    let index = this.#queue.length
    while (index > 0 && this.#queue[index - 1]!.at > at) index--
    this.#queue.splice(index, 0, { at, order: this.#order++, local, run })
  }
  /** Outside of the device: goes on while it sleeps. */
  remote(delay: number, run: () => void): void {
    this.#push(delay, false, run)
  }
  /** In the browser itself: outlives tabs. */
  browser(delay: number, run: () => void): void {
    this.#push(delay, true, run)
  }
  /** A task of a tab: waits while it is frozen, and dies with it. */
  task(delay: number, tab: SimTab, run: () => void, thaws = true): void {
    this.#push(delay, true, () => this.enter(tab, run, thaws))
  }
  enter(tab: SimTab, run: () => void, waits = true): void {
    if (!tab.alive) return
    if (tab.frozen && waits) tab.held.push(run)
    else {
      this.#current = tab
      run()
    }
  }
  freeze(tab: SimTab): void {
    tab.visible = false
    this.enter(tab, () => tab.document.dispatchEvent(new Event('visibilitychange')))
    this.enter(tab, () => tab.document.dispatchEvent(new Event('freeze')))
    tab.frozen = true
    tab.slept -= this.monotonic
    this.log('frozen', tab)
  }
  resume(tab: SimTab): void {
    if (!tab.frozen) return
    tab.frozen = false
    tab.slept += this.monotonic
    tab.visible = true
    this.log('resumed', tab)
    this.enter(tab, () => tab.document.dispatchEvent(new Event('resume')))
    for (const run of tab.held.splice(0)) this.task(0, tab, run)
    this.task(0, tab, () => tab.document.dispatchEvent(new Event('visibilitychange')))
  }
  connect(online: boolean): void {
    if (online) this.offline += this.now - this.#lostAt
    this.#lostAt = this.now
    this.online = online
    this.log(online ? 'online' : 'offline')
  }
  /** The whole device stops for so long. */
  sleep(duration: number): void {
    this.log(`device sleeps ${Math.round(duration)} ms`)
    this.slept += duration
    for (const entry of this.#queue) if (entry.local) entry.at += duration
    this.#queue.sort((a, b) => a.at - b.at || a.order - b.order)
  }
  /** Runs the tasks that are due until the given instant, each task to its end. */
  async advance(duration: number): Promise<void> {
    const until = this.now + duration
    // All microtasks run before the next macrotask of the real process does.
    const idle = (): Promise<void> => new Promise(resolve => void breathe(resolve))
    await idle()
    for (let entry = this.#queue[0]; entry && entry.at <= until; entry = this.#queue[0]) {
      this.#queue.shift()
      this.now = Math.max(this.now, entry.at)
      this.#current = undefined
      if (++this.#entries > 200_000)
        throw new Error(`Something runs in circles: ${this.trace.slice(-9).join('\n')}`)
      entry.run()
      await idle()
    }
    this.now = until
  }

  readonly setTimeout = (run: () => void, delay = 0): number => {
    const { tab } = this
    // As Node and browsers do: whole milliseconds, so that time moves on between two timers.
    const wait = Math.max(1, Math.trunc(delay))
    const id = ++this.#order
    this.#timers.set(id, tab)
    const fire = (): void => {
      if (this.#timers.delete(id)) run()
    }
    if (tab) this.task(wait, tab, fire)
    else this.browser(wait, fire)
    return id
  }
  readonly clearTimeout = (id: number): void => void this.#timers.delete(id)
}

/** Puts the world in place of the process's own globals; each tab sees its own. Returns a function that restores the globals. */
export function install(
  world: World,
  platform: Readonly<Record<string, () => unknown>>,
  seed: number,
): () => void {
  const luck = noise(seed ^ 0x5eed)
  const { setTimeout, clearTimeout } = globalThis
  const { random } = Math
  const { now } = Date
  Math.random = luck
  Date.now = () => world.wall
  // Plain values: the test runner exchanges them for a moment when it reports.
  globalThis.setTimeout = world.setTimeout as never
  globalThis.clearTimeout = world.clearTimeout as never
  const globals: Record<string, () => unknown> = {
    window: () => world.tab?.window,
    document: () => world.tab?.document,
    // A page has a native one.
    Document: () => world.tab && Map,
    navigator: () => ({ onLine: world.online }),
    ...platform,
  }
  const before = Object.keys(globals).map(
    name => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const,
  )
  for (const [name, get] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { configurable: true, get })
  }
  return () => {
    Math.random = random
    Date.now = now
    globalThis.setTimeout = setTimeout
    globalThis.clearTimeout = clearTimeout
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(globalThis, name, descriptor)
      else Reflect.deleteProperty(globalThis, name)
    }
  }
}

/** A tab as the engine sees it: `window` and `document` with its listeners. */
export function createSimTab(id: string): SimTab {
  const tab: SimTab = {
    id,
    alive: true,
    frozen: false,
    slept: 0,
    visible: true,
    held: [],
    window: new EventTarget(),
    document: new EventTarget(),
  }
  Object.defineProperty(tab.document, 'visibilityState', { get: () => (tab.visible ? 'visible' : 'hidden') })
  return tab
}
