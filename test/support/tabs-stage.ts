/** Everything that a simulation consists of: the world, the platform, the server, the pages, and the truth. */

import { cookieSession, indexedDBStorage, type TokenStorage, webStorage } from 'tokenflight'
import { REFRESH_TIMEOUT, recordStorage, type Stored } from './core.js'
import { SimDatabase } from './tabs-database.js'
import { openPage, type Page, type PageHost } from './tabs-page.js'
import { SimChannels, SimLocks, SimWebStorage } from './tabs-platform.js'
import type { Scenario } from './tabs-scenario.js'
import { type Family, SimServer } from './tabs-server.js'
import { type SimTab, World } from './tabs-world.js'

const LIFETIME = 24_000
/** How late a write to `localStorage` is seen in other tabs, at the most, milliseconds. */
const LAG = 60
/** The same where no ledger tells that a write is under way, as measured in Chromium. */
const SHORT_LAG = 15
/** How long a logout may take to reach the other tabs, milliseconds; more where each step in the database is slow. */
const NEWS_TIME = 660
/** A page that tells the server about a logout takes this long at the most, its write included, milliseconds. */
const TELLING = 1_000

export class Stage {
  readonly scenario: Scenario
  readonly world: World
  readonly server: SimServer
  readonly locks: SimLocks
  readonly channels: SimChannels
  readonly database: SimDatabase
  readonly pages: Page[] = []
  readonly violations: string[] = []
  readonly cookie: boolean
  readonly hasChannel: boolean
  /** The calls that the application waits for. */
  readonly pending: PageHost['pending'] = new Map()
  /** The session that the user is in; null: none; undefined: unknown. */
  truth: Family | null | undefined = null
  /** The last login or logout. */
  acted: { readonly tab: SimTab; readonly at: number } | undefined
  /** A page has gone away while it told the server about a logout. */
  leftTelling = false
  readonly #web: SimWebStorage
  readonly #hasDatabase: boolean
  #coherent: Stored | null = null
  #opened = 0

  constructor(scenario: Scenario) {
    const { storage, grace, isLenient = false, latency, fates = {}, hasChannel = true } = scenario
    this.scenario = scenario
    this.hasChannel = hasChannel
    this.cookie = storage === 'cookie'
    this.#hasDatabase = storage !== 'coherent' && storage !== 'web without a database'
    const world = new World(scenario.seed)
    this.world = world
    world.skew = scenario.skew ?? 0
    const { cookie } = this
    this.server = new SimServer(world, {
      lifetime: LIFETIME,
      refreshTimeout: REFRESH_TIMEOUT,
      grace,
      isLenient,
      cookie,
    })
    this.server.fates = fates
    this.server.onGrant = tab => {
      const page = this.pages.find(one => one.tab === tab)
      if (page) page.unsettled = true
      if (tab.frozen) this.lose()
    }
    // An answer that overtakes a login leaves another session's cookie: the session is then unknown.
    this.server.onCookie = family => {
      if (family !== this.truth) this.forget()
    }
    this.locks = new SimLocks(world)
    this.channels = new SimChannels(world)
    this.database = new SimDatabase(world, latency)
    // Patience is longer than a grant, but not than a grant that begins late.
    for (const lock of [this.locks, this.database]) lock.onImpatience = () => this.server.losses++
    this.#web = new SimWebStorage(world, storage === 'web' ? LAG : SHORT_LAG)
  }

  readonly violation = (text: string): void => {
    this.world.log(`VIOLATION ${text}`)
    this.violations.push(text)
  }
  /** The globals of each tab. */
  globals(): Record<string, () => unknown> {
    const { world } = this
    return {
      indexedDB: () => (world.tab && this.#hasDatabase ? this.database.of(world.tab) : undefined),
      BroadcastChannel: () => (world.tab && this.hasChannel ? this.channels.of(world.tab) : undefined),
    }
  }
  get live(): Page[] {
    return this.pages.filter(page => page.tab.alive)
  }
  /** The content of the storages, as text. */
  get stored(): string[] {
    const values = [this.#coherent, this.#web.value, ...this.database.rows.values()]
    return values.map(value => JSON.stringify(value) ?? '')
  }

  readonly open = (): void => {
    const { world, server, cookie, pending, violation } = this
    const host: PageHost = {
      world,
      server,
      cookie,
      pending,
      violation,
      refreshTimeout: REFRESH_TIMEOUT,
      newsTime: NEWS_TIME + 20 * (this.scenario.latency ?? 0),
      storage: tab => this.#storage(tab),
      lock: tab => (this.scenario.lock === 'locks' ? this.locks.of(tab) : undefined),
    }
    this.pages.push(openPage(host, `tab${++this.#opened}`))
  }
  /** A grant waits in a tab that sleeps, or is gone. A cookie arrives all the same, unless the answer takes its time. */
  lose(): void {
    if (!this.cookie || this.scenario.fates?.slow) this.server.losses++
  }
  kill(page: Page): void {
    // The lease of a tab that is gone is not given back; then the limit of the wait decides.
    const isAnswerLate = this.cookie && !!this.scenario.fates?.slow && this.isRefreshing(page)
    if (page.unsettled || isAnswerLate) this.lose()
    if (this.database.isLeased(page.tab)) this.server.losses++
    this.world.log('killed', page.tab)
    page.tab.alive = false
    for (const part of [this.locks, this.channels, this.database, this.#web]) part.release(page.tab)
    if (this.isActing(page)) this.forget()
    if (this.world.now - page.toldAt < TELLING) this.leftTelling = true
    for (const entry of [...this.pending.values()]) if (entry.tab === page.tab) this.pending.delete(entry)
  }
  /** Whether the server may have granted something that will die, or wait, with the page. */
  isMidway(page: Page): boolean {
    return page.unsettled || this.isRefreshing(page) || this.isActing(page)
  }
  /** Whether a refresh request of the page is under way. */
  isRefreshing({ tab }: Page): boolean {
    return (this.server.open.get(tab) ?? 0) > 0
  }
  /** Whether a login or logout of the page is under way, or may not have left its tab yet. */
  isActing({ tab }: Page): boolean {
    const { acted, world, pending } = this
    const isFresh = acted?.tab === tab && world.now - acted.at < LAG
    return isFresh || [...pending.values()].some(entry => entry.tab === tab && /^log/.test(entry.what))
  }
  /** A frozen tab keeps its transaction open: nothing can be stored, so nothing can spread. */
  get isBlocked(): boolean {
    return this.live.some(({ tab }) => tab.frozen && this.database.isBusy(tab))
  }
  /** It is not known any more which session the user is in. */
  forget(): void {
    this.truth = undefined
    for (const family of this.server.families) delete family.left
  }
  /** No token of the session may be handed out from now on; without a channel others learn it when they next read. */
  leave({ tab }: Page): void {
    this.acted = { tab, at: this.world.now }
    if (!this.truth) return
    this.truth.isOver = true
    if (this.hasChannel) this.truth.left = { at: this.world.now, tab }
  }

  #storage(tab: SimTab): TokenStorage {
    const { storage } = this.scenario
    if (this.cookie) return cookieSession()
    if (storage === 'indexedDB') return indexedDBStorage()
    if (storage !== 'coherent') return webStorage(this.#web.of(tab))
    const set = (tokens: Stored | null): void => {
      if (tab.alive) this.#coherent = tokens
    }
    return recordStorage({ shared: true, get: () => this.#coherent, set, remove: () => set(null) })
  }
}
