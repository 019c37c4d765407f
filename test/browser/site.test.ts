/** The documentation site in Chromium: its search, its demo, and both colour schemes. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core'
import { type PreviewServer, preview } from 'vite'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { ensureBuilt } from '../../scripts/ensure-built.mjs'
import { findBrowser, launchArguments } from '../../scripts/find-browser.mjs'

const folder = join(fileURLToPath(new URL('../..', import.meta.url)), 'docs/.vitepress/dist')
const problems: string[] = []
let server: PreviewServer
let browser: Browser

beforeAll(async () => {
  ensureBuilt('docs')
  server = await preview({
    root: folder,
    configFile: false,
    appType: 'mpa',
    logLevel: 'silent',
    build: { outDir: folder },
    preview: { host: '127.0.0.1', port: 0 },
  })
  browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
})
afterEach(async () => {
  for (const context of browser.contexts()) await context.close()
  expect(problems.splice(0)).toEqual([])
})

async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options })
  context.on('weberror', error => problems.push(String(error.error())))
  const page = await context.newPage()
  await page.goto(new URL(path, server.resolvedUrls?.local[0]).href)
  return page
}

it('finds a page by a word of it, and opens the section', async () => {
  const page = await open('/')
  await page.locator('#local-search button').first().click()
  await page.locator('#localsearch-input').fill('revocation grace')
  await page.locator('.result').first().click()
  await expect.poll(() => page.url()).toContain('/guides/many-tabs.html#')
  await expect.poll(() => page.locator('h1').textContent()).toMatch(/^Many tabs/)
})

it('shows the demo on a page of its own', async () => {
  const page = await open('/demo.html')
  const demo = page.frameLocator('iframe')
  await demo.locator('html[data-ready]').waitFor()
  expect(await demo.locator('#login, button').count()).toBeGreaterThan(0)
})

it.each([
  ['light', 'dark'],
  ['dark', 'light'],
] as const)(
  'shows the demo in the scheme of the site: %s, and %s after a click',
  async (colorScheme, other) => {
    const page = await open('/demo.html', { colorScheme })
    await page.frameLocator('iframe').locator('html[data-ready]').waitFor()
    await expect.poll(() => schemesOf(page)).toEqual([colorScheme, colorScheme])
    await page.locator('.VPNavBarAppearance button').click()
    await expect.poll(() => schemesOf(page)).toEqual([other, other])
  },
)

it('leads from the menu to the API reference', async () => {
  const page = await open('/')
  await page.locator('.VPNavBarMenu').getByText('API').click()
  await expect.poll(() => page.title()).toMatch(/^tokenflight/)
  expect(page.url()).toContain('/api/')
})

it.each(['light', 'dark'] as const)('has a %s scheme, which follows the system', async colorScheme => {
  const page = await open('/options.html', { colorScheme })
  expect(await schemeOf(page.locator('body'))).toBe(colorScheme)
})

/** The scheme of the demo in the page, and of the devtools in it. */
async function schemesOf(page: Page): Promise<string[]> {
  const demo = page.frameLocator('iframe')
  return [await schemeOf(demo.locator('body')), await schemeOf(demo.locator('#devtools .body').first())]
}

/** By the colour of the text. */
async function schemeOf(element: Locator): Promise<string> {
  const [red = 0] = await element.evaluate(node =>
    (getComputedStyle(node).color.match(/\d+/g) ?? []).map(Number),
  )
  return red > 128 ? 'dark' : 'light'
}
