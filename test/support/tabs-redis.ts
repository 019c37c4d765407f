/** A Redis of our own on a free port, without persistence, and processes that use it. */
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { freePort } from './free-port.js'
import type { Order } from './tabs-process.js'

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Whether there is a `redis-server`, installed now if that is safe to do: as root on a Debian-like system. */
export function hasRedis(): boolean {
  const isThere = (): boolean => spawnSync('redis-server', ['--version']).status === 0
  if (isThere()) return true
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false
  const apt = (...parameters: string[]): boolean =>
    spawnSync('apt-get', parameters, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', 'inherit'],
    }).status === 0
  return apt('update') && apt('install', '-y', '--no-install-recommends', 'redis-server') && isThere()
}

export interface RunningRedis {
  readonly port: number
  stop(): Promise<void>
}

export async function startRedis(): Promise<RunningRedis> {
  const port = await freePort()
  const options = { port, bind: '127.0.0.1', save: '', appendonly: 'no' }
  const parameters = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn('redis-server', parameters, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`Redis ended: ${said}`)))
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk
      if (/Ready to accept connections/.test(said)) resolve()
    })
  })
  return {
    port,
    async stop() {
      if (child.signalCode) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

/** Bundles the processes' script. */
export async function buildProcess(outfile: string): Promise<void> {
  await build({
    entryPoints: [root('test/support/tabs-process.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    alias: { tokenflight: root('src/index.ts'), 'tokenflight/axios': root('src/axios.ts') },
    logLevel: 'error',
  })
}

export interface Worker {
  readonly child: ChildProcess
  /** How many refreshes it has begun. */
  refreshes: number
  do(what: Order['what']): Promise<string>
}

export async function startWorker(script: string, env: Record<string, string>): Promise<Worker> {
  const child = fork(script, { env: { ...process.env, ...env } })
  const answers = new Map<number, (result: string) => void>()
  let count = 0
  const worker: Worker = {
    child,
    refreshes: 0,
    do: what =>
      new Promise((resolve, reject) => {
        const id = ++count
        answers.set(id, resolve)
        child.once('exit', () => reject(new Error('The process is gone')))
        child.send({ id, what } satisfies Order)
      }),
  }
  child.setMaxListeners(0)
  await new Promise<void>(ready => {
    child.on('message', (message: { id?: number; result?: string; event?: string }) => {
      if (message.event === 'refreshing') worker.refreshes++
      if (message.event === 'ready') ready()
      if (message.id !== undefined) answers.get(message.id)?.(message.result ?? '')
    })
  })
  return worker
}
