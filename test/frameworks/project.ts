/** Example projects as their users have them: a copy with its own packages, built and started by its own scripts. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/free-port.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Outside the repository, where no package of the repository can be found by mistake. Kept: the next run is faster. */
const place = join(
  tmpdir(),
  `tokenflight-frameworks-${createHash('sha256').update(root).digest('hex').slice(0, 8)}`,
)
const generated = ['node_modules', '.next', '.nuxt', '.output', 'next-env.d.ts', 'package-lock.json']

/** Copies the example to a temporary folder and installs its packages there, with the packed tokenflight. */
export function install(name: string): string {
  const project = join(place, name)
  mkdirSync(project, { recursive: true })
  for (const entry of readdirSync(project)) {
    if (entry !== 'node_modules') rmSync(join(project, entry), { recursive: true })
  }
  cpSync(join(root, 'examples', name), project, {
    recursive: true,
    filter: path => !generated.includes(basename(path)),
  })
  const file = join(project, 'package.json')
  const manifest = JSON.parse(readFileSync(file, 'utf8'))
  manifest.dependencies.tokenflight = `file:${pack()}`
  writeFileSync(file, JSON.stringify(manifest, undefined, 2))
  // npm would keep the tokenflight of an earlier run, which has the same version.
  rmSync(join(project, 'node_modules/tokenflight'), { recursive: true, force: true })
  rmSync(join(project, 'node_modules/.package-lock.json'), { force: true })
  try {
    run(
      [
        'npm',
        'install',
        '--ignore-scripts',
        '--prefer-offline',
        '--no-package-lock',
        '--no-audit',
        '--no-fund',
      ],
      project,
    )
  } catch (cause) {
    throw new Error(
      `The packages of examples/${name} cannot be installed. npm needs its registry for that.`,
      {
        cause,
      },
    )
  }
  return project
}

/** The tarball that npm would publish. */
function pack(): string {
  if (!existsSync(join(root, 'dist/index.js')))
    throw new Error('There is no dist: run `npm run build` first.')
  const output = run(['npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', place], root)
  const [{ filename }] = JSON.parse(output)
  return join(place, filename)
}

/** Runs a command to its end. Throws with its output if it fails. */
export function run(command: string[], cwd: string, env: Record<string, string> = {}): string {
  const [program = '', ...parameters] = command
  const { status, stdout, stderr } = spawnSync(program, parameters, {
    cwd,
    env: environment(env),
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`${command.join(' ')} failed:\n${stdout}\n${stderr}`)
  return stdout
}

export interface Site {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** Everything that the server has printed. */
  output(): string
  close(): Promise<void>
}

/** Starts a server of the project on a free port, and waits until it answers. */
export async function start(
  command: (port: string) => string[],
  cwd: string,
  env: Record<string, string>,
): Promise<Site> {
  const port = String(await freePort())
  const [program = '', ...parameters] = command(port)
  // A group of its own: the program starts others, which have to end with it.
  const child = spawn(program, parameters, {
    cwd,
    env: environment({ ...env, PORT: port, HOST: '127.0.0.1' }),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const url = `http://127.0.0.1:${port}`
  const site: Site = { url, output: () => output, close: () => end(child) }
  const giveUp = Date.now() + 240_000
  while (!(await isReady(url))) {
    if (child.exitCode === null && Date.now() < giveUp) {
      await setTimeout(200)
      continue
    }
    await site.close()
    throw new Error(`The server does not show its login page:\n${output}`)
  }
  return site
}

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/login`).catch(() => undefined)
  return response?.status === 200
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return
  const ended = once(child, 'exit')
  process.kill(-child.pid, 'SIGKILL')
  await ended
}

/** The environment without the variables of Vitest and of npm, which change how frameworks and npm behave. */
function environment(added: Record<string, string>): NodeJS.ProcessEnv {
  const names = /^(NODE_ENV|NODE_OPTIONS|VITEST.*|TEST|MODE|DEV|PROD|SSR|BASE_URL|npm_.*)$/
  const kept = Object.entries(process.env).filter(([name]) => !names.test(name))
  return Object.assign({}, ...kept.map(([name, value]) => ({ [name]: value })), {
    NEXT_TELEMETRY_DISABLED: '1',
    NUXT_TELEMETRY_DISABLED: '1',
    ...added,
  })
}
