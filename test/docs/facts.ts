/** Facts from the source: the members of its interfaces, with their defaults. */
import ts from 'typescript'
import { read } from './markdown.js'

export interface Member {
  readonly name: string
  /** The text after `@default` in the doc comment; empty without one. */
  readonly default: string
  /** Names of the members of its own type, where that is written out. */
  readonly members: readonly string[]
  readonly isOptional: boolean
  /** The type as it is written; for a method, the type of its result. */
  readonly type: string
  /** The parameters of a method: their names and their types. Undefined for any other member. */
  readonly parameters: readonly (readonly [name: string, type: string])[] | undefined
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
  const members = found.members.filter(
    member => ts.isPropertySignature(member) || ts.isMethodSignature(member),
  )
  return members.map(member => ({
    name: member.name.getText(source),
    default: defaultIn(source.text.slice(member.getFullStart(), member.getStart(source))),
    members:
      member.type && ts.isTypeLiteralNode(member.type)
        ? member.type.members.map(inner => inner.name?.getText(source) ?? '')
        : [],
    isOptional: !!member.questionToken,
    type: member.type?.getText(source) ?? '',
    parameters: ts.isMethodSignature(member)
      ? member.parameters.map(
          ({ name, type }) => [name.getText(source), type?.getText(source) ?? ''] as const,
        )
      : undefined,
  }))
}

/** The file that `tokenflight` exports this name from. */
export function homeOf(name: string): string {
  const source = parse('src/index.ts')
  const home = source.statements.find(
    statement =>
      ts.isExportDeclaration(statement) &&
      !!statement.exportClause &&
      ts.isNamedExports(statement.exportClause) &&
      statement.exportClause.elements.some(element => element.name.text === name),
  )
  const from = home && ts.isExportDeclaration(home) ? home.moduleSpecifier : undefined
  if (!from || !ts.isStringLiteral(from)) throw new Error(`tokenflight does not export ${name}`)
  return from.text.replace(/^\.\/(.+)\.js$/, 'src/$1.ts')
}

/** The words of a union of string literals. */
export const wordsOf = (path: string, name: string): string[] =>
  [...aliasOf(path, name).matchAll(/'([^']+)'/g)].map(([, word = '']) => word)

/** The names of the interfaces of a union. */
export const unionOf = (path: string, name: string): string[] =>
  aliasOf(path, name)
    .split('|')
    .map(part => part.replace(/<.*>/, '').trim())
    .filter(Boolean)

function aliasOf(path: string, name: string): string {
  const source = parse(path)
  const found = source.statements.find(
    statement => ts.isTypeAliasDeclaration(statement) && statement.name.text === name,
  )
  if (!found || !ts.isTypeAliasDeclaration(found)) throw new Error(`There is no type ${name} in ${path}`)
  return found.type.getText(source)
}

/** As a table would write it: one line, without the marks of code. */
export const spoken = (text: string): string => text.replaceAll('`', '').replaceAll(/\s+/g, ' ').trim()

function defaultIn(comment: string): string {
  const text = comment.replaceAll(/^\s*\/?\*+\/?/gm, '').replace(/\*\/\s*$/, '')
  return spoken(/`@default ?([\s\S]*)$/.exec(text)?.[1] ?? '')
}
