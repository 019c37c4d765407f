/** The tables and numbers of the documents, compared with the source. Each check names the differences. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createAuth, RefreshFailedError, SessionExpiredError, SignedOutError } from 'tokenflight'
import { mockAuth } from 'tokenflight/msw'
import { BEGIN, END, figures, type Summary } from '../../bench/report/figures.js'
import { resolveOptions } from '../../src/core/options.js'
import { homeOf, type Member, membersOf, spoken, unionOf, wordsOf } from './facts.js'
import { type Document, read, root } from './markdown.js'

export type Check = (document: Document) => string[]

const manifest = JSON.parse(read('package.json'))
const sizes: { name: string; limit: string }[] = JSON.parse(read('config/.size-limit.json'))

/** The rows of the table with this first column; none where there is no such table. */
const rows = ({ heads, tables }: Document, head: string): readonly (readonly string[])[] =>
  tables[heads.findIndex(([first]) => first === head)] ?? []

/** Where two lists differ, line by line. */
function differences(said: readonly string[], meant: readonly string[]): string[] {
  return [
    ...said.filter(line => !meant.includes(line)).map(line => `says: ${line}`),
    ...meant.filter(line => !said.includes(line)).map(line => `should say: ${line}`),
  ]
}

const options =
  (head: string, path: string, name: string): Check =>
  document =>
    differences(
      rows(document, head).map(([option = '', value = '']) => `${spoken(option)} = ${spoken(value)}`),
      membersOf(path, name)
        .filter(member => head.includes('Request') || head.includes('oauth2') || member.name !== 'fetch')
        .map(member => `${member.name} = ${member.default}`),
    )

/** How a member is written: options are written out. */
const signature = ({ name, parameters }: Member): string => {
  const written = parameters?.map(([parameter, type]) =>
    parameter === 'options'
      ? `{ ${membersOf('src/core/types.ts', type)
          .map(option => option.name)
          .join(', ')} }`
      : parameter,
  )
  return written ? `${name}(${written.join(', ')})` : name
}

/** How each storage is called, and its options. */
const storageOptions = {
  'webStorage(storage, ': 'WebStorageOptions',
  'indexedDBStorage(': 'IndexedDBStorageOptions',
  'cookieSession(': 'CookieSessionOptions',
  'sharedStorage(storage, ': 'SharedStorageOptions',
}

/** The order of the README: one sentence and a sample, then these. */
const sections =
  'Install, axios, fetch, React, Vue, Tests of your application, How it works, Where the session lives, Back ends, Security, Size, Comparison, Development'

