// @ts-check
// `npm test`: every check, two beside each other, each with its time, and one tally. It keeps going after a failure, so
// that one run (or one round of CI) shows everything there is to mend.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * @typedef {object} Check
 * @property {string} script of package.json
 * @property {boolean} [tests] runs vitest and is counted test by test; the others count one
 * @property {boolean} [built] reads `dist/`: it starts after the build
 * @property {boolean} [alone] counts bytes or milliseconds: nothing runs beside it
 */
/** @typedef {{ script: string, passed: number, failed: number, skipped: number, seconds: number }} Result */

/** The longest first, so that no long one is left at the end. @type {Check[]} */
const checks = [
  { script: 'build' },
  { script: 'test:unit', tests: true },
  { script: 'test:browser', tests: true, built: true },
  { script: 'test:types' },
  { script: 'test:package', tests: true, built: true },
  { script: 'test:dist', tests: true, built: true },
  { script: 'docs' },
  { script: 'test:api', built: true },
  { script: 'test:size', built: true },
  { script: 'test:unused' },
  { script: 'test:lint' },
  { script: 'test:load', tests: true, alone: true },
]
/** How many checks run beside each other. */
const LANES = 2

const began = performance.now()
const reports = mkdtempSync(join(tmpdir(), 'tokenflight-'))
const waiting = [...checks]
/** @type {Result[]} */
const results = []
/** @type {Promise<void> | undefined} */
let building
await Promise.all(Array.from({ length: LANES }, work))
for (const check of waiting.splice(0)) results.push(await perform(check))
rmSync(reports, { recursive: true, force: true })

console.log(`\n── summary ${'─'.repeat(53)}`)
for (const { script, passed, failed, skipped, seconds } of results) {
  const notes = `${failed ? `, ${failed} failed` : ''}${skipped ? `, ${skipped} skipped` : ''}`
  console.log(
    `${failed ? '✗' : '✓'} ${script.padEnd(14)}${seconds.toFixed(1).padStart(6)} s  ${passed} passed${notes}`,
  )
}
const failed = results.reduce((total, result) => total + result.failed, 0)
const passed = results.reduce((total, result) => total + result.passed, 0)
console.log(
  `\n${passed} passed, ${failed} failed, in ${((performance.now() - began) / 60_000).toFixed(1)} minutes`,
)
process.exitCode = failed ? 1 : 0

/** One lane: takes the next check that can begin, until those are left that run alone. */
async function work() {
  for (;;) {
    const isBuilt = results.some(({ script }) => script === 'build')
    const next = waiting.find(({ built, alone }) => !alone && (isBuilt || !built))
    if (next) {
      waiting.splice(waiting.indexOf(next), 1)
      const done = perform(next).then(result => void results.push(result))
      if (next.script === 'build') building = done
      await done
    } else if (waiting.some(({ alone }) => !alone)) await building
    else return
  }
}

/**
 * Runs a check, and shows at its end what it said: two at once would be hard to read.
 * @param {Check} check
 * @returns {Promise<Result>}
 */
async function perform({ script, tests }) {
  const since = performance.now()
  const report = join(reports, `${script.replace(':', '-')}.json`)
  console.log(`… ${script}`)
  const { succeeded, said } = await run(
    script,
    tests ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : [],
  )
  console.log(`\n── ${script} ${'─'.repeat(60 - script.length)}\n${said}`)
  const counts = tests ? count(report) : { passed: Number(succeeded), failed: 0, skipped: 0 }
  // A check that fails without a failed test (a crash, no tests at all) is a failure none the less.
  const failed = succeeded ? 0 : Math.max(1, counts.failed)
  return { script, ...counts, failed, seconds: (performance.now() - since) / 1000 }
}

/**
 * `--ignore-scripts` leaves out the `pretest:*` builds: the build is a check of its own here, done once.
 * @param {string} script
 * @param {string[]} parameters
 * @returns {Promise<{ succeeded: boolean, said: string }>}
 */
function run(script, parameters) {
  const command = ['run', '--silent', '--ignore-scripts', script, '--', ...parameters]
  const env = { ...(process.stdout.isTTY && { FORCE_COLOR: '1' }), ...process.env }
  const child = spawn('npm', command, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', chunk => {
      said += chunk
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve({ succeeded: code === 0, said }))
  })
}

/**
 * Reads vitest's report. A file that could not even be loaded has no tests to count and is one failure.
 * @param {string} report
 */
function count(report) {
  if (!existsSync(report)) return { passed: 0, failed: 0, skipped: 0 }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  )
  const unloaded = testResults.filter(
    (/** @type {{ status: string, assertionResults: unknown[] }} */ file) =>
      file.status === 'failed' && file.assertionResults.length === 0,
  )
  return {
    passed: numPassedTests,
    failed: numFailedTests + unloaded.length,
    skipped: numPendingTests + numTodoTests,
  }
}
