/** Tabs in WebKit: its own driver speaks the W3C's WebDriver, and little of it is needed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { findWebKit } from '../../scripts/find-webkit.mjs'
import { freePort } from './free-port.js'
import type { TabPage } from './tabs-browser.js'

/** How long a script of a test may take, milliseconds. */
const PATIENCE = 120_000

export interface WebKitBrowser {
  /** A window with tabs and a storage of its own; one at a time. */
  newUser(): Promise<WebKitUser>
  stop(): Promise<void>
}

export interface WebKitUser {
  open(url: string): Promise<TabPage>
  close(): Promise<void>
}

interface Session {
  /** The driver does one thing at a time, in the tab that it was told last. */
  exclusive<Result>(run: () => Promise<Result>): Promise<Result>
  command<Result>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Result>
}

export async function launchWebKit(): Promise<WebKitBrowser> {
  const programs = findWebKit()
  if (!programs) throw new Error('There is no WebKit')
  const home = await mkdtemp(join(tmpdir(), 'tokenflight-webkit-'))
  const [display, screen] = await startDisplay(programs.display)
  const port = await freePort()
  const driver = spawn(programs.driver, ['--host=127.0.0.1', `--port=${port}`], {
    stdio: 'ignore',
    env: {
      ...{ PATH: process.env.PATH, HOME: home, XDG_RUNTIME_DIR: home, DISPLAY: screen },
      ...{ GDK_BACKEND: 'x11', GSETTINGS_BACKEND: 'memory', NO_AT_BRIDGE: '1' },
      ...{ LIBGL_ALWAYS_SOFTWARE: '1', WEBKIT_DISABLE_COMPOSITING_MODE: '1' },
    },
  })
  const url = `http://127.0.0.1:${port}`
  await untilReady(url, driver)
  return {
    newUser: () => openUser(url, programs.browser),
    async stop() {
      await end(driver)
      await end(display)
      await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

/** Xvfb chooses a free number, and says on its fourth channel which one. */
async function startDisplay(program: string): Promise<[child: ChildProcess, name: string]> {
  const parameters = ['-displayfd', '3', '-screen', '0', '1024x768x24', '-nolisten', 'tcp']
  const child = spawn(program, parameters, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  const [number] = (await once(child.stdio[3] as Readable, 'data')) as [Buffer]
  return [child, `:${String(number).trim()}`]
}

async function untilReady(url: string, driver: ChildProcess): Promise<void> {
  while (driver.exitCode === null) {
    const answer = await fetch(`${url}/status`).catch(() => undefined)
    if (answer?.ok) return
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new Error(`The driver of WebKit ended with ${driver.exitCode}`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode) return
  child.kill()
  await once(child, 'exit')
}

async function openUser(url: string, binary: string): Promise<WebKitUser> {
  const capabilities = {
    alwaysMatch: {
      browserName: 'MiniBrowser',
      acceptInsecureCerts: true,
      timeouts: { script: PATIENCE, pageLoad: PATIENCE },
      'webkitgtk:browserOptions': { binary, args: ['--automation'] },
    },
  }
  const { sessionId } = await send<{ sessionId: string }>('POST', `${url}/session`, { capabilities })
  let last: Promise<unknown> = Promise.resolve()
  const session: Session = {
    exclusive(run) {
      const result = last.then(run, run)
      last = result.catch(() => {})
      return result
    },
    command: (method, path, body) => send(method, `${url}/session/${sessionId}${path}`, body),
  }
  return {
    open: address =>
      session.exclusive(async () => {
        const { handle } = await session.command<{ handle: string }>('POST', '/window/new', { type: 'tab' })
        await session.command('POST', '/window', { handle })
        await session.command('POST', '/url', { url: address })
        return createTab(session, handle)
      }),
    close: () => session.exclusive(() => session.command('DELETE', '')),
  }
}

function createTab(session: Session, handle: string): TabPage {
  const inTab = <Result>(run: () => Promise<Result>): Promise<Result> =>
    session.exclusive(async () => {
      await session.command('POST', '/window', { handle })
      return run()
    })
  return {
    evaluate: <Result>(run: (argument?: never) => Result | Promise<Result>, argument?: unknown) =>
      inTab(async () => {
        const script = `const done = arguments[arguments.length - 1]
          Promise.resolve(arguments[0]).then(${run}).then(value => done({ value }), error => done({ error: String(error) }))`
        const told = await session.command<{ value?: Result; error?: string }>('POST', '/execute/async', {
          script,
          args: [argument ?? null],
        })
        if (told.error !== undefined) throw new Error(told.error)
        return told.value as Result
      }),
    close: () => inTab(() => session.command('DELETE', '/window')),
  }
}

async function send<Result>(method: string, url: string, body: object = {}): Promise<Result> {
  const init = method === 'POST' ? { method, body: JSON.stringify(body) } : { method }
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(2 * PATIENCE) })
  const { value } = (await answer.json()) as { value: Result & { error?: string; message?: string } }
  if (!answer.ok) throw new Error(`${method} ${url}: ${value.error}, ${value.message}`)
  return value
}
