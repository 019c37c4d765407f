/** Edits of the module that creates the session, in the development servers of Next.js and Nuxt. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { countPlatform } from '../browser/hot-reload-counts.js'
import { type Backend, startBackend } from './backend.js'
import { install, type Site, start } from './project.js'
import { fillIn, launch, loadAgain, logIn, showsOrders, type Visitor, visit } from './visitor.js'

const projects: [name: string, module: string, hostOption: string][] = [
  ['next', 'session/browser.ts', '-H'],
  ['nuxt', 'app/session/browser.ts', '--host'],
]

let backend: Backend
let browser: Browser
let edits = 0

beforeAll(async () => {
  backend = await startBackend()
  browser = await launch()
})
afterAll(async () => {
  await browser?.close()
  await backend?.close()
})
beforeEach(() => backend.reset())

describe.each(projects)('the development server of examples/%s', (name, module, hostOption) => {
  let site: Site
  let file: string
  let code: string
  let visitor: Visitor

  beforeAll(async () => {
    const project = install(name)
    file = join(project, module)
    code = readFileSync(file, 'utf8')
    const command = ['npm', 'run', 'dev', '--', hostOption, '127.0.0.1', '-p']
    site = await start(port => [...command, port], project, {
      API_URL: backend.url,
      NUXT_SERVER: backend.url,
    })
    // The last test of the project before has changed the transport.
    backend.reset()
    await warmUp(site.url)
  })
  afterAll(() => site?.close())
  beforeEach(async () => {
    visitor = await visit(browser, site.url)
    await visitor.context.addInitScript(countPlatform)
  })
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(site.output().slice(-4_000))
    return visitor.context.close()
  })

  // In one step, as many editors save: a development server that reads an empty module reloads the page.
  const write = (text: string): void => {
    const complete = join(tmpdir(), `edit-${process.pid}.ts`)
    writeFileSync(
      complete,
      `${text}\n// @ts-expect-error a mark for the test\nglobalThis.edit = ${++edits}\n`,
    )
    renameSync(complete, file)
  }

  /** Edits the module and waits until the page has run it again, by itself or because it is opened. */
  const edit = async (text: string, path?: string): Promise<void> => {
    // A watcher may miss a change that comes shortly after another one, so the module is saved again.
    for (let round = 0; round < 6; round++) {
      write(text)
      if (path) await visitor.page.goto(path)
      const running = visitor.page.waitForFunction(number => globalThis.edit === number, edits, {
        timeout: 10_000,
      })
      if (await running.catch(() => undefined)) return
    }
    throw new Error('The page has not run the edit.')
  }

  it('hydrates the page of a user without a warning', async () => {
    const { page, problems } = visitor
    await logIn(page)
    await page.reload()
    await showsOrders(page)
    await loadAgain(page, 1)
    await page.goto('/login')
    await showsOrders(page)
    expect(problems).toEqual([])
  })

  it.each([
    ['a cookie', 'cookie', (text: string) => text],
    ['memory', 'body', inMemory],
  ] as const)('keeps a session in %s over edits of its module, and leaves nothing behind', async (...row) => {
    const [, transport, change] = row
    backend.model.configure({ transport })
    const { page, problems } = visitor
    await edit(change(code), '/login')
    await page.evaluate(() => Object.assign(globalThis, { isSamePage: true }))
    await fillIn(page, 'lovelace')
    await showsOrders(page)
    await loadAgain(page, 1)
    const before = await counts(page)
    // Nuxt has a timer of its own.
    expect(before).toMatchObject({ sessions: 1, timers: name === 'nuxt' ? 2 : 1 })
    for (let round = 0; round < 3; round++) {
      await edit(change(code))
      await showsOrders(page)
    }
    expect(await page.evaluate(() => globalThis.isSamePage)).toBe(true)
    await expect.poll(() => counts(page)).toEqual(before)

    const { refreshes } = backend.model.stats
    backend.model.expireAccessTokens()
    await page.getByRole('button', { name: 'Load again' }).click()
    await expect.poll(() => backend.model.stats.refreshes - refreshes).toBe(1)
    await showsOrders(page)
    expect(backend.model.stats).toMatchObject({ logins: 1, rejected: 0, reuses: 0 })
    expect(problems).toEqual([])
  })
})

const counts = (page: Page) => page.evaluate(() => globalThis.counts())

/** The module with a session that a reload would end. */
function inMemory(code: string): string {
  const changed = code
    .replace(/storage: cookieSession\(.*\),/, 'storage: memoryStorage(),')
    .replace('cookieSession,', 'memoryStorage,')
  expect(changed).not.toContain('cookieSession')
  return changed
}

/** The server compiles each page when it is first asked for, and may reload it then. */
async function warmUp(url: string): Promise<void> {
  const { context, page } = await visit(browser, url)
  context.setDefaultTimeout(120_000)
  await logIn(page)
  await page.goto('/account')
  await page.getByText('Your user name is ada.').waitFor()
  await page.goto('/login')
  await showsOrders(page)
  await context.close()
}
