// @ts-check
// The programs that drive WebKit: WebKitGTK's own driver and browser, and an invisible display.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { inPath, install, isExecutable } from './find-browser.mjs'

/** @typedef {{ driver: string, browser: string, display: string }} WebKit absolute paths of WebKitWebDriver, MiniBrowser and Xvfb */

/** Advice where the programs are missing. */
export const webKitAdvice = [
  'The tests in WebKit are skipped, because WebKitWebDriver, MiniBrowser and Xvfb were not found together.',
  '  Debian, Ubuntu:  sudo apt-get install webkit2gtk-driver xvfb',
  '  macOS, Windows:  there is no WebKitGTK; run the tests in a Linux container',
].join('\n')

/**
 * Installs the programs where that is safe to do. Undefined where they are missing and cannot be installed.
 * @returns {WebKit | undefined}
 */
export function findWebKit() {
  if (process.platform !== 'linux') return undefined
  return installed() ?? (install(['webkit2gtk-driver', 'xvfb']) ? installed() : undefined)
}

/** @returns {WebKit | undefined} */
function installed() {
  const driver = inPath(['WebKitWebDriver']).find(isExecutable)
  const display = inPath(['Xvfb']).find(isExecutable)
  const browser = miniBrowsers().find(isExecutable)
  return driver && display && browser ? { driver, browser, display } : undefined
}

/** Debian keeps it in the folder of the machine's architecture, other systems in `libexec`. */
function miniBrowsers() {
  const places = ['/usr/libexec', '/usr/lib64', ...folders('/usr/lib')]
  return places
    .flatMap(place => folders(place).filter(folder => /\/webkit2?gtk-[\d.]+$/.test(folder)))
    .map(folder => join(folder, 'MiniBrowser'))
}

/** @param {string} place */
function folders(place) {
  try {
    return readdirSync(place).map(name => join(place, name))
  } catch {
    return []
  }
}
