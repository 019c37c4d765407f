/** No regular expression of src backtracks: each literal is analysed, which is surer than a clock. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isSafe } from 'redos-detector'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const source = join(dirname(fileURLToPath(import.meta.url)), '../../src')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))

/** Every expression of a file, and every place that makes one of a string, which cannot be analysed. */
function expressionsOf(text: string): { literals: RegExp[]; made: string[] } {
  const literals: RegExp[] = []
  const made: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/')
      literals.push(new RegExp(node.text.slice(1, end), node.text.slice(end + 1)))
    }
    if ((ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === 'RegExp')
      made.push(node.getText())
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('source.ts', text, ts.ScriptTarget.ES2022, true))
  return { literals, made }
}

/** How many paths through the expression the same text has at most; infinite: it grows with the text. */
const isLinear = (expression: RegExp): boolean => isSafe(expression, { maxScore: 10 }).safe

const found = files.map(name => ({ name, ...expressionsOf(readFileSync(join(source, name), 'utf8')) }))

describe('the regular expressions of src', () => {
  it('are found, also by a look that knows no syntax', () => {
    const count = found.reduce((sum, { literals }) => sum + literals.length, 0)
    expect(count).toBeGreaterThan(15)
    // The one of the mocks is a text whose special characters are escaped.
    const made = found.filter(({ name }) => name !== 'msw.ts').flatMap(({ made }) => made)
    expect(made).toEqual([])
  })

  it('are distinguished from those that backtrack', () => {
    expect([/(a+)+$/, /\s+$/].map(isLinear)).toEqual([false, false])
  })

  it.each(found.flatMap(({ name, literals }) => literals.map(literal => [name, literal] as const)))(
    '%s: %s takes time in proportion to the text',
    (_, literal) => {
      expect(isLinear(literal)).toBe(true)
    },
  )
})
