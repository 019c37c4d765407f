/** What the source says of itself: members of its interfaces, with their defaults. */
import ts from 'typescript'
import { read } from './markdown.js'

export interface Member {
  readonly name: string
  /** What the doc comment says after `@default`; empty where it says nothing. */
  readonly default: string
  /** Names of the members of its own type, where that is written out. */
  readonly members: readonly string[]
}

const parse = (path: string): ts.SourceFile =>
  ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true)

/** The members of an interface, in the order of the source. */
export function membersOf(path: string, name: string): Member[] {
  const source = parse(path)
  const found = source.statements.find(
    statement => ts.isInterfaceDeclaration(statement) && statement.name.text === name,
  )
  if (!found || !ts.isInterfaceDeclaration(found)) throw new Error(`There is no interface ${name} in ${path}`)
  return found.members.filter(ts.isPropertySignature).map(member => ({
    name: member.name.getText(source),
    default: defaultIn(source.text.slice(member.getFullStart(), member.getStart(source))),
    members:
      member.type && ts.isTypeLiteralNode(member.type)
        ? member.type.members.map(inner => inner.name?.getText(source) ?? '')
        : [],
  }))
}

/** The words of a union of string literals. */
export function wordsOf(path: string, name: string): string[] {
  const source = parse(path)
  const found = source.statements.find(
    statement => ts.isTypeAliasDeclaration(statement) && statement.name.text === name,
  )
  if (!found || !ts.isTypeAliasDeclaration(found)) throw new Error(`There is no type ${name} in ${path}`)
  return [...found.type.getText(source).matchAll(/'([^']+)'/g)].map(([, word = '']) => word)
}

/** As a table would write it: one line, without the marks of code. */
export const spoken = (text: string): string => text.replaceAll('`', '').replaceAll(/\s+/g, ' ').trim()

function defaultIn(comment: string): string {
  const text = comment.replaceAll(/^\s*\/?\*+\/?/gm, '').replace(/\*\/\s*$/, '')
  return spoken(/`@default ?([\s\S]*)$/.exec(text)?.[1] ?? '')
}
