/** The devtools in Chromium: an application under a strict policy, its server, and a second tab. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type RunningServer, startServer } from '../../demo/server/start.js'
import { findBrowser, launchArguments } from '../../scripts/find-browser.mjs'
import type { page as application } from './devtools-app.js'

declare const app: typeof application

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const problems: string[] = []
let browser: Browser
let server: RunningServer
let site: Server
let origin: string
let page: Page

beforeAll(async () => {
  const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
  const { outputFiles } = await build({
    entryPoints: [here('devtools-app.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    alias: { tokenflight: here('../../src') },
    define: { 'process.env.NODE_ENV': '"development"' },
  })
  const script = outputFiles[0]?.text
  server = await startServer({ accessTokenLifetime: 120_000, refreshTokenLifetime: 600_000 })
  const policy = `default-src 'self'; connect-src ${server.url}; require-trusted-types-for 'script'`
  const document = `<!doctype html><html lang="en"><title>An application</title>
    <meta name="viewport" content="width=device-width"><main><h1>An application</h1><p><a href="#top">Its page</a></p>
    <div id="place"></div></main><script type="module" src="/app.js"></script></html>`
  site = createServer((request, response) => {
    const isScript = request.url === '/app.js'
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html')
    response.setHeader('Content-Security-Policy', policy)
    response.end(isScript ? script : document)
  }).listen(0, '127.0.0.1')
  await once(site, 'listening')
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
  site?.close()
})
beforeEach(async () => {
  problems.length = 0
  server.backend.reset()
  page = await open()
})
afterEach(async () => {
  for (const context of browser.contexts()) await context.close()
  expect(problems).toEqual([])
})

/** The page of another user of the browser; `mount` has the options of the devtools. */
async function open(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options })
  context.on('weberror', error => problems.push(String(error.error())))
  return visit(await context.newPage())
}

async function visit(opened: Page, path = '/'): Promise<Page> {
  opened.setDefaultTimeout(60_000)
  opened.on('console', message => {
    if (/Content Security Policy|TrustedHTML/.test(message.text())) problems.push(message.text())
  })
  await opened.goto(`${origin}${path}?api=${encodeURIComponent(server.url)}`)
  await opened.waitForFunction(() => 'app' in globalThis)
  return opened
}

async function mount(options: { open?: boolean } = { open: true }, on = page): Promise<void> {
  await on.evaluate(given => void app.mount(given), options)
  if (options.open) await on.getByLabel('In view').selectOption('60000')
}

const burst = (size: number, on = page) => on.evaluate(number => app.burst(number), size)
const drawn = (selector: string, on = page) => on.locator(selector).first().waitFor({ state: 'attached' })
async function expectDrawn(selector: string, count: number, on = page): Promise<void> {
  await expect.poll(() => on.locator(selector).count(), { message: selector }).toBe(count)
}
const listed = (title: string, on = page) =>
  on.locator(`.events [data-title="${title}"]`).first().waitFor({ state: 'attached' })

