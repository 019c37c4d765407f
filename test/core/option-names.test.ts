/** Names that are misspelled, options that contradict each other, and prototypes that other code has written to. */
import axios from 'axios'
import {
  type Auth,
  type AuthOptions,
  cookieSession,
  createAuth,
  indexedDBStorage,
  memoryStorage,
  oauth2Refresh,
  oauth2Revoke,
  refreshRequest,
  webStorage,
} from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it, onTestFinished, vi } from 'vitest'

const API = 'https://api.example.test'
const url = `${API}/refresh`

function create(options: AuthOptions = {}): Auth {
  const auth = createAuth(options)
  onTestFinished(() => auth.dispose())
  return auth
}

const makers: Record<string, [make: (options: never) => unknown, options: object]> = {
  createAuth: [options => create(options), {}],
  attachAuth: [options => attachAuth(axios.create(), create(), options), {}],
  authFetch: [options => authFetch(create(), options), {}],
  refreshRequest: [options => refreshRequest(options), { url }],
  oauth2Revoke: [options => oauth2Revoke(options), { endpoint: url, clientId: 'app' }],
  oauth2Refresh: [options => oauth2Refresh(options), { tokenEndpoint: url, clientId: 'app' }],
  webStorage: [options => webStorage(undefined, options), {}],
  indexedDBStorage: [options => indexedDBStorage(options), {}],
  cookieSession: [options => cookieSession(options), {}],
}

describe('the place of a storage', () => {
  it.each<[string, () => unknown]>([
    ['key', () => webStorage(undefined, { key: '' })],
    ['key', () => webStorage(undefined, { key: 7 as never })],
    ['database', () => indexedDBStorage({ database: '' })],
    ['database', () => indexedDBStorage({ database: null as never })],
  ])('has a %s that is not empty', (option, make) => {
    expect(make).toThrow(`tokenflight: \`${option}\` must be a non-empty string`)
  })
})

describe('an option that does not exist', () => {
  it('is told together with those that do', () => {
    const make = () => oauth2Revoke({ endpoint: url, clientId: 'app', scope: 'all' } as never)
    expect(make).toThrow('oauth2Revoke has no option `scope`, only endpoint, clientId, fetch')
    expect(() => create().on('logn' as never, () => {})).toThrow(/one of login, refreshed, .*, \*/)
  })

  for (const [name, [make, options]] of Object.entries(makers)) {
    for (const unknown of ['alowedOrigins', 'Refresh', 'constructor', '__proto__x', 'on'])
      it(`is a TypeError that names it: ${unknown} of ${name}`, () => {
        const attempt = (): unknown => make({ ...options, [unknown]: 'secret' } as never)
        expect(attempt).toThrow(TypeError)
        expect(attempt).toThrow(new RegExp(`^tokenflight: ${name} has no option \`${unknown}\``))
        expect(attempt).not.toThrow(/secret/)
      })

    it(`is a TypeError also when its value is undefined: ${name}`, () => {
      expect(() => make({ ...options, tokn: undefined } as never)).toThrow(/no option `tokn`/)
    })

    it(`is not looked for among symbols and inherited members: ${name}`, () => {
      const inherited = Object.assign(Object.create({ tokn: 1 }), options, { [Symbol('tokn')]: 1 })
      expect(() => make(inherited as never)).not.toThrow()
    })

    it.each([null, 5, 'options', true])(`is no excuse for options that are no object: ${name}, %j`, value => {
      expect(() => make(value as never)).toThrow(TypeError)
    })
  }

  it.each<[option: string, options: AuthOptions]>([
    ['retry.retries', { retry: { limit: 1, retries: 2 } as never }],
    ['retry.Delay', { retry: { Delay: 2 } as never }],
  ])('is a TypeError inside another option, too: %s', (option, options) => {
    const [parent = '', name = ''] = option.split('.')
    expect(() => create(options)).toThrow(`tokenflight: ${parent} has no option \`${name}\``)
  })

  it('is a TypeError inside csrf and header, too', () => {
    const csrf = { cookie: 'a', header: 'b', value: 'c' }
    expect(() => refreshRequest({ url, csrf } as never)).toThrow('csrf has no option `value`')
    const header = { name: 'X-Token', format: String, scheme: 'Bearer' }
    expect(() => authFetch(create(), { header } as never)).toThrow('header has no option `scheme`')
  })
})

