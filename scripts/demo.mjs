// @ts-check
// `npm run demo`: builds the demo from source and runs it. `npm run demo -- --help` lists the options.
import { buildPage, buildStatic, loadModule } from '../demo/build.mjs'

const { main } = await loadModule('cli.ts')
process.exitCode = await main(process.argv.slice(2), { buildPage, buildStatic })
