// @ts-check
// `node test/tabs/departures.mjs`: real tabs that close, crash, reload and navigate during their refresh, in Chromium and in
// Firefox, with 50 rounds of each case, or as many as ROUNDS says. Arguments go to vitest: `-- -t firefox`.
import { spawnSync } from 'node:child_process'
import { findBrowser, findFirefox } from '../../scripts/find-browser.mjs'

process.stdout.write(`Browsers: ${findBrowser()}, ${findFirefox()}\n`)
const env = { ...process.env, ROUNDS: process.env.ROUNDS ?? '50' }
const command = ['vitest', 'run', '--project', 'browser', 'tabs-departures', ...process.argv.slice(2)]
process.exitCode =
  spawnSync('npx', command, { env, stdio: 'inherit', shell: process.platform === 'win32' }).status ?? 1
