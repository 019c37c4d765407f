/** Option names, defaults, codes, sizes, versions and commands in the documents are those of the source. */
import { describe, expect, it } from 'vitest'
import { pictures } from '../../scripts/draw-diagrams.mjs'
import { resolveOptions } from '../../src/core/options.js'
import { type Check, commonChecks, readmeChecks, testingChecks } from './claims.js'
import { documents, parse, read } from './markdown.js'

const readme = parse('README.md', read('README.md'))
const testing = parse('docs/guides/testing.md', read('docs/guides/testing.md'))

describe.each([
  ['README.md', readme, readmeChecks],
  ['docs/guides/testing.md', testing, testingChecks],
] as const)('%s', (_, document, checks) => {
  it.each(Object.entries(checks))('%s are those of the source', (_name, check: Check) => {
    expect(check(document)).toEqual([])
  })
})

describe('every document', () => {
  it.each(Object.entries(commonChecks))('names only what there is: %s', (_, check) => {
    expect(
      documents().flatMap(document => check(document).map(problem => `${document.path}: ${problem}`)),
    ).toEqual([])
  })
})

describe('the defaults of the doc comments', () => {
  it('are those that the code has', () => {
    const settings = resolveOptions({})
    const { name, autoRefresh, refreshTimeout, limit, delay, maxDelay } = settings
    const said = Object.fromEntries(
      (readme.tables[readme.heads.findIndex(([head]) => head === '`createAuth` option')] ?? []).map(
        ([option = '', value = '']) => [option.replaceAll('`', ''), value.replaceAll('`', '')],
      ),
    )
    const grouped = (value: number) => value.toLocaleString('en').replace(',', '_')
    expect(said).toMatchObject({
      name: `'${name}'`,
      autoRefresh: `'${autoRefresh}'`,
      refreshTimeout: grouped(refreshTimeout),
      retry: `{ limit: ${limit}, delay: ${delay}, maxDelay: ${grouped(maxDelay)} }`,
    })
    expect(said['refreshAhead']).toMatch(grouped(settings.window(3_600_000)))
    expect(settings.window(60_000)).toBe(15_000)
    expect(settings.records.shared).toBe(false)
  })
})

describe('the diagrams', () => {
  it.each(Object.entries(pictures))('%s is as its script draws it', (name, draw) => {
    expect(read(`docs/images/${name}`)).toBe(draw())
  })

  it.each(Object.entries(pictures))('%s can be read in the dark, and aloud', (_, draw) => {
    expect(draw()).toMatch(/@media \(prefers-color-scheme: dark\)/)
    expect(draw()).toMatch(/<rect class="ground"/)
    expect(draw()).toMatch(/<title id="title">\S.+<\/title>\s+<desc id="description">\S.+<\/desc>/)
  })
})

describe('each check finds what is wrong', () => {
  const broken: Record<string, [from: string, to: string]> = {
    'options of createAuth': ['| `10_000` |', '| `20_000` |'],
    'options of the clients': ['| `renewal` |', '| `renew` |'],
    'options of refreshRequest': ["| `'refreshToken'` |", "| `'refresh_token'` |"],
    'options of oauth2Refresh': ['| `clientId` | |', '| `clientID` | |'],
    'members of an Auth': ['{ signal, forceRefresh }', '{ signal }'],
    'states of a session': ['`refreshing`, `error?` |', '`refreshing?`, `error?` |'],
    'options of the storages': ['{ database }', '{ name }'],
    events: ['`reason`, `duration`, `attempts`', '`reason`, `attempts`'],
    errors: ['`ERR_SIGNED_OUT`', '`ERR_LOGGED_OUT`'],
    'reasons of the end': ['or `no_refresh_token`', ''],
    sizes: ['| fetch | ', '| fetch | 1'],
    'the size that is compared': ['24 kB, two |', '24 MB, two |'],
    'the versions that are compared': ['axios-jwt) 4.0.3', 'axios-jwt) 4.0.2'],
    'the oldest versions that it works with': ['`vue` (3.3)', '`vue` (3.2)'],
    'six commands': ['| `npm run fix` | mends style |\n', ''],
    'the figures of the bench': ['| working day, right clock |', '| working day |'],
    'a sample by line 15': ['# tokenflight\n', `# tokenflight${'\n'.repeat(15)}`],
  }

  it('of the README', () => {
    expect(Object.keys(broken)).toEqual(Object.keys(readmeChecks))
  })

  it.each(Object.entries(broken))('%s', (name, [from, to]) => {
    expect(readme.text).toContain(from)
    expect(readmeChecks[name]?.(parse('README.md', readme.text.replace(from, to)))).not.toEqual([])
  })

  it.each([
    ['scripts of package.json', '`npm run tset`'],
    ['scripts that are files', '`node scripts/nothing.mjs`'],
    ['members of auth', '`auth.signIn()`'],
    ['knobs of the mock server', '`backend.breakEverything()`'],
    ['knobs of the mock server', '`backend.stats.tears`'],
  ])('in every document: %s', (name, text) => {
    expect(commonChecks[name]?.(parse('x.md', text))).toHaveLength(1)
  })

  it.each([
    ['options of mockAuth', '| `300_000` |', '| `600_000` |'],
    ['options of mockAuth', '| `clientId` |', '| `client` |'],
    ['counters', '`reuses`', '`thefts`'],
    ['counters', ' `repeats`,', ''],
  ])('of the guide to testing: %s', (name, from, to) => {
    expect(testing.text).toContain(from)
    expect(testingChecks[name]?.(parse('x.md', testing.text.replace(from, to)))).not.toEqual([])
  })
})
