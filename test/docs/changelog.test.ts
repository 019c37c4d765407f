/** The migration table of the changelog, compared with the public names of 0.1.0 and of today. */
import axios from 'axios'
import { createAuth } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it } from 'vitest'
import { parse, read } from './markdown.js'

/** The public names that 0.1.0 had and that are gone, by their place. */
const removed = {
  createAuth: ['refreshTokenIn', 'background', 'spread', 'lock'],
  clients: ['collect', 'refreshTokenHeader'],
  storage: ['get()', 'set(tokens)', 'remove()', 'shared'],
  types: ['Tokens'],
}
const { heads, tables } = parse('CHANGELOG.md', read('CHANGELOG.md'))
const rows = tables[heads.findIndex(([head]) => head === '0.1.0')] ?? []
const reports = ['index', 'axios', 'fetch'].map(name => read(`etc/${name}.api.md`)).join('\n')

describe('the migration table', () => {
  it.each(Object.values(removed).flat())('has a row for `%s`', name => {
    expect(rows.filter(([old = '']) => old.includes(name))).not.toEqual([])
  })

  it('names only functions and options that exist now', () => {
    const names = rows.flatMap(([, now = '']) =>
      Array.from(now.matchAll(/`(\w+)(?:[({]|: )/g), ([, name = '']) => name),
    )
    expect(names.length).toBeGreaterThan(8)
    expect(
      names.filter(name => !new RegExp(`^(export function |\\s+)${name}\\b`, 'm').test(reports)),
    ).toEqual([])
  })

  it('lists only names that the options and the storages of today lack', () => {
    const interfaces = /interface (AuthOptions|HttpOptions|TokenStorage)\b[^{]*\{[^}]*/g
    const members = (reports.match(interfaces) ?? []).join('\n')
    expect(members).toContain('autoRefresh?:')
    const isMember = (name: string) =>
      new RegExp(`^\\s+(readonly )?${name.replace(/\W.*/, '')}\\??[:(]`, 'm').test(members)
    expect(Object.values(removed).flat().filter(isMember)).toEqual([])
  })
})

describe('an option of 0.1.0 is a TypeError', () => {
  it.each(removed.createAuth)('of createAuth: %s', name => {
    expect(() => createAuth({ [name]: undefined })).toThrow(
      new RegExp(`^tokenflight: .* no option \`${name}\``),
    )
  })

  it.each([...removed.clients, 'renewal'])('of attachAuth and authFetch: %s', name => {
    const auth = createAuth()
    const options: object = { allowedOrigins: ['https://api.example.com'], [name]: 'server' }
    expect(() => attachAuth(axios.create(), auth, options)).toThrow(TypeError)
    expect(() => authFetch(auth, options)).toThrow(TypeError)
    auth.dispose()
  })
})
