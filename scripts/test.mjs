// @ts-check
// `npm test`: every check in turn, each with its time, and one tally. It keeps going after a failure, so that
// one run (or one round of CI) shows everything there is to mend.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Scripts of package.json; those with `tests` run vitest and are counted test by test, the others count one. */
const checks = [
  { script: 'test:lint' },
  { script: 'test:unused' },
  { script: 'test:types' },
  { script: 'build' },
  { script: 'test:unit', tests: true },
  { script: 'test:dist', tests: true },
  { script: 'test:load', tests: true },
  { script: 'test:package', tests: true },
  { script: 'test:api' },
  { script: 'test:size' },
  { script: 'docs' },
  { script: 'test:browser', tests: true },
]

const reports = mkdtempSync(join(tmpdir(), 'tokenflight-'))
const results = checks.map(({ script, tests }) => {
  console.log(`\n── ${script} ${'─'.repeat(60 - script.length)}`)
  const began = performance.now()
  const report = join(reports, `${script.replace(':', '-')}.json`)
  const succeeded = run(
    script,
    tests ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : [],
  )
  const counts = tests ? count(report) : { passed: Number(succeeded), failed: 0, skipped: 0 }
  // A check that fails without a failed test (a crash, no tests at all) is a failure none the less.
  const failed = succeeded ? 0 : Math.max(1, counts.failed)
  return { script, ...counts, failed, seconds: (performance.now() - began) / 1000 }
})
rmSync(reports, { recursive: true, force: true })

console.log(`\n── summary ${'─'.repeat(53)}`)
for (const { script, passed, failed, skipped, seconds } of results) {
  const notes = `${failed ? `, ${failed} failed` : ''}${skipped ? `, ${skipped} skipped` : ''}`
  console.log(
    `${failed ? '✗' : '✓'} ${script.padEnd(14)}${seconds.toFixed(1).padStart(6)} s  ${passed} passed${notes}`,
  )
}
const failed = results.reduce((total, result) => total + result.failed, 0)
console.log(`\n${results.reduce((total, result) => total + result.passed, 0)} passed, ${failed} failed`)
process.exitCode = failed ? 1 : 0

/**
 * `--ignore-scripts` leaves out the `pretest:*` builds: the build is a check of its own here, done once.
 * @param {string} script
 * @param {string[]} parameters
 */
function run(script, parameters) {
  const command = ['run', '--silent', '--ignore-scripts', script, '--', ...parameters]
  return spawnSync('npm', command, { stdio: 'inherit', shell: process.platform === 'win32' }).status === 0
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
