/** The built files: each entry exists, has the exports and imports of the contract, and runs nothing when loaded. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type RollupOutput, rollup } from 'rollup'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { byName, contract, fileName, manifest, published, root } from './contract.js'

const require = createRequire(import.meta.url)
const dist = join(root, 'dist')

describe('package.json', () => {
  it('publishes each entry that src has, and only the names of the contract', () => {
    const sources = Object.keys(contract).filter(path => existsSync(join(root, `src/${fileName(path)}.ts`)))
    expect(byName(published)).toEqual(byName(sources))
  })

  it('depends on jwt-decode and dpop alone; everything else that an entry imports is an optional peer', () => {
    const imports = Object.values(contract).flatMap(entry => entry.imports)
    const own = ['dpop', 'jwt-decode']
    const peers = imports.filter(name => !own.includes(name) && !name.startsWith('tokenflight/'))
    expect(Object.keys(manifest.dependencies)).toEqual(own)
    expect(byName(Object.keys(manifest.peerDependencies))).toEqual(byName(peers))
    expect(manifest.peerDependenciesMeta).toEqual(
      Object.fromEntries(peers.map(name => [name, { optional: true }])),
    )
  })
})

describe.each(published)('%s', path => {
  const file = join(dist, fileName(path))
  const { exports: names = [], imports = [], requires = imports } = contract[path] ?? {}

  it('points at files that exist, types before code', () => {
    const name = `./dist/${fileName(path)}`
    expect(JSON.stringify(manifest.exports[path])).toBe(
      JSON.stringify({
        import: { types: `${name}.d.ts`, default: `${name}.js` },
        require: { types: `${name}.d.cts`, default: `${name}.cjs` },
      }),
    )
    const missing = ['.js', '.js.map', '.cjs', '.cjs.map', '.d.ts', '.d.cts'].filter(
      end => !existsSync(file + end),
    )
    expect(missing).toEqual([])
  })

  it('exports exactly the names of the contract, none of them default', async () => {
    const [chunk] = await load(`${file}.js`)
    expect(byName(chunk.exports)).toEqual(byName(names))
    expect(byName(Object.keys(require(`${file}.cjs`)))).toEqual(byName(names))
  })

  it('imports exactly the packages of the contract, and no file beside it', async () => {
    const [chunk] = await load(`${file}.js`)
    const required = readFileSync(`${file}.cjs`, 'utf8').matchAll(/\b(?:require|import)\(['"](.+?)['"]\)/g)
    expect(byName([...chunk.imports, ...chunk.dynamicImports])).toEqual(byName(imports))
    expect(byName(new Set(Array.from(required, match => match[1]!)))).toEqual(byName(requires))
  })

  it.each([
    ['.d.ts', './shared.js'],
    ['.d.cts', './shared.cjs'],
  ])('declares its types (%s) with nothing that a user might not have installed', (end, shared) => {
    const foreign = typeImports(file + end).filter(name => name !== shared && !imports.includes(name))
    expect(foreign).toEqual([])
  })
})

// Not msw: the jose inside it fills its table of algorithms when loaded.
it.each(published.filter(path => path !== './msw'))(
  '%s runs nothing when it is loaded, so that an unused import costs nothing',
  async path => {
    const [chunk] = await load(`data:,import ${JSON.stringify(join(dist, `${fileName(path)}.js`))}`)
    expect(chunk.code.replaceAll(/^import .*$/gm, '').trim()).toBe('')
  },
)

describe('dist', () => {
  it('holds the files of the entries and one of shared declarations, nothing else', () => {
    const ends = ['.js', '.js.map', '.cjs', '.cjs.map', '.d.ts', '.d.cts']
    const expected = published.flatMap(path => ends.map(end => fileName(path) + end))
    expect(byName(readdirSync(dist))).toEqual(byName([...expected, 'shared.d.ts', 'shared.d.cts']))
  })

  it('shares declarations that stand on their own', () => {
    expect([...typeImports(join(dist, 'shared.d.ts')), ...typeImports(join(dist, 'shared.d.cts'))]).toEqual(
      [],
    )
  })

  it('has source maps that carry their sources as they are, and name no place of this machine', () => {
    for (const path of published) {
      for (const end of ['.js', '.cjs']) {
        const built = readFileSync(join(dist, fileName(path) + end), 'utf8')
        expect(built.trimEnd()).toMatch(new RegExp(`\n//# sourceMappingURL=${fileName(path)}\\${end}\\.map$`))
        const map = readFileSync(join(dist, `${fileName(path)}${end}.map`), 'utf8')
        const { sources, sourcesContent } = JSON.parse(map) as { sources: string[]; sourcesContent: string[] }
        // src/index.ts is a list of names alone.
        expect(sources).toContain(path === '.' ? '../src/core/auth.ts' : `../src/${fileName(path)}.ts`)
        expect(sources.filter(source => !/^\.\.\/(src|node_modules\/(jose|dpop))\//.test(source))).toEqual([])
        expect(sourcesContent).toEqual(sources.map(source => readFileSync(join(dist, source), 'utf8')))
      }
    }
  })
})

function typeImports(path: string): string[] {
  return ts.preProcessFile(readFileSync(path, 'utf8')).importedFiles.map(({ fileName }) => fileName)
}

/** Reads a built file as a bundler would: packages stay outside. `data:,` holds the text of a module instead. */
async function load(input: string): Promise<RollupOutput['output']> {
  const bundle = await rollup({
    input,
    external: id => !/^(data:|[./]|[A-Z]:)/.test(id),
    plugins: [
      {
        name: 'text',
        resolveId: id => (id.startsWith('data:') ? id : null),
        load: id => (id.startsWith('data:') ? id.slice('data:,'.length) : null),
      },
    ],
    onwarn: warning => {
      if (warning.code === 'UNRESOLVED_IMPORT') throw new Error(warning.message)
    },
  })
  return (await bundle.generate({ format: 'es' })).output
}
