// @ts-check
// `npm run test:slow -- [part…] [--rounds 9] [--minutes 9] […]`: the tests that take too long for `npm test`, in parts; without a name,
// all of them. Other options go to vitest: `npm run test:slow -- departures -t firefox`.
import { spawnSync } from 'node:child_process'

/**
 * @typedef {object} Part
 * @property {string} project
 * @property {string[]} files
 * @property {string} [workers] how many files run beside each other, because they mostly wait
 * @property {Record<string, string>} [usual] environment variables, if they are not set
 */
/** @type {Record<string, Part>} */
const parts = {
  // The properties with all their runs, the simulator of many tabs with 10,000 scenarios, and Node processes over Redis.
  properties: {
    project: 'unit*',
    files: ['test/robustness', 'test/core/model', 'test/tabs', 'test/interop/redis', '--testTimeout=7200000'],
    usual: { TABS_RUNS: '10000', FC_RUNS: '3000' },
  },
  // Every case of the tests with real tabs of which `npm test` takes some.
  tabs: { project: 'browser', files: ['test/browser/tabs'], workers: '2' },
  // 1,000 rounds of eight tabs, over all engines and storages.
  rounds: { project: 'slow', files: ['test/slow/rounds', 'test/slow/lifetimes'] },
  // Tabs that close, crash, reload and navigate during their refresh, 50 rounds of each case.
  departures: { project: 'slow', files: ['test/slow/departures'], workers: '3' },
  // An hour of a page with eight tabs.
  soak: { project: 'slow', files: ['test/slow/soak'] },
}

/** @type {string[]} */
const names = []
/** @type {Record<string, string>} */
const chosen = {}
const words = process.argv.slice(2)
while (
  words[0] !== undefined &&
  (!words[0].startsWith('-') || ['--rounds', '--minutes'].includes(words[0]))
) {
  const word = words.shift() ?? ''
  if (word.startsWith('-')) chosen[word.slice(2).toUpperCase()] = words.shift() ?? ''
  else names.push(word)
}
const late = words.find(word => Object.hasOwn(parts, word) || ['--rounds', '--minutes'].includes(word))
if (late) {
  console.error(`${late} must come before the options for vitest.`)
  process.exit(1)
}
const unknown = names.filter(name => !Object.hasOwn(parts, name))
if (unknown.length) {
  console.error(`There is no part ${unknown.join(', ')}. The parts are ${Object.keys(parts).join(', ')}.`)
  process.exit(1)
}

const failed = (names.length ? names : Object.keys(parts)).filter(name => {
  console.log(`\n── ${name} ${'─'.repeat(60 - name.length)}`)
  const { project, files, workers = '', usual } = /** @type {Part} */ (parts[name])
  const env = { ...usual, WORKERS: workers, ...process.env, TOKENFLIGHT_SLOW: 'yes', ...chosen }
  const commands = [['npx', 'vitest', 'run', `--project=${project}`, ...files, ...words]]
  if (project !== 'unit*') commands.unshift(['node', 'scripts/ensure-browser.mjs'])
  return !commands.every(command => run(command, env))
})
console.log(failed.length ? `\nFailed: ${failed.join(', ')}` : '\nAll parts passed')
process.exitCode = failed.length ? 1 : 0

/**
 * @param {string[]} command
 * @param {NodeJS.ProcessEnv} env
 */
function run([command = '', ...parameters], env) {
  const options = { env, shell: process.platform === 'win32' }
  return spawnSync(command, parameters, { ...options, stdio: 'inherit' }).status === 0
}
