// @ts-check
// `npm test`: every check in turn, each with its time, and one total. It continues after a failure, so that one run (or one
// round of CI) shows all that must be corrected. `npm test -- types size` runs these checks alone.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureBuilt } from './ensure-built.mjs'

/** The tests of the import paths, which also run on the built package. */
const paths = 'test/axios test/fetch test/http test/react test/vue test/works-with test/msw.test.ts'

/** Those with `tests` run vitest and are counted test by test; each of the others counts one. */
const all = [
  { name: 'lint', command: 'npm run --silent test:lint' },
  { name: 'types', command: 'npm run --silent test:types' },
  { name: 'build', command: 'npm run --silent build' },
  { name: 'unit', command: 'npx vitest run --project unit', tests: true },
  { name: 'dist', command: `npx vitest run --project unit --mode dist ${paths}`, tests: true },
  { name: 'load', command: 'npx vitest run --project load', tests: true },
  { name: 'package', command: 'npx vitest run --project package', tests: true },
  { name: 'api', command: 'node scripts/api.mjs' },
  { name: 'size', command: 'npx size-limit', cwd: 'config' },
  { name: 'docs', command: 'npm run --silent docs' },
  { name: 'browser', command: 'npm run --silent test:browser --', tests: true },
]
const chosen = process.argv.slice(2)
const unknown = chosen.filter(name => !all.some(check => check.name === name))
if (unknown.length) {
  console.error(`No such check: ${unknown.join(', ')}. There are: ${all.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}
const checks = all.filter(({ name }) => !chosen.length || chosen.includes(name))
if (chosen.some(name => ['dist', 'api', 'size'].includes(name))) ensureBuilt('build')

const reports = mkdtempSync(join(tmpdir(), 'tokenflight-'))
const results = checks.map(({ name, command, cwd, tests }) => {
  console.log(`\n── ${name} ${'─'.repeat(60 - name.length)}`)
  const began = performance.now()
  const report = join(reports, `${name}.json`)
  const reporters = tests ? ` --reporter=default --reporter=json --outputFile.json="${report}"` : ''
  const succeeded = spawnSync(command + reporters, { cwd, stdio: 'inherit', shell: true }).status === 0
  const counts = tests ? count(report) : { passed: Number(succeeded), failed: 0, skipped: 0 }
  // A check that fails without a failed test (a crash, no tests at all) is a failure none the less.
  const failed = succeeded ? 0 : Math.max(1, counts.failed)
  return { name, ...counts, failed, seconds: (performance.now() - began) / 1000 }
})
rmSync(reports, { recursive: true, force: true })

console.log(`\n── summary ${'─'.repeat(53)}`)
for (const { name, passed, failed, skipped, seconds } of results) {
  const notes = `${failed ? `, ${failed} failed` : ''}${skipped ? `, ${skipped} skipped` : ''}`
  console.log(
    `${failed ? '✗' : '✓'} ${name.padEnd(14)}${seconds.toFixed(1).padStart(6)} s  ${passed} passed${notes}`,
  )
}
const failed = results.reduce((total, result) => total + result.failed, 0)
console.log(`\n${results.reduce((total, result) => total + result.passed, 0)} passed, ${failed} failed`)
process.exitCode = failed ? 1 : 0

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
