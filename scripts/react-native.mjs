// @ts-check
// `npm run test:react-native`: Metro bundles the packed tarball in a real React Native project, for each platform, and the
// bundle runs without a page, a channel and locks, with AsyncStorage and expo-secure-store. Takes minutes: npm installs React
// Native in a temporary folder.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { ensureBuilt } from './ensure-built.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
// The newest versions for Node 20.
const packages = {
  '@react-native-async-storage/async-storage': '2.2.0',
  '@react-native/metro-config': '0.86.3',
  axios: '1.21.1',
  'expo-secure-store': '57.0.4',
  metro: '0.84.6',
  react: '19.2.3',
  'react-native': '0.86.3',
}
const bundler = `const Metro = require('metro')
const { getDefaultConfig, mergeConfig } = require('@react-native/metro-config')
// The bridge to the device is a stand-in.
const resolver = { extraNodeModules: { 'expo-modules-core': __dirname + '/device' } }
const settings = { projectRoot: __dirname, resolver, resetCache: true, maxWorkers: 1, reporter: { update() {} } }
;(async () => {
  const config = await mergeConfig(getDefaultConfig(__dirname), settings)
  for (const platform of ['ios', 'android']) {
    const { code } = await Metro.runBuild(config, { entry: 'test/react-native/entry.js', platform, dev: false, minify: false })
    require('node:fs').writeFileSync(platform + '.js', code)
  }
})()
`
/** The part of the device that expo-secure-store calls. */
const device = `const items = new Map()
exports.requireNativeModule = () => ({
  getValueWithKeyAsync: async key => items.get(key) ?? null,
  setValueWithKeyAsync: async (value, key) => void items.set(key, value),
  deleteValueWithKeyAsync: async key => void items.delete(key),
})
`
/** The real types fit. */
const types = `import AsyncStorage from '@react-native-async-storage/async-storage'
import * as SecureStore from 'expo-secure-store'
import { createAuth } from 'tokenflight'
import { createSession } from './examples/react-native/keychain'
createSession(SecureStore)
createAuth({ storage: AsyncStorage })
`
const compiler = {
  compilerOptions: {
    ...{ noEmit: true, strict: true, skipLibCheck: true, types: [] },
    ...{ target: 'es2022', module: 'esnext', moduleResolution: 'bundler' },
  },
  files: ['types.ts'],
}
ensureBuilt('build')
const project = mkdtempSync(join(tmpdir(), 'tokenflight-react-native-'))
try {
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', project]
  const [{ filename }] = JSON.parse(execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }))
  const dependencies = { ...packages, tokenflight: `file:./${filename}` }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, dependencies }))
  // Not the peers: they are Expo and a compiler for each platform.
  const install = ['install', '--ignore-scripts', '--legacy-peer-deps', '--no-audit', '--no-fund']
  execFileSync('npm', install, { cwd: project, stdio: 'inherit' })
  for (const file of ['test/react-native/entry.js', 'examples/react-native/keychain.ts'])
    cpSync(join(root, file), join(project, file))
  writeFileSync(join(project, 'types.ts'), types)
  writeFileSync(join(project, 'bundle.cjs'), bundler)
  mkdirSync(join(project, 'device'))
  writeFileSync(join(project, 'device/index.js'), device)
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(compiler))
  execFileSync('node', [join(root, 'node_modules/typescript/bin/tsc')], { cwd: project, stdio: 'inherit' })
  execFileSync('node', ['bundle.cjs'], { cwd: project, stdio: 'inherit' })
  for (const platform of ['ios', 'android']) {
    for (const storage of ['AsyncStorage', 'SecureStore']) {
      const { requests, ...outcome } = await run(
        readFileSync(join(project, `${platform}.js`), 'utf8'),
        storage,
      )
      assert.deepEqual(outcome, {
        storesToken: true,
        restored: 'authenticated',
        statuses: [200, 200, 200],
        ended: 'anonymous',
        keepsToken: false,
      })
      assert.equal(requests.filter((/** @type {string} */ path) => path === '/auth/refresh').length, 1)
      console.log(`${platform}, ${storage}: passed, ${requests.length} requests`)
    }
  }
} finally {
  rmSync(project, { recursive: true, force: true })
}

/**
 * Runs a bundle with the globals of Hermes and React Native, and with a server that takes `at-2` only.
 * @param {string} code
 * @param {string} storage
 */
async function run(code, storage) {
  /** @type {string[]} */
  const requests = []
  /** @type {typeof fetch} */
  const server = async (input, init) => {
    const request = new Request(input, init)
    const { pathname } = new URL(request.url)
    requests.push(pathname)
    if (pathname === '/auth/refresh')
      return Response.json({ access_token: 'at-2', refresh_token: 'rt-2', expires_in: 300 })
    const isGood = request.headers.get('Authorization') === 'Bearer at-2'
    return Response.json({ ok: isGood }, { status: isGood ? 200 : 401 })
  }
  const context = createContext({
    ...{ AbortController, AbortSignal, Blob, FormData, Headers, Request, Response, URL, URLSearchParams },
    ...{
      atob,
      btoa,
      clearInterval,
      clearTimeout,
      console,
      performance,
      queueMicrotask,
      setInterval,
      setTimeout,
    },
    ...{
      fetch: server,
      navigator: { product: 'ReactNative' },
      jest: { fn: (/** @type {unknown} */ f) => f },
    },
    ...{ TextDecoder, TextEncoder, ReadableStream, setImmediate },
  })
  runInContext('globalThis.window = globalThis.global = globalThis.self = globalThis', context)
  runInContext(code, context)
  const answer = await runInContext(`story('${storage}').then(JSON.stringify)`, context)
  return { ...JSON.parse(answer), requests }
}
