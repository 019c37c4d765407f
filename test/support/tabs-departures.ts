/** Rounds in which a tab goes away during its refresh, and the session that the next page finds. */
import type { BrowserContext, Page } from 'playwright-core'
import type { Stage } from './tabs-browser.js'
import { type Gate, type Moment, openGate } from './tabs-gate.js'
import type { Mortal } from './tabs-launch.js'

/** How the tab goes away. */
export type Departure = 'close' | 'crash' | 'reload' | 'navigate'

export interface DepartureCase {
  readonly storage: 'web' | 'indexedDB' | 'cookie'
  readonly departure: Departure
  readonly moment: Moment
  /** How long the server still accepts a refresh token that is spent, milliseconds; 0: strict. */
  readonly graceWindow: number
}

const GRACE = 30_000

/** Every way to go away, at both moments. Without a grace window nothing but a cookie survives a rotation. */
export const departures: readonly DepartureCase[] = (
  ['close', 'crash', 'reload', 'navigate'] as const
).flatMap(departure =>
  (['web', 'indexedDB', 'cookie'] as const).flatMap((storage): DepartureCase[] => [
    { storage, departure, moment: 'before', graceWindow: 0 },
    { storage, departure, moment: 'after', graceWindow: GRACE },
    ...(storage === 'cookie' ? ([{ storage, departure, moment: 'after', graceWindow: 0 }] as const) : []),
  ]),
)

export function describeCase({ storage, departure, moment, graceWindow }: DepartureCase): string {
  const when = moment === 'before' ? 'before the server received the request' : 'after the server rotated'
  return `${departure} ${when}, ${storage}, ${graceWindow ? 'with a grace window' : 'strict'}`
}

/** The outcome of the rounds of a case. */
export interface Tally {
  rounds: number
  /** Refresh tokens that the server was sent a second time, too late. */
  reuses: number
  /** Sessions that the next page did not find. */
  lost: number
  /** Requests of pages that went away which the browser did not finish. */
  cancelled: number
  /** The status or error that the next page got, with the number of rounds. */
  readonly outcomes: Record<string, number>
  /** The events at the server in the rounds that went wrong. */
  readonly stories: (readonly string[])[]
  /** The longest time that a next page took, milliseconds. */
  longest: number
}

interface Round {
  readonly stage: Stage
  readonly gate: Gate
  readonly context: BrowserContext
  readonly url: string
  readonly departure: Departure
  readonly moment: Moment
  /** The next page is open already. */
  readonly hasSibling: boolean
}

interface RoundOutcome {
  readonly status: string
  readonly isCancelled: boolean
  readonly story: readonly string[]
  readonly duration: number
}

/** @param first the number of the first round; in every other one a sibling is open */
export async function runDepartures(
  stage: Stage,
  { storage, departure, moment, graceWindow }: DepartureCase,
  rounds: number,
  first = 0,
): Promise<Tally> {
  const { backend } = stage.server
  backend.configure({ transport: storage === 'cookie' ? 'cookie' : 'body', graceWindow })
  const gate = await openGate(stage.server.url)
  const url = `${gate.url}/?storage=${storage}${storage === 'cookie' ? '&gate' : ''}`
  const tally: Tally = { rounds: 0, reuses: 0, lost: 0, cancelled: 0, outcomes: {}, stories: [], longest: 0 }
  try {
    const context = await stage.context()
    for (let round = first; round < first + rounds; round++) {
      const { reuses } = backend.stats
      const hasSibling = !isSamePage(departure) && round % 2 === 0
      const options = { stage, gate, context, url, departure, moment, hasSibling }
      const { status, isCancelled, story, duration } = await playRound(options)
      const isReused = backend.stats.reuses > reuses
      tally.rounds++
      tally.reuses += backend.stats.reuses - reuses
      tally.lost += Number(status !== '200')
      tally.cancelled += Number(isCancelled)
      tally.outcomes[status] = (tally.outcomes[status] ?? 0) + 1
      if (isReused || status !== '200') tally.stories.push(story)
      tally.longest = Math.max(tally.longest, Math.round(duration))
    }
  } finally {
    await gate.close()
  }
  return tally
}

async function playRound(round: Round): Promise<RoundOutcome> {
  const { stage, gate, context, url, moment, departure } = round
  const mortal = await stage.openMortal(() => open(context, url))
  const { page } = mortal
  await page.evaluate(() => window.tab.ready())
  if ((await page.evaluate(() => window.tab.state().status)) !== 'authenticated')
    await page.evaluate(() => window.tab.login())
  const sibling = round.hasSibling ? await open(context, url) : undefined
  await sibling?.evaluate(() => window.tab.ready())
  stage.server.backend.expireAccessTokens()
  const held = gate.hold(moment, isSamePage(departure))
  await page.evaluate(() => window.tab.begin())
  await held.arrived
  await leave(mortal, round)
  const next = isSamePage(departure) ? page : (sibling ?? (await open(context, url)))
  await next.waitForSelector('html[data-ready]')
  const since = performance.now()
  await next.evaluate(() => window.tab.begin())
  await next.waitForFunction(() => window.tab.ended() !== undefined)
  const status = (await next.evaluate(() => window.tab.ended()))?.join() ?? ''
  const duration = performance.now() - since
  await next.close()
  return { status, isCancelled: held.isCancelled, story: held.story, duration }
}

/** Whether the tab stays, with another document. */
function isSamePage(departure: Departure): boolean {
  return departure === 'reload' || departure === 'navigate'
}

async function open(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(url)
  await page.waitForSelector('html[data-ready]')
  return page
}

async function leave({ page, crash }: Mortal, { departure, url }: Round): Promise<void> {
  const ways: Record<Departure, () => Promise<unknown>> = {
    close: () => page.close(),
    crash,
    reload: () => page.reload(),
    navigate: () => page.goto(`${url}&page=2`),
  }
  await ways[departure]()
}
