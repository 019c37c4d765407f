/**
 * The example with a login by redirect, in Chromium against `oidc-provider`: with bearer tokens, and with tokens that are
 * bound to a key. Its pages come with the policies of the guide to security.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { build, type PreviewServer, preview } from 'vite'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { findBrowser, launchArguments } from '../../scripts/find-browser.mjs'
import { type OidcServer, startOidcServer } from '../interop/oidc.js'
import { policyFor } from '../support/csp.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** The seconds that an access token lives: a few, so that a test meets its end. */
const LIFETIME = 8
let browser: Browser

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })
})
afterAll(() => browser?.close())

describe.each([
  ['bearer tokens', false],
  ['tokens bound to a key', true],
])('examples/oidc with %s', (_, isBound) => {
  const outDir = mkdtempSync(join(tmpdir(), 'tokenflight-oidc-'))
  const headers: Record<string, string> = {}
  let site: PreviewServer
  let server: OidcServer
  let home: string
  let context: BrowserContext
  const violations: string[] = []

  beforeAll(async () => {
    const options = { host: '127.0.0.1', port: 0, headers }
    site = await preview({ configFile: false, logLevel: 'silent', build: { outDir }, preview: options })
    home = `${new URL(site.resolvedUrls?.local[0] ?? '').origin}/`
    server = await startOidcServer({ isBound, home, accessToken: LIFETIME })
    headers['Content-Security-Policy'] = policyFor(server.issuer)
    // Vitest's would bring a build for development.
    vi.stubEnv('NODE_ENV', 'production')
    const dist = join(root, 'dist')
    await build({
      root: join(root, 'examples/oidc'),
      configFile: false,
      logLevel: 'warn',
      build: { outDir, emptyOutDir: true, target: 'es2022' },
      define: {
        'import.meta.env.VITE_ISSUER': JSON.stringify(server.issuer),
        'import.meta.env.VITE_DPOP': JSON.stringify(isBound ? 'on' : 'off'),
      },
      resolve: {
        alias: [
          { find: /^tokenflight$/, replacement: join(dist, 'index.js') },
          { find: /^tokenflight\/(\w+)$/, replacement: join(dist, '$1.js') },
        ],
      },
    })
  })
  afterAll(async () => {
    await site?.close()
    await server?.close()
    rmSync(outDir, { recursive: true, force: true })
  })
  afterEach(async () => {
    await context.close()
    expect(violations.splice(0)).toEqual([])
    for (const list of [server.grants, server.visits, server.transfers, server.logins]) list.length = 0
    server.recent = 0
  })

  /** A page of a new user, or another tab of the same. Each error in it fails the test. */
  async function open(isNew = true): Promise<Page> {
    if (isNew) {
      context = await browser.newContext()
      context.setDefaultTimeout(60_000)
      // The forms of the server ask for a font of the internet.
      await context.route(/googleapis/, route => route.abort())
      context.on('weberror', error => void violations.push(String(error.error())))
      context.on('console', message => {
        if (
          /Content Security Policy|TrustedHTML|TrustedScript/.test(message.text()) &&
          isOurs(message.page())
        )
          violations.push(message.text())
      })
    }
    const page = await context.newPage()
    const response = await page.goto(home)
    expect(response?.headers()['content-security-policy']).toContain("trusted-types 'none'")
    return page
  }
  const isOurs = (page: Page | null): boolean => !!page?.url().startsWith(home)
  const press = (page: Page, name: string) => page.getByRole('button', { name }).click()

  /** Fills in the forms of the server: the login, if it asks for one, and the consent. */
  async function answerForms(page: Page): Promise<void> {
    await page.getByPlaceholder('Enter any login').fill('ada')
    await page.getByPlaceholder('and password').fill('lovelace')
    await press(page, 'Sign-in')
    await press(page, 'Continue')
  }
  async function logIn(page: Page): Promise<void> {
    await press(page, 'Log in')
    await answerForms(page)
    await showsUser(page)
  }
  async function showsUser(page: Page): Promise<void> {
    await expect.poll(() => page.locator('#user').textContent()).toBe('ada')
    await page.getByRole('button', { name: 'Log out' }).waitFor()
  }
  const spent = () =>
    server.grants.filter(({ outcome }) => outcome === 'ok').map(({ refreshToken }) => refreshToken)

  it('logs in, and comes back without the code in its address', async () => {
    const page = await open()
    await logIn(page)
    expect(page.url()).toBe(home)
    expect(await page.evaluate(() => Object.keys(sessionStorage))).toEqual([])
    expect([server.grants, [...new Set(server.visits)].at(-1)]).toEqual([[], 200])
  })

  it('is logged in after a reload and in a new tab, without another login', async () => {
    const page = await open()
    await logIn(page)
    const addresses: string[] = []
    context.on('request', request => void addresses.push(new URL(request.url()).pathname))
    await page.reload()
    await showsUser(page)
    await showsUser(await open(false))
    expect(addresses.filter(path => path.startsWith('/auth') || path === '/interaction')).toEqual([])
  })

  it('refreshes each refresh token once, however many tabs are open', async () => {
    const page = await open()
    await logIn(page)
    const tabs = [page, await open(false), await open(false)]
    for (const tab of tabs) await showsUser(tab)
    await expect
      .poll(async () => {
        await Promise.all(tabs.map(tab => press(tab, 'Load again')))
        return spent().length
      })
      .toBeGreaterThan(2)
    expect(new Set(spent()).size).toBe(spent().length)
    const refused = server.grants.filter(({ outcome }) => !['ok', 'use_dpop_nonce'].includes(outcome))
    expect(refused).toEqual([])
    for (const tab of tabs) expect(await tab.locator('#problem').textContent()).toBe('')
  })

  it('logs out in all tabs and at the provider, which asks for the password at the next login', async () => {
    const page = await open()
    await logIn(page)
    const second = await open(false)
    await showsUser(second)
    await press(page, 'Log out')
    await second.getByRole('button', { name: 'Log in' }).waitFor()
    await press(page, 'Yes, sign me out')
    await page.waitForURL(address => `${address}`.startsWith(home))
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await page.reload()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await press(page, 'Log in')
    await page.getByPlaceholder('and password').waitFor()
  })

  it('logs in again for a call that wants a recent login, and repeats it', async () => {
    const page = await open()
    await logIn(page)
    await press(page, 'Transfer')
    await page.getByText('The transfer is made.').waitFor()
    const [login = 0] = server.logins
    // The server counts whole seconds.
    await expect.poll(() => Math.floor(Date.now() / 1_000)).toBeGreaterThan(login)
    server.recent = Math.floor(Date.now() / 1_000)

    await press(page, 'Transfer')
    await answerForms(page)
    await page.getByText('The transfer is made.').waitFor()
    await showsUser(page)
    expect(server.transfers).toEqual([204, 401, 204])
    expect(server.grants.filter(({ outcome }) => outcome === 'invalid_grant')).toEqual([])
  })

  it('refuses the code of another person', async () => {
    const page = await open()
    const issuer = encodeURIComponent(server.issuer)
    await page.goto(`${home}?code=of-the-attacker&state=of-the-attacker&iss=${issuer}`)
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    expect([server.grants, server.visits]).toEqual([[], []])
  })

  it('brings the library for bound tokens only where the switch is on', () => {
    const script = scripts(outDir).join()
    expect(script.includes('The key could not be stored')).toBe(isBound)
  })
})

/** The scripts of a build. */
function scripts(outDir: string): string[] {
  const html = readFileSync(join(outDir, 'index.html'), 'utf8')
  return [...html.matchAll(/src="\/(assets\/[^"]+\.js)"/g)].map(([, path = '']) =>
    readFileSync(join(outDir, path), 'utf8'),
  )
}
