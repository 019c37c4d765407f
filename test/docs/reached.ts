/** Which files the tests import, directly or through others. */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import ts from 'typescript'
import { read, root } from './markdown.js'

export function filesThatTestsRun(): Set<string> {
  const seen = new Set<string>()
  const visit = (path: string): void => {
    if (seen.has(path)) return
    seen.add(path)
    for (const { fileName } of ts.preProcessFile(read(path)).importedFiles) {
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

const isFile = (path: string): boolean => /\.\w+$/.test(path) && existsSync(join(root, path))
