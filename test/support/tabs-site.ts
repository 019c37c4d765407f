/** The page of the tests with real tabs, and the server that it calls: one strictly rotating server a test file. */
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type RunningServer, startServer } from '../../demo/server/start.js'

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

async function buildPage(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tokenflight-tabs-'))
  await build({
    entryPoints: [root('test/support/tabs-client.ts')],
    bundle: true,
    format: 'esm',
    outfile: join(directory, 'page.js'),
    alias: { tokenflight: root('src/index.ts'), 'tokenflight/axios': root('src/axios.ts') },
    logLevel: 'error',
  })
  const html = '<!doctype html><title>tab</title><script type="module" src="/page.js"></script>'
  await writeFile(join(directory, 'index.html'), html)
  await writeFile(join(directory, 'away.html'), '<!doctype html><title>away</title>')
  return directory
}

/** Serves the page without the `no-store` of the mock server, which keeps pages out of the back/forward cache. */
async function startSite(directory: string): Promise<{ url: string; stop(): Promise<void> }> {
  const types = { html: 'text/html', js: 'text/javascript' }
  const server = createServer(async ({ url = '' }, response) => {
    const name = /^\/(\w+\.(?:html|js))/.exec(url)?.[1] ?? 'index.html'
    response.setHeader('Content-Type', name.endsWith('js') ? types.js : types.html)
    response.end(await readFile(join(directory, name)))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}

export interface Site {
  /** Another origin that serves the page; its pages say with `api` where the server is. */
  readonly site: string
  /** It serves the page, too. Each test finds it as new. */
  readonly server: RunningServer
}

/** The server rotates strictly and detects reuse. */
export function useSite(): Site {
  const site = {} as { -readonly [Name in keyof Site]: Site[Name] }
  let stop: () => Promise<void> = async () => {}
  let directory = ''

  beforeAll(async () => {
    directory = await buildPage()
    const started = await startSite(directory)
    site.site = started.url
    stop = started.stop
    site.server = await startServer({ directory, refreshTokenLifetime: 3_600_000 })
  })
  afterAll(async () => {
    await stop()
    await site.server?.close()
    await rm(directory, { recursive: true, force: true })
  })
  afterEach(() => {
    site.server.backend.reset()
    site.server.log.clear()
  })
  return site as Site
}
