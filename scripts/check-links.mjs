// @ts-check
// `npm run docs`, second half: every link of the generated API reference leads somewhere. Nothing leaves this machine.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LinkChecker } from 'linkinator'
import { preview } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))

// Not linkinator's own server, which listens on every interface; a multi-page server answers what is missing with 404.
const server = await preview({
  root,
  configFile: false,
  appType: 'mpa',
  logLevel: 'silent',
  build: { outDir: join(root, 'docs/api') },
  preview: { host: '127.0.0.1', port: 0 },
})
const [origin = ''] = server.resolvedUrls?.local ?? []
try {
  const { links } = await new LinkChecker().check({
    path: origin,
    recurse: true,
    checkFragments: true,
    linksToSkip: async url => !url.startsWith(origin),
  })
  const broken = links.filter(link => link.state === 'BROKEN')
  const good = links.filter(link => link.state === 'OK').length
  for (const { url, parent } of broken) console.error(`${parent} links to ${url}, which is not there`)
  console.log(`${good} links lead somewhere, ${broken.length} do not`)
  process.exitCode = broken.length || good < 50 ? 1 : 0
} finally {
  await server.close()
}
