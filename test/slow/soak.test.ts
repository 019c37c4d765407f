/**
 * Eight tabs for an hour, or for as long as MINUTES says: tokens of five seconds, a server that fails a twentieth of all
 * requests, and tabs that reload and close at random.
 */
import type { BrowserContext, Page } from 'playwright-core'
import { expect, it, onTestFinished } from 'vitest'
import { logIn, useStage } from '../support/tabs-browser.js'
import { type Flaky, openFlaky } from '../support/tabs-flaky.js'

/** The requests of one page. */
interface Asked {
  begun: number
  ended: number
  /** How long the slowest has taken, milliseconds. */
  longest: number
  /** The statuses and errors, with the number of requests. */
  readonly outcomes: Record<string, number>
  isOver: boolean
}
declare global {
  interface Window {
    asked: Asked
  }
}

const MINUTES = Number(process.env.MINUTES ?? 60)
const TABS = 8
/** The outcomes that a request may have while the server fails: each of these leaves the session as it is. */
const HARMLESS = ['200', '503', 'ERR_NETWORK', 'ERR_REFRESH_FAILED']
const stage = useStage()

/** The same numbers each time. */
function createNoise(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** A tab of the session that sends a request every half second, one way or the other. */
async function openTab(context: BrowserContext, { url }: Flaky): Promise<Page> {
  const page = await context.newPage()
  await page.addInitScript(() => {
    const asked: Asked = { begun: 0, ended: 0, longest: 0, outcomes: {}, isOver: false }
    window.asked = asked
    const ask = async (): Promise<void> => {
      if (asked.isOver) return
      setTimeout(ask, 250 + Math.random() * 500)
      if (window.tab?.state().status !== 'authenticated') return
      asked.begun++
      const since = performance.now()
      const outcome = (await window.tab.request()).join()
      asked.ended++
      asked.longest = Math.max(asked.longest, Math.round(performance.now() - since))
      asked.outcomes[outcome] = (asked.outcomes[outcome] ?? 0) + 1
    }
    addEventListener('load', () => void ask())
  })
  await page.goto(`${url}/?storage=indexedDB&background=active&quiet`)
  await page.waitForSelector('html[data-ready]')
  return page
}

/** The memory of the page after a garbage collection, in bytes. */
async function heapOf(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  await session.detach()
  return usedSize
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN

it(
  `keeps the session for ${MINUTES} minutes, answers every request, and holds no more memory at the end`,
  async () => {
    const { backend } = stage.server
    backend.configure({ accessTokenLifetime: 5_000, graceWindow: 30_000 })
    const random = createNoise(7)
    const flaky = await openFlaky(stage.server.url, random)
    onTestFinished(() => flaky.close())
    const context = await stage.context()
    const pages: Page[] = []
    for (let index = 0; index < TABS; index++) pages.push(await openTab(context, flaky))
    await logIn(pages)
    flaky.share = 0.05

    const outcomes: Record<string, number> = {}
    let [requests, longest, reloads, closes] = [0, 0, 0, 0]
    /** Adds the requests that a page has sent until now; requests that are under way when it goes are not counted. */
    const collect = async (page: Page): Promise<void> => {
      const asked = await page.evaluate(() => window.asked)
      requests += asked.ended
      longest = Math.max(longest, asked.longest)
      for (const [outcome, count] of Object.entries(asked.outcomes))
        outcomes[outcome] = (outcomes[outcome] ?? 0) + count
    }
    const heaps: number[] = []
    const since = performance.now()
    const elapsed = (): number => (performance.now() - since) / 60_000
    while (elapsed() < MINUTES) {
      await pages[0]!.waitForTimeout(1_000 + random() * 3_000)
      // The first tab stays, and shows the memory of a page.
      const index = 1 + Math.floor(random() * (TABS - 1))
      const page = pages[index]!
      await collect(page)
      if (random() < 0.5) {
        reloads++
        await page.reload()
      } else {
        closes++
        await page.close()
        pages[index] = await openTab(context, flaky)
      }
      if (elapsed() * 60 > 15 * (heaps.length + 1)) heaps.push(await heapOf(pages[0]!))
    }
    for (const page of pages) {
      await page.waitForFunction(() => {
        window.asked.isOver = true
        return window.asked.begun === window.asked.ended
      })
      await collect(page)
    }
    const statuses = await Promise.all(pages.map(page => page.evaluate(() => window.tab.state().status)))
    const third = Math.ceil(heaps.length / 3)
    const [first, last] = [median(heaps.slice(0, third)), median(heaps.slice(-third))]
    const { refreshes, reuses, rejected, logins } = backend.stats
    const figures = { requests, outcomes, longest, reloads, closes, refreshes, reuses, rejected, logins }
    process.stdout.write(
      `SOAK ${MINUTES} minutes: ${JSON.stringify({ ...figures, failures: flaky.failures, first, last })}\n`,
    )
    expect(statuses).toEqual(Array(TABS).fill('authenticated'))
    expect(Object.keys(outcomes).filter(outcome => !HARMLESS.includes(outcome))).toEqual([])
    expect({ reuses, rejected, logins }).toEqual({ reuses: 0, rejected: 0, logins: 1 })
    expect(outcomes['200']).toBeGreaterThan(requests * 0.8)
    // A margin for code that the engine compiles on the way.
    expect(last - first).toBeLessThan(first * 0.1 + 300_000)
  },
  MINUTES * 120_000 + 300_000,
)
