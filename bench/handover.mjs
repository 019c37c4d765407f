// @ts-check
// How long tabs wait for each other in Chromium: from the answer of a refresh in one tab to the first request that another
// tab sends again with the new token. `node bench/handover.mjs [rounds]` prints median, p95 and n; nothing is asserted.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { loadModule } from '../demo/build.mjs'
import { findBrowser, launchArguments } from '../scripts/find-browser.mjs'

/** @typedef {import('../test/support/tabs-client.js').Moment} Moment */
/** @typedef {import('playwright-core').Page} Page */

const rounds = Number(process.argv[2] ?? 150)
const root = fileURLToPath(new URL('..', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'tokenflight-handover-'))
await build({
  entryPoints: { page: join(root, 'test/support/tabs-client.ts') },
  bundle: true,
  format: 'esm',
  minify: true,
  outdir: directory,
  alias: { tokenflight: join(root, 'src') },
})
const html = '<!doctype html><title>tab</title><script type="module" src="/page.js"></script>'
writeFileSync(join(directory, 'index.html'), html)

const { startServer } = await loadModule('server/start.ts')
const server = await startServer({ directory, refreshTokenLifetime: 3_600_000 })
const browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })
try {
  process.stdout.write(`Chromium ${browser.version()}, ${rounds} refreshes each\n`)
  for (const count of [2, 4]) {
    for (const storage of ['webStorage', 'indexedDBStorage', 'cookie']) {
      print(`${count} tabs, ${storage}`, await measure(storage, count))
    }
  }
} finally {
  await browser.close()
  await server.close()
  rmSync(directory, { recursive: true, force: true })
}

/**
 * @param {string} storage
 * @param {number} count
 * @returns {Promise<number[]>} milliseconds
 */
async function measure(storage, count) {
  const { backend } = server
  backend.reset()
  backend.configure({ transport: storage === 'cookie' ? 'cookie' : 'body' })
  const context = await browser.newContext()
  const query = { webStorage: 'web', indexedDBStorage: 'indexedDB' }[storage] ?? storage
  const pages = await Promise.all(Array.from({ length: count }, () => open(context, query)))
  await pages[0]?.evaluate(() => window.tab.login())
  for (const page of pages) await page.waitForFunction(() => window.tab.state().status === 'authenticated')
  // Long enough for every tab to wait for it.
  backend.delayRefresh(60)
  /** @type {number[]} */
  const took = []
  for (let round = 0; round < rounds; round++) {
    backend.expireAccessTokens()
    took.push(...handovers(await Promise.all(pages.map(oneRequest))))
  }
  const { reuses, refreshes } = backend.stats
  if (reuses || refreshes < rounds) throw new Error(`${reuses} reuses, ${refreshes} refreshes`)
  await context.close()
  return took
}

/**
 * @param {import('playwright-core').BrowserContext} context
 * @param {string} query
 */
async function open(context, query) {
  const page = await context.newPage()
  await page.goto(`${server.url}/?storage=${query}`)
  await page.waitForSelector('html[data-ready]')
  await page.evaluate(() => window.tab.ready())
  return page
}

/**
 * One request, and the messages that the tab sent and received for it.
 * @param {Page} page
 */
function oneRequest(page) {
  return page.evaluate(async () => {
    const [outcome] = await window.tab.request()
    if (outcome !== '200') throw new Error(`A request ended with ${outcome}`)
    return window.tab.traffic.splice(0)
  })
}

/**
 * Of each tab that was refused before the answer came: from the answer to its second request.
 * @param {Moment[][]} tabs
 */
function handovers(tabs) {
  const answer = tabs.flat().find(({ what }) => what === '200 /auth/refresh')
  if (!answer) return []
  return tabs.flatMap(moments => {
    const isWaiting = moments.some(({ what, at }) => what === '401 /api/orders' && at < answer.at)
    const again = moments.find(({ what, at }) => what === 'sent /api/orders' && at > answer.at)
    return !moments.includes(answer) && isWaiting && again ? [again.at - answer.at] : []
  })
}

/**
 * @param {string} measured
 * @param {number[]} took
 */
function print(measured, took) {
  const sorted = [...took].sort((a, b) => a - b)
  const share = (/** @type {number} */ part) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN).toFixed(1)
  process.stdout.write(
    `${measured.padEnd(25)} median ${share(0.5)} ms, p95 ${share(0.95)} ms, n ${sorted.length}\n`,
  )
}
