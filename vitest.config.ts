import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { compile } from 'svelte/compiler'
import { defineConfig } from 'vitest/config'

const inRoot = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const inTests = (path: string) => inRoot(`test/${path}`)
const { resolve } = createRequire(import.meta.url)
const inPackage = (name: string, path: string) => join(dirname(resolve(`${name}/package.json`)), path)
/** Builds dist when it is missing or older than src. */
const globalSetup = [inTests('support/built.ts')]

/** Tests import the public specifiers. They mean the source, or what users install. */
const aliases = (folder: 'src' | 'dist') => {
  const target = fileURLToPath(new URL(folder, import.meta.url))
  const extension = folder === 'dist' ? 'js' : 'ts'
  return [
    { find: /^tokenflight$/, replacement: `${target}/index.${extension}` },
    // In Node their own maps name the builds that render on a server, where nothing ever changes.
    { find: /^solid-js$/, replacement: inPackage('solid-js', 'dist/solid.js') },
    { find: /^svelte(\/store|\/reactivity)?$/, replacement: inPackage('svelte', 'src$1/index-client.js') },
    {
      find: /^tokenflight\/(axios|fetch|react|vue|msw|dpop|devtools)$/,
      replacement: `${target}/$1.${extension}`,
    },
  ]
}

const svelte = {
  name: 'svelte',
  transform: (code: string, filename: string) =>
    filename.endsWith('.svelte') ? compile(code, { filename, generate: 'client' }).js : undefined,
}

/** What the tests of each entry say in a few files. */
const bundled = [
  'test/axios/{errors,replay}.test.ts',
  'test/fetch/replay.test.ts',
  'test/react/hooks.test.tsx',
  'test/vue/component.test.ts',
  'test/dpop/clients.test.ts',
  'test/msw.test.ts',
]

const outsideUnit = [
  '**/node_modules/**',
  'test/browser/**',
  'test/frameworks/**',
  'test/load/**',
  'test/package/**',
  'test/servers/**',
  'test/slow/**',
  'examples/testing/playwright/**',
]
/** The files that replace the DOM or the network for their whole worker. */
const alone = ['test', 'examples']
  .flatMap(folder => readdirSync(inRoot(folder), { recursive: true }).map(name => join(folder, String(name))))
  .filter(path => /\.test\.tsx?$/.test(path) && !path.includes('node_modules'))
  .filter(path =>
    /@vitest-environment|setupServer|preset-server|miragejs|from 'nock'/.test(
      readFileSync(inRoot(path), 'utf8'),
    ),
  )

/** How many files with real tabs run beside each other. */
const workers = process.env.WORKERS ? Number(process.env.WORKERS) : undefined

export default defineConfig({
  plugins: [vue(), svelte],
  resolve: { alias: aliases('src') },
  test: {
    restoreMocks: true,
    unstubGlobals: true,
    unstubEnvs: true,
    // A busy machine takes its time: these end a test that hangs, and no test that is slow.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    setupFiles: [inTests('support/setup.ts')],
    projects: [
      {
        // The modules of src hold no state, so the files of a worker share them: four times as fast.
        extends: true,
        test: {
          name: 'unit',
          include: ['{test,examples}/**/*.test.{ts,tsx}'],
          exclude: [...outsideUnit, ...alone],
          environment: 'node',
          isolate: false,
        },
      },
      {
        extends: true,
        test: { name: 'unit, each file alone', include: alone, exclude: outsideUnit },
      },
      {
        // Few files, once more: each entry is bundled alone, and esbuild and rollup may have got one wrong.
        extends: true,
        resolve: { alias: aliases('dist') },
        test: { name: 'each entry as it is bundled', include: bundled, globalSetup },
      },
      {
        // Counts bytes: nothing else runs beside it.
        extends: true,
        test: { name: 'load', include: ['test/load/**/*.test.ts'], fileParallelism: false },
      },
      {
        // Starts servers of Debian and of npm, and waits in real time.
        extends: true,
        test: { name: 'servers', include: ['test/servers/**/*.test.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          globalSetup,
        },
      },
      {
        // Plain Node driving browsers. Real tabs mostly wait, so two files run beside each other. The files of a worker share
        // what they import: playwright-core alone takes seconds.
        extends: true,
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts', 'examples/testing/playwright/*.test.ts'],
          globalSetup,
          isolate: false,
          maxWorkers: workers ?? 2,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        // Installs, builds and starts real projects, and drives Chromium: one file at a time. Not part of `npm test`.
        extends: true,
        test: {
          name: 'frameworks',
          include: ['test/frameworks/**/*.test.ts'],
          globalSetup,
          fileParallelism: false,
          hookTimeout: 1_200_000,
        },
      },
      {
        // Many rounds and long runs with real tabs: npm run test:slow.
        extends: true,
        test: {
          name: 'slow',
          include: ['test/slow/**/*.test.ts'],
          maxWorkers: workers ?? 1,
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
