/** The demo page in Chromium, for the tests of it: one server and one browser a file, a context a test. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page, type Request } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { buildPage } from '../../demo/build.mjs'
import { type RunningServer, startServer } from '../../demo/server/start.js'
import { findBrowser, launchArguments } from '../../scripts/find-browser.mjs'

export interface Demo {
  readonly server: RunningServer
  readonly page: Page
  /**
   * Stops the clocks of the page and of the server until the test ends.
   * @returns advances both by 100 ms whenever all requests of the page are answered, until the condition holds
   */
  stopClocks(): Promise<(condition: () => Promise<boolean>) => Promise<void>>
  /** Opens the page for another user of the browser. */
  open(options?: BrowserContextOptions): Promise<Page>
}

/** Lifetimes that nothing reaches by itself: each test ends its tokens itself. */
const calm = { accessTokenLifetime: 120_000, refreshTokenLifetime: 600_000 }

/** A page that is up, before each test; the server is as new. */
export function useDemo(): Demo {
  let browser: Browser
  let directory: string
  let server: RunningServer
  let page: Page
  /** The clock of the server. Only `stopClocks` stops it. */
  let now = Date.now
  /** Requests of pages without an answer yet. */
  const inFlight = new Set<Request>()
  const problems: string[] = []

  beforeAll(async () => {
    directory = await buildPage(mkdtempSync(join(tmpdir(), 'tokenflight-demo-')))
    browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })
    server = await startServer({ ...calm, directory, clock: { now: () => now() } })
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
    rmSync(directory, { recursive: true, force: true })
  })
  beforeEach(async () => {
    problems.length = 0
    now = Date.now
    inFlight.clear()
    server.backend.reset()
    server.log.clear()
    page = await open()
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
    expect(problems).toEqual([])
  })

  const open = async (options: BrowserContextOptions = {}) => {
    const context = await browser.newContext({ viewport: { width: 1360, height: 1000 }, ...options })
    context.on('weberror', error => problems.push(String(error.error())))
    const opened = await context.newPage()
    opened.on('request', request => inFlight.add(request))
    opened.on('response', response => inFlight.delete(response.request()))
    opened.on('requestfailed', request => inFlight.delete(request))
    opened.setDefaultTimeout(60_000)
    await opened.goto(`${server.url}/`)
    await opened.waitForSelector('html[data-ready]')
    // The actions of a test stay in view, however slow the machine is.
    await opened.locator('#devtools').getByLabel('In view').selectOption('180000')
    return opened
  }
  const stopClocks = async () => {
    let time = Date.now() + 60_000
    await page.clock.install()
    now = () => time
    await page.clock.pauseAt(time)
    return async (condition: () => Promise<boolean>) => {
      while (!(await condition())) {
        await expect.poll(() => inFlight.size, { interval: 5 }).toBe(0)
        time += 100
        await page.clock.runFor(100)
      }
    }
  }
  return {
    stopClocks,
    get server() {
      return server
    },
    get page() {
      return page
    },
    open,
  }
}

export async function logIn(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Log in' }).click()
  await waitForStatus(page, 'authenticated')
}

export async function waitForStatus(page: Page, status: string): Promise<void> {
  await page.waitForSelector(`#session-state[data-status="${status}"]`)
}

/** Presses a control and waits until every request of the burst has its answer on the page. */
export async function burst(page: Page, size: 1 | 10 | 50 | 100): Promise<void> {
  const before = await settled(page)
  await page.locator(`#burst-${size}`).click()
  await expect.poll(() => settled(page)).toBe(before + size)
}

/** How many requests of the page are over, one way or another. */
async function settled(page: Page): Promise<number> {
  return (await total(page, 'answered')) + (await total(page, 'failed'))
}

/** A sum of the devtools. */
export async function total(page: Page, name: string): Promise<number> {
  return Number(await page.locator(`#devtools [data-total="${name}"] dd`).textContent())
}

/** How many there are on the picture, once there are as many as expected. */
export async function expectDrawn(page: Page, selector: string, count: number): Promise<void> {
  await expect.poll(() => page.locator(selector).count(), { message: selector }).toBe(count)
}

/** Waits until something is drawn. */
export async function drawn(page: Page, selector: string): Promise<void> {
  await page.locator(selector).first().waitFor({ state: 'attached' })
}
