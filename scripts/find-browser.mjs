// @ts-check
// One place that knows where a Chromium lives: tests, the demo and benches launch what this finds.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Quiet, sandbox-free (CI runs as root) and without traffic of its own. */
export const launchArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Absolute path of a Chrome, Chromium or Edge. Installs one where that is safe to do, else throws: never a silent skip. */
export function findBrowser() {
  const found = fromEnvironment() ?? firstInstalled() ?? (installChromium() ? firstInstalled() : undefined)
  if (found) return found
  throw new Error(
    [
      'No Chrome, Chromium or Edge was found, and the browser tests need one. Do one of these:',
      '  Debian, Ubuntu:  sudo apt-get install chromium (on Ubuntu: chromium-browser, or Google Chrome)',
      '  macOS:           brew install --cask google-chrome',
      '  Windows:         winget install Google.Chrome',
      '  anywhere else:   set CHROME_PATH to the executable of a Chromium-based browser',
      'Then run the command again.',
    ].join('\n'),
  )
}

function fromEnvironment() {
  for (const name of ['CHROME_PATH', 'CHROMIUM_PATH']) {
    const path = process.env[name]
    if (!path) continue
    if (isExecutable(path)) return path
    throw new Error(`${name} is set to ${path}, which is not an executable file. Correct or unset it.`)
  }
  return undefined
}

function firstInstalled() {
  return candidates().find(isExecutable)
}

/** @returns {string[]} */
function candidates() {
  const { env, platform } = process
  if (platform === 'win32') {
    const roots = [env.PROGRAMFILES, env['PROGRAMFILES(X86)'], env.LOCALAPPDATA]
    const programs = [
      'Google/Chrome/Application/chrome.exe',
      'Chromium/Application/chrome.exe',
      'Microsoft/Edge/Application/msedge.exe',
    ]
    return programs.flatMap(program => roots.flatMap(root => (root ? [join(root, program)] : [])))
  }
  if (platform === 'darwin') {
    const programs = ['Google Chrome', 'Chromium', 'Microsoft Edge']
    const roots = ['/Applications', join(env.HOME ?? '/', 'Applications')]
    return programs.flatMap(name => roots.map(root => `${root}/${name}.app/Contents/MacOS/${name}`))
  }
  const names = [
    'google-chrome-stable',
    'google-chrome',
    'chromium',
    'chromium-browser',
    'microsoft-edge-stable',
    'microsoft-edge',
  ]
  const folders = [
    ...(env.PATH ?? '').split(delimiter).filter(Boolean),
    '/usr/bin',
    '/usr/local/bin',
    '/snap/bin',
  ]
  const known = ['/opt/google/chrome/chrome', '/opt/microsoft/msedge/msedge']
  return [...names.flatMap(name => folders.map(folder => join(folder, name))), ...known]
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Only as root on a Debian-like system, as in a CI container: elsewhere it is the person's machine and choice. */
function installChromium() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    return false
  console.error('No Chromium found: installing the package "chromium" with apt-get (about 120 MB).')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  /** @param {string[]} parameters */
  const apt = (...parameters) =>
    spawnSync('apt-get', parameters, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  return apt('update') && apt('install', '-y', '--no-install-recommends', 'chromium')
}
