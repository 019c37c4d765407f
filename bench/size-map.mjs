// @ts-check
// `node bench/size-map.mjs [lines]`: where the bytes of a bundle are, function by function. Minified bytes by source
// map; the brotli column is the size that the whole loses without them.
import { SourceMap } from 'node:module'
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { build } from 'esbuild'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))
const { outputFiles } = await build({
  stdin: {
    contents: `export { createAuth, webStorage } from './src/index.ts'
      export { attachAuth } from './src/axios.ts'`,
    resolveDir: root,
  },
  absWorkingDir: root,
  bundle: true,
  write: false,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2020',
  external: ['axios'],
  sourcemap: 'external',
  outfile: 'out.js',
})
const [map, code] = /** @type {[string, string]} */ (
  ['.map', '.js'].map(end => outputFiles.find(({ path }) => path.endsWith(end))?.text)
)
/** @type {{ sources: string[], sourcesContent: string[] }} */
const payload = JSON.parse(map)
const sourceMap = new SourceMap(/** @type {never} */ (payload))

/** @type {Map<string, ts.SourceFile>} */
const sources = new Map()

/**
 * The functions around a position, outermost first.
 * @param {string} file
 * @param {number} index
 * @param {number} line
 * @param {number} column
 */
function functionAt(file, index, line, column) {
  let source = sources.get(file)
  if (!source) {
    source = ts.createSourceFile(file, payload.sourcesContent[index] ?? '', ts.ScriptTarget.Latest, true)
    sources.set(file, source)
  }
  const position = source.getPositionOfLineAndCharacter(line, column)
  /** @type {string[]} */
  const path = []
  /** @param {ts.Node} node */
  const visit = node => {
    if (position < node.getStart() || position >= node.end) return
    const name = nameOf(node)
    if (name && path.length < 2) path.push(name)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return path.join(' › ') || '(top level)'
}

/** @param {ts.Node} node */
function nameOf(node) {
  if (ts.isClassDeclaration(node) || ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) {
    return node.name?.getText()
  }
  const value = /** @type {{ initializer?: ts.Node }} */ (node).initializer
  const isFunction = value && (ts.isArrowFunction(value) || ts.isFunctionExpression(value))
  if (isFunction && (ts.isVariableDeclaration(node) || ts.isPropertyAssignment(node)))
    return node.name.getText()
  return undefined
}

/** @type {Map<string, number[]>} Characters of the bundle by function. */
const owned = new Map()
const [bundle = ''] = code.split('\n')
for (let column = 0; column < bundle.length; column++) {
  const entry = sourceMap.findEntry(0, column)
  if (!('originalSource' in entry)) continue
  const file = relative(root, resolve(root, entry.originalSource))
  const name = `${file.replace(/^src\/|\.ts$/g, '')}  ${functionAt(file, payload.sources.indexOf(entry.originalSource), entry.originalLine, entry.originalColumn)}`
  const characters = owned.get(name) ?? []
  characters.push(column)
  owned.set(name, characters)
}

/** @param {string} text */
const brotli = text => brotliCompressSync(text).length
const whole = brotli(bundle)
console.log(`minified ${bundle.length}, brotli ${whole}`)
print('module', group([...owned].map(([name, characters]) => [name.split('  ')[0] ?? '', characters])))
print('function', group([...owned]).slice(0, Number(process.argv[2] ?? 60)))

/**
 * @param {[name: string, characters: number[]][]} parts
 */
function group(parts) {
  /** @type {Map<string, Set<number>>} */
  const groups = new Map()
  for (const [name, characters] of parts) {
    const group = groups.get(name) ?? new Set()
    for (const character of characters) group.add(character)
    groups.set(name, group)
  }
  return [...groups]
    .map(([name, dropped]) => {
      const rest = [...bundle].filter((_, index) => !dropped.has(index)).join('')
      return { name, minified: dropped.size, saved: whole - brotli(rest) }
    })
    .sort((a, b) => b.minified - a.minified)
}

/**
 * @param {string} title
 * @param {{ name: string, minified: number, saved: number }[]} rows
 */
function print(title, rows) {
  console.log(`\n${title.padEnd(56)} minified  brotli`)
  for (const { name, minified, saved } of rows) {
    console.log(name.padEnd(56), String(minified).padStart(8), String(saved).padStart(7))
  }
}
