/** Reads the documents: their blocks of code, their links, their headings, their tables. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import GithubSlugger from 'github-slugger'
import { lexer, type Token, type Tokens as Tree } from 'marked'

export const root = fileURLToPath(new URL('../../', import.meta.url))
export const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** A block of code, and the file that the comment before it names: `<!-- examples/readme/session.ts -->`. */
export interface Block {
  readonly document: string
  readonly line: number
  readonly language: string
  readonly code: string
  readonly file: string | undefined
}

export interface Document {
  readonly path: string
  readonly text: string
  readonly blocks: readonly Block[]
  /** Targets of links and pictures, in Markdown and in HTML. */
  readonly links: readonly string[]
  /** The anchors of the headings, as GitHub makes them. */
  readonly anchors: ReadonlySet<string>
  /** Rows of each table, without the head: cells as they are written. */
  readonly tables: readonly (readonly (readonly string[])[])[]
  /** Names of the columns of each table. */
  readonly heads: readonly (readonly string[])[]
}

const SKIPPED = new Set([
  'node_modules',
  'dist',
  'coverage',
  'reports',
  'api',
  'etc',
  '.git',
  '.compat',
  '.foreign',
  '.stryker-tmp',
])

/** Every Markdown file of the repository, generated ones aside. */
function documentPaths(folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap(entry => {
      if (SKIPPED.has(entry.name)) return []
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return documentPaths(path)
      return entry.name.endsWith('.md') ? [relative(root, path).split('\\').join('/')] : []
    })
    .sort()
}

export const documents = (): Document[] => documentPaths().map(path => parse(path, read(path)))

export function parse(path: string, text: string): Document {
  const blocks: Block[] = []
  const links: string[] = []
  const anchors = new Set<string>()
  const tables: string[][][] = []
  const heads: string[][] = []
  const slugger = new GithubSlugger()
  let file: string | undefined
  let at = 0
  const visit = (token: Token): void => {
    if (token.type === 'code') {
      const line = text.slice(0, text.indexOf(token.raw.trim(), at)).split('\n').length
      blocks.push({ document: path, line, language: token['lang'] ?? '', code: token['text'], file })
    }
    if (token.type === 'heading') anchors.add(slugger.slug(plain(token)))
    if (token.type === 'link' || token.type === 'image') links.push(token['href'])
    if (token.type === 'html') {
      for (const [, target = ''] of token.raw.matchAll(/\b(?:href|src|srcset)="([^"]+)"/g)) links.push(target)
      for (const [, name = ''] of token.raw.matchAll(/\bid="([^"]+)"/g)) anchors.add(name)
    }
    if (token.type === 'table') {
      const { header, rows } = token as Tree.Table
      heads.push(header.map(cell => cell.text))
      tables.push(rows.map(row => row.map(cell => cell.text)))
      for (const cell of [header, ...rows].flat()) cell.tokens.forEach(visit)
    }
    if (token.type === 'list') for (const item of (token as Tree.List).items) item.tokens.forEach(visit)
    else ('tokens' in token ? token.tokens : undefined)?.forEach(visit)
  }
  for (const token of lexer(text)) {
    visit(token)
    at += token.raw.length
    if (token.type !== 'space')
      file = /<!-- (\S+\.\w+) -->\s*$/.exec(token.type === 'html' ? token.raw : '')?.[1]
  }
  return { path, text, blocks, links, anchors, tables, heads }
}

/** The text of a heading, without its marks. */
function plain(token: Token): string {
  const { tokens } = token as Tree.Generic
  return tokens?.length ? tokens.map(plain).join('') : ((token as Tree.Text).text ?? '')
}

/** Blocks that a compiler understands. */
export const isTyped = ({ language }: Block): boolean => ['ts', 'tsx', 'vue'].includes(language)

/** Links of the document that lead to nothing: a file that is not there, a heading that does not exist. */
export function deadLinks(document: Document, all: readonly Document[]): string[] {
  return document.links.filter(link => {
    if (/^(https?:|mailto:)/.test(link)) return false
    const [target = '', anchor] = link.split('#')
    const path = target ? posix.join(dirname(document.path), target) : document.path
    if (target.startsWith('/') || (target && !existsSync(join(root, path)))) return true
    const there = path === document.path ? document : all.find(other => other.path === path)
    return !!anchor && !there?.anchors.has(anchor)
  })
}

/**
 * Paragraphs of a block that its file does not have. A block is the file, or paragraphs of it in their order; how
 * deeply they are indented does not matter.
 */
export function strangeParagraphs({ code }: Pick<Block, 'code'>, source: string): string[] {
  let rest = `\n${flush(source)}\n`
  return code.split(/\n{2,}/).filter(paragraph => {
    const wanted = `\n${flush(paragraph)}\n`
    const found = rest.indexOf(wanted)
    if (found >= 0) rest = rest.slice(found + wanted.length - 1)
    return found < 0
  })
}

const flush = (text: string): string =>
  text
    .split('\n')
    .map(line => line.trim())
    .join('\n')
