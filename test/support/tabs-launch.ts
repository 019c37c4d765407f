/** How each browser of the tests with real tabs starts, and how one of its tabs crashes. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, firefox, type Page } from 'playwright-core'
import { expect } from 'vitest'
import { findBrowser, findFirefox, findWholeBrowser, launchArguments } from '../../scripts/find-browser.mjs'

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

export interface Launched {
  readonly browser: Browser
  stop(): Promise<void>
  /** Opens a tab, and tells how to end its process. */
  openMortal(open: () => Promise<Page>): Promise<Mortal>
}
export const launchers: Record<Engine, () => Promise<Launched>> = {
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
    findWholeBrowser(),
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