describe('an event that does not exist', () => {
  it.each(['expired', 'Login', 'refresh', 'sessionexpired', '', 'constructor', 'change', undefined, 7])(
    'is a TypeError that names the events there are: %j',
    name => {
      const auth = create()
      const listen = (): unknown => auth.on(name as never, () => {})
      expect(listen).toThrow(TypeError)
      expect(listen).toThrow(/`event` must be .*login.*refreshed.*sessionExpired.*logout.*warning/)
    },
  )

  it.each([undefined, null, 'log', {}])('is refused as a listener that is no function is: %j', listener => {
    const auth = create()
    expect(() => auth.on('login', listener as never)).toThrow(/`listener` must be a function/)
    expect(() => auth.subscribe(listener as never)).toThrow(/`listener` must be a function/)
  })

  it('leaves the events that do exist', () => {
    const auth = create()
    const names = [
      'login',
      'refreshed',
      'refreshFailed',
      'sessionExpiring',
      'sessionExpired',
      'logout',
    ] as const
    for (const name of [...names, 'warning', 'challenge'] as const) auth.on(name, () => {})()
    auth.on('*', () => {})()
  })
})

describe('cookieSession and send', () => {
  const cookies = (): { send: typeof fetch; inits: RequestInit[] } => {
    const inits: RequestInit[] = []
    const send: typeof fetch = async (_url, init = {}) => {
      inits.push(init)
      return Response.json({ access_token: `at-${inits.length}`, expires_in: 300 })
    }
    return { send, inits }
  }

  it.each<[what: string, options: (send: typeof fetch) => AuthOptions]>([
    [
      'cookieSession alone',
      send => ({ storage: cookieSession(), refresh: refreshRequest({ url, fetch: send }) }),
    ],
    [
      'both',
      send => ({ storage: cookieSession(), refresh: refreshRequest({ url, send: 'cookie', fetch: send }) }),
    ],
    [
      'cookieSession, with further members of the body',
      send => ({
        storage: cookieSession(),
        refresh: refreshRequest({ url, body: { device: 'a' }, fetch: send }),
      }),
    ],
  ])('restore and refresh the session from the cookie: %s', async (_what, options) => {
    const { send, inits } = cookies()
    const auth = create(options(send))
    await auth.ready
    expect(auth.getState().status).toBe('authenticated')
    await auth.refresh()
    expect(await auth.getAccessToken()).toBe('at-2')
    expect(inits.map(({ credentials }) => credentials)).toEqual(['include', 'include'])
    for (const { body } of inits) expect(String(body)).not.toContain('refreshToken')
  })

  it('need no `send` for a GET, whose refresh token can only be a cookie', async () => {
    const { send, inits } = cookies()
    const refresh = refreshRequest({ url, method: 'GET', fetch: send })
    const auth = create({ storage: cookieSession(), refresh })
    await auth.ready
    expect(auth.getState().status).toBe('authenticated')
    expect(inits).toMatchObject([{ method: 'GET', credentials: 'include', body: null }])
    expect(() => create({ refresh })).toThrow(/`storage` must be cookieSession\(\)/)
  })

  it('keep the refresh token in the body where neither is given', async () => {
    const { send, inits } = cookies()
    const auth = create({ refresh: refreshRequest({ url, fetch: send }) })
    await auth.login({ access_token: 'at', refresh_token: 'rt' })
    await auth.refresh()
    expect(inits.map(({ body, credentials }) => [body, credentials])).toEqual([
      ['{"refreshToken":"rt"}', undefined],
    ])
  })

  it('may differ in two sessions that share a refresh function', async () => {
    const { send, inits } = cookies()
    const refresh = refreshRequest({ url, fetch: send })
    const stored = create({ refresh })
    const cookie = create({ refresh, storage: cookieSession() })
    await cookie.ready
    await stored.login({ access_token: 'at', refresh_token: 'rt' })
    await stored.refresh()
    expect(inits.map(({ credentials }) => credentials)).toEqual(['include', undefined])
  })

  it.each<[what: string, options: () => AuthOptions]>([
    ['send: body', () => ({ storage: cookieSession(), refresh: refreshRequest({ url, send: 'body' }) })],
    ['send: header', () => ({ storage: cookieSession(), refresh: refreshRequest({ url, send: 'header' }) })],
    ['send: both', () => ({ storage: cookieSession(), refresh: refreshRequest({ url, send: 'both' }) })],
    ['send: access', () => ({ storage: cookieSession(), refresh: refreshRequest({ url, send: 'access' }) })],
    ['a header', () => ({ storage: cookieSession(), refresh: refreshRequest({ url, header: 'X-RT' }) })],
    ['send: cookie', () => ({ storage: memoryStorage(), refresh: refreshRequest({ url, send: 'cookie' }) })],
    [
      'oauth2Refresh',
      () => ({ storage: cookieSession(), refresh: oauth2Refresh({ tokenEndpoint: url, clientId: 'app' }) }),
    ],
    ['send: cookie without a storage', () => ({ refresh: refreshRequest({ url, send: 'cookie' }) })],
  ])('are a TypeError where they contradict each other: %s', (_what, options) => {
    expect(() => create(options())).toThrow(TypeError)
    expect(() => create(options())).toThrow(/^tokenflight: `storage` must be (cookieSession|a storage)/)
  })

  it('say nothing of a refresh function of the application', async () => {
    const refresh = vi.fn(async () => ({ access_token: 'at' }))
    const auth = create({ storage: cookieSession(), refresh })
    await auth.ready
    expect([auth.getState().status, refresh.mock.calls.length]).toEqual(['authenticated', 1])
  })
})

