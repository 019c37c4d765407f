// @ts-check
// `npm run bench`: installs the peers, builds the suites, runs each in a process of its own, prints the tables,
// writes results.json and draws the plots. `npm run bench -- valid day` runs some and only prints.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const built = `${here}node_modules/.bench`
const all = ['valid', 'burst', 'waiting', 'day', 'size', 'fleet']
const chosen = process.argv.slice(2)
const unknown = chosen.filter(name => !all.includes(name))
if (unknown.length > 0) throw new Error(`No such suite: ${unknown.join(', ')}. There are: ${all.join(', ')}`)
const suites = chosen.length > 0 ? chosen : all

/** Garbage is collected on the main thread, so that its cost is seen, and seldom, so that allocation can be counted. */
const flags = [
  '--expose-gc',
  '--single-threaded-gc',
  '--min-semi-space-size=256',
  '--max-semi-space-size=256',
]

const installed = `${here}node_modules/.package-lock.json`
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(`${here}package-lock.json`).mtimeMs) {
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], 'inherit')
}

await build({
  absWorkingDir: here,
  entryPoints: [
    ...all.map(name => ({ in: name === 'fleet' ? 'fleet/fleet.ts' : `suites/${name}.ts`, out: name })),
    { in: 'report/report.ts', out: 'report' },
  ],
  outdir: built,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: ['esbuild'],
  sourcemap: 'inline',
  logLevel: 'warning',
  // Some packages inside are CommonJS and require modules of Node.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
  },
})

/** @type {Record<string, unknown>} */
const results = {}
for (const name of suites) {
  const began = performance.now()
  process.stderr.write(`${name} … `)
  results[name] = JSON.parse(run(process.execPath, [...flags, `${built}/${name}.mjs`], 'pipe'))
  process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1)} s\n`)
}
/** @type {{ report: (results: Record<string, unknown>, folder: string, isComplete: boolean) => void }} */
const { report } = await import(pathToFileURL(`${built}/report.mjs`).href)
report(results, here, chosen.length === 0)

/**
 * @param {string} command
 * @param {string[]} parameters
 * @param {'inherit' | 'pipe'} output
 * @returns {string}
 */
function run(command, parameters, output) {
  const { status, stdout, error } = spawnSync(command, parameters, {
    cwd: here,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', output, 'inherit'],
    shell: process.platform === 'win32' && command === 'npm',
  })
  if (status !== 0) throw error ?? new Error(`${command} ${parameters.at(-1)} failed`)
  return stdout
}
