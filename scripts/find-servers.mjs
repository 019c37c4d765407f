// @ts-check
// The servers of test/servers that Debian packages, and the programs that run them.
import { spawnSync } from 'node:child_process'

/**
 * @typedef {object} Program
 * @property {string[]} packages of Debian
 * @property {string[]} commands that may run it, the better one first
 * @property {string[]} probe parameters with which the command succeeds where all packages are installed
 */

/** @param {string} module */
const django = module => ({ commands: ['/usr/bin/python3', 'python3'], probe: ['-c', `import ${module}`] })

/** @satisfies {Record<string, Program>} */
export const programs = {
  simplejwt: {
    packages: ['python3-djangorestframework-simplejwt'],
    ...django('rest_framework_simplejwt'),
  },
  'django-oauth-toolkit': {
    packages: ['python3-django-oauth-toolkit', 'python3-djangorestframework'],
    ...django('oauth2_provider, rest_framework'),
  },
  doorkeeper: {
    packages: ['ruby-doorkeeper', 'ruby-activerecord', 'ruby-sqlite3', 'puma'],
    commands: ['/usr/bin/ruby', 'ruby'],
    probe: ['-e', '%w[rails active_record doorkeeper sqlite3 puma].each { |name| require name }'],
  },
  glewlwyd: {
    packages: ['glewlwyd', 'sqlite3'],
    commands: ['glewlwyd'],
    probe: ['--version'],
  },
}

/**
 * The command that runs it; undefined where it is not installed.
 * @param {keyof typeof programs} name
 */
export function findServer(name) {
  const { commands, probe } = programs[name]
  return commands.find(command => spawnSync(command, probe, { stdio: 'ignore' }).status === 0)
}
