/** The rules of the house, read from the syntax tree of src. The tables below are the only thing to adjust. */
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

/** The files of the core that the other parts may import. */
const open = [
  'core/types.ts',
  'core/errors.ts',
  'core/failure.ts',
  'core/read-failure.ts',
  'core/check.ts',
  'core/environment.ts',
  'core/waiting.ts',
  'core/clock.ts',
  'core/preset.ts', // the agreement of a preset and its session
  'core/read.ts',
  'core/initial-state.ts',
  'core/handle.ts', // the part of an Auth that the HTTP entries see: a symbol and a type
  'core/grant.ts',
]

/** Folders and entries, and the places of src that each may import. */
const layers: Record<string, string[]> = {
  // One session of one page. It knows no other tab, no cookie, no client and no framework.
  'core/': ['core/'],
  // The parts that shared storages bring.
  'shared/': ['shared/', 'core/'],
  'http/': ['http/', ...open],
  'refresh/': ['refresh/', 'http/', ...open],
  'mock-server/': ['mock-server/'],
  'index.ts': ['core/', 'shared/', 'refresh/', 'http/renewal.ts', 'http/challenge.ts'],
  'axios.ts': ['http/', ...open],
  'fetch.ts': ['http/', ...open],
  'hooks/follow.ts': open,
  'hooks/': [],
  'react.ts': ['hooks/', 'devtools/load.ts', 'devtools/options.ts', ...open],
  'vue.ts': ['hooks/', 'devtools/load.ts', 'devtools/options.ts', ...open],
  'msw.ts': ['mock-server/'],
  'dpop.ts': ['shared/bound-keys.ts', ...open],
  'devtools/': ['devtools/', ...open],
  'devtools.ts': ['devtools/', ...open],
}

/** Packages that a place may import; places that are not named here import none. */
const packages: Record<string, string[]> = {
  'core/tokens.ts': ['jwt-decode'],
  'axios.ts': ['axios'],
  // Imported by axios.ts alone.
  'http/axios-attempt.ts': ['axios'],
  'http/axios-call.ts': ['axios'],
  'http/axios-error.ts': ['axios'],
  'http/axios-wait.ts': ['axios'],
  'http/': [],
  'react.ts': ['react'],
  'vue.ts': ['vue'],
  // Imported by vue.ts alone.
  'hooks/follow.ts': ['vue'],
  'devtools/load.ts': ['tokenflight/devtools'],
  'msw.ts': ['msw'],
  'dpop.ts': ['dpop'],
  'mock-server/': ['msw', 'jose'],
}

/** Globals that only a browser has or that keep a process alive, and the files that may use them inside functions. */
const platform =
  /^(window|self|document|navigator|location|localStorage|sessionStorage|indexedDB|BroadcastChannel|setTimeout|clearTimeout|setInterval|clearInterval|addEventListener|removeEventListener|requestAnimationFrame|cancelAnimationFrame)$/
const platformFiles = [
  'core/environment.ts',
  'core/leftovers.ts',
  'mock-server/faults.ts', // delays answers
  'mock-server/jar.ts', // shows its cookies to the page
]
/** Folders and entries that are nothing without a page. */
const pageFiles = /^(devtools[./]|shared\/)/

const longestFile = 200
const mayBeLonger = ['core/types.ts', 'core/state.ts', 'mock-server/types.ts'] // types only: documentation, no logic
const longestFunction = 60

const source = join(dirname(fileURLToPath(import.meta.url)), '../src')
const config = ts.getParsedCommandLineOfConfigFile(join(source, 'tsconfig.json'), undefined, {
  ...ts.sys,
  onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
    throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'))
  },
})!
const program = ts.createProgram(config.fileNames, config.options)
const checker = program.getTypeChecker()
const nameOf = (file: ts.SourceFile) => relative(source, file.fileName).split(sep).join('/')
const files = program
  .getSourceFiles()
  .filter(file => config.fileNames.includes(file.fileName))
  .map(file => ({ file, name: nameOf(file), imports: importsOf(file) }))

describe('the house', () => {
  it('has files to look at', () => {
    expect(files.map(({ name }) => name)).toContain('core/types.ts')
  })

  it('imports inwards only: entries and shared/ import the core, and the core imports neither', () => {
    const allowed = (from: string, to: string) => matching(layers, from).some(place => to.startsWith(place))
    expect(
      offenders(({ name, imports }) =>
        imports.filter(to => to.inside && !allowed(name, to.name)).map(to => `${name} imports ${to.name}`),
      ),
    ).toEqual([])
  })

  it('imports a package only where the contract has it: no framework and no axios in the core', () => {
    expect(
      offenders(({ name, imports }) =>
        imports
          .filter(to => !to.inside && !matching(packages, name).includes(to.name))
          .map(to => `${name} imports ${to.name}`),
      ),
    ).toEqual([])
  })

  it('has no import cycles, not even of types', () => {
    const graph = new Map(files.map(({ name, imports }) => [name, imports.map(to => to.name)]))
    expect(cycles(graph)).toEqual([])
  })

  it('touches the platform through its doors only, and only inside functions', () => {
    expect(
      offenders(({ file, name }) =>
        nodesOf(file)
          .filter(node => ts.isIdentifier(node) && platform.test(node.text) && isGlobal(node))
          .filter(node => !(platformFiles.includes(name) || pageFiles.test(name)) || !isInsideFunction(node))
          .map(node => `${at(node)} ${node.getText()}`),
      ),
    ).toEqual([])
  })

  it('has no default exports', () => {
    const isDefault = (node: ts.Node) =>
      ts.isExportAssignment(node) ||
      (ts.isExportSpecifier(node) && node.name.text === 'default') ||
      node.kind === ts.SyntaxKind.DefaultKeyword
    expect(
      offenders(({ file }) =>
        nodesOf(file)
          .filter(node => isDefault(node) && !isSwitchDefault(node))
          .map(at),
      ),
    ).toEqual([])
  })

  it('keeps no mutable state in a module', () => {
    expect(offenders(({ file }) => nodesOf(file).filter(isModuleState).map(at))).toEqual([])
  })

  it(`has no file above ${longestFile} lines`, () => {
    expect(
      offenders(({ file, name }) => {
        const lines = file.getLineAndCharacterOfPosition(file.end).line
        return lines > longestFile && !mayBeLonger.includes(name) ? [`${name} has ${lines}`] : []
      }),
    ).toEqual([])
  })

  it(`has no function above ${longestFunction} lines`, () => {
    expect(
      offenders(({ file }) =>
        nodesOf(file)
          .filter(node => ts.isFunctionLike(node) && linesOf(file, node) > longestFunction)
          .map(at),
      ),
    ).toEqual([])
  })
})

