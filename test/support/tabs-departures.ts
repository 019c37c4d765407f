/** Rounds in which a tab goes away during its refresh, and what the next page finds. */
import type { BrowserContext, Page } from 'playwright-core'
import type { Stage } from './tabs-browser.js'
import { type Gate, type Moment, openGate } from './tabs-gate.js'

/** How the tab goes away. */
export type Departure = 'close' | 'crash' | 'reload' | 'navigate'

export interface DepartureCase {
  readonly storage: 'web' | 'indexedDB' | 'cookie'
  readonly departure: Departure
  readonly moment: Moment
  /** How long the server still accepts a refresh token that is spent, milliseconds; 0: strict. */
  readonly graceWindow: number
}

/** What came of the rounds of a case. */
export interface Tally {
  rounds: number
  /** Refresh tokens that the server was sent a second time, too late. */
  reuses: number
  /** Sessions that the next page did not find. */
  lost: number
  /** What the next page got, with the number of rounds. */
  readonly outcomes: Record<string, number>
  /** What happened in the rounds that went wrong. */
  readonly stories: (readonly string[])[]
  /** Requests of the page that went away that the browser did not finish. */
  cancelled: number
  /** The longest time that a next page took, milliseconds. */
  longest: number
}

export async function runDepartures(
  stage: Stage,
  { storage, departure, moment, graceWindow }: DepartureCase,
  rounds: number,
): Promise<Tally> {
  const { backend } = stage.server
  backend.configure({ transport: storage === 'cookie' ? 'cookie' : 'body', graceWindow })
  const gate = await openGate(stage.server.url)
  const url = `${gate.url}/?storage=${storage}${storage === 'cookie' ? '&gate' : ''}`
  const tally: Tally = { rounds: 0, reuses: 0, lost: 0, outcomes: {}, stories: [], cancelled: 0, longest: 0 }
  try {
    const context = await stage.context()
    for (let round = 0; round < rounds; round++) {
      const { reuses } = backend.stats
      const outcome = await playRound({ stage, gate, context, url, departure, moment, round })
      tally.rounds++
      tally.reuses += backend.stats.reuses - reuses
      if (outcome.status !== '200') tally.lost++
      if (outcome.status !== '200' || backend.stats.reuses !== reuses) tally.stories.push(outcome.story)
      tally.outcomes[outcome.status] = (tally.outcomes[outcome.status] ?? 0) + 1
      if (outcome.isCancelled) tally.cancelled++
      tally.longest = Math.max(tally.longest, outcome.duration)
    }
  } finally {
    await gate.close()
  }
  return tally
}

interface Round {
  readonly stage: Stage
  readonly gate: Gate
  readonly context: BrowserContext
  readonly url: string
  readonly departure: Departure
  readonly moment: Moment
  readonly round: number
}

interface RoundOutcome {
  readonly status: string
  readonly isCancelled: boolean
  readonly story: readonly string[]
  readonly duration: number
}

async function playRound(round: Round): Promise<RoundOutcome> {
  const { stage, gate, context, url, moment } = round
  const { backend } = stage.server
  const page = await open(context, url)
  await page.evaluate(() => window.tab.ready())
  if ((await page.evaluate(() => window.tab.state().status)) !== 'authenticated')
    await page.evaluate(() => window.tab.login())
  // The next page is open already in every other round.
  const sibling = round.round % 2 ? undefined : await openSibling(round)
  backend.expireAccessTokens()
  const held = gate.hold(moment)
  await page.evaluate(() => window.tab.begin())
  await held.arrived
  const next = await depart(round, page, sibling)
  const since = performance.now()
  await next.evaluate(() => window.tab.begin())
  await next.waitForFunction(() => window.tab.ended() !== undefined, undefined, { timeout: 60_000 })
  const status = (await next.evaluate(() => window.tab.ended()))?.join() ?? ''
  const duration = performance.now() - since
  for (const other of context.pages()) if (other !== page || departureKeeps(round)) await other.close()
  return { status, isCancelled: held.isCancelled, story: held.story, duration }
}

/** Whether the page lives on with another document. */
const departureKeeps = ({ departure }: Round): boolean => departure === 'reload' || departure === 'navigate'

async function open(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(url)
  await page.waitForSelector('html[data-ready]')
  return page
}

async function openSibling(round: Round): Promise<Page | undefined> {
  if (departureKeeps(round)) return undefined
  const sibling = await open(round.context, round.url)
  await sibling.evaluate(() => window.tab.ready())
  return sibling
}

/** The page goes away. Resolves to the page that comes next. */
async function depart(round: Round, page: Page, sibling: Page | undefined): Promise<Page> {
  const { departure, context, url, stage } = round
  if (departure === 'reload') await page.reload()
  else if (departure === 'navigate') await page.goto(`${url}&page=2`)
  else if (departure === 'close') await page.close()
  else await stage.crash(page)
  if (departureKeeps(round)) {
    await page.waitForSelector('html[data-ready]')
    return page
  }
  return sibling ?? open(context, url)
}
