import { cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { isPage, pageOrigin, parseUrl } from '../../src/core/environment.js'
import { Channel, createLock } from '../support/channel.js'
import {
  alone,
  cell,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  SECOND,
  settle,
  track,
  useFakeTime,
} from '../support/core.js'
import { becomePage, becomeWorker } from '../support/page.js'

useFakeTime()

const answering = () => refreshStub(async () => pair())

describe('a platform', () => {
  it('whose timers are mere numbers is served like any other', async () => {
    const { setTimeout: start } = globalThis
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((callback: () => void, delay?: number) =>
      Number(start(callback, delay))) as never)
    const { auth, refresh } = open({ autoRefresh: 'always', refresh: answering() })
    await auth.login(pair())
    await pass(4 * MINUTE + 15 * SECOND)
    expect(refresh.reasons).toEqual(['ahead'])
    auth.dispose()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('with a window and nothing in it refreshes a used token ahead', async () => {
    vi.stubGlobal('window', {})
    const { auth, refresh } = open({ refresh: answering() })
    await auth.login(pair())
    await auth.getAccessToken()
    await pass(5 * MINUTE)
    expect(refresh.reasons).toEqual(['ahead'])
    auth.dispose()
  })

  it('with a window and no document wakes up at the events of the window', async () => {
    const window = new EventTarget()
    vi.stubGlobal('window', window)
    const { auth, refresh } = open({ refresh: answering() })
    await auth.login(pair())
    await auth.getAccessToken()
    vi.setSystemTime(Date.now() + 4.5 * MINUTE)
    window.dispatchEvent(new Event('focus'))
    await settle()
    expect(refresh.reasons).toEqual(['ahead'])
    auth.dispose()
    expect(vi.getTimerCount()).toBe(0)
    window.dispatchEvent(new Event('focus'))
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('navigator.locks', () => {
  it('is the lock around a grant where there is one', async () => {
    const lock = createLock()
    const request = vi.spyOn(lock, 'request')
    vi.stubGlobal('navigator', { locks: lock })
    const { auth, refresh } = open({
      name: 'locked',
      storage: cell(null, { shared: true }),
      refresh: answering(),
    })
    await auth.login(pair())
    await auth.refresh()
    expect(request.mock.calls.map(([name]) => name)).toEqual(['tokenflight:locked'])
    expect(refresh.calls).toHaveLength(1)
  })

  it.each([undefined, {}])('is done without where navigator is %j', async navigator => {
    vi.stubGlobal('navigator', navigator)
    const { auth, refresh } = open({ storage: cell(null, { shared: true }), refresh: answering() })
    await auth.login(pair())
    await auth.refresh()
    expect(refresh.calls).toHaveLength(1)
  })
})

describe('a session in a cookie', () => {
  beforeEach(() => {
    Channel.install()
  })

  it.each([
    ['pages', becomePage],
    ['workers', becomeWorker],
  ])('is one for all %s of an origin', async (_, become) => {
    become()
    const options = {
      storage: cookieSession(),
      refresh: refreshStub(async () => alone()),
      name: 'one',
    }
    const first = open(options)
    await pass(SECOND)
    const second = open(options)
    await pass(SECOND)
    expect(await second.auth.getAccessToken()).toBe(await first.auth.getAccessToken())
    expect(first.refresh.calls).toHaveLength(1)
    await second.auth.logout()
    await pass(SECOND)
    expect(first.auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('belongs to one session alone in a server process', async () => {
    const options = {
      storage: cookieSession(),
      refresh: refreshStub(async () => alone()),
      name: 'one',
    }
    const [first, second] = [open(options), open(options)]
    await pass(SECOND)
    expect(Channel.all.size).toBe(0)
    expect(first.refresh.calls).toHaveLength(2)
    await second.auth.logout()
    await pass(SECOND)
    expect(first.auth.getState().status).toBe('authenticated')
  })
})

describe('the cookie that csrf names', () => {
  it.each<[string, object | undefined, string]>([
    ['is copied', { cookie: 'a=1; csrf=abc; b=2' }, 'abc'],
    ['is copied as it is where it cannot be decoded', { cookie: 'csrf=100%' }, '100%'],
    ['is empty where there is none', { cookie: 'a=1' }, ''],
    ['is empty where there is no document', undefined, ''],
  ])('%s', async (_, document, expected) => {
    vi.stubGlobal('document', document)
    const sent: (string | null)[] = []
    const refresh = refreshRequest({
      url: 'https://api.example/refresh',
      csrf: { cookie: 'csrf', header: 'X-CSRF' },
      fetch: async (_url, init) => {
        sent.push(new Headers(init?.headers).get('X-CSRF'))
        return Response.json(pair())
      },
    })
    const auth = track(createAuth({ refresh }))
    await auth.login(pair())
    await auth.refresh()
    expect(sent).toEqual([expected])
  })
})

describe('the signal of getAccessToken', () => {
  it('is let go as soon as the token is there', async () => {
    const { auth } = open({ refresh: answering(), autoRefresh: 'off' })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const { signal } = new AbortController()
    const [add, remove] = [vi.spyOn(signal, 'addEventListener'), vi.spyOn(signal, 'removeEventListener')]
    expect(await auth.getAccessToken({ signal })).toEqual(expect.any(String))
    await settle()
    expect(add).toHaveBeenCalledTimes(1)
    expect(remove.mock.calls).toEqual(add.mock.calls)
  })
})

describe('an address', () => {
  it.each<[string, object, string | undefined]>([
    [
      'the base of the document',
      { document: { baseURI: 'https://one.example/a/' } },
      'https://one.example/a/x',
    ],
    [
      'the page, without a document',
      { location: { href: 'https://two.example/b' } },
      'https://two.example/x',
    ],
    [
      'the page, where the document is null',
      { document: null, location: { href: 'https://two.example/b' } },
      'https://two.example/x',
    ],
    ['none', { document: null, location: null }, undefined],
    ['none at all', {}, undefined],
  ])('that is relative starts from %s', (_, globals, expected) => {
    for (const name of ['document', 'location'])
      vi.stubGlobal(name, (globals as Record<string, unknown>)[name])
    expect(parseUrl('x')?.href).toBe(expected)
    expect(parseUrl('https://api.example/y')?.href).toBe('https://api.example/y')
  })

  it.each([
    [{ origin: 'https://two.example' }, 'https://two.example'],
    [null, undefined],
    [undefined, undefined],
  ])('of the page %j has the origin %s', (location, origin) => {
    vi.stubGlobal('location', location)
    expect(pageOrigin()).toBe(origin)
  })
})

it.each([
  ['Mozilla/5.0 (X11; Linux x86_64)', true],
  ['Bot, not Mozilla/5.0', false],
  ['Deno/2.0', false],
])('a worker that calls itself %j belongs to a page: %s', (userAgent, expected) => {
  vi.stubGlobal('WorkerGlobalScope', Map)
  vi.stubGlobal('navigator', { userAgent })
  expect(isPage()).toBe(expected)
})
