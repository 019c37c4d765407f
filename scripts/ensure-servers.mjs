// @ts-check
// Installs the Debian packages that the tests with real servers need, before any test starts. A server that cannot be
// installed is named, and its tests are skipped.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { findServer, programs } from './find-servers.mjs'

const names = /** @type {(keyof typeof programs)[]} */ (Object.keys(programs))
const missing = names.filter(name => !findServer(name))
const apt = missing.length ? findApt() : undefined
if (apt) run(apt, ['update'])
for (const name of names) {
  const { packages } = programs[name]
  const isNew = missing.includes(name)
  if (isNew && apt) run(apt, ['install', '-y', '--no-install-recommends', ...packages])
  const isThere = !isNew || findServer(name)
  console.log(
    `${name}: ${isThere ? (isNew ? 'installed' : 'found') : `its tests are skipped. Install ${packages.join(', ')}`}`,
  )
}
if (missing.length && !apt) console.log('There is no apt-get that needs no password.')

/** The command that installs: as root, or by a sudo that asks for no password. */
function findApt() {
  if (!existsSync('/usr/bin/apt-get')) return undefined
  if (process.getuid?.() === 0) return ['apt-get']
  const sudo = ['sudo', '-n', 'DEBIAN_FRONTEND=noninteractive', 'apt-get']
  return run([...sudo, '--version'], [], 'ignore') ? sudo : undefined
}

/**
 * @param {string[]} command
 * @param {string[]} parameters
 * @param {'ignore' | 'inherit'} errors
 */
function run([command = '', ...rest], parameters, errors = 'inherit') {
  return (
    spawnSync(command, [...rest, ...parameters], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', errors],
    }).status === 0
  )
}