describe('the timeline of the devtools', () => {
  it('draws the requests of each client in a lane of its own', async () => {
    await page.evaluate(() => app.logIn())
    await mount()
    expect(await burst(9)).toEqual(Array(9).fill(200))
    const lanes = [`client axios ${server.url}/`, `client axios ${server.url}/api`, 'client fetch']
    for (const lane of lanes) await expectDrawn(`.mark[data-lane="${lane}"][data-outcome="answered"]`, 3)
    await expectDrawn('.mark.token[data-token="access"] [data-part="access-token"]', 1)
    await expectDrawn('.mark.token[data-token="access"] [data-part="window"]', 1)
    await expectDrawn('.mark.token[data-token="refresh"]', 1)
  })

  it('draws the 401s, the waits, one refresh and the replays of a burst with an expired token', async () => {
    await page.evaluate(() => app.logIn())
    await mount()
    server.backend.expireAccessTokens()
    expect(await burst(9)).toEqual(Array(9).fill(200))
    for (const part of ['refused', 'wait', 'replay'])
      await expectDrawn(`.mark.request [data-part="${part}"]`, 9)
    await expectDrawn('.mark.refresh[data-outcome="done"]', 1)
    await expectDrawn('.mark.token[data-cut="rejected by the server"]', 1)
    await listed('Refreshed')
    expect(server.backend.stats).toMatchObject({ refreshes: 1, unauthorized: 9 })
  })

  it('draws the failures and the back-off while the auth server is down', async () => {
    // The back-off has full jitter, and one that ends at once is not drawn.
    await page.evaluate(() => {
      Math.random = () => 0.5
    })
    await page.evaluate(() => app.logIn())
    await mount()
    server.backend.failNextRefresh({ status: 503, times: 3 })
    server.backend.expireAccessTokens()
    expect(await burst(3)).toEqual([0, 0, 0])
    await expectDrawn('.mark.request[data-outcome="failed"] [data-part="unsent"]', 3)
    await expectDrawn('.mark.refresh[data-outcome="failed"] [data-part="broken"]', 1)
    await drawn('.mark.backoff')
    await listed('Refresh failed (transient)')
  })

  it('draws the requests of another tab in one lane, for as long as that tab is open', async () => {
    await page.evaluate(() => app.logIn())
    const other = await visit(await page.context().newPage(), '/orders')
    await other.evaluate(() => void app.mount())
    await burst(3, other)
    await mount()
    const lane = '.mark.request[data-lane^="tab "][data-outcome="answered"]'
    await expectDrawn(lane, 3)
    await burst(2, other)
    await expectDrawn(lane, 5)
    expect(await page.locator('[data-lane-key^="tab "]').textContent()).toBe('Tab 2/orders')
    await other.close()
    await expectDrawn('[data-lane-key^="tab "]', 0)
  })

  it('shows a mark that the application sets, with its detail', async () => {
    await mount()
    await page.evaluate(() => performance.mark('tokenflight: deployed', { detail: 'version 2' }))
    await drawn('.mark.control[data-title="deployed"]')
    expect(await page.locator('.events [data-title="deployed"]').textContent()).toContain('version 2')
  })

  it('explains a mark to pointer and keyboard, and walks from mark to mark with the arrow keys', async () => {
    await page.evaluate(() => app.logIn())
    await mount()
    await page.getByLabel('In view').selectOption('6000')
    server.backend.expireAccessTokens()
    await burst(6)
    await page.getByRole('button', { name: 'Pause' }).click()
    await drawn('.mark.request [data-part="replay"]')
    await page.locator('.mark.request .hit').first().hover()
    const tip = page.locator('.tip')
    await expect.poll(() => tip.textContent()).toMatch(/^GET http.*\/api\/orders/)
    expect(await tip.textContent()).toMatch(/Sent: 401 in .*Waited .* for an access token.*Sent again: 200/)
    await page.getByRole('heading', { name: 'An application' }).hover()
    await tip.waitFor({ state: 'hidden' })

    expect(await page.locator('.mark[tabindex="0"]').count()).toBe(1)
    await page.getByLabel('In view').focus()
    await page.keyboard.press('Tab')
    await tip.waitFor({ state: 'visible' })
    const focused = () =>
      page.evaluate(() => {
        const mark = document.querySelector('tokenflight-devtools')?.shadowRoot?.activeElement
        return [
          mark?.getAttribute('data-id'),
          mark?.getAttribute('data-lane'),
          mark?.getAttribute('aria-label'),
        ]
      })
    await page.keyboard.press('Home')
    const [home, lane, label] = await focused()
    expect(label).toContain(await page.locator('.tip strong').textContent())
    await page.keyboard.press('ArrowRight')
    expect((await focused())[0]).not.toBe(home)
    await page.keyboard.press('ArrowUp')
    expect((await focused())[1]).not.toBe(lane)
    await page.keyboard.press('Escape')
    await tip.waitFor({ state: 'hidden' })
    expect(await page.locator('.panel').count()).toBe(1)
  })

  it('pauses, goes back and forth, and follows again', async () => {
    await mount()
    await page.getByLabel('In view').selectOption('6000')
    const shift = () => page.locator('.clipped > .marks').getAttribute('transform')
    const moving = await shift()
    await expect.poll(shift).not.toBe(moving)
    await page.getByRole('button', { name: 'Pause' }).click()
    const still = await shift()
    await burst(1)
    expect(await shift()).toBe(still)
    await page.getByRole('button', { name: 'Earlier' }).click()
    await expect.poll(shift).not.toBe(still)
    await page.getByRole('button', { name: 'Later' }).click()
    await page.getByRole('button', { name: 'Resume' }).click()
    const again = await shift()
    await expect.poll(shift).not.toBe(again)
  })
})

