/** Every block of code in the documents type-checks as a user's would: against the built package, by its name. */
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { compileScript, parse as parseComponent } from 'vue/compiler-sfc'
import { type Block, documents, isTyped, read, root } from '../docs/markdown.js'

/** The project of a user: the strictest settings, and a bundler that finds packages. */
const settings: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  jsx: ts.JsxEmit.ReactJSX,
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  noEmit: true,
}
/** Declarations of modules that are not installed, or are no TypeScript. */
const shims = [join(root, 'examples/vue-files.d.ts')]

const typed = documents()
  .flatMap(({ blocks }) => blocks)
  .filter(isTyped)
  // Projects with packages of their own: `npm run test:frameworks` has them checked by their own compilers. The test with
  // Playwright uses a script of the repository: `npm run test:types` checks it.
  .filter(({ file = '' }) => !/^examples\/(next|nuxt|testing\/playwright)\//.test(file))

/** Where the compiler finds a block: its file, or one that exists in memory alone. */
function sources(blocks: readonly Block[]): Map<string, string | undefined> {
  const files = new Map<string, string | undefined>()
  for (const { document, line, language, code, file } of blocks) {
    if (file && language !== 'vue') files.set(join(root, file), undefined)
    else if (file) files.set(`${join(root, file)}.ts`, scriptOf(read(file)))
    else {
      const name = join(root, dirname(document), `${basename(document, '.md')}-line-${line}`)
      const text = language === 'vue' ? scriptOf(code) : `${code}\nexport {}\n`
      files.set(`${name}.${language === 'tsx' ? 'tsx' : 'ts'}`, text)
    }
  }
  return files
}

/** The script of a component together with the code of its template. */
function scriptOf(component: string): string {
  const { descriptor, errors } = parseComponent(component)
  expect(errors).toEqual([])
  return compileScript(descriptor, { id: 'block', inlineTemplate: true }).content
}

function check(files: Map<string, string | undefined>) {
  const host = ts.createCompilerHost(settings)
  const { fileExists, readFile } = host
  host.fileExists = path => files.get(path) !== undefined || fileExists(path)
  host.readFile = path => files.get(path) ?? readFile(path)
  const program = ts.createProgram([...files.keys(), ...shims], settings, host)
  const problems = ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0
    return `${file?.fileName.slice(root.length)}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
  })
  const names = program.getSourceFiles().map(({ fileName }) => fileName.slice(root.length))
  return { problems, files: names.filter(name => /^(dist|src)\//.test(name)) }
}

const alone = (language: string, code: string): Block => ({
  document: 'docs/x.md',
  line: 1,
  language,
  code,
  file: undefined,
})

describe('the blocks of code of the documents', () => {
  it('type-check against the built package', () => {
    const { problems, files } = check(sources(typed))
    expect(problems).toEqual([])
    expect(files).toEqual(
      expect.arrayContaining(
        ['index', 'axios', 'fetch', 'react', 'vue', 'msw'].map(name => `dist/${name}.d.ts`),
      ),
    )
    expect(files.filter(name => name.startsWith('src/'))).toEqual([])
  })

  it('are all there: those that quote a file, those that stand alone, components', () => {
    expect(sources(typed).size).toBeGreaterThan(20)
    expect([...sources(typed)].filter(([path, text]) => text === undefined && !existsSync(path))).toEqual([])
    expect(new Set(typed.map(({ language }) => language))).toEqual(new Set(['ts', 'tsx', 'vue']))
  })
})

describe('the check of types', () => {
  const right = [
    alone('ts', "import { createAuth } from 'tokenflight'\nawait createAuth().ready"),
    alone('tsx', 'export const view = <p>hello</p>'),
  ]
  const wrong: [string, Block][] = [
    [
      'an option that there is not',
      alone('ts', "import { createAuth } from 'tokenflight'\ncreateAuth({ refreshUrl: '' })"),
    ],
    ['an export that there is not', alone('ts', "import { createToken } from 'tokenflight'\ncreateToken()")],
    ['an undeclared name', alone('ts', 'auth.login({})')],
    [
      'a member that a hook has not',
      alone('tsx', "import { useAuth } from 'tokenflight/react'\nuseAuth().state"),
    ],
    [
      'a mistake in a template',
      alone(
        'vue',
        `<script setup lang="ts">
import { useAuth } from 'tokenflight/vue'
const { status } = useAuth()
</script>
<template><p v-if="status === 'loged in'">x</p></template>`,
      ),
    ],
  ]
  const blocks = [...right, ...wrong.map(([, block]) => block)].map((block, index) => ({
    ...block,
    line: index + 1,
  }))

  it('accepts correct documents, and finds each mistake', () => {
    const places = check(sources(blocks)).problems.map(problem => problem.split(/[.:]/)[0])
    expect(places.sort()).toEqual(wrong.map((_, index) => `docs/x-line-${right.length + index + 1}`))
  })
})
