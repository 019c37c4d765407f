import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { findBrowser, launchArguments } from '../../../scripts/find-browser.mjs'
import { servePage } from './serve.js'

let site: Awaited<ReturnType<typeof servePage>>
let browser: Browser
let page: Page

beforeAll(async () => {
  site = await servePage()
  browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })
})
afterEach(() => page.context().close())
afterAll(async () => {
  await browser.close()
  await site.close()
})

const click = (name: string) => page.getByRole('button', { name }).click()
const shows = (text: string) => page.getByText(text).waitFor()
const showsShelves = () => shows('orders of ada, invoices of ada, wishes of ada')
const stats = () => page.evaluate(() => ({ ...window.backend.stats }))

/** A page of its own, with a mock of its own: nothing is left of the test before. */
async function open(path = '/') {
  page = await (await browser.newContext()).newPage()
  await page.goto(site.url + path)
}
async function openApp() {
  await open()
  await click('Sign in')
  await showsShelves()
}

describe('an application in Chromium, with msw in its service worker', () => {
  it('shows everything although the token expires in the middle of a burst', async () => {
    await openApp()
    await page.evaluate(() => window.backend.expireAccessTokens())
    await click('Reload')
    await showsShelves()
    expect(await stats()).toMatchObject({ refreshes: 1, unauthorized: 3 })
  })

  it('asks for a login when the session was revoked', async () => {
    await openApp()
    await page.evaluate(() => window.backend.expireAccessTokens())
    await page.evaluate(() => window.backend.revokeRefreshTokens())
    await click('Reload')
    await shows('Your session has ended')
  })

  it('keeps the session while the auth server is down', async () => {
    await openApp()
    await page.evaluate(() => window.backend.expireAccessTokens())
    await page.evaluate(() => window.backend.failNextRefresh({ networkError: true }))
    await click('Reload')
    await shows('The server cannot be reached')
    await click('Try again')
    await showsShelves()
  })

  it('waits for a slow refresh', async () => {
    await openApp()
    await page.evaluate(() => window.backend.expireAccessTokens())
    await page.evaluate(() => window.backend.delayRefresh(200))
    await click('Reload')
    await shows('Loading…')
    await showsShelves()
  })

  it('never spends a refresh token twice where they rotate', async () => {
    await openApp()
    for (let round = 1; round <= 3; round++) {
      await page.evaluate(() => window.backend.expireAccessTokens())
      await click('Reload')
      await showsShelves()
      expect(await stats()).toMatchObject({ refreshes: round, reuses: 0 })
    }
  })

  it('asks for a login when another client has spent the refresh token', async () => {
    await open()
    const answered = page.waitForResponse('**/auth/login')
    await click('Sign in')
    const { refreshToken } = await (await answered).json()
    await page.evaluate(
      body => fetch('/auth/refresh', { method: 'POST', body }),
      JSON.stringify({ refreshToken }),
    )
    await page.evaluate(() => window.backend.expireAccessTokens())
    await click('Reload')
    await shows('Your session has ended')
    expect(await stats()).toMatchObject({ reuses: 1 })
  })

  it('does not notice that the server signs with another key', async () => {
    await openApp()
    await page.evaluate(() => window.backend.rotateKeys())
    await click('Reload')
    await showsShelves()
    expect(await stats()).toMatchObject({ refreshes: 1, rejected: 0 })
  })

  it('is logged in when it opens in cookie mode', async () => {
    await open('/?cookie')
    await showsShelves()
    expect(await stats()).toMatchObject({ logins: 0, refreshes: 1 })
    expect(await page.evaluate(() => document.cookie)).toMatch(/^csrf=[^;]+$/)
  })
})
