// @ts-check
// The documents link to each other as GitHub wants it. Here these links lead to the pages of the site; links to other files
// of the repository lead to its address where that is known (GITHUB_REPOSITORY), and are plain text elsewhere.
import { posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The address of the repository, known where GitHub builds the site. */
export const repository =
  process.env['GITHUB_REPOSITORY'] &&
  `${process.env['GITHUB_SERVER_URL'] ?? 'https://github.com'}/${process.env['GITHUB_REPOSITORY']}`

/** @type {Record<string, string>} */
const pages = {
  'README.md': '/',
  'CHANGELOG.md': '/changelog.md',
  'CONTRIBUTING.md': '/contributing.md',
  'SECURITY.md': '/vulnerabilities.md',
  'docs/README.md': '/documents.md',
}

/**
 * The page of the site that a file of the repository is; undefined for any other file.
 * @param {string} path
 */
const pageOf = path => pages[path] ?? (/^docs\/.*\.md$/.test(path) ? path.slice('docs'.length) : undefined)

/** @param {import('vitepress').MarkdownRenderer} markdown */
export function adaptLinks(markdown) {
  markdown.core.ruler.push('links of the repository', ({ tokens, env }) => {
    const folder = posix.dirname(relative(root, env.realPath ?? env.path).replaceAll('\\', '/'))
    for (const token of tokens) {
      // Without the leading dot Vue takes the source of a picture for an address of the site.
      if (token.type === 'html_block')
        token.content = token.content.replaceAll(/(src|srcset)="(?=\w)/g, '$1="./')
      for (const child of token.children ?? []) if (child.type === 'link_open') adapt(child, folder)
    }
  })
}

/**
 * @param {import('vitepress').MarkdownRenderer['core']['State']['prototype']['tokens'][number]} token
 * @param {string} folder of the document
 */
function adapt(token, folder) {
  const [path = '', hash] = token.attrGet('href')?.split('#') ?? []
  if (!path || /^[a-z]+:/.test(path)) return
  const target = posix.join(folder, path)
  const page = pageOf(target)
  if (page) token.attrSet('href', hash ? `${page}#${hash}` : page)
  else if (repository) token.attrSet('href', `${repository}/blob/main/${target}`)
  else token.attrs = [['title', token.attrGet('title') ?? target]]
}