function linesOf(file: ts.SourceFile, node: ts.Node): number {
  const line = (position: number): number => file.getLineAndCharacterOfPosition(position).line
  return line(node.end) - line(node.getStart(file)) + 1
}

function offenders(find: (entry: (typeof files)[number]) => string[]): string[] {
  return files.flatMap(find)
}

/** The entry of a table for a file: its own, else its folder's. */
function matching(table: Record<string, string[]>, name: string): string[] {
  return table[name] ?? table[`${name.split('/')[0]}/`] ?? []
}

function importsOf(file: ts.SourceFile): { name: string; inside: boolean }[] {
  return ts.preProcessFile(file.text).importedFiles.map(({ fileName }) => {
    const inside = fileName.startsWith('.')
    if (!inside) return { name: fileName, inside }
    const path = join(dirname(nameOf(file)), fileName)
      .split(sep)
      .join('/')
    return { name: path.replace(/\.js$/, '.ts'), inside }
  })
}

function cycles(graph: Map<string, string[]>): string[] {
  const done = new Set<string>()
  const found: string[] = []
  const visit = (name: string, path: string[]) => {
    if (path.includes(name)) found.push([...path.slice(path.indexOf(name)), name].join(' → '))
    if (done.has(name) || path.includes(name)) return
    for (const next of graph.get(name) ?? []) visit(next, [...path, name])
    done.add(name)
  }
  for (const name of graph.keys()) visit(name, [])
  return found
}

function nodesOf(file: ts.SourceFile): ts.Node[] {
  const nodes: ts.Node[] = []
  const visit = (node: ts.Node) => {
    nodes.push(node)
    ts.forEachChild(node, visit)
  }
  visit(file)
  return nodes
}

/** A value that TypeScript's own libraries declare for the whole program, also as `globalThis.name`. */
function isGlobal(node: ts.Node): boolean {
  if (ts.findAncestor(node, ts.isTypeNode)) return false
  const declarations = checker.getSymbolAtLocation(node)?.declarations ?? []
  return declarations.some(
    declaration =>
      program.isSourceFileDefaultLibrary(declaration.getSourceFile()) &&
      (ts.isFunctionDeclaration(declaration) || ts.isVariableDeclaration(declaration)),
  )
}

function isInsideFunction(node: ts.Node): boolean {
  return ts.findAncestor(node, ts.isFunctionLike) !== undefined
}

function isSwitchDefault(node: ts.Node): boolean {
  return ts.isDefaultClause(node.parent)
}

/** `let`, `var`, a static that is not readonly, or a collection that code could fill. */
function isModuleState(node: ts.Node): boolean {
  if (isInsideFunction(node)) return false
  if (ts.isPropertyDeclaration(node)) return has(node, 'static') && !has(node, 'readonly')
  if (!ts.isVariableDeclaration(node) || !ts.isVariableDeclarationList(node.parent)) return false
  if (ts.findAncestor(node, isAmbient)) return false
  if (!(node.parent.flags & ts.NodeFlags.Const)) return true
  return (
    node.initializer !== undefined &&
    isMutable(node.initializer) &&
    !/^(readonly |Readonly)/.test(typeOf(node))
  )
}

function isMutable(value: ts.Expression): boolean {
  if (ts.isArrayLiteralExpression(value)) return true
  if (ts.isObjectLiteralExpression(value)) return !value.properties.every(isMethod)
  if (ts.isSatisfiesExpression(value)) return isMutable(value.expression)
  return (
    ts.isNewExpression(value) && /^(Map|Set|WeakMap|WeakSet|Array|Object)$/.test(value.expression.getText())
  )
}

function isMethod(member: ts.ObjectLiteralElementLike): boolean {
  return (
    ts.isMethodDeclaration(member) ||
    (ts.isPropertyAssignment(member) && ts.isFunctionLike(member.initializer))
  )
}

function isAmbient(node: ts.Node): boolean {
  return ts.isVariableStatement(node) && has(node, 'declare')
}

function has(node: ts.HasModifiers, modifier: string): boolean {
  return node.modifiers?.some(({ kind }) => ts.tokenToString(kind) === modifier) ?? false
}

function typeOf(node: ts.VariableDeclaration): string {
  return node.type?.getText() ?? ''
}

function at(node: ts.Node): string {
  const file = node.getSourceFile()
  return `${nameOf(file)}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
}
