// @ts-check
// `node scripts/demo-screenshots.mjs`: the pictures of the documents, in docs/images. Always the same story at the same pace, so
// that two runs differ by pixels of jitter alone.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { buildPage, loadModule } from '../demo/build.mjs'
import { findBrowser, launchArguments } from './find-browser.mjs'

const images = fileURLToPath(new URL('../docs/images', import.meta.url))
mkdirSync(images, { recursive: true })
const { startServer } = await loadModule('server/start.ts')
const server = await startServer({ directory: await buildPage() })
const browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })

/** @typedef {import('playwright-core').Page} Page */

const margin = 12

/** @type {{ name: string, colorScheme: 'light' | 'dark', width: number, act: (page: Page) => Promise<void>, crop?: string }[]} */
const pictures = [
  { name: 'demo-light', colorScheme: 'light', width: 1360, act: burstWithExpiry },
  { name: 'demo-dark', colorScheme: 'dark', width: 1360, act: burstWithExpiry },
  { name: 'demo-phone', colorScheme: 'light', width: 390, act: burstWithExpiry },
  { name: 'devtools', colorScheme: 'light', width: 1360, act: burstWithExpiry, crop: '#devtools' },
  { name: 'timeline', colorScheme: 'light', width: 1360, act: closeUp, crop: '#devtools .timeline' },
  { name: 'without-tokenflight', colorScheme: 'light', width: 1360, act: compare, crop: '.versus' },
]

try {
  for (const { name, colorScheme, width, act, crop } of pictures) {
    server.backend.reset()
    server.backend.configure({ accessTokenLifetime: 6000, refreshTokenLifetime: 60_000 })
    server.backend.delayRefresh(250)
    const viewport = { width, height: 1180 }
    const context = await browser.newContext({ colorScheme, viewport, deviceScaleFactor: 1.5 })
    const page = await context.newPage()
    await page.goto(`${server.url}/`)
    await page.waitForSelector('html[data-ready]')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.waitForSelector('#session-state[data-status="authenticated"]')
    await act(page)
    const path = join(images, `${name}.png`)
    if (crop) await page.screenshot({ path, fullPage: true, clip: await around(page.locator(crop)) })
    else await page.screenshot({ path })
    console.log(`docs/images/${name}.png`)
    await context.close()
  }
} finally {
  await browser.close()
  await server.close()
}

/**
 * Requests go on over the ends of two tokens; then the server expires one under a burst.
 * @param {Page} page
 */
async function burstWithExpiry(page) {
  await page.locator('#steady').check()
  await pass(page, 11_000)
  // A request alone between the expiry and the burst would make the burst wait, and the server would refuse none of it.
  await page.locator('#steady').uncheck()
  await pass(page, 300)
  await page.locator('#expire').click()
  await burst(page, 50)
  await pass(page, 1200)
  await burst(page, 10)
  await pass(page, 900)
  await stand(page)
}

/**
 * One burst under an expiry, large enough to be read, and the story of one request.
 * @param {Page} page
 */
async function closeUp(page) {
  await page.locator('#devtools').getByLabel('In view').selectOption('6000')
  await burst(page, 10)
  await pass(page, 700)
  await page.locator('#expire').click()
  await burst(page, 50)
  await pass(page, 700)
  await stand(page)
  const waited = '#devtools .mark.request[data-lane^="client axios"]:has([data-part="wait"])'
  await page.locator(`${waited} [data-part="replay"]`).nth(4).hover({ force: true })
}

/** @param {Page} page */
async function compare(page) {
  await page.locator('#scenario').selectOption('hiccup')
  await page.locator('#compare').click()
  await page.waitForFunction(() =>
    document.querySelector('#verdict-text')?.textContent?.startsWith('By hand'),
  )
  await page.locator('#versus-chart').getByLabel('In view').selectOption('6000')
  await pass(page, 300)
  await stand(page)
}

/**
 * @param {Page} page
 * @param {number} size
 */
async function burst(page, size) {
  const settled = async () => {
    const sums = page.locator('#devtools').locator('[data-total="answered"] dd, [data-total="failed"] dd')
    return (await sums.allTextContents()).reduce((sum, text) => sum + Number(text), 0)
  }
  const before = await settled()
  await page.locator(`#burst-${size}`).click()
  while ((await settled()) < before + size) await pass(page, 50)
}

/**
 * The pace of the story: here time is the subject.
 * @param {Page} page
 * @param {number} ms
 */
function pass(page, ms) {
  return page.waitForTimeout(ms)
}

/**
 * An element with a margin around it.
 * @param {import('playwright-core').Locator} element
 */
async function around(element) {
  const { x, y, width, height } = (await element.boundingBox()) ?? { x: 0, y: 0, width: 1, height: 1 }
  const top = y + (await element.page().evaluate(() => scrollY))
  return { x: x - margin, y: top - margin, width: width + 2 * margin, height: height + 2 * margin }
}

/** @param {Page} page */
async function stand(page) {
  for (const pause of await page.locator('button.pause:visible').all()) await pause.click()
  await page.mouse.move(2, 2)
  await page.evaluate(() => scrollTo(0, 0))
  await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement)?.blur())
}
