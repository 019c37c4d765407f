/** The demo without a server: one folder, served as any static host does, below a path. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { buildStatic } from '../../demo/build.mjs'
import { findBrowser, launchArguments } from '../../scripts/find-browser.mjs'
import { burst, drawn, expectDrawn, logIn, total, waitForStatus } from './demo-page.js'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
}
const problems: string[] = []
/** Requests that were for no file of the folder. */
const strays: string[] = []
let directory: string
let host: Server
let browser: Browser
let context: BrowserContext

beforeAll(async () => {
  directory = await buildStatic(mkdtempSync(join(tmpdir(), 'tokenflight-static-')))
  host = createServer((request, response) => {
    const name = request.url?.replace('/somewhere/', '') || 'index.html'
    try {
      response.setHeader('Content-Type', types[extname(name)] ?? 'application/octet-stream')
      response.end(readFileSync(join(directory, name)))
    } catch {
      strays.push(`${request.method} ${request.url}`)
      response.writeHead(404).end()
    }
  }).listen(0, '127.0.0.1')
  await once(host, 'listening')
  browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })
})
afterAll(async () => {
  await browser?.close()
  host?.close()
  rmSync(directory, { recursive: true, force: true })
})
beforeEach(async () => {
  problems.length = strays.length = 0
  context = await browser.newContext({ viewport: { width: 1360, height: 1000 } })
  context.on('weberror', error => problems.push(String(error.error())))
})
afterEach(async () => {
  await context.close()
  expect({ problems, strays }).toEqual({ problems: [], strays: [] })
})

async function open(): Promise<Page> {
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(`http://127.0.0.1:${(host.address() as AddressInfo).port}/somewhere/`)
  await page.waitForSelector('html[data-ready]')
  await page.locator('#devtools').getByLabel('In view').selectOption('180000')
  return page
}

/** Lifetimes that nothing reaches by itself, for tokens from now on. */
async function calm(page: Page): Promise<void> {
  await page.locator('#access-lifetime').selectOption('300000')
  await page.locator('#refresh-lifetime').selectOption('86400000')
  await drawn(page, '.mark.control[data-title="Refresh tokens live 1 day"]')
}

describe('the static demo', () => {
  it('logs in, keeps requests going over the end of a token, and asks for one new login', async () => {
    const page = await open()
    await waitForStatus(page, 'anonymous')
    await calm(page)
    await logIn(page)
    await burst(page, 10)
    await page.locator('#expire').click()
    await drawn(page, '.mark.control[data-title="Access tokens expired"]')
    await burst(page, 50)
    expect(await total(page, 'answered')).toBe(61)
    expect([
      await total(page, 'rejected'),
      await total(page, 'seen'),
      await total(page, 'refreshes'),
    ]).toEqual([50, 0, 1])
    await page.locator('#revoke').click()
    await page.locator('#expire').click()
    await expectDrawn(page, '.mark.control[data-title="Access tokens expired"]', 2)
    await burst(page, 10)
    await waitForStatus(page, 'expired')
    await expectDrawn(page, '.mark.event[data-title="Session expired"]', 1)
    await logIn(page)
  })

  it('has one server for all tabs, and one refresh for all of them', async () => {
    const page = await open()
    await calm(page)
    await logIn(page)
    const other = await open()
    await waitForStatus(other, 'authenticated')
    await page.locator('#expire').click()
    await drawn(other, '.mark.control[data-title="Access tokens expired"]')
    await page.locator('#everywhere').check()
    await page.locator('#burst-10').click()
    await expect.poll(() => total(page, 'answered')).toBe(11)
    await expect.poll(() => total(other, 'answered')).toBe(10)
    expect((await total(page, 'refreshes')) + (await total(other, 'refreshes'))).toBe(1)
    await expectDrawn(page, '.mark.request[data-lane^="tab "][data-outcome="answered"]', 10)
    await page.locator('#logout').click()
    await waitForStatus(other, 'anonymous')
  })

  it('keeps the session over a reload of its only tab', async () => {
    const page = await open()
    await calm(page)
    await logIn(page)
    await page.reload()
    await page.waitForSelector('html[data-ready]')
    await waitForStatus(page, 'authenticated')
    await burst(page, 10)
    expect(await total(page, 'answered')).toBe(10)
  })

  it('plays the trouble that the controls ask for', async () => {
    const page = await open()
    await calm(page)
    await logIn(page)
    await page.locator('#fail-kind').selectOption('network')
    await page.locator('#fail').click()
    await drawn(page, '.mark.control[data-title="The next 1 refresh fails"]')
    await page.locator('#expire').click()
    await drawn(page, '.mark.control[data-title="Access tokens expired"]')
    await burst(page, 10)
    expect(await total(page, 'answered')).toBe(11)
    expect(await page.locator('.events [data-title="Refreshed"]').first().textContent()).toMatch(/attempt 2$/)
  })

  it('shows the difference to an interceptor that is written by hand', async () => {
    const page = await open()
    await calm(page)
    await logIn(page)
    await page.locator('#compare').click()
    await expect
      .poll(() => page.locator('#verdict-text').textContent())
      .toBe(
        'By hand: 40 of 40 lost, and the user was logged out. With tokenflight: all 40 answered, 40 of them after a 401. ' +
          'By hand, any failure of the refresh counts as the end of the session, and the whole queue is rejected.',
      )
  })
})
