/** Which files the tests run: those that they import, directly or through others, and the applications that they start. */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import ts from 'typescript'
import { read, root } from './markdown.js'

export function filesThatTestsRun(): Set<string> {
  const seen = new Set<string>()
  const visit = (path: string): void => {
    if (seen.has(path)) return
    seen.add(path)
    const text = read(path)
    // A test that builds or serves an example names its file or its folder.
    if (text.includes("from 'playwright-core'")) {
      for (const [, place = ''] of text.matchAll(/'(examples\/[\w./-]+)'/g)) filesOf(place).forEach(visit)
    }
    for (const { fileName } of ts.preProcessFile(text).importedFiles) {
      if (!fileName.startsWith('.')) continue
      const target = posix.join(dirname(path), fileName)
      const file = [target, target.replace(/js$/, 'ts'), target.replace(/js$/, 'tsx')].find(isFile)
      if (file) visit(file)
    }
  }
  for (const folder of ['test', 'examples']) {
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (/\.test\.tsx?$/.test(path) && !path.includes('node_modules'))
        visit(posix.join(folder, path.split('\\').join('/')))
    }
  }
  return seen
}

/** The file, or all files of the folder. */
function filesOf(place: string): string[] {
  if (isFile(place)) return [place]
  if (!existsSync(join(root, place))) return []
  return readdirSync(join(root, place), { recursive: true, encoding: 'utf8' })
    .map(name => posix.join(place, name.split('\\').join('/')))
    .filter(path => isFile(path) && !path.includes('node_modules'))
}

const isFile = (path: string): boolean => /\.\w+$/.test(path) && existsSync(join(root, path))
