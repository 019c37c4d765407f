/** The recipe for hot reload in a real Vite development server: edits of the module that creates the session. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { type Browser, chromium, type Page } from 'playwright-core'
import { createServer, normalizePath, type ViteDevServer } from 'vite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type RunningServer, startServer } from '../../demo/server/start.js'
import { findBrowser, launchArguments } from '../../scripts/find-browser.mjs'
import { countPlatform } from './hot-reload-counts.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const recipe = readFileSync(join(root, 'examples/hot-reload/session.ts'), 'utf8')
const project = mkdtempSync(join(tmpdir(), 'tokenflight-hot-'))
const sessionFile = join(project, 'session.ts')
let backend: RunningServer
let site: ViteDevServer | undefined
let browser: Browser
let page: Page
let edits = 0

beforeAll(async () => {
  cpSync(join(root, 'examples/hot-reload'), project, { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'), 'junction')
  writeSession(recipe)
  // No token ends by itself here.
  backend = await startServer({ accessTokenLifetime: 600_000, refreshTokenLifetime: 3_600_000 })
  site = await createServer({
    root: project,
    configFile: false,
    logLevel: 'error',
    cacheDir: join(project, '.vite'),
    plugins: [react()],
    resolve: {
      alias: [
        { find: /^tokenflight$/, replacement: join(root, 'dist/index.js') },
        { find: /^tokenflight\/(\w+)$/, replacement: join(root, 'dist/$1.js') },
      ],
    },
    optimizeDeps: { include: ['react', 'react-dom/client', 'react/jsx-dev-runtime', 'axios', 'jwt-decode'] },
    server: {
      host: '127.0.0.1',
      port: 0,
      fs: { strict: false },
      // The test reports its edits itself: of two changes in short succession, the watcher drops one.
      watch: null,
      proxy: { '/auth': backend.url, '/api': backend.url },
    },
  })
  await site.listen()
  browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })
})
afterAll(async () => {
  await browser?.close()
  await site?.close()
  await backend?.close()
  rmSync(project, { recursive: true, force: true })
})
beforeEach(() => backend.backend.reset())
afterEach(() => page.context().close())

/** Writes the module. Its last line tells the page which edit it runs. */
function writeSession(code: string): void {
  const mark = `globalThis.edit = ${++edits}`
  writeFileSync(sessionFile, `${code}\n// @ts-expect-error a mark for the test\n${mark}\n`)
  site?.watcher.emit('change', normalizePath(sessionFile))
}

/** Edits the module and waits until the page has run it again. */
async function edit(code: string): Promise<void> {
  writeSession(code)
  await page.waitForFunction(number => globalThis.edit === number, edits)
}

async function openAndLogIn(code: string): Promise<void> {
  writeSession(code)
  page = await (await browser.newContext()).newPage()
  page.setDefaultTimeout(60_000)
  await page.addInitScript(countPlatform)
  await page.goto(site?.resolvedUrls?.local[0] ?? '')
  await page.getByText('anonymous').waitFor()
  await page.evaluate(() => Object.assign(globalThis, { isSamePage: true }))
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByText('authenticated ada').waitFor()
}

const counts = () => page.evaluate(() => globalThis.counts())

async function load(times: number): Promise<void> {
  await page.getByRole('button', { name: 'Load' }).click()
  await page.getByText(`loaded ${times} times`).waitFor()
}

const storages: [string, string][] = [
  ['memory', recipe],
  ['webStorage', withOptions('storage: webStorage()')],
  ['indexedDBStorage', withOptions('storage: indexedDBStorage()')],
]

/** The recipe with further options of the session. */
function withOptions(options: string): string {
  const name = options.replace(/^storage: (\w+).*/, '$1')
  return change(
    change(recipe, 'createAuth({ refresh', `createAuth({ ${options}, refresh`),
    'createAuth, refreshRequest }',
    `createAuth, refreshRequest, ${name} }`,
  )
}

function change(code: string, from: string, to: string): string {
  expect(code).toContain(from)
  return code.replace(from, to)
}

describe.each(storages)('a session in %s whose module is edited', (_, code) => {
  it('goes on, with one Auth, one channel, one timer and the same listeners', async () => {
    await openAndLogIn(code)
    await load(1)
    const before = await counts()
    expect(before).toMatchObject({ sessions: 1, timers: 1 })
    for (let round = 0; round < 3; round++) {
      await edit(code)
      await page.getByText('authenticated ada').waitFor()
    }
    await load(2)
    expect(await page.evaluate(() => globalThis.isSamePage)).toBe(true)
    await expect.poll(counts).toEqual(before)

    backend.backend.expireAccessTokens()
    await load(3)
    expect(backend.backend.stats).toMatchObject({
      logins: 1,
      refreshes: 1,
      unauthorized: 1,
      rejected: 0,
      reuses: 0,
    })
  })
})

describe('a session in memory whose module is edited', () => {
  it('calls the listener of the module once when the session ends', async () => {
    const messages: string[] = []
    await openAndLogIn(recipe)
    page.on('console', message => messages.push(message.text()))
    await edit(recipe)
    await edit(recipe)
    backend.backend.expireAccessTokens()
    backend.backend.revokeRefreshTokens()
    await page.getByRole('button', { name: 'Load' }).click()
    await page.getByText('expired').waitFor()
    expect(messages.filter(text => text === 'Please log in again.')).toHaveLength(1)
    expect(backend.backend.stats).toMatchObject({ refreshes: 0, rejected: 1, unauthorized: 1 })
  })

  it('receives the answer of a refresh that was under way', async () => {
    await openAndLogIn(recipe)
    backend.backend.expireAccessTokens()
    backend.backend.delayRefresh(1_500)
    await page.getByRole('button', { name: 'Load' }).click()
    await expect.poll(() => backend.backend.stats.unauthorized).toBe(1)
    await edit(recipe)
    await page.getByText('loaded 1 times').waitFor()
    await load(2)
    expect(backend.backend.stats).toMatchObject({ refreshes: 1, unauthorized: 1, rejected: 0, reuses: 0 })
  })

  it('applies the other lines of the edit', async () => {
    await openAndLogIn(recipe)
    const before = await counts()
    await edit(change(recipe, "baseURL: '/api'", "baseURL: '/api', headers: { 'X-Edited': 'yes' }"))
    const request = page.waitForRequest('**/api/orders')
    await load(1)
    expect((await request).headers()).toMatchObject({
      'x-edited': 'yes',
      authorization: expect.stringMatching(/^Bearer /),
    })
    await expect.poll(counts).toEqual(before)
  })
})

describe('a module without the recipe', () => {
  it('logs the user out and leaves the first Auth behind if it creates another one', async () => {
    const code = change(recipe, 'import.meta.hot?.data.auth ?? openSession()', 'openSession()')
    await openAndLogIn(code)
    await edit(code)
    await page.getByText('anonymous').waitFor()
    expect(await counts()).toMatchObject({ sessions: 2 })
  })

  it('logs the user out if it disposes the session in `hot.dispose`', async () => {
    const code = `${change(recipe, 'import.meta.hot?.data.auth ?? openSession()', 'openSession()')}
import.meta.hot?.dispose(() => auth.dispose())\n`
    await openAndLogIn(code)
    await edit(code)
    await page.getByText('anonymous').waitFor()
  })
})
