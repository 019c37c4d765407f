/** Real tabs that Playwright drives, against the mock auth server over real HTTP. */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import type { RunningServer } from '../../demo/server/start.js'
import { type Engine, launchers, type Mortal } from './tabs-launch.js'
import { useSite } from './tabs-site.js'

/** The part of a tab that a test uses, in any browser: Playwright's `Page` is one. */
export interface TabPage {
  /** Runs a function in the page; it sees nothing but its argument. */
  evaluate<Result, Argument>(
    run: (argument: Argument) => Result | Promise<Result>,
    argument: Argument,
  ): Promise<Result>
  evaluate<Result>(run: () => Result | Promise<Result>): Promise<Result>
  close(): Promise<void>
}

export interface Stage {
  /** Another origin that serves the page; its pages say with `api` where the server is. */
  readonly site: string
  readonly browser: Browser
  readonly server: RunningServer
  /** One user of one browser; a new one for each test, closed after it. */
  open(query: string, count: number, prepare?: (context: BrowserContext) => Promise<void>): Promise<Page[]>
  /** One more tab of the same user. */
  tab(context: BrowserContext, query: string): Promise<Page>
  /** A user without any tab; closed after the test. */
  context(): Promise<BrowserContext>
  /** Opens a tab, and tells how to end its process. */
  openMortal(open: () => Promise<Page>): Promise<Mortal>
}

/** A browser and a server for the tests of a file. */
export function useStage(engine: Engine = 'chromium'): Stage {
  const isAttached = engine === 'attached'
  const site = useSite()
  const stage = {} as { -readonly [Name in keyof Stage]: Stage[Name] }
  const contexts: BrowserContext[] = []
  let stop: () => Promise<void> = async () => {}

  beforeAll(async () => {
    Object.assign(stage, site)
    const launched = await launchers[engine]()
    stage.browser = launched.browser
    stage.openMortal = launched.openMortal
    stop = launched.stop
  })
  afterAll(() => stop())
  afterEach(async () => {
    // The one context of a browser that is not Playwright's own stays.
    for (const context of contexts.splice(0)) await (isAttached ? clear(context) : context.close())
  })
  stage.tab = async (context, query) => {
    const page = await context.newPage()
    await page.goto(`${query.includes('api=') ? stage.site : stage.server.url}/?${query}`)
    await page.waitForSelector('html[data-ready]')
    await page.evaluate(() => window.tab.ready())
    return page
  }
  stage.context = async () => {
    const context = isAttached ? stage.browser.contexts()[0]! : await stage.browser.newContext()
    context.setDefaultTimeout(60_000)
    contexts.push(context)
    return context
  }
  stage.open = async (query, count, prepare) => {
    const context = await stage.context()
    await prepare?.(context)
    return Promise.all(Array.from({ length: count }, () => stage.tab(context, query)))
  }
  return stage as Stage
}

async function clear(context: BrowserContext): Promise<void> {
  await context.clearCookies()
  for (const page of context.pages()) {
    if (page.url().startsWith('http')) await page.evaluate(wipe).catch(() => {})
    if (context.pages().length > 1) await page.close()
  }
}

async function wipe(): Promise<void> {
  localStorage.clear()
  for (const { name = '' } of await indexedDB.databases()) indexedDB.deleteDatabase(name)
}

/** Logs in in the first tab and waits until all know it. */
export async function logIn(pages: readonly TabPage[]): Promise<void> {
  await pages[0]!.evaluate(() => window.tab.login())
  for (const page of pages) await reach(page, 'authenticated')
}

/** Waits for a status; without waiting in the test, so that it is seen the moment it comes. */
export async function reach(page: TabPage, status: string): Promise<void> {
  await expect.poll(() => page.evaluate(() => window.tab.state().status), { interval: 20 }).toBe(status)
}

/** One request in every tab at once: their outcomes, each once. */
export async function requestAll(pages: readonly TabPage[]): Promise<string[]> {
  const answers = await Promise.all(pages.map(page => page.evaluate(() => window.tab.request())))
  return [...new Set(answers.flat())]
}