describe('the controls of the devtools', () => {
  it('expire the token: the next burst waits for one refresh, and the server gives no 401', async () => {
    await page.evaluate(() => app.logIn())
    await mount()
    await page.getByRole('button', { name: 'Expire token' }).click()
    await expectDrawn('.mark.token[data-cut="Access token expired"]', 1)
    expect(await burst(9)).toEqual(Array(9).fill(200))
    expect(server.backend.stats).toMatchObject({ refreshes: 1, unauthorized: 0 })
    await expectDrawn('.mark.request [data-part="wait"]', 9)
  })

  it('fail the next refresh: it is tried again, and no request is lost', async () => {
    await page.evaluate(() => app.logIn())
    await mount()
    await page.getByRole('button', { name: 'Fail next refresh' }).click()
    await page.getByRole('button', { name: 'Refresh now' }).click()
    await listed('Refreshed')
    expect(await page.locator('.events [data-title="Refreshed"]').textContent()).toContain('attempt 2')
    expect(server.backend.stats).toMatchObject({ refreshes: 1, failures: 0 })
  })

  it('offline: no client gets an answer, and online again each of them does', async () => {
    await page.evaluate(() => app.logIn())
    await mount()
    const offline = page.getByRole('switch', { name: 'Offline' })
    const before = server.backend.stats.requests
    await offline.check()
    expect(await burst(3)).toEqual([0, 0, 0])
    expect(await page.evaluate(() => navigator.onLine)).toBe(false)
    expect(server.backend.stats.requests).toBe(before)
    await expectDrawn('.mark.request [data-part="lost"]', 3)
    await offline.uncheck()
    expect(await burst(3)).toEqual([200, 200, 200])
  })

  it('log out: the session ends, and both tokens with it', async () => {
    await page.evaluate(() => app.logIn())
    await mount()
    await page.getByRole('button', { name: 'Log out' }).click()
    await expect.poll(() => page.locator('.state').textContent()).toBe('Logged out')
    await expectDrawn('.mark.token[data-cut="the session ended"]', 2)
    expect(await page.evaluate(() => app.auth.getState().status)).toBe('anonymous')
  })
})

