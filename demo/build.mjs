// @ts-check
// Builds the demo with esbuild, straight from src: no dist is needed. Nothing is written outside node_modules/.cache,
// or the directory that was asked for.
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const demo = dirname(fileURLToPath(import.meta.url))
const cache = join(demo, '../node_modules/.cache/tokenflight-demo')

/** @type {import('esbuild').BuildOptions} */
const shared = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  alias: { tokenflight: join(demo, '../src') },
  logLevel: 'warning',
}

/**
 * The page: one script, one style sheet, one document. Gives the directory to serve.
 * @param {string} [directory]
 */
export function buildPage(directory = join(cache, 'page')) {
  return bundle(directory, { page: join(demo, 'page/main.ts') }, false)
}

/**
 * The page with a mock of its server in it: a folder that any static host serves, at any path.
 * @param {string} directory
 */
export async function buildStatic(directory) {
  const entries = { page: join(demo, 'page/main.ts'), mock: join(demo, 'static/worker.ts') }
  await bundle(directory, entries, true)
  const worker = fileURLToPath(import.meta.resolve('msw/mockServiceWorker.js'))
  copyFileSync(worker, join(directory, 'mockServiceWorker.js'))
  return directory
}

/**
 * @param {string} directory
 * @param {Record<string, string>} entries
 * @param {boolean} isStatic
 */
async function bundle(directory, entries, isStatic) {
  mkdirSync(directory, { recursive: true })
  await build({
    ...shared,
    entryPoints: { ...entries, style: join(demo, 'page/style/main.css') },
    outdir: directory,
    platform: 'browser',
    minify: true,
    sourcemap: true,
    define: {
      IS_STATIC: String(isStatic),
      'process.env.NODE_ENV': '"production"',
      __VUE_OPTIONS_API__: 'false',
      __VUE_PROD_DEVTOOLS__: 'false',
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
    },
  })
  copyFileSync(join(demo, 'page/index.html'), join(directory, 'index.html'))
  return directory
}

/**
 * Imports a TypeScript module of the demo into this process.
 * @param {string} entry path inside demo/
 */
export async function loadModule(entry) {
  // Beside node_modules, so that packages are found; of this process alone, so that two runs do not meet.
  const outfile = join(cache, `${entry.replace(/\W+/g, '-')}-${process.pid}.mjs`)
  await build({
    ...shared,
    entryPoints: [join(demo, entry)],
    outfile,
    platform: 'node',
    packages: 'external',
  })
  try {
    return await import(pathToFileURL(outfile).href)
  } finally {
    rmSync(outfile, { force: true })
  }
}
