/** The guide to server-side rendering shows each file of two real projects. `npm run test:frameworks` runs these. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, read, root } from './markdown.js'

const guide = 'docs/guides/ssr.md'
const { blocks } = parse(guide, read(guide))

describe.each([
  ['examples/next', 'next'],
  ['examples/nuxt', 'nuxt'],
])('the guide to %s', (example, framework) => {
  it('shows each of its files, whole', () => {
    const files = readdirSync(join(root, example), { recursive: true, encoding: 'utf8' })
      .map(path => path.split('\\').join('/'))
      .filter(path => /\.(ts|tsx|vue)$/.test(path) && !/(^|\/)(node_modules|\.\w+)\/|-env\.d\.ts$/.test(path))
    expect(files.length).toBeGreaterThan(8)
    const shown = new Map(blocks.map(({ file, code }) => [file, code]))
    const missing = files.filter(path => shown.get(`${example}/${path}`) !== text(`${example}/${path}`))
    expect(missing).toEqual([])
  })

  it('installs each of its packages, and this version', () => {
    const { version } = JSON.parse(read('package.json'))
    const { dependencies, devDependencies } = JSON.parse(read(`${example}/package.json`))
    const commands = blocks.filter(({ language }) => language === 'sh').map(({ code }) => code)
    const command = commands.find(code => code.includes(` ${framework}@`)) ?? ''
    const installed = [...command.matchAll(/(?<= )(@?[a-z][\w./-]*)(?:@[\d.]+)?(?= |$)/gm)].map(
      ([, name]) => name,
    )
    for (const name of Object.keys({ ...dependencies, ...devDependencies })) expect(installed).toContain(name)
    // Without it, npm writes `commonjs`, and Next.js refuses to build.
    expect(command).toContain('npm pkg set type=module')
    expect(dependencies.tokenflight).toBe(`^${version}`)
    expect(command).toContain(` ${framework}@${dependencies[framework]} `)
  })
})

const text = (path: string): string => readFileSync(join(root, path), 'utf8').trimEnd()
