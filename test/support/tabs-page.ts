/** A page in a tab: an `Auth` on the simulated platform, and an application that sends requests with it. */
import {
  type Auth,
  type AuthLock,
  createAuth,
  isAuthError,
  isSessionExpired,
  type TokenResponse,
  type TokenStorage,
} from 'tokenflight'
import { withLock } from './core.js'
import type { Family, SimServer } from './tabs-server.js'
import { createSimTab, type SimTab, type World } from './tabs-world.js'

/** The outcome of one request of the application. */
export type Outcome =
  | { kind: 'ok'; family: Family }
  | { kind: 'anonymous' | 'expired' | 'signed out' | 'failed' | 'refused' }

export interface PageHost {
  readonly world: World
  readonly server: SimServer
  readonly cookie: boolean
  readonly refreshTimeout: number
  /** How long a logout may take to reach the other tabs, milliseconds. */
  readonly newsTime: number
  storage(tab: SimTab): TokenStorage
  lock(tab: SimTab): AuthLock | undefined
  /** Promises of the application that are not settled yet, with their names. */
  readonly pending: Map<object, { readonly tab: SimTab; readonly what: string }>
  /** The violations of a rule. */
  violation(text: string): void
}

/** How long a request may take, milliseconds, with any events in other tabs. */
const LONGEST = 45_000

interface Engine {
  session(): object | undefined
  acquire(session: object | undefined): Ticket | undefined | Promise<Ticket | undefined>
  rejectGrant(ticket: Ticket): Promise<Ticket | undefined> | undefined
  isUndecided(): boolean
  restoreAgain(): Promise<Ticket | undefined>
}
interface Ticket {
  readonly accessToken: string
  accepted: boolean
}

export interface Page {
  readonly tab: SimTab
  readonly auth: Auth
  /** A grant of the server that this page has not made known yet. */
  unsettled: boolean
  /** When it last told the server about a logout. */
  toldAt: number
  readonly events: string[]
  /** Sends one request of the application, as the HTTP entries do. */
  request(): Promise<Outcome>
  /** Keeps a promise in mind until it is settled. */
  watch<T>(what: string, promise: Promise<T>): Promise<T>
  login(answer: TokenResponse): Promise<void>
}

export function openPage(host: PageHost, id: string): Page {
  const { world, server, pending } = host
  const tab = createSimTab(id)
  const events: string[] = []
  let page: Page | undefined
  world.enter(tab, () => {
    page = createPage()
  })
  return page as Page

  function createPage(): Page {
    const lock = host.lock(tab)
    const auth = createAuth({
      name: 'sim',
      storage: lock ? withLock(host.storage(tab), lock) : host.storage(tab),
      refreshTimeout: host.refreshTimeout,
      refresh: server.refreshFrom(tab),
      clock: { now: () => world.wall, monotonic: () => world.monotonic },
      async logout({ refreshToken }) {
        self.toldAt = world.now
        await arrive(60)
        server.logout(host.cookie ? server.cookie : refreshToken)
        if (host.cookie) server.cookie = undefined
      },
    })
    const engine = (auth as unknown as Record<symbol, Engine>)[Symbol.for('tokenflight.engine')]!
    for (const name of [
      'login',
      'refreshed',
      'refreshFailed',
      'sessionExpired',
      'logout',
      'warning',
    ] as const) {
      auth.on(name, event => {
        events.push(name)
        const { source, message = '', error } = event as { source?: string; message?: string; error?: Error }
        world.log(`event ${name} ${source ?? ''} ${message} ${error?.message ?? ''}`, tab)
        if (!/warning|Failed/.test(name) && source !== 'tab') self.unsettled = false
      })
    }
    /** Resolves when something has travelled; never in a tab that is gone. */
    const arrive = (most: number): Promise<void> =>
      new Promise(resolve => world.task(world.between(1, most), tab, resolve))

    const send = async ({ accessToken }: Ticket): Promise<boolean> => {
      await arrive(30)
      return server.accepts(accessToken)
    }
    /** The network has prevented the restore of a cookie: the 401 for a request without a token tries it again. */
    const restored = async (): Promise<Ticket | undefined> => {
      if (!engine.isUndecided()) return undefined
      await arrive(60)
      return engine.restoreAgain().catch(() => undefined)
    }
    const run = async (): Promise<Outcome> => {
      const began = engine.session()
      try {
        const ticket = (await engine.acquire(began)) ?? (await restored())
        if (!ticket) return { kind: 'anonymous' }
        const family = server.owner(ticket.accessToken) as Family
        check(family)
        if (await send(ticket)) {
          ticket.accepted = true
          return { kind: 'ok', family }
        }
        const next = await engine.rejectGrant(ticket)
        if (!next) return { kind: 'refused' }
        if (server.owner(next.accessToken) !== family)
          host.violation(`${id} replayed with another session's token`)
        check(family)
        if (!(await send(next))) return { kind: 'refused' }
        next.accepted = true
        return { kind: 'ok', family }
      } catch (error) {
        if (!isAuthError(error)) host.violation(`${id} threw ${error}`)
        if (isSessionExpired(error)) return { kind: 'expired' }
        return { kind: (error as { code?: string }).code === 'ERR_SIGNED_OUT' ? 'signed out' : 'failed' }
      }
    }
    const check = (family: Family): void => {
      const { left } = family
      if (left && (left.tab === tab || world.now - left.at > host.newsTime)) {
        host.violation(`${id} handed out a token of session ${family.id} after its logout`)
      }
    }
    const self: Page = {
      tab,
      auth,
      unsettled: false,
      toldAt: Number.NEGATIVE_INFINITY,
      events,
      async request() {
        const since = world.awake(tab)
        const outcome = await self.watch('request', run())
        const took = world.awake(tab) - since
        if (took > LONGEST) host.violation(`${id} waited ${Math.round(took)} ms for a request`)
        return outcome
      },
      watch(what, promise) {
        const entry = { tab, what: `${what} since ${world.trace.length}` }
        pending.set(entry, entry)
        promise.then(
          () => pending.delete(entry),
          () => pending.delete(entry),
        )
        return promise
      },
      login: answer => self.watch('login', auth.login(answer)),
    }
    void self.watch('ready', auth.ready)
    return self
  }
}
