// @ts-check
// One place that knows where browsers live: tests, the demo and benches launch the ones that it finds.
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

const chromePaths = ['CHROME_PATH', 'CHROMIUM_PATH']
const shells = ['chromium-headless-shell', 'chrome-headless-shell']
const findShell = () => fromEnvironment(chromePaths) ?? inPath(shells).find(isExecutable)

/**
 * Absolute path of the Chromium that tests and benches drive: the headless shell, which opens a page in half the time, or
 * else the whole browser.
 */
export function findBrowser() {
  return findShell() ?? findWholeBrowser()
}

/** Installs the headless shell where it is missing and that is safe to do. Returns the browser that `findBrowser` finds then. */
export function ensureBrowser() {
  if (!findShell()) install(['chromium-headless-shell'])
  return findBrowser()
}

/** Absolute path of a Chrome, Chromium or Edge. Installs one where that is safe to do, else throws: never a silent skip. */
export function findWholeBrowser() {
  return find(candidates, {
    wanted: 'Chrome, Chromium or Edge',
    variables: chromePaths,
    packageName: 'chromium',
    advice: [
      '  Debian, Ubuntu:  sudo apt-get install chromium (on Ubuntu: chromium-browser, or Google Chrome)',
      '  macOS:           brew install --cask google-chrome',
      '  Windows:         winget install Google.Chrome',
      '  anywhere else:   set CHROME_PATH to the executable of a Chromium-based browser',
    ],
  })
}

/** Absolute path of a Firefox, for the tests with real tabs. Installs one where that is safe to do, else throws. */
export function findFirefox() {
  return find(firefoxCandidates, {
    wanted: 'Firefox',
    variables: ['FIREFOX_PATH'],
    packageName: 'firefox-esr',
    advice: [
      '  Debian:          sudo apt-get install firefox-esr',
      '  Ubuntu:          the .deb of Mozilla (a snap cannot be driven by a test)',
      '  macOS:           brew install --cask firefox',
      '  Windows:         winget install Mozilla.Firefox',
      '  anywhere else:   set FIREFOX_PATH to the executable',
    ],
  })
}

/**
 * @param {() => string[]} places where such a browser may be
 * @param {{ wanted: string, variables: string[], packageName: string, advice: string[] }} browser
 */
function find(places, { wanted, variables, packageName, advice }) {
  const installed = () => places().find(isExecutable)
  const found =
    fromEnvironment(variables) ?? installed() ?? (install([packageName]) ? installed() : undefined)
  if (found) return found
  const first = `No ${wanted} was found, and the browser tests need one. Do one of these:`
  throw new Error([first, ...advice, 'Then run the command again.'].join('\n'))
}

/** @param {string[]} variables */
function fromEnvironment(variables) {
  for (const name of variables) {
    const path = process.env[name]
    if (!path) continue
    if (isExecutable(path)) return path
    throw new Error(`${name} is set to ${path}, which is not an executable file. Correct or unset it.`)
  }
  return undefined
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
  return [...inPath(names), '/opt/google/chrome/chrome', '/opt/microsoft/msedge/msedge']
}

/** @returns {string[]} */
function firefoxCandidates() {
  const { env, platform } = process
  if (platform === 'win32') {
    const roots = [env.PROGRAMFILES, env['PROGRAMFILES(X86)']]
    return roots.flatMap(root => (root ? [join(root, 'Mozilla Firefox/firefox.exe')] : []))
  }
  if (platform === 'darwin') {
    const roots = ['/Applications', join(env.HOME ?? '/', 'Applications')]
    return roots.map(root => `${root}/Firefox.app/Contents/MacOS/firefox`)
  }
  return inPath(['firefox-esr', 'firefox'])
}

/**
 * Where programs of these names may be.
 * @param {string[]} names
 */
export function inPath(names) {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter).filter(Boolean),
    '/usr/bin',
    '/usr/local/bin',
    '/snap/bin',
  ]
  return names.flatMap(name => folders.map(folder => join(folder, name)))
}

/** @param {string} path */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Only as root on a Debian-like system, as in a CI container: elsewhere it is the person's machine and choice.
 * @param {string[]} packages
 */
export function install(packages) {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    return false
  console.error(`Installing ${packages.join(' and ')} with apt-get.`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  /** @param {string[]} parameters */
  const apt = (...parameters) =>
    spawnSync('apt-get', parameters, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  return apt('update') && apt('install', '-y', '--no-install-recommends', ...packages)
}
