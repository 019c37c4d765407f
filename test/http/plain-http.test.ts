/** Tokens that travel unencrypted: one warning for each origin, and none about this very machine. */
import axios from 'axios'
import { type AuthOptions, createAuth, oauth2Refresh, oauth2Revoke, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it, onTestFinished, vi } from 'vitest'

/** A session, and its warnings about plain HTTP. */
function open(options: AuthOptions = {}) {
  const auth = createAuth(options)
  onTestFinished(() => auth.dispose())
  const warnings: string[] = []
  auth.on('warning', ({ message }) => void warnings.push(message))
  return { auth, warnings }
}
const settle = () => new Promise(resolve => setImmediate(resolve))
const about = (origin: string) => `Tokens travel to ${origin} unencrypted: use https`

/** An auth server that hands out another pair each time. */
function createNetwork(): typeof fetch {
  let count = 0
  return async () => {
    count++
    return Response.json({ access_token: `at-${count}`, refresh_token: `rt-${count}` })
  }
}

/** Every place that an address is given, and a session that got it there. */
const places: Record<string, (address: string) => string[]> = {
  'refreshRequest({ url })': url => open({ refresh: refreshRequest({ url }) }).warnings,
  'oauth2Refresh({ tokenEndpoint })': tokenEndpoint =>
    open({ refresh: oauth2Refresh({ tokenEndpoint, clientId: 'spa' }) }).warnings,
  'oauth2Revoke({ endpoint })': endpoint =>
    open({ logout: oauth2Revoke({ endpoint, clientId: 'spa' }) }).warnings,
  'allowedOrigins of attachAuth': address => {
    const { auth, warnings } = open()
    attachAuth(axios.create(), auth, { allowedOrigins: [new URL(address).origin] })
    return warnings
  },
  'allowedOrigins of authFetch': address => {
    const { auth, warnings } = open()
    authFetch(auth, { allowedOrigins: [new URL(address).origin] })
    return warnings
  },
  'baseURL of an instance': address => {
    const { auth, warnings } = open()
    const api = axios.create({
      baseURL: address,
      adapter: async config => ({ data: '', status: 200, statusText: '', headers: {}, config }),
    })
    attachAuth(api, auth)
    void api.get('/me')
    void api.get('/me')
    return warnings
  },
}

describe.each(Object.entries(places))('%s', (_, give) => {
  it.each([
    ['http://auth.example.com/token', 'http://auth.example.com'],
    ['HTTP://Auth.Example.COM:80/token', 'http://auth.example.com'],
    ['http:auth.example.com/token', 'http://auth.example.com'],
    ['http://user@auth.example.com:8080/token', 'http://auth.example.com:8080'],
    ['http://localhost.example.com/', 'http://localhost.example.com'],
    ['http://notlocalhost/', 'http://notlocalhost'],
    ['http://127.0.0.1.example.com/', 'http://127.0.0.1.example.com'],
    ['http://localhost@evil.example/', 'http://evil.example'],
    ['http://128.0.0.1/', 'http://128.0.0.1'],
    ['http://192.168.1.5:5173/', 'http://192.168.1.5:5173'],
    ['http://0.0.0.0/', 'http://0.0.0.0'],
    ['http://[::2]/', 'http://[::2]'],
    ['http://[2001:db8::1]/', 'http://[2001:db8::1]'],
  ])('warns once of %s', async (address, origin) => {
    const warnings = give(address)
    await settle()
    expect(warnings).toEqual([about(origin)])
  })

  it.each([
    'https://auth.example.com/token',
    'http://localhost/token',
    'http://LOCALHOST:4310/token',
    'http://localhost./token',
    'http://app.localhost:8080/',
    'http://127.0.0.1:4310/token',
    'http://127.8.9.10/',
    'http://127.1/',
    'http://0x7f.0.0.1/',
    'http://2130706433/',
    'http://[::1]:4310/',
    'http://[0:0:0:0:0:0:0:1]/',
  ])('does not warn of %s', async address => {
    const warnings = give(address)
    await settle()
    expect(warnings).toEqual([])
  })
})

describe('a session', () => {
  it('warns once for each origin, however many endpoints and clients use it', async () => {
    const network = createNetwork()
    const { auth, warnings } = open({
      refresh: refreshRequest({ url: 'http://shop.example.com/auth/refresh', fetch: network }),
      logout: oauth2Revoke({ endpoint: 'http://id.example.com/revoke', clientId: 'spa', fetch: network }),
    })
    const allowedOrigins = ['http://shop.example.com', 'http://api.example.com']
    attachAuth(axios.create(), auth, { allowedOrigins })
    authFetch(auth, { allowedOrigins, fetch: network })
    await auth.login({ access_token: 'at-0', refresh_token: 'rt-0' })
    await auth.refresh()
    await auth.refresh()
    await auth.logout()
    expect(warnings).toEqual(
      ['http://shop.example.com', 'http://id.example.com', 'http://api.example.com'].map(about),
    )
  })

  it('warns of each base URL of an instance once, when it is first used', async () => {
    const { auth, warnings } = open()
    const api = axios.create({
      adapter: async config => ({ data: '', status: 200, statusText: '', headers: {}, config }),
    })
    attachAuth(api, auth)
    for (const host of ['one', 'two', 'one']) {
      api.defaults.baseURL = `http://${host}.example.com/v1`
      await api.get('/me')
    }
    expect(warnings).toEqual(['http://one.example.com', 'http://two.example.com'].map(about))
  })

  it('reads relative addresses from the page', async () => {
    vi.stubGlobal('location', new URL('http://shop.example.com/account'))
    const refresh = refreshRequest({ url: '/auth/refresh' })
    const { warnings } = open({ refresh })
    await settle()
    expect(warnings).toEqual([about('http://shop.example.com')])
  })

  it('does not warn of a relative address where there is no page', async () => {
    const { warnings } = open({ refresh: refreshRequest({ url: '/auth/refresh' }) })
    await settle()
    expect(warnings).toEqual([])
  })

  it('refreshes all the same', async () => {
    const refresh = refreshRequest({ url: 'http://shop.example.com/r', fetch: createNetwork() })
    const { auth } = open({ refresh })
    await auth.login({ access_token: 'at-0', refresh_token: 'rt-0' })
    expect(await auth.getAccessToken({ forceRefresh: true })).toBe('at-1')
  })
})

it('a session with functions of the application alone causes no warning on a page over plain HTTP', async () => {
  vi.stubGlobal('location', new URL('http://app.example.com/'))
  const { warnings } = open({ refresh: async () => ({ access_token: 'at' }), logout: async () => {} })
  await settle()
  expect(warnings).toEqual([])
})
