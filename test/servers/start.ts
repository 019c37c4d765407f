/** Starts a server on a free port of 127.0.0.1 with a folder of its own, and reads its log of requests. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { freePort } from '../support/free-port.js'
import type { ServerKind } from './servers.js'

/** The answers to refreshes, counted by the server. */
export interface Counts {
  granted: number
  refused: number
}

export interface RunningServer {
  readonly url: string
  /** All answers to refreshes so far. */
  counts(): Counts
  start(): Promise<void>
  /** Ends its process; its database stays. */
  stop(): Promise<void>
  /** Removes its folder, too. */
  remove(): Promise<void>
}

const app = (name: string): string => fileURLToPath(new URL(`apps/${name}`, import.meta.url))

export async function startServer({
  command = process.execPath,
  app: [file, ...parameters],
  orders,
  log = 'requests.log',
  outcome,
}: ServerKind): Promise<RunningServer> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const folder = mkdtempSync(join(tmpdir(), 'tokenflight-'))
  let child: ChildProcess | undefined
  const server: RunningServer = {
    url,
    counts() {
      const path = join(folder, log)
      const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
      const outcomes = lines.map(outcome)
      return {
        granted: outcomes.filter(one => one === 'granted').length,
        refused: outcomes.filter(one => one === 'refused').length,
      }
    },
    async start() {
      // In a group, so that the processes that it starts end with it.
      const started = spawn(command, [app(file), ...parameters, `${port}`, folder], {
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      child = started
      let said = ''
      for (const stream of [started.stdout, started.stderr])
        stream.on('data', (chunk: Buffer) => {
          said += chunk
        })
      await vi.waitFor(async () => {
        if (started.exitCode !== null) return
        if ((await fetch(`${url}${orders}`)).status !== 401) throw new Error(`Not ready: ${said}`)
      })
      if (started.exitCode !== null) throw new Error(`The server ended: ${said}`)
    },
    async stop() {
      if (!child?.pid || child.exitCode !== null || child.signalCode) return
      const ended = once(child, 'exit')
      process.kill(-child.pid, 'SIGKILL')
      await ended
      // The processes of the group end one after the other.
      await vi.waitFor(async () => {
        const isOpen = await fetch(url).then(
          () => true,
          () => false,
        )
        if (isOpen) throw new Error('It still answers')
      })
    },
    async remove() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}
