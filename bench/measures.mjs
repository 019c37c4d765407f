// @ts-check
// `node bench/measures.mjs`: how large the engine is, and how long the way of one request is. test/architecture.test.ts
// enforces the lengths of files and functions.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'src')
const files = readdirSync(source, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
  .map(entry => relative(source, join(entry.parentPath, entry.name)))
  .filter(name => /^(core|shared|http|refresh)\/|^(axios|fetch|index)\.ts$/.test(name))

let lines = 0
let publishes = 0
let cells = 0
for (const name of files) {
  const text = readFileSync(join(source, name), 'utf8')
  lines += text.split('\n').length - 1
  publishes += text.match(/\bpublish\(engine\)[^:]|engine\.publish\b/g)?.length ?? 0
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)
  /** @param {ts.Node} node */
  const visit = node => {
    // A variable that functions share, and a field of the state object that may be written.
    const isLet = ts.isVariableDeclarationList(node) && node.flags & ts.NodeFlags.Let && hasClosure(node)
    const isField =
      name === 'core/state.ts' &&
      ts.isPropertySignature(node) &&
      ts.isInterfaceDeclaration(node.parent) &&
      node.parent.name.text === 'Engine' &&
      !node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ReadonlyKeyword)
    if (isLet || isField) cells++
    ts.forEachChild(node, visit)
  }
  visit(file)
}

const { called, calls, touched } = await measurePath()
console.table({
  'files on the way of a request with a dead token': touched,
  'functions on it': called,
  'calls on it': calls,
  'places that publish': publishes,
  'mutable cells': cells,
  'lines of core, shared, http, refresh and their entries': lines,
})

/**
 * Whether a function below the same block uses the variable.
 * @param {ts.VariableDeclarationList} list
 */
function hasClosure(list) {
  const names = list.declarations.map(({ name }) => name.getText())
  const block = ts.findAncestor(list, ts.isBlock) ?? list.getSourceFile()
  let isShared = false
  /** @param {ts.Node} node @param {boolean} isInside */
  const look = (node, isInside) => {
    if (isInside && ts.isIdentifier(node) && names.includes(node.text)) isShared = true
    const enters = ts.isFunctionLike(node) && node !== block.parent
    ts.forEachChild(node, child => look(child, isInside || enters))
  }
  look(block, false)
  return isShared
}

/** Counts the calls of one request of axios that waits for a refresh, in memory. */
async function measurePath() {
  const outdir = join(root, 'node_modules/.cache/measures')
  rmSync(outdir, { recursive: true, force: true })
  buildSync({ entryPoints: files.map(name => join(source, name)), outdir, format: 'esm', outbase: source })
  const load = (/** @type {string} */ name) => import(pathToFileURL(join(outdir, name)).href)
  const [{ createAuth }, { attachAuth }] = [await load('index.js'), await load('axios.js')]
  const { default: axios } = await import('axios')
  const token = (/** @type {string} */ name) =>
    `e30.${Buffer.from(JSON.stringify({ sub: name, iat: 1, exp: 2 })).toString('base64url')}.x`
  const auth = createAuth({
    autoRefresh: 'off',
    refresh: async () => ({ access_token: token('ada'), expires_in: 300, refresh_token: 'next' }),
  })
  const api = axios.create({
    baseURL: 'https://api.example',
    adapter: async config => ({ status: 200, statusText: 'OK', data: {}, headers: {}, config }),
  })
  attachAuth(api, auth)
  await auth.login({ access_token: token('ada'), expires_in: 0.001, refresh_token: 'first' })
  await new Promise(resolve => setTimeout(resolve, 20))
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  await api.get('/orders')
  const { result } = await session.post('Profiler.takePreciseCoverage')
  session.disconnect()
  const own = result.filter(({ url }) => url.includes('.cache/measures'))
  const functions = own.flatMap(({ url, functions }) =>
    functions
      .filter(({ functionName, ranges }) => functionName && (ranges[0]?.count ?? 0) > 0)
      .map(({ ranges }) => ({ url, count: ranges[0]?.count ?? 0 })),
  )
  return {
    called: functions.length,
    calls: functions.reduce((sum, { count }) => sum + count, 0),
    touched: new Set(functions.map(({ url }) => url)).size,
  }
}
