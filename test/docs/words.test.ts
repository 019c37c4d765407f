/** The documents, the comments and the names of the tests name a subject, in words that a newcomer reads without stopping. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { documents, read, root } from './markdown.js'

const indirect = /\b(whoever|nobody|somebody|anybody|everybody|is none|says so)\b/i
const opensWithWhat = /^\W*what\b/i
/** A name of a test says "the answer of the adapter", not "what the adapter answered". `${what}` is a parameter. */
const containsWhat = /(?<!\$\{?)\bwhat(ever)?\b/i

/** The lines of a text that have an indirect phrase. */
const unclear = (text: string): string[] => text.split('\n').filter(line => indirect.test(line))
const unclearStart = (text: string): string[] =>
  indirect.test(text) || opensWithWhat.test(text) ? [text.split('\n')[0] ?? ''] : []
const unclearName = (text: string): string[] =>
  containsWhat.test(text) ? [text.split('\n')[0] ?? ''] : unclearStart(text)
const headings = (text: string): string[] => text.match(/^#+ .*$/gm) ?? []

const sources = ['src', 'test', 'demo', 'examples', 'bench', 'scripts'].flatMap(folder =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map(path => join(folder, path).split('\\').join('/'))
    .filter(path => /\.(ts|tsx|mjs)$/.test(path) && !/(^|\/)(node_modules|\.\w+)\//.test(path)),
)
const parsed = sources.map(path => {
  const kind = path.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS
  return ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true, kind)
})
const outside = parsed.filter(({ fileName }) => !/^src\/|\/words\.test/.test(fileName))

describe('the words of', () => {
  it.each(documents().map(({ path, text }) => [path, text] as const))('%s', (_, text) => {
    expect([...unclear(text), ...headings(text).flatMap(unclearStart)]).toEqual([])
  })

  it('the comments', () => {
    expect(problems(commentsOf, unclearStart)).toEqual([])
  })

  it('the comments outside src', () => {
    expect(problems(commentsOf, unclearName, outside)).toEqual([])
  })

  it('the names of the tests', () => {
    expect(problems(testNamesOf, unclearName)).toEqual([])
  })
})

describe('the check of the words', () => {
  it.each(['No token for Whoever', 'it says so', 'a reader that is none', 'What is left', '// what is left'])(
    'finds %j',
    text => {
      expect(unclearStart(text)).toHaveLength(1)
    },
  )

  it('finds a clause in the name of a test, and leaves a parameter alone', () => {
    expect(unclearName('resolves with what the adapter answered')).toHaveLength(1)
    expect(unclearName('never throws, whatever it is given')).toHaveLength(1)
    expect(unclearName('by $what keeps its session')).toEqual([])
  })

  it('reads comments and names of every form', () => {
    const text = "/** one */ it.each([1])(`two`, () => {}) // three\ndescribe('four', () => {\n  // five\n})"
    const file = ts.createSourceFile('x.ts', text, ts.ScriptTarget.Latest, true)
    expect(commentsOf(file)).toEqual(['/** one */', '// three', '// five'])
    expect(testNamesOf(file)).toEqual(['`two`', "'four'"])
  })
})

function problems(
  textsOf: (file: ts.SourceFile) => string[],
  check: (text: string) => string[],
  files = parsed,
): string[] {
  return files.flatMap(file =>
    textsOf(file)
      .flatMap(text => check(text))
      .map(text => `${file.fileName}: ${text}`),
  )
}

function commentsOf(file: ts.SourceFile): string[] {
  const { text } = file
  const ranges = new Map<number, ts.CommentRange>()
  const visit = (node: ts.Node): void => {
    const around = [
      ...(ts.getLeadingCommentRanges(text, node.pos) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.end) ?? []),
    ]
    for (const range of around) ranges.set(range.pos, range)
    for (const child of node.getChildren(file)) visit(child)
  }
  visit(file)
  return [...ranges.values()].sort((a, b) => a.pos - b.pos).map(({ pos, end }) => text.slice(pos, end))
}

function testNamesOf(file: ts.SourceFile): string[] {
  const names: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(describe|it|test)\b/.test(node.expression.getText(file))) {
      const [name] = node.arguments
      if (name && (ts.isStringLiteralLike(name) || ts.isTemplateExpression(name)))
        names.push(name.getText(file))
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return names
}
