/** A platform that refuses to show a part of itself, as sandboxed frames and privacy settings do. */
import { cookieSession, createAuth, memoryStorage, refreshRequest } from 'tokenflight'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { parseUrl } from '../../src/core/environment.js'
import {
  alone,
  cell,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  SECOND,
  track,
  useFakeTime,
} from '../support/core.js'
import { becomePage } from '../support/page.js'

useFakeTime()

/** The globals as they are without a stub, which the end of a test must not bring back. */
const originals = Object.getOwnPropertyDescriptors(globalThis) as PropertyDescriptorMap

/** Makes the getter throw until the end of the test. */
function forbid(owner: object, name: string): void {
  const own = owner === globalThis ? originals[name] : Object.getOwnPropertyDescriptor(owner, name)
  onTestFinished(() => {
    delete (owner as Record<string, unknown>)[name]
    if (own) Object.defineProperty(owner, name, own)
  })
  Object.defineProperty(owner, name, {
    configurable: true,
    get() {
      throw new DOMException(`${name} is forbidden`, 'SecurityError')
    },
  })
}

let page = 0

beforeEach(() => {
  becomePage()
  vi.stubGlobal('window', new EventTarget())
  vi.stubGlobal('navigator', { onLine: true })
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible', cookie: '' }))
  vi.stubGlobal('location', { origin: 'https://app.example', href: 'https://app.example/' })
})

const getters: readonly (readonly [string, () => void])[] = [
  ...['locks', 'onLine', 'userAgent'].map(
    name => [`navigator.${name}`, () => forbid(navigator, name)] as const,
  ),
  ...['cookie', 'baseURI', 'prerendering', 'visibilityState'].map(
    name => [`document.${name}`, () => forbid(document, name)] as const,
  ),
  ...['navigator', 'document', 'location', 'performance'].map(
    name => [name, () => forbid(globalThis, name)] as const,
  ),
]

describe.each([
  ['memory', memoryStorage],
  ['a shared storage', () => cell(null, { shared: true })],
  ['a cookie', () => cookieSession()],
])('a session in %s', (_, storage) => {
  it.each(getters)('lives without %s', async (_getter, refuse) => {
    refuse()
    const sent: (string | null)[] = []
    const refresh = refreshRequest({
      url: 'https://api.example/refresh',
      csrf: { cookie: 'csrf', header: 'X-CSRF' },
      fetch: async (_url, init) => {
        sent.push(new Headers(init?.headers).get('X-CSRF'))
        return Response.json(alone())
      },
    })
    const auth = track(
      createAuth({ refresh, storage: storage(), name: `refused-${++page}`, logout: async () => {} }),
    )
    await pass(SECOND)
    const { access_token } = pair()
    await auth.login({ access_token, refresh_token: 'rt' })
    expect(await auth.getAccessToken()).toBe(access_token)
    const before = sent.length
    await auth.refresh()
    expect(sent.slice(before)).toEqual([''])
    expect(await auth.getAccessToken()).not.toBe(access_token)
    await auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })
})

it.each(getters)('a token is refreshed ahead without %s', async (_, refuse) => {
  refuse()
  const { auth, refresh } = open({ refresh: refreshStub(async () => pair()) })
  const first = pair()
  await auth.login(first)
  expect(await auth.getAccessToken()).toBe(first.access_token)
  await pass(4.5 * MINUTE)
  expect(await auth.getAccessToken()).not.toBe(first.access_token)
  expect(refresh.reasons).toEqual(['ahead'])
})

it.each(getters)('a refresh that fails is repeated without %s', async (_, refuse) => {
  refuse()
  const refresh = refreshStub((_context, number) =>
    number === 1 ? Promise.reject(new TypeError('Failed to fetch')) : Promise.resolve(pair()),
  )
  const { auth } = open({ refresh })
  await auth.login(pair())
  const refreshed = auth.refresh()
  await pass(MINUTE)
  await refreshed
  expect(refresh.calls).toHaveLength(2)
})

it('without performance the wall clock measures the lifetime of a token', async () => {
  vi.stubGlobal('performance', undefined)
  const { auth, refresh } = open({ autoRefresh: 'off', refresh: refreshStub(async () => pair()) })
  await auth.login(pair())
  await pass(5 * MINUTE)
  await auth.getAccessToken()
  expect(refresh.reasons).toEqual(['expired'])
})

it('a relative address starts from the page if the document refuses to show its base', () => {
  forbid(document, 'baseURI')
  expect(parseUrl('x')?.href).toBe('https://app.example/x')
  forbid(location, 'href')
  expect(parseUrl('x')).toBeUndefined()
  expect(parseUrl('https://api.example/y')?.href).toBe('https://api.example/y')
})
