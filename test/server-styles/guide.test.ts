import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const guide = read('docs/server-styles.md')

describe('docs/server-styles.md', () => {
  const quoted = [...guide.matchAll(/<!-- (examples\/server-styles\/\S+) -->\n```ts\n([\s\S]*?)\n```/g)]

  it('quotes every snippet that the tests run, word for word', () => {
    for (const [, path = '', code = ''] of quoted) expect(`${code}\n`).toBe(read(path))
    const files = readdirSync(new URL('examples/server-styles', root))
    expect(quoted.map(([, path = '']) => path.split('/').at(-1)).sort()).toEqual(files.sort())
  })

  it('has a row for each of the ten styles, and links to nothing that is not there', () => {
    expect(guide.match(/^\| \[\d+\]/gm)).toHaveLength(10)
    const links = [...guide.matchAll(/\]\((\.\.?\/[^)#]+)\)/g)].map(([, link = '']) => link)
    expect(links.length).toBeGreaterThan(8)
    expect(links.filter(link => !existsSync(new URL(link, new URL('docs/', root))))).toEqual([])
    const headings = [...guide.matchAll(/^## (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    )
    const anchors = [...guide.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor)
    expect(anchors).toEqual(headings)
  })
})
