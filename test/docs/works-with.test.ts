/** Each row of the table of libraries has a test that imports the real package, and each such test has a row. */
import { readdirSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expected } from '../../scripts/foreign/expected.mjs'
import { suites } from '../../scripts/foreign/suites.mjs'
import { type Document, parse, read, root } from './markdown.js'

const path = 'docs/guides/works-with.md'
const guide = parse(path, read(path))
const files = readdirSync(join(root, 'test/works-with'))
  .filter(name => name.endsWith('.test.ts'))
  .map(name => `test/works-with/${name}`)
const installed: Record<string, string> = JSON.parse(read('package.json')).devDependencies

interface Row {
  readonly library: string
  readonly test: string
}

const rowsUnder = (head: string, { tables, heads }: Document) =>
  tables.filter((_, index) => heads[index]?.[0] === head).flat()

const rowsOf = (document: Document): Row[] =>
  rowsUnder('library', document).map(cells => ({
    library: cells[0]?.replaceAll('`', '') ?? '',
    test: posix.join('docs/guides', /\[test\]\(([^)]+)\)/.exec(cells.at(-1) ?? '')?.[1] ?? ''),
  }))

/** Rows without a test that imports their package. */
function unproven(document: Document): string[] {
  return rowsOf(document)
    .filter(({ library, test }) => {
      if (!installed[library] || !files.includes(test)) return true
      // By itself, or by the recipe that it imports.
      const recipe = /'\.\.\/(recipes\/[\w-]+)\.js'/.exec(read(test))?.[1]
      const source = read(test) + (recipe ? read(`test/${recipe}.ts`) : '')
      return !new RegExp(`from '${library}(/[^']*)?'`).test(source)
    })
    .map(({ library }) => library)
}

describe('the table of libraries', () => {
  it('has a test for each row, which imports the package', () => {
    expect(rowsOf(guide).length).toBeGreaterThan(10)
    expect(unproven(guide)).toEqual([])
  })

  it('has a row for each test', () => {
    expect(
      rowsOf(guide)
        .map(({ test }) => test)
        .sort(),
    ).toEqual(files.sort())
  })

  it('is found wrong if a test is not there, or imports something else', () => {
    const broken = (from: string, to: string) => unproven(parse(path, guide.text.replace(from, to)))
    expect(broken('works-with/ky.test.ts', 'works-with/nothing.test.ts')).toEqual(['ky'])
    expect(broken('works-with/ky.test.ts', 'works-with/wretch.test.ts')).toEqual(['ky'])
    expect(broken('| `nock` |', '| `knock` |')).toEqual(['knock'])
  })
})

it('the table of foreign suites names each of them, and the number of its expected differences', () => {
  const rows = rowsUnder('suite', guide).map(([suite, , ...differing]) => [suite, ...differing.slice(0, 2)])
  const differ = (suite: string, session: string): string => {
    const count = expected
      .filter(entry => entry.suite === suite && entry.sessions.includes(session))
      .flatMap(({ tests }) => tests).length
    return count ? `${count} differs` : 'the same'
  }
  const listed = Object.keys(suites).map(suite => [
    `\`${suite}\``,
    differ(suite, 'anonymous'),
    differ(suite, 'logged in'),
  ])
  expect(rows).toEqual(listed)
})
