/** The deeds of users, devices and browsers in a simulation of tabs. */
import type { Page } from './tabs-page.js'
import { type Deed, DURATION } from './tabs-scenario.js'
import type { Family } from './tabs-server.js'
import type { Stage } from './tabs-stage.js'

/** A user does not log in here and log out there within so long, milliseconds. */
const HUMAN = 3_000

/** A tab that is to be frozen for longer stays so, milliseconds. */
const ENDLESS = 18_000
/** A browser wakes a tab whose transaction others wait for: after so long at the latest, milliseconds. */
const LONGEST_BLOCK = 10_000

export interface Deeds {
  /** Does it, if that is possible now. */
  strike(deed: Deed, page: Page | undefined, duration: number): void
  /** The device is online again. */
  connect(): void
  /** The tab is frozen no longer. */
  wake(page: Page): void
  /** How the application's requests ended. */
  readonly outcomes: Record<string, number>
  /** A tab was frozen with a transaction open. */
  readonly wasBlocked: boolean
}

export function createDeeds(stage: Stage): Deeds {
  const { world, server, scenario, cookie, database, locks } = stage
  const outcomes: Record<string, number> = {}
  let wasBlocked = false
  let actedAt = Number.NEGATIVE_INFINITY

  /** Whether the user may act in the page now. Two acts at once have no defined order. */
  const mayAct = ({ tab }: Page): boolean =>
    world.now - actedAt >= HUMAN &&
    !stage.isBlocked &&
    !stage.live.some(one => one.tab.frozen && (one.tab === tab || stage.isActing(one)))

  /** Whether an attempt may be open for longer than it is waited for. */
  const isOpenLong = (): boolean => !!scenario.fates?.slow && stage.live.some(one => stage.isMidway(one))

  const request = async (page: Page): Promise<void> => {
    const { kind } = await page.request()
    outcomes[kind] = (outcomes[kind] ?? 0) + 1
  }
  const connect = (): void => {
    if (world.online) return
    world.connect(true)
    for (const { tab } of stage.live) world.task(1, tab, () => tab.window.dispatchEvent(new Event('online')))
  }
  const wake = ({ tab }: Page): void => {
    // It goes on under its lock, and so does the tab that has waited for it in vain.
    if (tab.frozen && locks.isAbandoned(tab)) server.losses++
    world.resume(tab)
  }
  const deeds: Record<Deed, (page: Page, duration: number) => void> = {
    burst() {
      for (const page of stage.live) world.task(world.between(0, 4), page.tab, () => void request(page))
    },
    refresh: page =>
      world.enter(page.tab, () => void page.watch('refresh', page.auth.refresh()).catch(() => {})),
    login(page) {
      if (!mayAct(page) || !world.online) return
      actedAt = world.now
      world.log('login', page.tab)
      const answer = server.login(stage.truth?.user === 'ada' ? 'grace' : 'ada')
      stage.leave(page)
      stage.truth = server.owner(answer.access_token ?? '') as Family
      world.enter(page.tab, () => void page.login(answer))
    },
    logout(page) {
      if (!mayAct(page) || page.auth.getState().status !== 'authenticated') return
      actedAt = world.now
      world.log('logout', page.tab)
      stage.leave(page)
      stage.truth = null
      world.enter(page.tab, () => void page.watch('logout', page.auth.logout()))
    },
    open: stage.open,
    kill(page) {
      if (stage.live.length > 1) stage.kill(page)
    },
    reload(page) {
      stage.kill(page)
      world.browser(world.between(30, 300), stage.open)
    },
    freeze(page, duration) {
      if (page.tab.frozen) return
      const isBusy = database.isBusy(page.tab)
      wasBlocked ||= isBusy
      if ((isBusy && world.now - actedAt < HUMAN) || stage.isActing(page)) stage.forget()
      // A lease is not given back, and an open transaction keeps all other tabs out.
      if (database.isLeased(page.tab) || isBusy) server.losses++
      if (page.unsettled) stage.lose()
      world.freeze(page.tab)
      locks.freeze(page.tab)
      // Some do not wake before everything is over.
      const usual = duration < ENDLESS ? duration : DURATION
      world.browser(isBusy ? Math.min(duration, LONGEST_BLOCK) : usual, () => wake(page))
    },
    offline(_page, duration) {
      if (!world.online) return
      world.connect(false)
      world.browser(duration, connect)
    },
    sleep(_page, duration) {
      if (database.isLeased() || isOpenLong()) server.losses++
      world.sleep(duration)
    },
    jump(_page, duration) {
      // A lease ends by the clock, and so does the wait for an open attempt.
      if (database.isLeased() || isOpenLong()) server.losses++
      // A cookie's page that saw nothing of the last session counts on from the clock.
      world.skew += (cookie ? duration : duration - 12_000) * 300
      world.log(`wall clock jumps to ${world.skew}`)
    },
    revoke: () => server.revokeAccess(),
  }
  return {
    outcomes,
    connect,
    wake,
    get wasBlocked() {
      return wasBlocked
    },
    strike(deed, page, duration) {
      if (page?.tab.alive) deeds[deed](page, duration)
    },
  }
}
