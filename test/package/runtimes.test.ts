/** The built package where it is used: bundled by Vite, webpack and as Metro resolves it, and run where there is no page. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { EdgeVM } from '@edge-runtime/vm'
import { build as esbuild } from 'esbuild'
import { build as vite } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import webpack from 'webpack'
import { root } from './contract.js'

const project = mkdtempSync(join(tmpdir(), 'tokenflight-runtimes-'))
const entry = join(project, 'app.js')

/** An application: a burst of 401s by both clients, one refresh, and the end of the session. */
const app = `
import axios from 'axios'
import { createAuth, indexedDBStorage, refreshRequest, webStorage } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'

const api = 'https://api.example'
export async function story() {
  const good = new Set()
  const arrived = []
  let count = 0
  const reply = (status, body) => new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } })
  const fetch = async (input, init) => {
    const { url, headers } = new Request(input, init)
    const token = (headers.get('Authorization') ?? '').slice(7)
    arrived.push(new URL(url).pathname + ' ' + token)
    if (!url.endsWith('/refresh')) return good.has(token) ? reply(200, { token }) : reply(401, {})
    good.add('at-' + ++count)
    return count > 1 ? reply(400, { error: 'invalid_grant' }) : reply(200, { access_token: 'at-' + count, refresh_token: 'rt', expires_in: 300 })
  }
  const adapter = async config => {
    const answer = await fetch(axios.getUri(config), { headers: { Authorization: String(config.headers.get('Authorization')) } })
    const response = { status: answer.status, statusText: '', headers: {}, config, request: {}, data: await answer.text() }
    if (answer.status === 200) return response
    throw new axios.AxiosError('refused', 'ERR_BAD_REQUEST', config, {}, response)
  }
  const events = []
  const auth = createAuth({ refresh: refreshRequest({ url: api + '/refresh', fetch }), autoRefresh: 'always' })
  for (const name of ['login', 'refreshed', 'sessionExpired', 'warning']) auth.on(name, () => events.push(name))
  const client = axios.create({ baseURL: api, adapter })
  attachAuth(client, auth)
  const own = authFetch(auth, { allowedOrigins: [api], fetch })
  await auth.ready
  await auth.login({ access_token: 'old', refresh_token: 'rt', expires_in: 300 })
  const answers = await Promise.all([client.get('/a'), own(api + '/b'), client.get('/c')])
  const statuses = answers.map(answer => answer.status)
  good.clear()
  const ended = await auth.refresh().then(() => 'alive', error => error.code)
  auth.dispose()
  // Whatever storage there is or is not: memory carries on.
  const kept = []
  for (const storage of [webStorage(), indexedDBStorage()]) {
    const other = createAuth({ storage, refresh: async () => ({ access_token: 'x' }), name: 'kept' + kept.length })
    await other.login({ access_token: 'at', expires_in: 300 })
    kept.push(await other.getAccessToken())
    other.dispose()
  }
  return JSON.stringify({ statuses, refreshes: arrived.filter(line => line.startsWith('/refresh')).length, ended, events, kept })
}
`
const expected = {
  statuses: [200, 200, 200],
  refreshes: 2,
  ended: 'ERR_SESSION_EXPIRED',
  events: ['login', 'refreshed', 'sessionExpired'],
  kept: ['at', 'at'],
}

beforeAll(() => {
  mkdirSync(join(project, 'node_modules'))
  symlinkSync(root, join(project, 'node_modules/tokenflight'), 'junction')
  for (const name of ['axios', 'jwt-decode'])
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name), 'junction')
  writeFileSync(entry, app)
  writeFileSync(join(project, 'package.json'), '{"type":"module"}')
})

afterAll(() => rmSync(project, { recursive: true, force: true }))

/** Bundles to a script that sets the global `app`. */
const bundlers: Record<string, () => Promise<string>> = {
  async Vite() {
    const lib = { entry, name: 'app', formats: ['iife' as const], fileName: () => 'vite.js' }
    const result = await vite({
      root: project,
      logLevel: 'error',
      build: { lib, write: false, minify: false },
    })
    const [output] = Array.isArray(result) ? result : [result]
    return output && 'output' in output ? output.output[0].code : ''
  },
  async webpack() {
    await new Promise<void>((resolve, reject) => {
      const output = { path: project, filename: 'webpack.js', library: { name: 'app', type: 'var' } }
      webpack(
        { context: project, entry, mode: 'production', target: 'web', devtool: false, output },
        (error, stats) => {
          if (error || stats?.hasErrors()) reject(error ?? new Error(stats?.toString()))
          else resolve()
        },
      )
    })
    return readFileSync(join(project, 'webpack.js'), 'utf8')
  },
  /** As Metro does: CommonJS, and the conditions of React Native. */
  async 'esbuild, as Metro resolves'() {
    const { outputFiles } = await esbuild({
      ...{
        entryPoints: [entry],
        bundle: true,
        write: false,
        format: 'iife',
        globalName: 'app',
        target: 'es2020',
      },
      ...{
        platform: 'neutral',
        conditions: ['react-native', 'require'],
        mainFields: ['react-native', 'browser', 'main'],
      },
    })
    return outputFiles[0]?.text ?? ''
  },
}

type Run = (code: string) => Promise<unknown>

/** The globals that a page and a worker of any kind share. */
const shared = () => ({
  ...{
    AbortController,
    AbortSignal,
    Blob,
    Event,
    EventTarget,
    FormData,
    Headers,
    ReadableStream,
    Request,
    Response,
  },
  ...{
    TextDecoder,
    TextEncoder,
    URL,
    URLSearchParams,
    atob,
    btoa,
    clearTimeout,
    console,
    fetch,
    performance,
  },
  ...{ queueMicrotask, setTimeout, structuredClone },
})

const inside =
  (globals: object, prepare = ''): Run =>
  async code =>
    runInContext(`${prepare};${code};app.story()`, createContext({ ...globals }))

const runtimes: Record<string, Run> = {
  'an edge runtime, as Cloudflare and Vercel have it': async code =>
    new EdgeVM().evaluate(`${code};app.story()`),
  'a worker without window, document and storage': inside(shared(), 'globalThis.self = globalThis'),
  // `window` is there and has no events; there is no document, no lock, no channel and no storage.
  'React Native': inside(
    {
      ...shared(),
      navigator: { product: 'ReactNative' },
      structuredClone: undefined,
      ReadableStream: undefined,
    },
    'globalThis.window = globalThis.self = globalThis',
  ),
  'an old runtime without performance': inside({
    ...shared(),
    performance: { now: () => Date.now() },
    navigator: undefined,
  }),
}

describe.each(Object.entries(bundlers))('bundled by %s', (_, bundle) => {
  let code: string
  beforeAll(async () => {
    code = await bundle()
  })

  it.each(Object.entries(runtimes))('it works in %s', async (_name, run) => {
    const told = JSON.parse(String(await run(code)))
    expect({ ...told, events: told.events.filter((name: string) => name !== 'warning') }).toEqual(expected)
  })
})

describe('a server', () => {
  it('that requires it and one that imports it see one and the same kind of error', async () => {
    const required = createRequire(join(project, 'app.js'))('tokenflight')
    const imported = await import(join(root, 'dist/index.js'))
    const error = new required.SessionExpiredError('no_refresh_token')
    expect(error).not.toBeInstanceOf(imported.SessionExpiredError)
    expect([imported.isAuthError(error), imported.isSessionExpired(error)]).toEqual([true, true])
  })
})
