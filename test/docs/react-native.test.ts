/** The examples for React Native: a window, but no page, no locks, no channel; tokens behind promises. */

import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import type { Auth } from 'tokenflight'
import { createAuth } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { mockAuth } from 'tokenflight/msw'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { watchForeground } from '../../examples/react-native/foreground.js'
import { createSession, type Keychain, keychainStorage } from '../../examples/react-native/keychain.js'

const API = 'https://api.example.com'
const backend = mockAuth({ baseUrl: `${API}/auth` })
const server = setupServer(
  ...backend.handlers,
  http.get(
    `${API}/orders`,
    backend.protect(() => HttpResponse.json([])),
  ),
)
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
beforeEach(() => {
  for (const name of ['navigator', 'BroadcastChannel']) vi.stubGlobal(name, undefined)
  vi.stubGlobal('window', globalThis)
})
afterEach(() => {
  vi.useRealTimers()
  backend.reset()
})
afterAll(() => server.close())

/** Like expo-secure-store, it throws on other keys; a device may throw on long values, too. */
function keychain(mostBytes = Number.POSITIVE_INFINITY): Keychain & { readonly items: Map<string, string> } {
  const items = new Map<string, string>()
  const valid = (key: string): string => {
    if (!/^[\w.-]+$/.test(key)) throw new Error('Invalid key')
    return key
  }
  return {
    items,
    getItemAsync: async key => items.get(valid(key)) ?? null,
    setItemAsync: async (key, value) => {
      if (value.length > mostBytes) throw new Error('Too long')
      items.set(valid(key), value)
    },
    deleteItemAsync: async key => void items.delete(valid(key)),
  }
}

function start(chain: Keychain) {
  const auth = createSession(chain)
  onTestFinished(() => auth.dispose())
  return { auth, api: authFetch(auth, { allowedOrigins: [API] }) }
}

it('a session survives the end of the application, and a refused token', async () => {
  const chain = keychain()
  const first = start(chain)
  await first.auth.login(await backend.issue('ada'))
  first.auth.dispose()
  backend.expireAccessTokens()
  const { auth, api } = start(chain)
  await auth.ready
  expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
  const answers = await Promise.all([api(`${API}/orders`), api(`${API}/orders`)])
  expect(answers.map(({ status }) => status)).toEqual([200, 200])
  expect(backend.stats).toMatchObject({ logins: 0, refreshes: 1, unauthorized: 2 })
  await auth.logout()
  expect([...chain.items.values()].join()).not.toMatch(/eyJ/)
})

function isRefreshing(auth: Auth): boolean {
  const state = auth.getState()
  return state.status === 'authenticated' && state.refreshing
}

it('the timer refreshes a token that is in use', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] })
  const { auth } = start(keychain())
  await auth.login(await backend.issue('ada'))
  await auth.getAccessToken()
  // Not beyond the refresh, whose answer takes real time.
  for (let second = 0; second < 300 && !isRefreshing(auth); second++) await vi.advanceTimersByTimeAsync(1_000)
  await vi.waitFor(() => expect(backend.stats).toMatchObject({ refreshes: 1, requests: 1 }))
})

it('two accounts of one application have a record each', async () => {
  const chain = keychain()
  const names = ['ada', 'grace']
  const auths = names.map(name => createAuth({ name, storage: keychainStorage(chain) }))
  for (const [at, auth] of auths.entries()) await auth.login(await backend.issue(names[at] ?? ''))
  expect([...chain.items.keys()]).toEqual(['tokenflight.ada', 'tokenflight.grace'])
  for (const auth of auths) await auth.logout()
  expect(chain.items.size).toBe(0)
  for (const auth of auths) auth.dispose()
})

it('a keychain that refuses a long value causes a warning, and keeps no older token', async () => {
  const chain = keychain(2_048)
  const { auth, api } = start(chain)
  const warnings: string[] = []
  auth.on('warning', ({ message }) => void warnings.push(message))
  await auth.login({ access_token: 'short', refresh_token: 'rt-short', expires_in: 300 })
  expect([...chain.items.values()].join()).toContain('rt-short')
  const tokens = await backend.issue('ada')
  await auth.login({ ...tokens, refresh_token: 'r'.repeat(2_048) })
  expect(warnings).toEqual(['Storage failed to write; the session goes on in memory'])
  expect((await api(`${API}/orders`)).status).toBe(200)
  expect([...chain.items.values()].join()).not.toContain('short')
  await auth.logout()
  expect(warnings).toHaveLength(1)
})

it('a name with a character that keys may not have causes a warning, and memory carries on', async () => {
  const chain = keychain()
  const auth = createAuth({ name: 'ada@example.com', storage: keychainStorage(chain) })
  onTestFinished(() => auth.dispose())
  const warnings: string[] = []
  auth.on('warning', ({ message }) => void warnings.push(message))
  await auth.login(await backend.issue('ada'))
  expect(auth.getState().status).toBe('authenticated')
  expect(await auth.getAccessToken()).toMatch(/^eyJ/)
  expect(chain.items.size).toBe(0)
  expect(warnings).toEqual([
    'Storage failed to read; the session goes on in memory',
    'Storage failed to write; the session goes on in memory',
  ])
})

it('an application that comes back refreshes before any call', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
  const { auth, api } = start(keychain())
  await auth.login(await backend.issue('ada'))
  let change: (state: string) => void = () => {}
  const stop = watchForeground(auth, {
    addEventListener(_, listener) {
      change = listener
      return { remove: () => (change = () => {}) }
    },
  })
  vi.advanceTimersByTime(10 * 60_000)
  change('background')
  expect(backend.stats.requests).toBe(0)
  change('active')
  await vi.waitFor(() => expect(backend.stats.refreshes).toBe(1))
  expect((await api(`${API}/orders`)).status).toBe(200)
  expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 0 })
  stop()
  change('active')
  expect(backend.stats.requests).toBe(2)
})
