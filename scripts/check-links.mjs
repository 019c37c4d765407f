// @ts-check
// Every link of the documentation site leads somewhere. Nothing leaves this machine.
import { LinkChecker } from 'linkinator'
import { preview } from 'vite'

/**
 * Names each dead link, and returns whether all links work.
 * @param {string} site the folder that was built
 */
export async function checkLinks(site) {
  // Not linkinator's own server, which listens on every interface; a multi-page server answers a missing page with 404.
  const server = await preview({
    root: site,
    configFile: false,
    appType: 'mpa',
    logLevel: 'silent',
    build: { outDir: site },
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
    for (const { url, parent } of broken) console.error(`${parent} links to ${url}, which does not exist`)
    console.log(`${good} links lead somewhere, ${broken.length} do not`)
    return broken.length === 0 && good >= 50
  } finally {
    await server.close()
  }
}
