// @ts-check
// The documentation site: the README and the other Markdown files of the repository, as they are. `npm run docs` builds it.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { slug } from 'github-slugger'
import { defineConfig } from 'vitepress'
import { adaptLinks, repository } from './links.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Pages of the site, and their places: the README is the start page. */
const rewrites = {
  'README.md': 'index.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'SECURITY.md': 'vulnerabilities.md',
  'docs/README.md': 'documents.md',
  'docs/:page': ':page',
  'docs/guides/:page': 'guides/:page',
}

/**
 * The links of a table of docs/README.md, in its order.
 * @param {string} head the first column
 */
function linksOf(head) {
  const text = readFileSync(`${root}docs/README.md`, 'utf8')
  const table = text.split(`| ${head} |`)[1]?.split('\n\n')[0] ?? ''
  return Array.from(table.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g), ([, title = '', path]) => ({
    text: title[0]?.toUpperCase() + title.slice(1),
    link: `/${path}`,
  }))
}

/** Pages that VitePress did not build: its router must leave them to the browser. */
const plain = { target: '_self' }

// biome-ignore lint/style/noDefaultExport: VitePress reads it
export default defineConfig({
  title: 'tokenflight',
  description: 'Access tokens that refresh themselves, for axios and fetch.',
  base: process.env['DOCS_BASE'] ?? '/',
  srcDir: '..',
  srcExclude: ['!(README|CHANGELOG|CONTRIBUTING|SECURITY).md', '!(docs)/**/*'],
  rewrites,
  vite: { logLevel: 'warn' },
  markdown: { anchor: { slugify: slug }, config: adaptLinks },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guides', link: '/guides/getting-started.md' },
      { text: 'Back ends', link: '/backends.md' },
      { text: 'API', link: '/api/index.html', ...plain },
      { text: 'Demo', link: '/demo.md' },
      { text: 'Benchmarks', link: '/benchmarks.md' },
    ],
    sidebar: [
      {
        text: 'Start',
        items: [
          { text: 'Introduction', link: '/' },
          { text: 'Demo', link: '/demo.md' },
        ],
      },
      { text: 'Guides', items: linksOf('guide') },
      {
        text: 'Reference',
        items: [{ text: 'API reference', link: '/api/index.html', ...plain }, ...linksOf('reference')],
      },
      {
        text: 'Project',
        items: [
          { text: 'Changes', link: '/changelog.md' },
          { text: 'Contributing', link: '/contributing.md' },
          { text: 'All documents', link: '/documents.md' },
        ],
      },
    ],
    ...(repository && { socialLinks: [{ icon: 'github', link: repository }] }),
  },
})
