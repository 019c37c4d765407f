/** Links between the documents lead somewhere. Links to other sites are not followed: tests need no network. */
import { describe, expect, it } from 'vitest'
import { deadLinks, documents, parse } from './markdown.js'

const all = documents()

describe('the documents', () => {
  it('are found', () => {
    expect(all.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/design.md']),
    )
    expect(all.flatMap(({ links }) => links).length).toBeGreaterThan(30)
  })

  it.each(all.map(document => [document.path, document] as const))('%s has no dead link', (_, document) => {
    expect(deadLinks(document, all)).toEqual([])
  })

  it('are all reached from the README', () => {
    const reached = new Set<string>()
    const visit = (path: string): void => {
      const document = all.find(other => other.path === path)
      if (!document || reached.has(path)) return
      reached.add(path)
      for (const link of document.links) visit(resolve(path, link))
    }
    visit('README.md')
    const guides = all.map(({ path }) => path).filter(path => /^(docs\/|[A-Z]+\.md$)/.test(path))
    expect(guides.filter(path => !reached.has(path))).toEqual([])
  })
})

const resolve = (from: string, link: string): string =>
  new URL(link.split('#')[0] ?? '', `file:///${from}`).pathname.slice(1) || from

describe('the check of links', () => {
  const other = parse('docs/other.md', '# One\n\n## A `b`, c!\n\n## One\n')
  const dead = (text: string) => {
    const document = parse('docs/x.md', `# Here\n\n${text}\n`)
    return deadLinks(document, [document, other])
  }

  it('takes files, headings as GitHub names them, and other sites', () => {
    const good = ['../README.md', '../src/index.ts', '#here', 'https://example.com/nothing']
    expect(dead(good.map(link => `[x](${link})`).join(' '))).toEqual([])
    expect([...other.anchors]).toEqual(['one', 'a-b-c', 'one-1'])
  })

  it('finds missing files, headings, pictures and HTML', () => {
    const bad = ['nothing.md', '#nothing', '../README.md#nothing', '/README.md']
    expect(dead(bad.map(link => `[x](${link})`).join(' '))).toEqual(bad)
    expect(dead('![x](images/nothing.svg)')).toEqual(['images/nothing.svg'])
    expect(dead('<a href="nothing.md">x</a>')).toEqual(['nothing.md'])
    expect(dead('| a |\n|---|\n| [x](nothing.md) |\n\n- [y](none.md)')).toEqual(['nothing.md', 'none.md'])
  })
})
