import { existsSync, rmSync } from 'node:fs'
import resolve from '@rollup/plugin-node-resolve'
import dts from 'rollup-plugin-dts'
import esbuild from 'rollup-plugin-esbuild'

const names = ['index', 'axios', 'fetch', 'react', 'vue', 'msw', 'dpop', 'devtools'].filter(name =>
  existsSync(`src/${name}.ts`),
)
const bundled = { msw: ['jose'] } // a development dependency that travels inside an entry; no type names it
// Packages that have no CommonJS travel inside that form of an entry: older versions of Node, and Jest, cannot require them.
const bundledInCommonJS = { dpop: ['dpop'] }
const banners = { react: "'use client'" } // rollup drops the directive, so the source does without

rmSync('dist', { recursive: true, force: true })

/** Every package import stays an import; whether it is an allowed one, test/package says. */
const isExternal = allowed => id => !/^[./]|^[A-Z]:/.test(id) && !allowed.includes(id)

/** Each entry is built alone: no shared chunks, so an import costs one file and drags in nothing else. */
const code = name => {
  const build = (inside, output) => ({
    input: `src/${name}.ts`,
    external: isExternal([...(bundled[name] ?? []), ...inside]),
    treeshake: { moduleSideEffects: 'no-external' }, // no import of a package that an entry does not use
    plugins: [resolve({ browser: true }), esbuild({ target: 'es2020' })],
    output: output.map(each => ({ ...each, sourcemap: true, banner: banners[name] ?? '' })),
  })
  const modules = { file: `dist/${name}.js`, format: 'es' }
  const commonJS = { file: `dist/${name}.cjs`, format: 'cjs', exports: 'named' }
  const inside = bundledInCommonJS[name]
  return inside ? [build([], [modules]), build(inside, [commonJS])] : [build([], [modules, commonJS])]
}

/**
 * Declarations are built together: what two entries both name is declared once, in shared.d.ts, so that
 * `Auth` or an error class is the same type whichever path it was imported from.
 */
const types = {
  input: Object.fromEntries(names.map(name => [name, `src/${name}.ts`])),
  external: isExternal([]),
  plugins: [dts({ tsconfig: 'src/tsconfig.json' })],
  output: ['d.ts', 'd.cts'].map(extension => ({
    dir: 'dist',
    entryFileNames: `[name].${extension}`,
    chunkFileNames: `[name].${extension}`,
    minifyInternalExports: false,
    manualChunks: id => (/[/\\]src[/\\](core|http|refresh|devtools)[/\\]/.test(id) ? 'shared' : undefined),
  })),
}

export default [...names.flatMap(code), types]