describe('a prototype that other code has written to', () => {
  const pollute = (members: object): void => {
    Object.assign(Object.prototype, members)
    onTestFinished(() => {
      for (const name of Object.keys(members)) Reflect.deleteProperty(Object.prototype, name)
    })
  }

  it('gives no option to createAuth and its presets', async () => {
    const inits: RequestInit[] = []
    const send: typeof fetch = async (_url, init = {}) => {
      inits.push(init)
      return Response.json({ access_token: 'at-2' })
    }
    pollute({
      storage: cookieSession(),
      background: 'sometimes',
      limit: 9,
      delay: 'long',
      send: 'cookie',
      field: 'leak',
      read: () => ({ access_token: 'planted' }),
      scope: 'everything',
      params: { audience: 'evil' },
    })
    const auth = create({ retry: {}, refresh: refreshRequest({ url, fetch: send }) })
    await auth.login({ access_token: 'at', refresh_token: 'rt' })
    await auth.refresh()
    expect(await auth.getAccessToken()).toBe('at-2')
    expect(inits.map(({ body }) => body)).toEqual(['{"refreshToken":"rt"}'])
    const oauth = oauth2Refresh({ tokenEndpoint: url, clientId: 'app', fetch: send })
    await oauth({ refreshToken: 'rt', reason: 'ahead', attempt: 1, signal: new AbortController().signal })
    expect(String(inits[1]?.body)).toBe('grant_type=refresh_token&refresh_token=rt&client_id=app')
  })

  it('makes no cookie session of a storage of the application, and takes no lock or channel from it', async () => {
    const items = new Map<string, string>()
    const storage = {
      getItem: (key: string) => items.get(key) ?? null,
      setItem: (key: string, value: string) => void items.set(key, value),
      removeItem: (key: string) => void items.delete(key),
    }
    const spent: (string | undefined)[] = []
    pollute({ cookie: { access: 'cookie' }, share: 'all', records: 'none', lock: {} })
    const auth = create({
      storage,
      refresh: async ({ refreshToken }) => {
        spent.push(refreshToken)
        return { access_token: 'at-2' }
      },
    })
    await auth.login({ access_token: 'at', refresh_token: 'rt' })
    await auth.refresh()
    expect(spent).toEqual(['rt'])
    expect([...items.values()].join()).toContain('"rt"')
  })

  it('gives no option to the clients', async () => {
    const auth = create()
    await auth.login({ access_token: 'at' })
    pollute({
      allowedOrigins: ['https://evil.example'],
      skip: '/orders',
      collect: () => ({ access_token: 'planted' }),
      shouldRefresh: () => true,
      renewal: 'server',
      format: () => 'planted',
      fetch: () => Promise.reject(new Error('planted')),
      skipAuth: true,
      forceRefresh: true,
    })
    const sent: [string, string | null][] = []
    vi.stubGlobal('fetch', async (input: string, init?: RequestInit) => {
      sent.push([String(input), new Headers({ ...init?.headers }).get('authorization')])
      return new Response('{}')
    })
    const api = authFetch(auth, { allowedOrigins: [API] })
    await api(`${API}/orders`)
    await api(`${API}/orders`, { method: 'GET' })
    await api('https://evil.example/x')
    expect(sent).toEqual([
      [`${API}/orders`, 'Bearer at'],
      [`${API}/orders`, 'Bearer at'],
      ['https://evil.example/x', null],
    ])
    const tokens: unknown[] = []
    const instance = axios.create({
      baseURL: API,
      adapter: async config => {
        tokens.push(config.headers.get('Authorization'))
        return { config, data: '', headers: {}, status: 200, statusText: '' }
      },
    })
    attachAuth(instance, auth)
    await instance.get('/orders')
    await instance.get('https://evil.example/x')
    // An interceptor, or an old axios, may hand on an object with the usual prototype.
    instance.interceptors.request.use(config => ({ ...config }))
    await instance.get('/orders')
    expect(tokens).toEqual(['Bearer at', undefined, 'Bearer at'])
    expect(await auth.getAccessToken({})).toBe('at')
  })
})

it.each<[option: string, make: () => unknown]>([
  ['headers', () => refreshRequest({ url: '/r', headers: 'Bearer secret' as never })],
  ['body', () => refreshRequest({ url: '/r', body: 'key=secret' as never })],
  ['headers', () => oauth2Refresh({ tokenEndpoint: '/r', clientId: 'c', headers: 'Bearer secret' as never })],
  ['params', () => oauth2Refresh({ tokenEndpoint: '/r', clientId: 'c', params: 'key=secret' as never })],
])('a text in place of %s may be a secret: its error names the kind alone', (option, make) => {
  expect(make).toThrow(new RegExp(`\`${option}\` must be .*, got string$`))
})
