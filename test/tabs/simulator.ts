/**
 * A deterministic simulator of many tabs and one strictly rotating server. A scenario and its seed decide everything;
 * the same scenario always ends the same way. `simulate` reports what must never happen and did: `violations`.
 */
import { indexedDBStorage, type TokenStorage, type Tokens, webStorage } from 'tokenflight'
import { SimDatabase } from '../support/tabs-database.js'
import { openPage, type Outcome, type Page, type PageHost } from '../support/tabs-page.js'
import { SimChannels, SimLocks, SimWebStorage } from '../support/tabs-platform.js'
import { type Deed, DURATION, type Scenario } from '../support/tabs-scenario.js'
import { type Family, SimServer } from '../support/tabs-server.js'
import { install, type SimTab, World } from '../support/tabs-world.js'

export interface Report {
  readonly violations: readonly string[]
  readonly grants: number
  /** Answers given again within the grace window. */
  readonly repeats: number
  readonly reuses: number
  /** Grants whose answer no client could learn. */
  readonly losses: number
  /** How the application's requests ended. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly trace: readonly string[]
}

const LIFETIME = 24_000
const REFRESH_TIMEOUT = 10_000
/** How late a write to `localStorage` is seen in other tabs, at the most, milliseconds. */
const LAG = 60
/** The same where no ledger tells that there is something to wait for: what was measured. */
const SHORT_LAG = 15
/** How long the world is left alone when the faults are over, milliseconds. */
const REST = 100_000
/** A user does not log in here and log out there within so long, milliseconds. */
const HUMAN = 3_000

export async function simulate(scenario: Scenario): Promise<Report> {
  const { storage, lock, grace, tabs, hasChannel = true, steps = [], traps = [] } = scenario
  const world = new World(scenario.seed)
  world.skew = scenario.skew ?? 0
  const cookie = storage === 'cookie'
  const server = new SimServer(world, { lifetime: LIFETIME, refreshTimeout: REFRESH_TIMEOUT, grace, cookie })
  server.fates = scenario.fates ?? {}
  const locks = new SimLocks(world)
  const channels = new SimChannels(world)
  const database = new SimDatabase(world)
  const web = new SimWebStorage(world, storage === 'web' ? LAG : SHORT_LAG)
  const pages: Page[] = []
  const violations: string[] = []
  const outcomes: Record<string, number> = {}
  /** The session that the user is in; null: none; undefined: nobody can say. */
  let truth: Family | null | undefined = null
  let actedAt = Number.NEGATIVE_INFINITY
  let coherent: Tokens | null = null
  let opened = 0
  let isResting = false

  const host: PageHost = {
    world,
    server,
    cookie,
    refreshTimeout: REFRESH_TIMEOUT,
    pending: new Map(),
    storage: storageOf,
    lock: tab => (lock === 'locks' ? locks.of(tab) : undefined),
    violation(text) {
      world.log(`VIOLATION ${text}`)
      violations.push(text)
    },
  }
  function storageOf(tab: SimTab): TokenStorage | undefined {
    if (cookie) return undefined
    if (storage === 'indexedDB') return indexedDBStorage()
    if (storage !== 'coherent') return webStorage(web.of(tab))
    const set = (tokens: Tokens | null): void => {
      if (tab.alive) coherent = tokens
    }
    return { shared: true, get: () => coherent, set, remove: () => set(null) }
  }
  const live = (): Page[] => pages.filter(page => page.tab.alive)
  const open = (): void => void pages.push(openPage(host, `tab${++opened}`))

  server.onGrant = tab => {
    const page = pages.find(one => one.tab === tab)
    if (page) page.unsettled = true
  }
  const forget = (): void => {
    truth = undefined
    for (const family of server.families) delete family.left
  }
  /** From now on no token of the session may be handed out; without a channel others learn it when they next read. */
  const leave = ({ tab }: Page): void => {
    if (truth && hasChannel) truth.left = { at: world.now, tab }
  }
  // An answer that overtakes a login leaves another session's cookie: nobody can say then.
  server.onCookie = family => {
    if (family !== truth) forget()
  }
  /** Whether the server may have granted something that will die, or wait, with the page. */
  const isMidway = ({ tab, unsettled }: Page): boolean => unsettled || (server.open.get(tab) ?? 0) > 0

  const kill = (page: Page): void => {
    if (isMidway(page)) server.losses++
    world.log('killed', page.tab)
    page.tab.alive = false
    for (const part of [locks, channels, database, web]) part.release(page.tab)
    for (const entry of [...host.pending.values()]) {
      if (entry.tab !== page.tab) continue
      host.pending.delete(entry)
      if (/^log/.test(entry.what)) forget()
    }
  }
  const deeds: Record<Deed, (page: Page, duration: number) => void> = {
    burst() {
      for (const page of live()) world.task(world.between(0, 4), page.tab, () => void request(page))
    },
    refresh: page =>
      world.enter(page.tab, () => void page.watch('refresh', page.auth.refresh()).catch(() => {})),
    login(page) {
      if (world.now - actedAt < HUMAN || !world.online || page.tab.frozen) return
      actedAt = world.now
      world.log('login', page.tab)
      const answer = server.login(truth?.user === 'ada' ? 'grace' : 'ada')
      const family = server.owner(answer.access_token ?? '') as Family
      leave(page)
      truth = family
      world.enter(page.tab, () => void page.login(answer))
    },
    logout(page) {
      if (world.now - actedAt < HUMAN || page.tab.frozen || page.auth.getState().status !== 'authenticated') return
      actedAt = world.now
      world.log('logout', page.tab)
      leave(page)
      truth = null
      world.enter(page.tab, () => void page.watch('logout', page.auth.logout()))
    },
    open,
    kill(page) {
      if (live().length > 1) kill(page)
    },
    reload(page) {
      kill(page)
      world.browser(world.between(30, 300), open)
    },
    freeze(page, duration) {
      if (page.tab.frozen) return
      // A cookie arrives all the same. An open transaction shuts everybody out, whatever they would tell each other.
      if ([...host.pending.values()].some(({ tab, what }) => tab === page.tab && /^log/.test(what))) forget()
      if (database.isBusy(page.tab) || (isMidway(page) && !(cookie && !scenario.fates?.slow))) server.losses++
      world.freeze(page.tab)
      world.browser(duration, () => {
        // It goes on under its lock, while one that waited for it in vain is on its way.
        if (locks.isHeldBy(page.tab) && live().some(isMidway)) server.losses++
        world.resume(page.tab)
      })
    },
    offline(_page, duration) {
      if (!world.online) return
      world.connect(false)
      world.browser(duration, connect)
    },
    sleep(_page, duration) {
      if (live().some(isMidway)) server.losses++
      world.sleep(duration)
    },
    jump(_page, duration) {
      // What an open attempt may still bring is waited for on a clock that a jump moves on.
      if (live().some(isMidway)) server.losses++
      world.skew += (duration - 12_000) * 300
      world.log(`wall clock jumps to ${world.skew}`)
    },
    revoke: () => server.revokeAccess(),
  }
  const connect = (): void => {
    if (world.online) return
    world.connect(true)
    for (const { tab } of live()) world.task(1, tab, () => tab.window.dispatchEvent(new Event('online')))
  }
  const strike = (deed: Deed, page: Page | undefined, duration: number): void => {
    if (page?.tab.alive && !isResting) deeds[deed](page, duration)
  }
  const request = async (page: Page): Promise<void> => {
    const outcome = await page.request()
    outcomes[outcome.kind] = (outcomes[outcome.kind] ?? 0) + 1
  }
  const at = (index: number): Page | undefined => live()[index % Math.max(1, live().length)]

  /** Faults are over: every tab wakes, and must come to the end that the server knows. */
  const conclude = async (): Promise<void> => {
    isResting = true
    server.fates = {}
    connect()
    for (const { tab } of live()) world.browser(0, () => world.resume(tab))
    if (!live().length) world.browser(0, open)
    await world.advance(REST)
    const isStrict = lock !== 'none' && storage !== 'web without a database'
    const isPromised = grace > 0 || (isStrict && !server.losses)
    if (isPromised && server.reuses) host.violation(`${server.reuses} refresh tokens were used twice`)
    if (isStrict && !grace && !server.losses) {
      for (const [token, times] of server.presented) {
        if (times > 1 && !server.owner(token)?.left) host.violation(`${token} was presented ${times} times`)
      }
    }
    const ends = live().map(page => {
      const end: { page: Page; outcome?: Outcome } = { page }
      world.task(0, page.tab, () => void page.request().then(outcome => Object.assign(end, { outcome })))
      return end
    })
    await world.advance(60_000)
    for (const { page, outcome } of ends) {
      const { tab, auth, events } = page
      const status = auth.getState().status
      world.log(`ends as ${status}, ${outcome?.kind}`, tab)
      if (!outcome || truth === undefined) continue
      const isAlive = truth !== null && !truth.revoked
      // Without a channel a login elsewhere is seen with the next refresh, or when the page is opened again.
      const isUninformed = !hasChannel && ['anonymous', 'signed out'].includes(outcome.kind)
      if (isAlive && !isUninformed && !(outcome.kind === 'ok' && outcome.family === truth)) {
        host.violation(`${tab.id} lost a live session: ${status}, ${outcome.kind}`)
      }
      if (!isAlive && !['anonymous', 'expired'].includes(outcome.kind)) {
        host.violation(`${tab.id} goes on without a session: ${status}, ${outcome.kind}`)
      }
      const times = events.filter(name => name === 'sessionExpired').length
      if (times > server.families.length) host.violation(`${tab.id} expired ${times} times`)
    }
    for (const { tab, what } of host.pending.values()) host.violation(`${tab.id} never settled: ${what}`)
    const remains = [coherent, web.value, ...database.rows.values()].map(value => JSON.stringify(value) ?? '')
    if (truth === null && remains.some(text => text.includes('refreshToken'))) {
      host.violation('tokens remain in the storage after logout')
    }
    if (channels.messages.some(text => /rt-\d/.test(text))) host.violation('a refresh token was on the channel')
  }

  const seen: Record<string, number> = {}
  world.onMark((mark, tab) => {
    const name = mark.replace(/ (rt-|undefined).*/, '')
    seen[name] = (seen[name] ?? 0) + 1
    for (const { on, nth, deed, duration } of traps) {
      if (on !== name || nth !== seen[name]) continue
      world.browser(0, () => strike(deed, pages.find(page => page.tab === tab), duration))
    }
  })
  const ofTab = (make: (tab: SimTab) => unknown) => () => world.tab && make(world.tab)
  const hasDatabase = storage !== 'coherent' && storage !== 'web without a database'
  const remove = install(
    world,
    {
      indexedDB: ofTab(tab => (hasDatabase ? database.of(tab) : undefined)),
      BroadcastChannel: ofTab(tab => (hasChannel ? channels.of(tab) : undefined)),
    },
    scenario.seed,
  )
  try {
    for (let index = 0; index < tabs; index++) world.browser(0, open)
    world.browser(500, () => strike('login', pages[0], 0))
    for (const { at: due, deed, tab, duration } of steps) {
      world.browser(due, () => strike(deed, at(tab), duration))
    }
    for (let due = 4_000; due < DURATION; due += world.between(2_000, 9_000)) {
      world.browser(due, () => strike('burst', at(0), 0))
    }
    await world.advance(DURATION)
    await conclude()
  } finally {
    remove()
  }
  const { grants, repeats, reuses, losses } = server
  return { violations, grants, repeats, reuses, losses, outcomes, trace: world.trace }
}