describe('the devtools meet the rules of accessibility', () => {
  it('open and close by the keyboard, and give the focus back', async () => {
    await mount({})
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    const focused = () =>
      page.evaluate(
        () => document.querySelector('tokenflight-devtools')?.shadowRoot?.activeElement?.className,
      )
    await page.locator('.panel').waitFor()
    expect(await focused()).toBe('close')
    await page.keyboard.press('Escape')
    await page.locator('.panel').waitFor({ state: 'detached' })
    expect(await focused()).toBe('launcher')
  })

  it('tell a screen reader when the session ends', async () => {
    await page.evaluate(() => app.logIn())
    await mount()
    server.backend.revokeRefreshTokens()
    server.backend.expireAccessTokens()
    await burst(1)
    await expect
      .poll(() => page.locator('[aria-live]').textContent())
      .toMatch(/^Session expired[.:] refresh.rejected/)
  })

  it('have no violation that axe knows of, in light and dark, wide and narrow, floating and in a container', async () => {
    await page.evaluate(() => app.logIn())
    await mount()
    server.backend.expireAccessTokens()
    await burst(6)
    await page.getByText('Claims of the access token').click()
    await drawn('.mark.request [data-part="replay"]')
    // A script of the test: the policy of the page is for the page's own.
    const source = await import('node:fs').then(({ readFileSync }) => readFileSync(axe, 'utf8'))
    await page.evaluate(source)
    for (const isEmbedded of [false, true]) {
      if (isEmbedded) {
        await page.evaluate(() => {
          const container = document.querySelector<HTMLElement>('#place')
          document.querySelector('tokenflight-devtools')?.remove()
          if (container) app.mount({ container })
        })
        await burst(3)
        await drawn('.mark.request')
      }
      for (const colorScheme of ['light', 'dark'] as const) {
        for (const width of [1360, 390]) {
          await page.emulateMedia({ colorScheme })
          await page.setViewportSize({ width, height: 900 })
          const look = `${colorScheme}, ${width} px${isEmbedded ? ', in a container' : ''}`
          expect(await violations(), look).toEqual([])
          const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
          expect(beyond, look).toBeLessThanOrEqual(0)
        }
      }
    }
  })

  it('move in steps, not in frames, where motion is not wanted', async () => {
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await page.evaluate(() => {
      const own = requestAnimationFrame
      Object.assign(globalThis, { frames: 0 })
      globalThis.requestAnimationFrame = callback => {
        ;(globalThis as unknown as { frames: number }).frames++
        return own(callback)
      }
    })
    await mount()
    const now = () => page.locator('.now').getAttribute('x1')
    for (let step = 0; step < 2; step++) {
      const before = await now()
      await expect.poll(now).not.toBe(before)
    }
    expect(
      await page.evaluate(() => (globalThis as unknown as { frames: number }).frames),
    ).toBeLessThanOrEqual(2)
  })
})

describe('the closed devtools', () => {
  it('run nothing while requests go on: no timer, no frame, no change of the page', async () => {
    await page.evaluate(() => app.logIn())
    await page.evaluate(() => {
      const counts = { timers: 0, frames: 0, changes: 0 }
      const { setInterval: every, requestAnimationFrame: frame } = globalThis
      Object.assign(globalThis, {
        counts,
        setInterval: (...parameters: Parameters<typeof every>) => {
          counts.timers++
          return every(...parameters)
        },
        requestAnimationFrame: (callback: FrameRequestCallback) => {
          counts.frames++
          return frame(callback)
        },
      })
    })
    await mount({})
    await page.evaluate(() => {
      const { counts } = globalThis as unknown as { counts: { changes: number } }
      const root = document.querySelector('tokenflight-devtools')?.shadowRoot
      const observer = new MutationObserver(records => {
        counts.changes += records.length
      })
      if (root)
        observer.observe(root, { subtree: true, childList: true, attributes: true, characterData: true })
    })
    const counts = () => page.evaluate(() => (globalThis as unknown as { counts: object }).counts)
    await burst(30)
    expect(await counts()).toEqual({ timers: 0, frames: 0, changes: 0 })
    // And not after it has been open either.
    await page.locator('.launcher').click()
    await drawn('.mark.request')
    await page.keyboard.press('Escape')
    await page.locator('.panel').waitFor({ state: 'detached' })
    await page.evaluate(
      () => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    )
    const before = await counts()
    await burst(30)
    expect(await counts()).toEqual(before)
  })

  it('keep a limited number of notes after any number of events', async () => {
    await page.evaluate(() => app.logIn())
    await mount({})
    await page.evaluate(() => app.flood(4000))
    await page.locator('.launcher').click()
    await drawn('.mark.request')
    expect(await page.locator('.mark.request').count()).toBeLessThanOrEqual(1000)
    expect(await page.locator('[data-total="sent"] dd').textContent()).toBe('4000')
  })
})

interface Axe {
  run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }>
}

function violations(): Promise<string[]> {
  return page.evaluate(async () => {
    const found = await (globalThis as unknown as { axe: Axe }).axe.run()
    return found.violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)}: ${failureSummary}`),
    )
  })
}
