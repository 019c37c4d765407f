/** Option names, defaults, codes, sizes, versions and commands in the documents are those of the source. */
import { describe, expect, it } from 'vitest'
import { pictures } from '../../scripts/draw-diagrams.mjs'
import { resolveOptions } from '../../src/core/options.js'
import {
  benchmarksChecks,
  type Check,
  commonChecks,
  comparisonChecks,
  optionsChecks,
  readmeChecks,
  repeatedDefaults,
  testingChecks,
} from './claims.js'
import { documents, parse, read } from './markdown.js'

const documentAt = (path: string) => parse(path, read(path))
const options = documentAt('docs/options.md')
const testing = documentAt('docs/guides/testing.md')

const checked = {
  'README.md': readmeChecks,
  'docs/options.md': optionsChecks,
  'docs/comparison.md': comparisonChecks,
  'docs/benchmarks.md': benchmarksChecks,
}

describe.each(
  Object.entries({ ...checked, 'docs/guides/testing.md': testingChecks }).map(
    ([path, checks]) => [path, documentAt(path), checks] as const,
  ),
)('%s', (_, document, checks) => {
  it.each(Object.entries(checks))('%s are those of the source', (_name, check: Check) => {
    expect(check(document)).toEqual([])
  })
})

describe('every document', () => {
  const problems = (check: Check) =>
    documents().flatMap(document => check(document).map(problem => `${document.path}: ${problem}`))

  it.each(Object.entries(commonChecks))('names only things that exist: %s', (_, check) => {
    expect(problems(check)).toEqual([])
  })

  it('names a test that fails in the first change of a newcomer', () => {
    const [, name = ''] = /the watcher names "([^"]+)"/.exec(read('CONTRIBUTING.md')) ?? []
    expect(read('test/core/options.test.ts')).toContain(`it('${name.replaceAll('\n', ' ')}', `)
  })

  it('leaves the defaults of the options to their table', () => {
    expect(problems(repeatedDefaults)).toEqual([])
  })
})

describe('the defaults of the doc comments', () => {
  it('are those that the code has', () => {
    const settings = resolveOptions({})
    const { name, autoRefresh, refreshTimeout, limit, delay, maxDelay } = settings
    const said = Object.fromEntries(
      (options.tables[options.heads.findIndex(([head]) => head === '`createAuth` option')] ?? []).map(
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

describe('each check finds a mistake', () => {
  const broken: Record<keyof typeof checked, Record<string, [from: string | RegExp, to: string]>> = {
    'README.md': {
      sizes: ['| fetch | ', '| fetch | 1'],
      'the oldest versions that it works with': ['`vue` (3.3)', '`vue` (3.2)'],
      'six commands': ['| `npm run fix` | corrects the style |\n', ''],
      'a sample by line 12': ['# tokenflight\n', `# tokenflight${'\n'.repeat(12)}`],
      'at most 280 lines': [/$/, '\n'.repeat(280)],
      'the sections in their order': ['## React', '## Angular'],
    },
    'docs/options.md': {
      'options of createAuth': [/(`refreshTimeout` \| )`[\d_]+`/, '$1`1`'],
      'options of the clients': ['| `renewal` |', '| `renew` |'],
      'options of refreshRequest': ["| `'refreshToken'` |", "| `'refresh_token'` |"],
      'options of oauth2Refresh': ['| `clientId` | |', '| `clientID` | |'],
      'members of an Auth': ['{ signal, forceRefresh }', '{ signal }'],
      'states of a session': ['`refreshing`, `error?` |', '`refreshing?`, `error?` |'],
      'options of the storages': ['{ database }', '{ name }'],
      events: ['`reason`, `duration`, `attempts`', '`reason`, `attempts`'],
      errors: ['`ERR_SIGNED_OUT`', '`ERR_LOGGED_OUT`'],
      'reasons of the end': ['or `no_refresh_token`', ''],
    },
    'docs/comparison.md': {
      'the size that is compared': [/\d+ kB, two \|/, '24 MB, two |'],
      'the versions that are compared': ['axios-jwt) 4.0.3', 'axios-jwt) 4.0.2'],
    },
    'docs/benchmarks.md': {
      'the figures of the bench': ['| working day, right clock |', '| working day |'],
    },
  }

  describe.each(Object.entries(checked))('in %s', (path, checks) => {
    const { text } = documentAt(path)
    const faults = broken[path as keyof typeof checked]

    it('has a fault to find', () => {
      expect(Object.keys(faults)).toEqual(Object.keys(checks))
    })

    it.each(Object.entries(faults))('%s', (name, [from, to]) => {
      const changed = text.replace(from, to)
      expect(changed).not.toBe(text)
      expect(checks[name]?.(parse(path, changed))).not.toEqual([])
    })
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
    'Answer within `refreshTimeout` (10 s), or fail.',
    '- **`ttl`** must be shorter than `refreshTimeout`, ten\nseconds',
    '| `refreshAhead` | `60_000` |',
    'The window (`refreshAhead`) is a minute.',
  ])('in every document, a default that is repeated: %j', text => {
    expect(repeatedDefaults(parse('x.md', `A sentence.\n\n${text} Another one.`))).toHaveLength(1)
    expect(repeatedDefaults(parse('docs/options.md', text))).toEqual([])
  })

  it.each(['`refreshTimeout` and two seconds', '`refreshTimeout` is short. A minute is not.'])(
    'in every document, no default in %j',
    text => {
      expect(repeatedDefaults(parse('x.md', text))).toEqual([])
    },
  )

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
