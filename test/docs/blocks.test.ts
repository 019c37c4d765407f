/** No block of code in the documents is only prose: each is a file, or paragraphs of one, that a test runs. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { documents, isTyped, parse, read, root, strangeParagraphs } from './markdown.js'
import { filesThatTestsRun } from './reached.js'

const all = documents()
const blocks = all.flatMap(document => document.blocks)
const place = ({ document, line }: { document: string; line: number }) => `${document}:${line}`

describe('the blocks of code', () => {
  const quotes = blocks.filter(({ file }) => file)

  it('are found', () => {
    expect(blocks.filter(isTyped).length).toBeGreaterThan(20)
    expect(quotes.length).toBeGreaterThan(20)
  })

  it('quote files that exist, paragraph by paragraph', () => {
    const strange = quotes.flatMap(block => {
      const file = block.file ?? ''
      if (!existsSync(join(root, file))) return [`${place(block)}: there is no ${file}`]
      return strangeParagraphs(block, read(file)).map(text => `${place(block)}: not in ${file}:\n${text}`)
    })
    expect(strange).toEqual([])
  })

  it('quote files that a test runs', () => {
    const reached = filesThatTestsRun()
    expect(quotes.filter(({ file = '' }) => !reached.has(file)).map(place)).toEqual([])
  })

  it('that are files of a project have their path in the project above them, where a reader sees it', () => {
    const nameless = quotes.filter(({ document, line, file = '' }) => {
      const path = /^examples\/(?:next|nuxt|oidc)\/(.+)/.exec(file)?.[1]
      // Above the block: the comment, and the paragraph before it.
      const [above = ''] = read(document)
        .split('\n')
        .slice(0, line - 2)
        .join('\n')
        .trim()
        .split('\n\n')
        .slice(-1)
      return path && !above.includes(`\`${path}\``)
    })
    expect(nameless.map(place)).toEqual([])
  })

  it('of the README and the guides all quote files', () => {
    const mine = blocks.filter(
      ({ document }) => document === 'README.md' || document.startsWith('docs/guides/'),
    )
    expect(mine.filter(block => isTyped(block) && !block.file).map(place)).toEqual([])
  })

  it('are of the languages that are checked, or of none that a compiler understands', () => {
    const languages = new Set(['ts', 'tsx', 'vue', 'sh', 'http', 'json', 'yaml', 'html', 'text'])
    expect(blocks.filter(({ language }) => !languages.has(language)).map(place)).toEqual([])
  })
})

describe('the check of the files that tests run', () => {
  it('knows the files that a test imports, directly or not, and no others', () => {
    const reached = filesThatTestsRun()
    expect(reached).toContain('examples/readme/react.tsx')
    expect(reached).toContain('examples/testing/shop/session.ts')
    expect(reached).toContain('examples/readme/AccountButton.vue')
    expect(reached).toContain('examples/hot-reload/session.ts')
    expect(reached).toContain('examples/hot-reload/app.tsx')
    expect(reached).toContain('examples/next/proxy.ts')
    expect(reached).toContain('examples/nuxt/app/stores/orders.ts')
    expect(reached).not.toContain('examples/vue-files.d.ts')
    expect(reached).not.toContain('scripts/test.mjs')
  })
})

describe('the check of quotes', () => {
  const source = "import a from 'a'\n\nexport function f() {\n  a()\n\n  a(1)\n}\n"
  const quoted = (code: string) => strangeParagraphs({ code }, source)

  it('takes a whole file, and paragraphs in their order, however indented', () => {
    expect(quoted(source.trim())).toEqual([])
    expect(quoted("import a from 'a'\n\na(1)\n}")).toEqual([])
  })

  it('names paragraphs that are missing, changed or in another order', () => {
    expect(quoted('export function f() {\na(2)')).toEqual(['export function f() {\na(2)'])
    expect(quoted('a(1')).toEqual(['a(1'])
    expect(quoted("  a(1)\n}\n\nimport a from 'a'")).toEqual(["import a from 'a'"])
  })

  it('knows the file of a block by the comment right before it', () => {
    const { blocks: found } = parse(
      'x.md',
      '# X\n\n<!-- examples/a.ts -->\n```ts\na\n```\n\ntext\n\n```ts\nb\n```\n\n<!-- examples/c.ts -->\n\ntext\n\n```sh\nc\n```\n',
    )
    expect(found.map(({ file, language, line }) => [file, language, line])).toEqual([
      ['examples/a.ts', 'ts', 4],
      [undefined, 'ts', 10],
      [undefined, 'sh', 18],
    ])
  })
})
