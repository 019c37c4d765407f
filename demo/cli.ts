/** The command line of the demo: the page, or the same story without one. */
import { parseArgs } from 'node:util'
import { startServer } from './server/start.js'
import { formatTally, runStory } from './story.js'

const help = `Usage: npm run demo -- [options]

  --port N             port of the page and the mock auth server (default: 4310, or any that is free)
  --data FILE          keeps sessions and keys in a file, so that users stay logged in over a restart
  --static FOLDER      builds the demo without a server into the folder, for any static host
  --headless           tells the same story without a page, in some seconds; exit code 1 if a request was lost
  --fail-refreshes N   headless: how many refreshes in a row the auth server fails (default: 1; with 9,
                       requests are lost)
  --help               shows this
`

const preferredPort = 4310

/** The builders of `demo/build.mjs`. */
interface Build {
  buildPage(): Promise<string>
  buildStatic(directory: string): Promise<string>
}

/** Runs the demo. Resolves to an exit code, or to `undefined` while the server runs on. */
export async function main(parameters: string[], build: Build): Promise<number | undefined> {
  let options: Options
  try {
    options = readOptions(parameters)
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${help}`)
    return 2
  }
  if (options.help) {
    console.log(help)
    return 0
  }
  if (options.headless) {
    const tally = await runStory({ say: console.log, failRefreshes: options.failRefreshes })
    console.log(`\n${formatTally(tally)}`)
    return tally.lost > 0 ? 1 : 0
  }
  if (options.static !== undefined) {
    console.log(`The static demo is in ${await build.buildStatic(options.static)}`)
    return 0
  }
  return serve(options, build)
}

interface Options {
  help: boolean
  headless: boolean
  failRefreshes: number
  port: number | undefined
  data: string | undefined
  static: string | undefined
}

function readOptions(parameters: string[]): Options {
  const { values } = parseArgs({
    args: parameters,
    options: {
      help: { type: 'boolean', default: false },
      headless: { type: 'boolean', default: false },
      port: { type: 'string' },
      data: { type: 'string' },
      static: { type: 'string' },
      'fail-refreshes': { type: 'string', default: '1' },
    },
  })
  return {
    help: values.help,
    headless: values.headless,
    failRefreshes: readInteger('--fail-refreshes', values['fail-refreshes'], 1000),
    port: values.port === undefined ? undefined : readInteger('--port', values.port, 65_535),
    data: values.data,
    static: values.static,
  }
}

function readInteger(name: string, text: string, highest: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value <= highest) return value
  throw new TypeError(`${name} must be a whole number from 0 to ${highest}, got '${text}'`)
}

async function serve(options: Options, { buildPage }: Build): Promise<number | undefined> {
  const settings = {
    directory: await buildPage(),
    dataFile: options.data,
    accessTokenLifetime: 10_000,
    refreshTokenLifetime: 60_000,
  }
  try {
    const server = await startServer({ ...settings, port: options.port ?? preferredPort }).catch(error => {
      // The port was not chosen by the user.
      if (options.port === undefined && error.code === 'EADDRINUSE') return startServer(settings)
      throw error
    })
    server.backend.delayRefresh(250)
    console.log(`tokenflight demo: ${server.url}/`)
    console.log('Access tokens live 10 s, refresh tokens 60 s. Ctrl+C stops it.')
    const stop = () => void server.close().then(() => process.exit(0))
    process.once('SIGINT', stop)
    process.once('SIGTERM', stop)
    return undefined
  } catch (error) {
    console.error(`The demo could not start: ${messageOf(error)}`)
    return 1
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
