// @ts-check
// `npm test`: every check, two beside each other, each with its time, and one total. It continues after a failure, so that
// one run (or one round of CI) shows all that must be corrected. `npm test -- types size` runs these checks alone.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { ensureBuilt } from './ensure-built.mjs'

/**
 * @typedef {object} Check
 * @property {string} name
 * @property {string} command
 * @property {string} [cwd]
 * @property {boolean} [tests] runs vitest, and is counted test by test; each of the others counts one
 * @property {string} [after] the check that builds the files which it reads
 * @property {boolean} [alone] counts bytes: nothing runs beside it
 */
/**
 * @typedef {object} Result
 * @property {string} name
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {number} seconds
 * @property {string[]} failures the failed tests, each with its message
 */

/** The longest first, so that no long one is left at the end. @type {Check[]} */
const all = [
  { name: 'build', command: 'npm run --silent build' },
  { name: 'docs', command: 'npm run --silent docs', after: 'build' },
  { name: 'unit', command: 'npx vitest run --project "unit*"', tests: true },
  { name: 'browser', command: 'npm run --silent test:browser --', tests: true, after: 'docs' },
  { name: 'types', command: 'npm run --silent test:types' },
  { name: 'package', command: 'npx vitest run --project package', tests: true, after: 'build' },
  { name: 'dist', command: 'npx vitest run --project "each*"', tests: true, after: 'build' },
  { name: 'api', command: 'node scripts/api.mjs', after: 'build' },
  { name: 'size', command: 'npx size-limit', cwd: 'config', after: 'build' },
  { name: 'lint', command: 'npm run --silent test:lint' },
  { name: 'load', command: 'npx vitest run --project load', tests: true, alone: true },
]
/** How many checks run beside each other. */
const LANES = 2

const chosen = process.argv.slice(2)
const unknown = chosen.filter(name => !all.some(check => check.name === name))
if (unknown.length) {
  console.error(`No such check: ${unknown.join(', ')}. There are: ${all.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}
const checks = all.filter(({ name }) => !chosen.length || chosen.includes(name))
if (!checks.some(({ name }) => name === 'build') && checks.some(({ after }) => after)) buildFirst()

const reports = mkdtempSync(join(tmpdir(), 'tokenflight-'))
const waiting = [...checks]
/** The checks that have begun. @type {Map<string, Promise<void>>} */
const begun = new Map()
/** @type {Result[]} */
const results = []
await Promise.all(Array.from({ length: LANES }, work))
for (const check of waiting.splice(0)) results.push(await perform(check))
rmSync(reports, { recursive: true, force: true })

console.log(`\n── summary ${'─'.repeat(53)}`)
for (const { name, passed, failed, skipped, seconds } of results) {
  const notes = `${failed ? `, ${failed} failed` : ''}${skipped ? `, ${skipped} skipped` : ''}`
  console.log(
    `${failed ? '✗' : '✓'} ${name.padEnd(14)}${seconds.toFixed(1).padStart(6)} s  ${passed} passed${notes}`,
  )
}
for (const { name, failures } of results)
  for (const failure of failures) console.log(`\n✗ ${name}: ${failure}`)
console.log(`\n${(performance.now() / 60_000).toFixed(1)} minutes`)
const failed = results.reduce((total, result) => total + result.failed, 0)
console.log(`\n${results.reduce((total, result) => total + result.passed, 0)} passed, ${failed} failed`)
process.exitCode = failed ? 1 : 0

/** One lane: takes the next check that can begin, until those are left that run alone. */
async function work() {
  for (;;) {
    const next = waiting.find(({ after, alone }) => !alone && isDone(after))
    if (next) {
      waiting.splice(waiting.indexOf(next), 1)
      const done = perform(next).then(result => void results.push(result))
      begun.set(next.name, done)
      await done
    } else if (waiting.some(({ alone }) => !alone)) await Promise.race(builds())
    else return
  }
}

/** A build that fails is the one result. */
function buildFirst() {
  try {
    ensureBuilt('build')
  } catch (error) {
    console.error(`${error}\n\n0 passed, 1 failed`)
    process.exit(1)
  }
}

/** @param {string | undefined} name */
function isDone(name) {
  return !checks.some(check => check.name === name) || results.some(result => result.name === name)
}

/** The builds in progress. */
function builds() {
  return [...begun].filter(([name]) => !isDone(name)).map(([, done]) => done)
}

/**
 * Runs a check, and shows its output at its end: that of two at once would be hard to read.
 * @param {Check} check
 * @returns {Promise<Result>}
 */
async function perform({ name, command, cwd, tests }) {
  const began = performance.now()
  const report = join(reports, `${name}.json`)
  console.log(`… ${name}`)
  const reporters = tests ? ` --reporter=default --reporter=json --outputFile.json="${report}"` : ''
  const { succeeded, output } = await run(command + reporters, cwd)
  console.log(`\n── ${name} ${'─'.repeat(60 - name.length)}\n${output}`)
  const counts = tests ? count(report) : { passed: Number(succeeded), skipped: 0, failures: [] }
  // A check that fails without a failed test (a crash, no tests at all) is a failure none the less.
  const failed = succeeded ? 0 : Math.max(1, counts.failures.length)
  return { name, ...counts, failed, seconds: (performance.now() - began) / 1000 }
}

/**
 * @param {string} command
 * @param {string | undefined} cwd
 * @returns {Promise<{ succeeded: boolean, output: string }>}
 */
function run(command, cwd) {
  const env = { ...(process.stdout.isTTY && { FORCE_COLOR: '1' }), ...process.env }
  const child = spawn(command, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'], shell: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', chunk => {
      output += chunk
    })
  }
  return new Promise(resolve => {
    child.on('error', error => resolve({ succeeded: false, output: String(error) }))
    child.on('close', code => resolve({ succeeded: code === 0, output }))
  })
}

/**
 * @typedef {object} TestFile a file in the report of vitest
 * @property {string} name
 * @property {string} status
 * @property {string} message
 * @property {{ status: string, fullName: string, failureMessages: string[] }[]} assertionResults
 */

/**
 * Reads vitest's report. A file that could not even be loaded has no tests to count and is one failure.
 * @param {string} report
 */
function count(report) {
  const { numPassedTests, numPendingTests, numTodoTests, testResults } = read(report)
  const failures = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative('.', name)
    if (status === 'failed' && !assertionResults.length) return [`${file}\n${message}`]
    return assertionResults
      .filter(test => test.status === 'failed')
      .map(test => `${file}: ${test.fullName}\n${test.failureMessages.join('\n')}`)
  })
  return {
    passed: numPassedTests,
    skipped: numPendingTests + numTodoTests,
    failures,
  }
}

/**
 * The report; an empty one if vitest has not finished it.
 * @param {string} report
 * @returns {{ numPassedTests: number, numPendingTests: number, numTodoTests: number, testResults: TestFile[] }}
 */
function read(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    return { numPassedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] }
  }
}
