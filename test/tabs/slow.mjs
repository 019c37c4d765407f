// @ts-check
// `npm run test:slow`: the simulator with 10,000 scenarios, or as many as TABS_RUNS says.
import { spawnSync } from 'node:child_process'

const env = { ...process.env, TABS_RUNS: process.env.TABS_RUNS ?? '10000' }
const command = ['vitest', 'run', '--project', 'unit', 'test/tabs', ...process.argv.slice(2)]
process.exitCode =
  spawnSync('npx', command, { env, stdio: 'inherit', shell: process.platform === 'win32' }).status ?? 1
