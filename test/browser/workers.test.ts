/** The built package in a dedicated worker and in a service worker of a real browser, beside their page: one session. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { expect, it, onTestFinished } from 'vitest'
import { findBrowser, launchArguments } from '../../scripts/find-browser.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** Runs in the page and in each worker; `login` is called once, by the page. */
const application = `
import { createAuth, indexedDBStorage, refreshRequest } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'

const auth = createAuth({ storage: indexedDBStorage(), refresh: refreshRequest({ url: '/refresh' }) })
const api = authFetch(auth)
globalThis.login = () => auth.login({ access_token: 'revoked', refresh_token: 'rt-1', expires_in: 300 })
globalThis.ask = async () => {
  await auth.ready
  const answers = await Promise.all([api('/a'), api('/b'), api('/c')])
  return { kind: globalThis.constructor.name, statuses: answers.map(({ status }) => status), status: auth.getState().status }
}
if (!globalThis.document) {
  globalThis.onmessage = async event => (event.ports[0] ?? globalThis).postMessage(await ask().catch(String))
}
`
const page = '<!doctype html><meta charset="utf-8"><title>Workers</title><script src="/app.js"></script>'

it('is one session with one refresh for the page, two workers and a service worker', async () => {
  const { outputFiles } = await build({
    stdin: { contents: application, resolveDir: root },
    alias: { tokenflight: join(root, 'dist/index.js'), 'tokenflight/fetch': join(root, 'dist/fetch.js') },
    ...{ bundle: true, write: false, format: 'iife', target: 'es2022' },
  })
  const spent: string[] = []
  const server = createServer(async (request, response) => {
    const { url = '', headers } = request
    if (url === '/refresh') {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      spent.push(JSON.parse(String(Buffer.concat(chunks))).refreshToken)
      response.setHeader('Content-Type', 'application/json')
      response.end(JSON.stringify({ access_token: 'good', refresh_token: 'rt-2', expires_in: 300 }))
    } else if (url === '/' || url === '/app.js') {
      response.setHeader('Content-Type', url === '/' ? 'text/html' : 'text/javascript')
      response.end(url === '/' ? page : outputFiles[0]?.text)
    } else response.writeHead(headers.authorization === 'Bearer good' ? 200 : 401).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })
  onTestFinished(async () => {
    await browser.close()
    server.closeAllConnections()
    server.close()
  })
  const tab = await (await browser.newContext()).newPage()
  await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const told = await tab.evaluate(async () => {
    const { login, ask } = globalThis as unknown as Record<'login' | 'ask', () => Promise<unknown>>
    await login()
    const hear = (port: Worker | MessagePort): Promise<unknown> =>
      new Promise(resolve => {
        port.onmessage = ({ data }: MessageEvent) => resolve(data)
      })
    const workers = [new Worker('/app.js'), new Worker('/app.js')]
    await navigator.serviceWorker.register('/app.js')
    const { active } = await navigator.serviceWorker.ready
    const { port1, port2 } = new MessageChannel()
    const answers = [hear(port1), ...workers.map(hear), ask()]
    active?.postMessage('go', [port2])
    for (const worker of workers) worker.postMessage('go')
    return Promise.all(answers)
  })
  const served = { statuses: [200, 200, 200], status: 'authenticated' }
  expect(told).toEqual(
    ['ServiceWorkerGlobalScope', 'DedicatedWorkerGlobalScope', 'DedicatedWorkerGlobalScope', 'Window'].map(
      kind => ({
        kind,
        ...served,
      }),
    ),
  )
  expect(spent).toEqual(['rt-1'])
})
