/** The devtools components in an application's bundle: absent in production, a chunk of their own in development. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build as esbuild } from 'esbuild'
import { build as vite } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import webpack from 'webpack'
import { root } from './contract.js'

const project = mkdtempSync(join(tmpdir(), 'tokenflight-devtools-'))
/** A text that only the devtools hold, and one that the application holds. */
const trace = 'tokenflight devtools'
const sign = 'an application'

const applications: Record<string, string> = {
  'react.js': `import { createElement } from 'react'
import { AuthDevtools } from 'tokenflight/react'
globalThis.app = ['${sign}', createElement(AuthDevtools)]`,
  'react-asked.js': `import { createElement } from 'react'
import { AuthDevtools } from 'tokenflight/react'
globalThis.app = ['${sign}', createElement(AuthDevtools, { load: () => import('tokenflight/devtools') })]`,
  'vue.js': `import { h } from 'vue'
import { AuthDevtools } from 'tokenflight/vue'
globalThis.app = ['${sign}', h(AuthDevtools)]`,
  'vue-asked.js': `import { h } from 'vue'
import { AuthDevtools } from 'tokenflight/vue'
globalThis.app = ['${sign}', h(AuthDevtools, { load: () => import('tokenflight/devtools') })]`,
}

type Mode = 'production' | 'development'

/** Bundles an application into files of an empty folder. */
const bundlers: Record<string, (entry: string, mode: Mode, folder: string) => Promise<unknown>> = {
  esbuild: (entry, mode, outdir) =>
    esbuild({
      entryPoints: [entry],
      bundle: true,
      splitting: true,
      format: 'esm',
      outdir,
      minify: mode === 'production',
      define: { 'process.env.NODE_ENV': JSON.stringify(mode) },
    }),
  Vite: (entry, mode, outDir) =>
    vite({
      root: project,
      mode,
      configFile: false,
      logLevel: 'error',
      define: { 'process.env.NODE_ENV': JSON.stringify(mode) },
      build: { outDir, rollupOptions: { input: entry, preserveEntrySignatures: false } },
    }),
  webpack: (entry, mode, path) =>
    new Promise<void>((resolve, reject) => {
      const output = { path, filename: 'main.js' }
      webpack({ context: project, entry, mode, target: 'web', devtool: false, output }, (error, stats) => {
        if (error || stats?.hasErrors()) reject(error ?? new Error(stats?.toString()))
        else resolve()
      })
    }),
}

/** The text of each file that the bundler wrote. */
async function bundle(bundler: string, application: string, mode: Mode): Promise<string[]> {
  const folder = mkdtempSync(join(project, 'out-'))
  await bundlers[bundler]?.(join(project, application), mode, folder)
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.js'))
    .map(name => readFileSync(join(folder, name), 'utf8'))
}

beforeAll(() => {
  mkdirSync(join(project, 'node_modules'))
  symlinkSync(root, join(project, 'node_modules/tokenflight'), 'junction')
  for (const name of ['react', 'vue', 'jwt-decode'])
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name), 'junction')
  for (const [name, text] of Object.entries(applications)) writeFileSync(join(project, name), text)
  writeFileSync(join(project, 'package.json'), '{"type":"module"}')
})

afterAll(() => rmSync(project, { recursive: true, force: true }))

describe.each(Object.keys(bundlers))('AuthDevtools, bundled by %s', bundler => {
  it.each(['react.js', 'vue.js'])(
    'leaves no code of the devtools in a production build of %s',
    async name => {
      const files = await bundle(bundler, name, 'production')
      expect(files.filter(text => text.includes(sign))).toHaveLength(1)
      expect(files.filter(text => text.includes(trace))).toHaveLength(0)
      expect(files).toHaveLength(1)
    },
  )

  it.each(['react.js', 'vue.js'])(
    'is a chunk that is loaded late in a development build of %s',
    async name => {
      const files = await bundle(bundler, name, 'development')
      const entries = files.filter(text => text.includes(sign))
      expect(entries).toHaveLength(1)
      expect(entries[0]).not.toContain(trace)
      expect(files.filter(text => text.includes(trace))).toHaveLength(1)
    },
  )

  it.each(['react-asked.js', 'vue-asked.js'])(
    'is a chunk that is loaded late in a production build of %s, which gives load',
    async name => {
      const files = await bundle(bundler, name, 'production')
      const entries = files.filter(text => text.includes(sign))
      expect(entries).toHaveLength(1)
      expect(entries[0]).not.toContain(trace)
      expect(files.filter(text => text.includes(trace))).toHaveLength(1)
    },
  )
})
