// @ts-check
// `node scripts/api.mjs` compares the public surface of each built entry with its report in etc/, so that a change of it
// shows in a diff; with `--update` it writes the reports.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'
import manifest from '../package.json' with { type: 'json' }
import { ensureBuilt } from './ensure-built.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const reports = join(root, 'etc')
const isUpdate = process.argv.includes('--update')
ensureBuilt('build')
mkdirSync(reports, { recursive: true })

// The reports list names and types. TypeDoc checks the doc comments.
const silent = { default: { logLevel: ExtractorLogLevel.None } }
const configs = Object.entries(manifest.exports).flatMap(([path, target]) =>
  typeof target === 'string' ? [] : [prepare(path === '.' ? 'index' : path.slice(2), target.import.types)],
)
const compilerState = CompilerState.create(/** @type {ExtractorConfig} */ (configs[0]), {
  additionalEntryPoints: configs.map(config => config.mainEntryPointFilePath),
})
const changed = configs.filter(config => {
  const options = { compilerState, localBuild: isUpdate, messageCallback: quietly }
  return Extractor.invoke(config, options).apiReportChanged
})

const names = changed.map(config => `etc/${basename(config.reportFilePath)}`).join(', ')
if (isUpdate) console.log(changed.length ? `Written: ${names}` : 'The reports in etc/ were up to date')
else if (changed.length) {
  for (const { reportFilePath, reportTempFilePath } of changed) {
    spawnSync('git', ['diff', '--no-index', '--', reportFilePath, reportTempFilePath], { stdio: 'inherit' })
  }
  console.error(`The public surface differs from ${names}.`)
  console.error(
    'If you meant to change it, run `node scripts/api.mjs --update`, review the difference and commit it with a CHANGELOG line.',
  )
  process.exitCode = 1
} else console.log(`The public surface of ${configs.length} entries agrees with etc/`)

/**
 * @param {string} name
 * @param {string} declarations
 */
function prepare(name, declarations) {
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, declarations),
      compiler: { tsconfigFilePath: join(root, 'src/tsconfig.json') },
      apiReport: {
        enabled: true,
        reportFolder: reports,
        reportTempFolder: join(root, 'node_modules/.cache/tokenflight-api'),
        reportFileName: `${name}.api.md`,
        includeForgottenExports: true,
      },
      messages: {
        compilerMessageReporting: silent,
        extractorMessageReporting: silent,
        tsdocMessageReporting: silent,
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
  })
}

/**
 * It would tell of its TypeScript and of each report by its full path.
 * @param {import('@microsoft/api-extractor').ExtractorMessage} message
 */
function quietly(message) {
  message.handled = message.logLevel !== ExtractorLogLevel.Error
}
