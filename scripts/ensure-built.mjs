// @ts-check
// Builds the output that a check reads, when it is missing or older than its sources.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The file that each build writes last, and its sources. */
const builds = {
  build: { output: 'dist/index.d.cts', sources: ['src', 'rollup.config.js', 'package.json'] },
  docs: {
    output: 'docs/.vitepress/dist/demo/index.html',
    sources: ['docs', 'demo', 'src', 'README.md', 'CHANGELOG.md'],
  },
}

/**
 * When the newest file of a folder was written, or one was added or removed; folders of builds do not count.
 * @param {string} path
 * @returns {number}
 */
function newest(path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  const names = readdirSync(path).filter(name => name !== 'dist' && name !== 'cache')
  return Math.max(stats.mtimeMs, ...names.map(name => newest(join(path, name))))
}

/** @param {keyof typeof builds} script of package.json */
export function ensureBuilt(script) {
  const { output, sources } = builds[script]
  const file = join(root, output)
  const isFresh =
    existsSync(file) && sources.every(source => newest(join(root, source)) <= statSync(file).mtimeMs)
  if (isFresh) return
  const { status } = spawnSync('npm', ['run', '--silent', script], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`npm run ${script} failed`)
}
