// @ts-check
// `node scripts/compat.mjs [name…]`: the unit suite, and the types of src, against other versions of the peers. Each folder
// of test/compat names its versions; the newest ones are those of the package itself, which `npm test` runs. The folders of
// one package alone name the tests that concern it.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureBuilt } from './ensure-built.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'test/compat')
const all = readdirSync(folder, { withFileTypes: true })
  .filter(entry => entry.isDirectory())
  .map(({ name }) => name)
const names = process.argv.length > 2 ? process.argv.slice(2) : all

/** The files that the tests read. A package that is not installed in the copy is found further up, in the package's own folder. */
const copied = ['src', 'test', 'examples', 'demo', 'docs', 'README.md', 'tsconfig.json', 'vitest.config.ts']
/** The tests that have nothing to do with the peers. */
const excluded = [
  'test/architecture.test.ts',
  'test/interop/oidc-provider.test.ts',
  'test/robustness/expressions.test.ts',
  // The documents are the same with every version.
  'test/docs/blocks.test.ts',
  'test/docs/changelog.test.ts',
  'test/docs/claims.test.ts',
  'test/docs/links.test.ts',
  'test/docs/security.test.ts',
  'test/docs/ssr.test.ts',
  'test/docs/words.test.ts',
  'test/docs/works-with.test.ts',
  'test/server-styles/guide.test.ts',
]

ensureBuilt('build')
const failed = names.filter(name => {
  const copy = join(root, '.compat', name)
  for (const each of copied) {
    rmSync(join(copy, each), { recursive: true, force: true })
    mkdirSync(copy, { recursive: true })
    cpSync(join(root, each), join(copy, each), { recursive: true })
  }
  for (const each of ['package.json', 'package-lock.json']) cpSync(join(folder, name, each), join(copy, each))
  console.log(`\n── ${name} ${'─'.repeat(60 - name.length)}`)
  // Each folder names the tests that its versions cannot pass, and says why.
  const { cannot = {}, tests = [] } = JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8'))
  for (const each of [...excluded, ...Object.keys(cannot)]) rmSync(join(copy, each))
  if (!run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], copy)) return true
  // The built package, beside the other versions of its peers.
  const installed = join(copy, 'node_modules/tokenflight')
  for (const each of ['package.json', 'dist'])
    cpSync(join(root, each), join(installed, each), { recursive: true })
  return ![
    ['npx', 'vitest', 'run', '--root', copy, '--project', 'unit*', ...tests],
    ['node', join(root, 'scripts/compat-types.mjs'), copy],
  ].every(([command = '', ...parameters]) => run(command, parameters, copy))
})
console.log(
  `\n${names.length - failed.length} passed, ${failed.length} failed${failed.length ? `: ${failed}` : ''}`,
)
process.exitCode = failed.length ? 1 : 0

/**
 * @param {string} command
 * @param {string[]} parameters
 * @param {string} cwd
 */
function run(command, parameters, cwd) {
  return (
    spawnSync(command, parameters, { cwd, stdio: 'inherit', shell: process.platform === 'win32' }).status ===
    0
  )
}
