// @ts-check
// `npm run docs`: the documentation site, with the API reference and the demo in it, in docs/.vitepress/dist. Fails on an
// undocumented name and on a dead link.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vitepress'
import { buildStatic } from '../demo/build.mjs'
import { checkLinks } from './check-links.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const site = join(root, 'docs/.vitepress/dist')

await build(join(root, 'docs'))
const typedoc = fileURLToPath(import.meta.resolve('typedoc')).replace(/dist.index\.js$/, 'bin/typedoc')
const options = ['--options', join(root, 'docs/.vitepress/typedoc.json')]
if (spawnSync(process.execPath, [typedoc, ...options], { cwd: root, stdio: 'inherit' }).status !== 0)
  process.exit(1)
await buildStatic(join(site, 'demo'))
process.exitCode = (await checkLinks(site)) ? 0 : 1
