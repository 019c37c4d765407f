// @ts-check
// `node scripts/foreign.mjs [suite…]`: the unit tests of axios and of libraries around axios and fetch, with tokenflight in
// their clients. Each suite runs three times: as it is, and with a session that is anonymous and one that is logged in. Only
// the differences that `foreign/expected.mjs` lists are allowed. `--from <URL>` takes the sources from elsewhere; the URL holds `{owner}` and
// `{name}`, and may be a folder.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { ensureBuilt } from './ensure-built.mjs'
import { expected } from './foreign/expected.mjs'
import { suites } from './foreign/suites.mjs'
import { readTap } from './foreign/tap.mjs'

/** @typedef {import('./foreign/suites.mjs').Suite} Suite */

const root = fileURLToPath(new URL('..', import.meta.url))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { from: { type: 'string', default: 'https://github.com/{owner}/{name}' } },
})
const names = positionals.length ? positionals : Object.keys(suites)
const unknown = names.filter(name => !suites[name])
if (unknown.length)
  throw new Error(`No suite is called ${unknown}. There are ${Object.keys(suites).join(', ')}`)

ensureBuilt('build')
const problems = names.flatMap(name => check(name, /** @type {Suite} */ (suites[name])))
for (const problem of problems) console.error(problem)
console.log(
  problems.length
    ? `\n${problems.length} unexpected differences`
    : `\n${names.length} suites passed, with no difference but the expected`,
)
process.exitCode = problems.length ? 1 : 0

/**
 * Runs a suite three times and returns the differences that nothing explains.
 * @param {string} name
 * @param {Suite} suite
 * @returns {string[]}
 */
function check(name, suite) {
  const folder = prepare(name, suite)
  const bare = run(folder, suite)
  const passing = [...bare].filter(([, isPassed]) => isPassed).map(([title]) => title)
  console.log(`${name}: ${passing.length} of ${bare.size} tests pass without tokenflight`)
  if (!passing.length) return [`${name}: no test passes without tokenflight`]
  return ['anonymous', 'logged in'].flatMap(session => compare(name, suite, folder, passing, session))
}

/**
 * Runs a suite with a session. A test that passes at the second try depends on time, not on tokenflight.
 * @param {string} name
 * @param {Suite} suite
 * @param {string} folder
 * @param {string[]} passing the tests that pass without tokenflight
 * @param {string} session
 * @returns {string[]}
 */
function compare(name, suite, folder, passing, session) {
  const listed = expected
    .filter(entry => entry.suite === name && entry.sessions.includes(session))
    .flatMap(({ tests }) => tests)
  const count = join(folder, 'count.txt')
  writeFileSync(count, '')
  const failing = (/** @type {string[]} */ tests) => {
    const results = run(folder, suite, { session, count })
    return tests.filter(title => !results.get(title))
  }
  const failed = failing(passing)
  const carried = readFileSync(count, 'utf8').length
  const stale = listed.filter(title => !failed.includes(title))
  const others = failed.filter(title => !listed.includes(title))
  const unexpected = others.length ? failing(others) : []
  const differences = listed.length - stale.length + unexpected.length
  console.log(`  ${session}: ${differences} of them fail; ${carried} requests carry the token`)
  return [
    ...((session === 'logged in') === carried > 0 ? [] : [`${carried} requests carry the token`]),
    ...unexpected.map(title => `failed: ${title}`),
    ...stale.map(title => `the list of expected differences is out of date: ${title}`),
  ].map(problem => `${name}, ${session}: ${problem}`)
}

/**
 * Fetches the sources, installs the imports of the tests, and puts tokenflight beside them.
 * @param {string} name
 * @param {Suite} suite
 */
function prepare(name, { repository, commit, packages, client }) {
  const folder = join(root, '.foreign', name)
  mkdirSync(folder, { recursive: true })
  const [owner = '', project = ''] = repository.split('/')
  const source = values.from.replace('{owner}', owner).replace('{name}', project)
  const git = (/** @type {string[]} */ ...parameters) => call('git', parameters, folder)
  if (!existsSync(join(folder, '.git'))) git('init', '--quiet')
  const isThere = () => git('cat-file', '-e', `${commit}^{commit}`)
  if (!isThere() && !git('fetch', '--quiet', '--depth', '1', source, commit))
    throw new Error(
      `${name}: commit ${commit} cannot be fetched from ${source}. A copy elsewhere serves as well: ` +
        `node scripts/foreign.mjs --from '/some/folder/{owner}/{name}'`,
    )
  git('checkout', '--quiet', '--force', commit)
  // Its own list brings compilers, linters and browsers.
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const { scripts, devDependencies, peerDependencies, ...rest } = manifest
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...rest, devDependencies: packages }, null, 2))
  rmSync(join(folder, 'package-lock.json'), { force: true })
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock']
  if (!call('npm', [...install, '--loglevel', 'error'], folder))
    throw new Error(`${name}: npm could not install the packages of the tests`)
  const installed = join(folder, 'node_modules')
  for (const each of ['package.json', 'dist'])
    cpSync(join(root, each), join(installed, 'tokenflight', each), { recursive: true })
  // The axios of the tests is the one that tokenflight imports.
  const own = join(installed, 'axios')
  if (client !== 'fetch' && !packages.axios && !existsSync(own)) symlinkSync('..', own, 'junction')
  cpSync(join(root, 'scripts/foreign'), join(folder, 'tokenflight'), { recursive: true })
  cpSync(join(root, 'scripts/find-browser.mjs'), join(folder, 'find-browser.mjs'))
  return folder
}

/**
 * @param {string} folder
 * @param {Suite} suite
 * @param {{ session: string, count: string }} [attachment]
 */
function run(folder, { command, files, client, system, origins }, attachment) {
  const [script = '', ...parameters] = command
  const tests = files ? readdirSync(join(folder, 'test'), { recursive: true, encoding: 'utf8' }) : []
  for (const test of tests) if (test.endsWith(`${files}`)) parameters.push(join('test', test))
  const preload = `--import=${pathToFileURL(join(folder, 'tokenflight/preload.mjs'))}`
  const { stdout } = spawnSync('node', [script, ...parameters], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', process.env.VERBOSE ? 'inherit' : 'ignore'],
    maxBuffer: 1e9,
    timeout: 600_000,
    env: {
      ...process.env,
      ...(attachment && {
        ...(client !== 'page' && { NODE_OPTIONS: preload }),
        TOKENFLIGHT: JSON.stringify({ ...attachment, client, system, origins }),
      }),
    },
  })
  const name = attachment?.session ?? 'bare'
  writeFileSync(join(folder, `${name}.tap`), stdout)
  return readTap(stdout)
}

/**
 * @param {string} command
 * @param {string[]} parameters
 * @param {string} cwd
 */
function call(command, parameters, cwd) {
  const isWindows = process.platform === 'win32'
  return spawnSync(command, parameters, { cwd, stdio: 'ignore', shell: isWindows }).status === 0
}