export const readmeChecks: Record<string, Check> = {
  sizes: document =>
    differences(
      rows(document, 'import').map(([name, limit]) => `${name}: ${limit}`),
      sizes.map(({ name, limit }) => `${name}: ${limit}`),
    ),
  'the oldest versions that it works with': ({ text }) =>
    Object.entries(manifest.peerDependencies as Record<string, string>)
      .map(([name, range]) => `\`${name}\` (${range.replace('>=', '')}`)
      .filter(said => !text.includes(said)),
  'six commands': document => (rows(document, 'command').length === 6 ? [] : ['there are not six']),
  'a sample by line 12': ({ blocks: [first] }) =>
    first?.language === 'ts' && first.line <= 12 ? [] : ['the first sample comes late'],
  'at most 280 lines': ({ text }) => (text.split('\n').length <= 281 ? [] : ['it is too long']),
  'the sections in their order': ({ text }) =>
    differences([Array.from(text.matchAll(/^## (.+)$/gm), ([, title]) => title).join(', ')], [sections]),
}

export const optionsChecks: Record<string, Check> = {
  'options of createAuth': options('`createAuth` option', 'src/core/types.ts', 'AuthOptions'),
  'options of the clients': options('`attachAuth`, `authFetch` option', 'src/http/options.ts', 'HttpOptions'),
  'options of refreshRequest': options(
    '`refreshRequest` option',
    'src/refresh/refresh-request.ts',
    'RefreshRequestOptions',
  ),
  'options of oauth2Refresh': options(
    '`oauth2Refresh` option',
    'src/refresh/oauth2-refresh.ts',
    'OAuth2RefreshOptions',
  ),
  'members of an Auth': document =>
    differences(
      rows(document, '`Auth` member').map(([member = '']) => spoken(member)),
      membersOf('src/core/types.ts', 'Auth').map(signature),
    ),
  'states of a session': document =>
    differences(
      rows(document, '`status` of the state').map(
        ([status = '', carries = '']) => `${spoken(status)}: ${spoken(carries)}`,
      ),
      unionOf('src/core/types.ts', 'AuthState').map(name => {
        const [status, ...others] = membersOf('src/core/types.ts', name)
        const carried = others.map(member => `${member.name}${member.isOptional ? '?' : ''}`)
        return `${status?.type.replaceAll("'", '')}: ${carried.join(', ')}`
      }),
    ),
  'options of the storages': document =>
    differences(
      rows(document, 'option of a storage').map(
        ([call = '', value = '']) => `${spoken(call)} = ${spoken(value)}`,
      ),
      Object.entries(storageOptions).flatMap(([call, name]) =>
        membersOf(homeOf(name), name).map(member => `${call}{ ${member.name} }) = ${member.default}`),
      ),
    ),
  events: document =>
    differences(
      rows(document, 'event').map(([event = '', carries = '']) => `${spoken(event)}: ${spoken(carries)}`),
      membersOf('src/core/types.ts', 'AuthEvents').map(
        ({ name, members }) => `${name}: ${members.join(', ')}`,
      ),
    ),
  errors: document =>
    differences(
      rows(document, 'class').map(([name = '', code = '']) => `${spoken(name)} ${spoken(code)}`),
      [new SessionExpiredError('refresh_rejected'), new SignedOutError(), new RefreshFailedError('', 0)].map(
        ({ name, code }) => `${name} ${code}`,
      ),
    ),
  'reasons of the end': document => {
    const cell = rows(document, 'class').find(([name]) => name?.includes('SessionExpired'))?.[2] ?? ''
    return differences(cell.match(/\w+_\w+/g) ?? [], wordsOf('src/core/types.ts', 'SessionEndReason'))
  },
}

export const comparisonChecks: Record<string, Check> = {
  'the size that is compared': document => {
    const said = rows(document, '').find(([what]) => what === 'size, dependencies')?.[1]
    const limit = sizes.find(({ name }) => name.includes('memory'))?.limit ?? ''
    return differences([said ?? ''], [`${Math.round(Number.parseFloat(limit))} kB, two`])
  },
  'the versions that are compared': ({ heads }) => {
    const head = heads.find(([first]) => first === '')?.join(' ') ?? ''
    const { version, devDependencies } = manifest
    const meant = {
      tokenflight: version,
      'axios-auth-refresh': devDependencies['axios-auth-refresh'],
      'axios-jwt': devDependencies['axios-jwt'],
    }
    return Object.entries(meant)
      .map(([name, range]) => `${name}${name === 'tokenflight' ? '' : ')'} ${range.replace('^', '')}`)
      .filter(said => !head.replaceAll(/\[[^\]]+\]\(\S+\/(\S+\))/g, '$1').includes(said))
  },
}

export const benchmarksChecks: Record<string, Check> = {
  'the figures of the bench': ({ text }) => {
    const summary = JSON.parse(read('bench/results.json')) as Summary
    return text.includes(`${BEGIN}\n\n${figures(summary)}\n\n${END}`)
      ? []
      : [`they are:\n${figures(summary)}`]
  },
}

/** The checks of every document. */
export const commonChecks: Record<string, Check> = {
  'scripts of package.json': ({ path, text }) => {
    // An example application has scripts of its own.
    const own = `${dirname(path)}/package.json`
    const scripts = { ...manifest.scripts, ...(existsSync(join(root, own)) && JSON.parse(read(own)).scripts) }
    return [...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)]
      .map(([, name = '']) => name)
      .filter(name => !scripts[name])
  },
  'scripts that are files': ({ text }) =>
    [...text.matchAll(/node (scripts\/[\w.-]+)/g)]
      .map(([, path = '']) => path)
      .filter(path => {
        try {
          return !read(path)
        } catch {
          return true
        }
      }),
  'members of auth': ({ text }) => {
    const auth = createAuth()
    auth.dispose()
    return [...text.matchAll(/(?<![\w.-])auth\.(?!tsx?\b)(\w+)/g)]
      .map(([, name = '']) => name)
      .filter(name => !(name in auth))
  },
  'knobs of the mock server': ({ text }) => {
    const mock = mockAuth({ baseUrl: 'https://api.example.com' })
    return [
      ...[...text.matchAll(/\bbackend\.(?!tsx?\b)(\w+)/g)].map(
        ([, name = '']) => [name, name in mock] as const,
      ),
      ...[...text.matchAll(/\bbackend\.stats\.(\w+)/g)].map(
        ([, name = '']) => [name, name in mock.stats] as const,
      ),
    ]
      .filter(([, isThere]) => !isThere)
      .map(([name]) => name)
  },
}

/** How a text may write a duration, given in milliseconds. */
function spellings(duration: number): string[] {
  const seconds = duration / 1_000
  const words: Record<number, string[]> = { 10: ['ten seconds'], 60: ['a minute', 'one minute'] }
  const grouped = duration.toLocaleString('en').replace(',', '_')
  return [grouped, `${duration} ms`, `${seconds} s`, `${seconds} seconds`, ...(words[seconds] ?? [])]
}

/** Sentences that repeat the default of an option: the table of the options has it, and a copy would grow stale. */
export const repeatedDefaults: Check = ({ path, text }) => {
  if (path === 'docs/options.md') return []
  const { refreshTimeout, window } = resolveOptions({})
  const defaults = { refreshTimeout, refreshAhead: window(86_400_000) }
  const sentences = text.replaceAll(/^```[\s\S]*?^```$/gm, '').split(/(?<=[.:])\s|\n(?=[-|#\n])/)
  return sentences.filter(sentence =>
    Object.entries(defaults).some(
      ([option, duration]) =>
        sentence.includes(`\`${option}\``) &&
        spellings(duration).some(spelling =>
          new RegExp(`\\b${spelling}\\b`).test(sentence.replaceAll(/\s+/g, ' ')),
        ),
    ),
  )
}

export const testingChecks: Record<string, Check> = {
  'options of mockAuth': document => {
    const path = 'src/mock-server/types.ts'
    const { settings } = mockAuth({ baseUrl: 'https://api.example.com' })
    const shown = Object.fromEntries(
      rows(document, '`mockAuth` option').map(([name = '', value = '']) => [spoken(name), spoken(value)]),
    )
    const meant = [...membersOf(path, 'MockAuthSettings'), ...membersOf(path, 'MockAuthOptions')]
    return [
      ...differences(
        Object.keys(shown),
        meant.map(({ name }) => name),
      ),
      ...Object.entries(settings)
        .filter(([name, value]) => String(value) !== shown[name]?.replaceAll(/['_]/g, ''))
        .map(([name, value]) => `${name} is ${value}`),
    ]
  },
  counters: document => {
    const cell = rows(document, 'you want to see').find(([, turn]) => turn?.includes('stats'))?.[1] ?? ''
    const { stats } = mockAuth({ baseUrl: 'https://api.example.com' })
    return differences(
      [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
      Object.keys(stats),
    )
  },
}
