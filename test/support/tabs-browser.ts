/** Real tabs in Chromium against the mock auth server over real HTTP. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { type Browser, type BrowserContext, chromium, firefox, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { type RunningServer, startServer } from '../../demo/server/start.js'
import { findBrowser, findFirefox, launchArguments } from '../../scripts/find-browser.mjs'

/** More rounds make rarer races visible: `TABS_ROUNDS=500 npm run test:browser`. */
export const ROUNDS = Number(process.env.TABS_ROUNDS ?? 48)

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

async function buildPage(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tokenflight-tabs-'))
  await build({
    entryPoints: [root('test/support/tabs-client.ts')],
    bundle: true,
    format: 'esm',
    outfile: join(directory, 'page.js'),
    alias: { tokenflight: root('src/index.ts'), 'tokenflight/axios': root('src/axios.ts') },
    logLevel: 'error',
  })
  const html = '<!doctype html><title>tab</title><script type="module" src="/page.js"></script>'
  await writeFile(join(directory, 'index.html'), html)
  await writeFile(join(directory, 'away.html'), '<!doctype html><title>away</title>')
  return directory
}

/** Serves the page without the `no-store` of the mock server, which keeps pages out of the back/forward cache. */
async function startSite(directory: string): Promise<{ url: string; stop(): Promise<void> }> {
  const types = { html: 'text/html', js: 'text/javascript' }
  const server = createServer(async ({ url = '' }, response) => {
    const name = /^\/(\w+\.(?:html|js))/.exec(url)?.[1] ?? 'index.html'
    response.setHeader('Content-Type', name.endsWith('js') ? types.js : types.html)
    response.end(await readFile(join(directory, name)))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      server.close()
      server.closeAllConnections()
    },
  }
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

/** A tab that can crash. */
export interface Mortal {
  readonly page: Page
  crash(): Promise<void>
}

/**
 * Which browser: Chromium as Playwright launches it, the same with its back/forward cache, one that Playwright only
 * attaches to, or Firefox.
 */
export type Engine = 'chromium' | 'caching' | 'attached' | 'firefox'

/** A browser and a server for the tests of a file. The server rotates strictly and detects reuse. */
export function useStage(engine: Engine = 'chromium'): Stage {
  const isAttached = engine === 'attached'
  const stage = {} as { -readonly [Name in keyof Stage]: Stage[Name] }
  const contexts: BrowserContext[] = []
  let stop: () => Promise<void> = async () => {}
  let stopSite: () => Promise<void> = async () => {}
  let directory = ''

  beforeAll(async () => {
    directory = await buildPage()
    const site = await startSite(directory)
    stage.site = site.url
    stopSite = site.stop
    stage.server = await startServer({ directory, refreshTokenLifetime: 3_600_000 })
    const launched = await launchers[engine]()
    stage.browser = launched.browser
    stage.openMortal = launched.openMortal
    stop = launched.stop
  })
  afterAll(async () => {
    await stop()
    await stopSite()
    await stage.server.close()
    await rm(directory, { recursive: true, force: true })
  })
  afterEach(async () => {
    // The one context of a browser that is not Playwright's own stays.
    for (const context of contexts.splice(0)) await (isAttached ? clear(context) : context.close())
    stage.server.backend.reset()
    stage.server.log.clear()
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

interface Launched {
  readonly browser: Browser
  stop(): Promise<void>
  readonly openMortal: Stage['openMortal']
}
const launchers: Record<Engine, () => Promise<Launched>> = {
  async chromium() {
    const browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })
    return { browser, stop: () => browser.close(), openMortal: openInChromium }
  },
  async caching() {
    const browser = await chromium.launch({
      executablePath: findBrowser(),
      args: launchArguments,
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    })
    return { browser, stop: () => browser.close(), openMortal: openInChromium }
  },
  attached: launchAttached,
  firefox: launchFirefox,
}

/** By WebDriver BiDi, which every Firefox speaks; Playwright's own protocol needs Playwright's own build. */
async function launchFirefox(): Promise<Launched> {
  const directory = await mkdtemp(join(tmpdir(), 'tokenflight-firefox-'))
  const script = join(directory, 'firefox')
  // As Playwright starts it, it ends with the first tab that crashes.
  const lines = ['#!/bin/sh', 'unset MOZ_CRASHREPORTER_SHUTDOWN', `exec '${findFirefox()}' "$@"`]
  await writeFile(script, lines.join('\n'), { mode: 0o755 })
  const browser = await firefox.launch({
    channel: 'moz-firefox',
    executablePath: process.platform === 'win32' ? findFirefox() : script,
    // Each tab has a process of its own, and Firefox keeps none in reserve: so it is known which one to end.
    firefoxUserPrefs: {
      'dom.ipc.processCount.webIsolated': 8,
      'dom.ipc.processPrelaunch.enabled': false,
      'dom.ipc.keepProcessesAlive.webIsolated.max': 0,
    },
  })
  return {
    browser,
    openMortal: openInFirefox,
    async stop() {
      await browser.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** As Playwright launches it, every tab counts as visible and nothing is frozen or cached; so it is not asked to. */
async function launchAttached(): Promise<Launched> {
  const profile = await mkdtemp(join(tmpdir(), 'tokenflight-profile-'))
  const child = spawn(
    findBrowser(),
    [
      '--headless',
      ...launchArguments,
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      'about:blank',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  const endpoint = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`Chromium ended: ${said}`)))
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk
      const found = /listening on (ws:\S+)/.exec(said)?.[1]
      if (found) resolve(found)
    })
  })
  const browser = await chromium.connectOverCDP(endpoint, { noDefaults: true })
  return {
    browser,
    openMortal: openInChromium,
    async stop() {
      const ended = once(child, 'exit')
      const session = await browser.newBrowserCDPSession()
      await session.send('Browser.close').catch(() => {})
      await ended
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

async function openInChromium(open: () => Promise<Page>): Promise<Mortal> {
  const page = await open()
  return {
    page,
    async crash() {
      const session = await page.context().newCDPSession(page)
      const crashed = page.waitForEvent('crash')
      session.send('Page.crash').catch(() => {})
      await crashed
    },
  }
}

/** WebDriver BiDi cannot crash a page, so the process that the page has got ends. */
async function openInFirefox(open: () => Promise<Page>): Promise<Mortal> {
  const before = new Set(contentProcesses())
  const page = await open()
  const own = contentProcesses().filter(id => !before.has(id))
  if (!own.length) throw new Error('Firefox has not given the tab a process of its own')
  return {
    page,
    async crash() {
      for (const id of own) process.kill(id, 'SIGKILL')
      await expect.poll(() => contentProcesses().filter(id => own.includes(id))).toEqual([])
    },
  }
}

/** The processes of the tabs of browsers that this process has started. */
function contentProcesses(): number[] {
  const output = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
  const all = new Map<number, { parent: number; isTab: boolean }>()
  for (const line of output.split('\n')) {
    const [id, parent, state = '', ...words] = line.trim().split(/\s+/)
    const isTab = !state.startsWith('Z') && words.includes('-contentproc') && words.at(-1) === 'tab'
    all.set(Number(id), { parent: Number(parent), isTab })
  }
  const isOurs = (id: number): boolean => id === process.pid || (id > 1 && isOurs(all.get(id)?.parent ?? 0))
  return [...all].filter(([id, { isTab }]) => isTab && isOurs(id)).map(([id]) => id)
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
export async function logIn(pages: readonly Page[]): Promise<void> {
  await pages[0]!.evaluate(() => window.tab.login())
  for (const page of pages) await reach(page, 'authenticated')
}

/** Waits for a status; without waiting in the test, so that it is seen the moment it comes. */
export async function reach(page: Page, status: string): Promise<void> {
  await expect.poll(() => page.evaluate(() => window.tab.state().status), { interval: 20 }).toBe(status)
}

/** One request in every tab at once: what came of them, each once. */
export async function requestAll(pages: readonly Page[]): Promise<string[]> {
  const answers = await Promise.all(pages.map(page => page.evaluate(() => window.tab.request())))
  return [...new Set(answers.flat())]
}
