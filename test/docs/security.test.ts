/** docs/security.md: each claim names a test that exists, and its policy is the one that is tested. */
import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { policyFor } from '../support/csp.js'
import { parse, read, root } from './markdown.js'

const path = 'docs/security.md'
const document = parse(path, read(path))

interface Citation {
  readonly file: string
  readonly title: string
}

/** `[test](../test/core/a.test.ts "title")`: the file, and a title in it or the beginning of one. */
function citationsIn(text: string): Citation[] {
  return [...text.matchAll(/\[test\]\(([^\s)]+) "([^"]+)"\)/g)].map(([, file = '', title = '']) => ({
    file: posix.join('docs', file),
    title,
  }))
}

const known = new Map<string, string[]>()
/** The titles of a test file, as they are written. */
function titlesOf(file: string): string[] {
  const found = known.get(file) ?? []
  if (known.has(file)) return found
  known.set(file, found)
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true)
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(it|describe)\b/.test(node.expression.getText())) {
      const [title] = node.arguments
      if (title && ts.isStringLiteralLike(title)) found.push(title.text)
      else if (title && ts.isTemplateExpression(title)) found.push(title.getText().slice(1, -1))
    }
    // The titles of `it.each('%s')` are in its table.
    if (ts.isStringLiteralLike(node) && ts.isArrayLiteralExpression(node.parent)) found.push(node.text)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** The mistakes in the citations. */
function problems(citations: readonly Citation[]): string[] {
  return citations.flatMap(({ file, title }) => {
    if (!existsSync(join(root, file))) return [`there is no ${file}`]
    return titlesOf(file).some(each => each.startsWith(title)) ? [] : [`${file} has no test "${title}"`]
  })
}

describe('the threat model', () => {
  const citations = citationsIn(document.text)

  it('names tests that exist', () => {
    expect(citations.length).toBeGreaterThan(70)
    expect(problems(citations)).toEqual([])
  })

  it('names a test in every row of its tables', () => {
    const rows = document.tables.flat()
    expect(rows.length).toBeGreaterThan(30)
    expect(rows.filter(row => !citationsIn(row.at(-1) ?? '').length).map(([first]) => first)).toEqual([])
  })

  it('has no other link that is called a test', () => {
    expect(document.text.match(/\[test\]/g)).toHaveLength(citations.length)
  })

  it('quotes the policy that the tests serve', () => {
    const quoted = document.blocks
      .map(({ code }) => /^Content-Security-Policy: (.+)$/.exec(code.trim())?.[1])
      .filter(Boolean)
    expect(quoted).toEqual([policyFor('https://api.example.com')])
  })
})

describe('the check of its citations', () => {
  it('finds a file that is missing, and a title that is missing', () => {
    const text = '[test](../test/nothing.test.ts "x") [test](../test/docs/security.test.ts "names no test")'
    expect(problems(citationsIn(text))).toEqual([
      'there is no test/nothing.test.ts',
      'test/docs/security.test.ts has no test "names no test"',
    ])
  })

  it('takes the beginning of a title', () => {
    const text = '[test](../test/docs/security.test.ts "takes the beginning")'
    expect(problems(citationsIn(text))).toEqual([])
  })
})
