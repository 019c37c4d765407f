/** The same tabs in three engines, and rounds in which all of them ask for a token at once. */
import { afterAll, afterEach, beforeAll } from 'vitest'
import { findFirefox } from '../../scripts/find-browser.mjs'
import { findWebKit, webKitAdvice } from '../../scripts/find-webkit.mjs'
import { logIn, type TabPage, useStage } from './tabs-browser.js'
import { type Site, useSite } from './tabs-site.js'
import { launchWebKit, type WebKitBrowser, type WebKitUser } from './tabs-webkit.js'

export const engines = ['chromium', 'firefox', 'webkit'] as const
export type EngineName = (typeof engines)[number]
export const storages = ['web', 'indexedDB', 'cookie'] as const
export type StorageName = (typeof storages)[number]

export interface Tabs extends Site {
  /** So many tabs of a new user, closed after the test. */
  open(query: string, count: number): Promise<TabPage[]>
}

/** Whether the engine is there, or could be installed now. Chromium has to be. */
export function hasEngine(engine: EngineName): boolean {
  if (engine === 'chromium') return true
  if (engine === 'webkit') {
    if (findWebKit()) return true
    process.stderr.write(`${webKitAdvice}\n`)
    return false
  }
  try {
    return findFirefox() !== ''
  } catch (error) {
    process.stderr.write(
      `The tests in Firefox are skipped. ${error instanceof Error ? error.message : error}\n`,
    )
    return false
  }
}

/** A browser of the engine, and a server, for the tests of a file. */
export function useTabs(engine: EngineName): Tabs {
  return engine === 'webkit' ? useWebKit() : useStage(engine)
}

function useWebKit(): Tabs {
  const site = useSite()
  const tabs = {} as { -readonly [Name in keyof Tabs]: Tabs[Name] }
  const users: WebKitUser[] = []
  let browser: WebKitBrowser | undefined

  beforeAll(async () => {
    Object.assign(tabs, site)
    browser = await launchWebKit()
  })
  afterAll(() => browser?.stop())
  afterEach(async () => {
    for (const user of users.splice(0)) await user.close()
  })
  tabs.open = async (query, count) => {
    const user = await browser!.newUser()
    users.push(user)
    const pages: TabPage[] = []
    for (let index = 0; index < count; index++) {
      const page = await user.open(`${tabs.server.url}/?${query}`)
      await page.evaluate(() => window.tab.ready())
      pages.push(page)
    }
    return pages
  }
  return tabs as Tabs
}

/** The result of rounds in which the access token ends, and every tab sends a request at the same moment. */
export interface Tally {
  rounds: number
  /** Grants of the server: one a round. */
  refreshes: number
  /** Refresh tokens that the server was sent a second time. */
  reuses: number
  rejected: number
  /** The status or error of the requests of a round, each once, with the number of rounds. */
  readonly outcomes: Record<string, number>
}

export async function playRounds(
  { server, open }: Tabs,
  storage: StorageName,
  count: number,
  rounds: number,
): Promise<Tally> {
  const { backend } = server
  backend.configure({ transport: storage === 'cookie' ? 'cookie' : 'body' })
  const pages = await open(`storage=${storage}&together`, count)
  await logIn(pages)
  const before = { ...backend.stats }
  const outcomes: Record<string, number> = {}
  for (let round = 0; round < rounds; round++) {
    // Now and then the answer is slow enough for all to queue up, now and then it overtakes some.
    backend.delayRefresh(10 * (round % 3))
    backend.expireAccessTokens()
    const all = await pages[0]!.evaluate(number => window.tab.requestEverywhere(number), count)
    const outcome = all.join()
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  }
  const { refreshes, reuses, rejected } = backend.stats
  return {
    rounds,
    refreshes: refreshes - before.refreshes,
    reuses: reuses - before.reuses,
    rejected: rejected - before.rejected,
    outcomes,
  }
}
