/** The example applications, built as their users build them and served from an origin of their own, in Chromium. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { build, type PreviewServer, preview } from 'vite'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type RunningServer, startServer } from '../../demo/server/start.js'
import { findBrowser, launchArguments } from '../../scripts/find-browser.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const output = mkdtempSync(join(tmpdir(), 'tokenflight-examples-'))
let server: RunningServer
let browser: Browser

beforeAll(async () => {
  // Nothing ends by itself here: each test ends its tokens itself.
  server = await startServer({ accessTokenLifetime: 120_000, refreshTokenLifetime: 600_000 })
  browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
  rmSync(output, { recursive: true, force: true })
})
beforeEach(() => {
  server.backend.reset()
  server.log.clear()
})

describe.each([
  ['react-vite', '/', buildWithVite],
  ['vue-vite', '/', buildWithVite],
  ['plain', '/plain/', installPackages],
])('examples/%s', (name, path, prepare) => {
  let site: PreviewServer
  let home: string

  beforeAll(async () => {
    const outDir = await prepare(name)
    const options = { host: '127.0.0.1', port: 0 }
    site = await preview({ configFile: false, logLevel: 'silent', build: { outDir }, preview: options })
    home = new URL(path, site.resolvedUrls?.local[0]).href
  })
  afterAll(() => site?.close())

  it('logs in, never shows an expired token, and asks for one new login when the session is over', async () => {
    const { backend } = server
    const page = await open(home)
    await showsLogin(page)
    expect(await page.locator('form').evaluate(form => getComputedStyle(form).borderRadius)).toBe('12px')
    expect(server.log.since(0)).toEqual([])

    await page.getByLabel('Password').fill('byron')
    await logIn(page)
    await page.getByText('The user or the password is wrong.').waitFor()
    await page.getByLabel('Password').fill('lovelace')
    await logIn(page)
    await showsOrders(page, 1)
    await page.getByText('logged in as ada').waitFor()
    expect(backend.stats).toMatchObject({ logins: 1, unauthorized: 0 })

    const seen = await watch(page)
    backend.expireAccessTokens()
    await loadAgain(page)
    await showsOrders(page, 2)
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 4, rejected: 0, reuses: 0 })
    expect(await seen.evaluate(alerts => alerts)).toEqual([])

    backend.expireAccessTokens()
    backend.revokeRefreshTokens()
    await loadAgain(page)
    await page.getByText('Your session has ended. Please log in again.').waitFor()
    await showsLogin(page)
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 8, rejected: 1, reuses: 0 })

    await page.getByLabel('Password').fill('lovelace')
    await logIn(page)
    await page.getByRole('heading', { name: 'Oslo' }).waitFor()
    expect(backend.stats).toMatchObject({ logins: 2, unauthorized: 8, rejected: 1 })
    await page.context().close()
  })

  it('stays logged in over a reload, and logs out in every tab and on the server', async () => {
    const page = await open(home)
    await logIn(page)
    await showsOrders(page, 1)
    await page.reload()
    await showsOrders(page, 1)
    const second = await open(home, page)
    await showsOrders(second, 1)
    expect(server.backend.stats).toMatchObject({ logins: 1, refreshes: 0, unauthorized: 0 })

    await page.getByRole('button', { name: 'Log out' }).click()
    await Promise.all([showsLogin(page), showsLogin(second)])
    await expect.poll(paths).toContain('/auth/logout')
    const count = server.log.since(0).length
    await second.reload()
    await showsLogin(second)
    expect(await second.getByText('Your session has ended').isVisible()).toBe(false)
    expect(server.log.since(0)).toHaveLength(count)
    await page.context().close()
  })
})

const paths = () => server.log.since(0).map(({ path }) => path)

/** With the tokenflight that users install: the built one. */
async function buildWithVite(name: string): Promise<string> {
  // Vitest's would bring the frameworks as they are in development.
  vi.stubEnv('NODE_ENV', 'production')
  const outDir = join(output, name)
  const dist = join(root, 'dist')
  await build({
    root: join(root, 'examples', name),
    logLevel: 'warn',
    build: { outDir, emptyOutDir: true },
    define: { 'import.meta.env.VITE_API': JSON.stringify(server.url) },
    resolve: {
      alias: [
        { find: /^tokenflight$/, replacement: join(dist, 'index.js') },
        { find: /^tokenflight\/(\w+)$/, replacement: join(dist, '$1.js') },
      ],
    },
  })
  return outDir
}

/** The page as it is, the stylesheet in the folder above it, and the packages that `npm install` would bring. */
async function installPackages(name: string): Promise<string> {
  const site = join(output, 'pages')
  const directory = join(site, name)
  cpSync(join(root, 'examples', name), directory, { recursive: true })
  cpSync(join(root, 'examples/style.css'), join(site, 'style.css'))
  cpSync(join(root, 'dist'), join(directory, 'node_modules/tokenflight/dist'), { recursive: true })
  for (const path of ['node_modules/axios/dist/esm', 'node_modules/jwt-decode/build/esm']) {
    cpSync(join(root, path), join(directory, path), { recursive: true })
  }
  const page = join(directory, 'index.html')
  writeFileSync(page, readFileSync(page, 'utf8').replace('http://127.0.0.1:4310', server.url))
  return site
}

/** A page of a new user, or another tab of the same. Each error in it fails the test. */
async function open(address: string, sibling?: Page): Promise<Page> {
  const context = sibling?.context() ?? (await browser.newContext({ viewport: { width: 900, height: 640 } }))
  if (!sibling) {
    context.setDefaultTimeout(60_000)
    context.on('weberror', error => {
      throw error.error()
    })
  }
  const page = await context.newPage()
  await page.goto(address)
  return page
}

/** Every alert that shows itself from now on, however shortly. */
function watch(page: Page) {
  return page.evaluateHandle(() => {
    const alerts: string[] = []
    const look = () => {
      for (const alert of document.querySelectorAll<HTMLElement>('[role=alert], form')) {
        if (alert.checkVisibility() && alert.textContent?.trim()) alerts.push(alert.textContent)
      }
    }
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    })
    return alerts
  })
}

const logIn = (page: Page) => page.getByRole('button', { name: 'Log in' }).click()
const loadAgain = (page: Page) => page.getByRole('button', { name: 'Load all four again' }).click()

async function showsLogin(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Log in' }).waitFor()
  expect(await page.getByRole('heading', { name: 'London' }).count()).toBe(0)
}

async function showsOrders(page: Page, loads: number): Promise<void> {
  await page.getByText(`Load ${loads};`).waitFor()
  expect(await page.getByRole('heading', { level: 2 }).allTextContents()).toEqual([
    'London',
    'Paris',
    'Berlin',
    'Oslo',
  ])
}
