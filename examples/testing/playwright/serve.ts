/** Builds and serves the page. Yours has a server already: `vite preview`, say. */
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { context } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))

export async function servePage(): Promise<{ url: string; close(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'tokenflight-'))
  await copyFile(join(here, 'index.html'), join(directory, 'index.html'))
  // The file that `npx msw init` copies into the public directory.
  const worker = createRequire(import.meta.url).resolve('msw/mockServiceWorker.js')
  await copyFile(worker, join(directory, 'mockServiceWorker.js'))
  const build = await context({
    entryPoints: [join(here, 'page.tsx')],
    outdir: directory,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"development"' },
    logLevel: 'error',
  })
  const { port } = await build.serve({ host: '127.0.0.1', servedir: directory })
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      await build.dispose()
      await rm(directory, { recursive: true })
    },
  }
}
