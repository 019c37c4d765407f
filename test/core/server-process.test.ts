/** Sessions in one server process are never tabs of each other, with any globals of the process. */
import {
  type AuthOptions,
  cookieSession,
  indexedDBStorage,
  memoryStorage,
  sharedStorage,
  type TokenStorage,
  webStorage,
} from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel } from '../support/channel.js'
import {
  alone,
  httpError,
  open,
  pair,
  pass,
  refreshStub,
  SECOND,
  storedRecord,
  useFakeTime,
} from '../support/core.js'
import { createLocalArea, createLocks, type LocalArea, useDatabases } from '../support/origin.js'
import { becomePage } from '../support/page.js'

useFakeTime()

beforeEach(() => {
  Channel.install()
})

/** A class as a polyfill defines it. */
class Polyfill {}
const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) jsdom/26.1.0'

const processes: [what: string, globals: Record<string, unknown>][] = [
  ['with a document that a polyfill brought', { document: { visibilityState: 'visible' } }],
  [
    'with a whole window that a polyfill brought',
    {
      document: new EventTarget(),
      window: new EventTarget(),
      Document: Polyfill,
      HTMLDocument: Polyfill,
      navigator: { userAgent: BROWSER },
    },
  ],
  ['that is a Deno worker', { WorkerGlobalScope: Polyfill, navigator: { userAgent: 'Deno/2.5.0' } }],
  // Its classes are native, and its navigator tells the truth.
  ['that is workerd', { WorkerGlobalScope: Map, navigator: { userAgent: 'Cloudflare-Workers' } }],
  ['that is an edge runtime without a navigator', { WorkerGlobalScope: Map, navigator: undefined }],
  ['with Web Locks of its own', { navigator: { userAgent: 'Node.js/24', locks: createLocks() } }],
]

describe.each(processes)('a server process %s', (_, globals) => {
  beforeEach(() => {
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value)
  })

  /** The visitor with the cookie comes first, the one without comes second. */
  const visitors = async () => {
    const options: AuthOptions = { name: 'site', storage: cookieSession(), autoRefresh: 'off' }
    const ada = open({ ...options, refresh: refreshStub(async () => alone({ sub: 'ada' })) })
    await pass(SECOND)
    const stranger = open({ ...options, refresh: refreshStub(() => Promise.reject(httpError(401))) })
    await pass(SECOND)
    return { ada, stranger }
  }

  it('gives a visitor without a cookie nothing of the user before', async () => {
    const { ada, stranger } = await visitors()
    expect(stranger.auth.getState()).toEqual({ status: 'anonymous' })
    expect(await stranger.auth.getAccessToken()).toBeUndefined()
    expect([ada.refresh.reasons, stranger.refresh.reasons]).toEqual([['restore'], ['restore']])
    expect(Channel.all.size).toBe(0)
  })

  it('ends no session with the logout of another', async () => {
    const { ada, stranger } = await visitors()
    const token = await ada.auth.getAccessToken()
    await stranger.auth.login(alone({ sub: 'grace' }))
    await stranger.auth.logout()
    await pass(SECOND)
    expect(await ada.auth.getAccessToken()).toBe(token)
    expect(ada.auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
  })
})

describe('a storage of pages in a server process', () => {
  let area: LocalArea

  beforeEach(() => {
    area = createLocalArea()
    useDatabases()
    vi.stubGlobal('Document', undefined)
    const native = (): Storage => Object.defineProperty(area.view(), Symbol.toStringTag, { value: 'Storage' })
    vi.stubGlobal('localStorage', native())
    vi.stubGlobal('sessionStorage', native())
  })

  const storages: [what: string, create: () => TokenStorage][] = [
    ['webStorage()', () => webStorage()],
    ['webStorage(localStorage)', () => webStorage(localStorage)],
    ['webStorage(sessionStorage)', () => webStorage(sessionStorage)],
    ['webStorage(undefined, { key })', () => webStorage(undefined, { key: 'mine' })],
    ['localStorage itself', () => localStorage],
    ['sharedStorage(localStorage)', () => sharedStorage(localStorage)],
    ['indexedDBStorage()', () => indexedDBStorage()],
    ['indexedDBStorage({ database })', () => indexedDBStorage({ database: 'mine' })],
  ]
  const visit = (storage: TokenStorage) =>
    open({ storage, refresh: refreshStub(async () => pair()), autoRefresh: 'off' })

  it.each(storages)('keeps nothing of one user for the next: %s', async (_, create) => {
    const ada = visit(create())
    const tokens = pair({ sub: 'ada' })
    const stored = ada.auth.login(tokens)
    await pass(SECOND)
    await stored
    expect(await ada.auth.getAccessToken()).toBe(tokens.access_token)
    const next = visit(create())
    await pass(SECOND)
    expect(next.auth.getState()).toEqual({ status: 'anonymous' })
    expect(await next.auth.getAccessToken()).toBeUndefined()
    expect(next.refresh.calls).toHaveLength(0)
    expect([...area.items.values()].join()).toBe('')
    expect(await indexedDB.databases()).toEqual([])
  })

  it('keeps a record that a session in memory finds there', async () => {
    const text = JSON.stringify(storedRecord())
    localStorage.setItem('tokenflight:default', text)
    visit(memoryStorage())
    await pass(SECOND)
    expect(area.items.get('tokenflight:default')).toBe(text)
  })

  it.each(storages)('does not let a login of one user end the session of another: %s', async (_, create) => {
    const storage = create()
    const [ada, grace] = [visit(storage), visit(storage)]
    const tokens = pair({ sub: 'ada' })
    for (const stored of [ada.auth.login(tokens), grace.auth.login(pair({ sub: 'grace' }))]) {
      await pass(SECOND)
      await stored
    }
    const out = grace.auth.logout()
    await pass(SECOND)
    await out
    expect(await ada.auth.getAccessToken()).toBe(tokens.access_token)
    expect(Channel.posts).toBe(0)
  })

  it.each(storages)('warns that memory carries on: %s', async (_, create) => {
    const { auth, events } = visit(create())
    void auth.login(pair())
    await pass(SECOND)
    const errors = events.of('warning').map(({ error }) => (error as Error).cause)
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) expect((error as Error).message).toMatch(/no page/)
  })

  it('keeps a session in a storage that the application passes for it', async () => {
    const own = createLocalArea()
    const first = visit(webStorage(own.view()))
    const stored = first.auth.login(pair())
    await pass(SECOND)
    await stored
    const next = visit(webStorage(own.view()))
    await pass(SECOND)
    expect(await next.auth.getAccessToken()).toBe(await first.auth.getAccessToken())
  })
})

describe('a page', () => {
  it('keeps a session in its localStorage', async () => {
    becomePage()
    vi.stubGlobal('localStorage', createLocalArea().view())
    const page = () => open({ storage: webStorage(), autoRefresh: 'off' })
    const first = page()
    const stored = first.auth.login(pair())
    await pass(SECOND)
    await stored
    expect(await page().auth.getAccessToken()).toBe(await first.auth.getAccessToken())
  })
})
