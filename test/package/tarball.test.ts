/** The package of a user: the packed tarball, unpacked into a project of its own, from ESM, CommonJS and TypeScript. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byName, contract, fileName, manifest, published, root, specifier } from './contract.js'

const require = createRequire(import.meta.url)
const project = mkdtempSync(join(tmpdir(), 'tokenflight-consumer-'))
const tarball = join(project, `tokenflight-${manifest.version}.tgz`)
const axiosEntry = `import axios from 'axios'
import { createAuth, SessionExpiredError, type Auth, type AuthState } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

const auth: Auth = createAuth({ refresh: async () => ({ access_token: 'opaque' }) })
const detach: () => void = attachAuth(axios.create({ baseURL: 'https://api.example' }), auth)
export const state: AuthState = auth.getState()
export const isOver = (error: unknown): boolean => error instanceof SessionExpiredError && error.reason.length > 0
export const answer = axios.get('/public', { skipAuth: true })
detach()
// @ts-expect-error a refresh function answers with tokens
createAuth({ refresh: async () => 'token' })
`
let packed: string[]

beforeAll(() => {
  const options = ['pack', '--json', '--ignore-scripts', '--pack-destination', project]
  const [{ files }] = JSON.parse(
    execFileSync('npm', options, { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' }),
  )
  packed = files.map((file: { path: string }) => file.path)
  const modules = join(project, 'node_modules')
  mkdirSync(join(modules, 'tokenflight'), { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '-C', join(modules, 'tokenflight'), '--strip-components=1'])
  // React brings its types as a package of their own.
  mkdirSync(join(modules, '@types'))
  const linked = [
    ...Object.keys(manifest.dependencies),
    ...Object.keys(manifest.peerDependencies),
    '@types/react',
  ]
  for (const name of linked) {
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction')
  }
})

afterAll(() => rmSync(project, { recursive: true, force: true }))

describe('the tarball', () => {
  it('holds the built entries, their declarations and the papers, nothing else', () => {
    const ends = ['.js', '.js.map', '.cjs', '.cjs.map', '.d.ts', '.d.cts']
    const built = [
      ...published.flatMap(path => ends.map(end => fileName(path) + end)),
      'shared.d.ts',
      'shared.d.cts',
    ]
    const papers = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']
    expect(byName(packed)).toEqual(byName([...built.map(name => `dist/${name}`), ...papers]))
  })

  it('satisfies publint, strictly', async () => {
    const { buffer } = new Uint8Array(readFileSync(tarball))
    const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true })
    expect(messages.map(message => formatMessage(message, pkg, { color: false }))).toEqual([])
  })

  it('has types that resolve from node16 ESM, node16 CommonJS and bundlers (attw)', () => {
    const attw = join(dirname(require.resolve('@arethetypeswrong/cli/package.json')), 'dist/index.js')
    const options = [attw, tarball, '--profile', 'node16', '--format', 'ascii', '--no-color', '--no-emoji']
    expect(() => execFileSync(process.execPath, options, { encoding: 'utf8', stdio: 'pipe' })).not.toThrow()
  })
})

describe('a consumer', () => {
  it('imports every entry as an ES module, and the process ends by itself', () => {
    const names = published.map(path => `names.push(Object.keys(await import('${specifier(path)}')).sort())`)
    const script = `const names = []\n${names.join('\n')}\nconst { createAuth } = await import('tokenflight')\n${story}`
    expect(runs('esm.mjs', script)).toEqual({ names: expected, token: 'opaque' })
  })

  it('requires every entry from CommonJS, and the process ends by itself', () => {
    const names = published.map(path => `names.push(Object.keys(require('${specifier(path)}')).sort())`)
    const script = `const names = []\n${names.join('\n')}\nconst { createAuth } = require('tokenflight')
      ;(async () => { ${story} })()`
    expect(runs('commonjs.cjs', script)).toEqual({ names: expected, token: 'opaque' })
  })

  it.each([
    ['node16 ESM', 'consumer.mts', ts.ModuleKind.Node16, ts.ModuleResolutionKind.Node16],
    ['node16 CommonJS', 'consumer.cts', ts.ModuleKind.Node16, ts.ModuleResolutionKind.Node16],
    ['a bundler', 'consumer.ts', ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Bundler],
    ['node10 ESM', 'node10.ts', ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Node10],
    ['node10 CommonJS', 'node10-commonjs.ts', ts.ModuleKind.CommonJS, ts.ModuleResolutionKind.Node10],
  ])('type-checks under %s', (_, name, module, moduleResolution) => {
    expect(compiles(name, axiosEntry + everything, { module, moduleResolution })).toEqual([])
  })
})

describe('a consumer with moduleResolution node10, which knows no exports map', () => {
  const node10 = { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Node10 }

  it.each(published)('finds the declarations of %s', path => {
    const { resolvedModule } = ts.resolveModuleName(
      specifier(path),
      join(project, 'consumer.ts'),
      node10,
      ts.sys,
    )
    expect(resolvedModule?.resolvedFileName).toMatch(
      new RegExp(`/tokenflight/dist/${fileName(path)}\\.d\\.c?ts$`),
    )
  })

  it('gets an error for an entry that the package does not have', () => {
    const text = "import { missing } from 'tokenflight/missing'\nexport { missing }"
    expect(compiles('missing.ts', text, node10)).toEqual([expect.stringContaining('tokenflight/missing')])
  })

  it('gets the same error for a wrong option as other consumers', () => {
    const text = "import { attachAuth } from 'tokenflight/axios'\nexport const detach = attachAuth(1)"
    expect(compiles('wrong.ts', text, node10)).toEqual([expect.stringContaining('arguments')])
  })
})

const expected = published.map(path => byName(contract[path]?.exports ?? []))
const story = `
  const auth = createAuth({ refresh: async () => ({ access_token: 'opaque' }) })
  await auth.login({ access_token: 'opaque' })
  console.log(JSON.stringify({ names, token: await auth.getAccessToken() }))
`
const everything = published
  .map((path, index) => `import * as entry${index} from '${specifier(path)}'\nexport { entry${index} }`)
  .join('\n')

function runs(name: string, script: string): unknown {
  const path = join(project, name)
  writeFileSync(path, script)
  return JSON.parse(
    execFileSync(process.execPath, [path], { cwd: project, encoding: 'utf8', timeout: 20_000 }),
  )
}

/** Compiles with every check on and reports errors in the consumer and in our declarations, not in other libraries. */
function compiles(name: string, text: string, options: ts.CompilerOptions): string[] {
  const path = join(project, name)
  writeFileSync(path, text)
  const strict = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
  }
  const target = {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
    types: [],
    esModuleInterop: true,
  }
  const program = ts.createProgram([path], { ...strict, ...target, ...options })
  return ts
    .getPreEmitDiagnostics(program)
    .filter(
      ({ file }) =>
        !file || dirname(file.fileName) === dirname(path) || /\/tokenflight\/dist\//.test(file.fileName),
    )
    .map(
      ({ messageText, file }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    )
}
