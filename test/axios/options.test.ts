/** The options of `attachAuth`: skip, header, collect, shouldRefresh, renewal; and their misuse. */
import axios, { type AxiosInstance, type AxiosResponse } from 'axios'
import { type Auth, collectTokens, createAuth, serverRenewal, type TokenResponse } from 'tokenflight'
import { type AttachOptions, attachAuth } from 'tokenflight/axios'
import { type AuthFetchOptions, authFetch } from 'tokenflight/fetch'
import { describe, expect, it, vi } from 'vitest'
import { API, LIFETIME, rejection, settle, stage } from '../support/axios.js'

describe('skip', () => {
  it('matches whole segments of the path, in order of nothing but the path', async () => {
    const { api, sent } = await stage({
      attach: { skip: ['/auth', '/public/'] },
      respond: () => ({}),
    })
    for (const path of [
      '/auth',
      '/auth/',
      '/auth/login?x=/orders',
      '/public/a',
      '/authors',
      '/public',
      '/v1/auth',
      '/x?p=/auth',
    ])
      await api.get(path)
    expect(sent.map(({ url, token }) => [url.slice(API.length), token])).toEqual([
      ['/auth', undefined],
      ['/auth/', undefined],
      ['/auth/login?x=/orders', undefined],
      ['/public/a', undefined],
      ['/authors', 'at-1'],
      ['/public', 'at-1'],
      ['/v1/auth', 'at-1'],
      ['/x?p=/auth', 'at-1'],
    ])
  })

  it('sees the path as axios joins it', async () => {
    const { api, sent } = await stage({
      axios: { baseURL: `${API}//` },
      attach: { skip: '/auth' },
      respond: () => ({}),
    })
    for (const path of ['auth', '/auth', '']) await api.get(path)
    expect(sent.map(({ url, token }) => [url.slice(API.length), token])).toEqual([
      ['/auth', undefined],
      ['/auth', undefined],
      ['//', 'at-1'],
    ])
  })

  it('matches a RegExp on the full URL, with any flags and as often as asked', async () => {
    const { api, tokens } = await stage({
      attach: { skip: /^https:\/\/api\.example\.test\/(login|open\?free)/g },
      respond: () => ({}),
    })
    for (const path of ['/login', '/login', '/open?free', '/orders?then=/login']) await api.get(path)
    expect(tokens()).toEqual([undefined, undefined, undefined, 'at-1'])
  })

  it('matches a RegExp on the query that axios makes of params, which it makes for no other rule', async () => {
    const { api, sent } = await stage({
      attach: { skip: ['/auth', /[?&]public=1(&|$)/] },
      respond: () => ({}),
    })
    let serialised = 0
    const paramsSerializer = {
      serialize: (params: Record<string, unknown>) => `n=${++serialised}&public=${params['flag']}`,
    }
    await api.get('/x', { params: { public: 1 } })
    await api.get('/x?a=1', { params: { public: 1, b: 2 } })
    await api.get('x', { params: { flag: 1 }, paramsSerializer })
    await api.get('/x', { params: { flag: 2 }, paramsSerializer })
    await api.get('/x', { params: { public: 2 } })
    expect(sent.map(({ token, params }) => [token, params])).toEqual([
      [undefined, { public: 1 }],
      [undefined, { public: 1, b: 2 }],
      [undefined, { flag: 1 }],
      ['at-1', { flag: 2 }],
      ['at-1', { public: 2 }],
    ])
    expect(serialised).toBe(2)
    await api.get('/auth/login', { params: { flag: 1 }, paramsSerializer })
    expect([sent.at(-1)?.token, serialised]).toEqual([undefined, 2])
  })

  it('matches a RegExp on the very URL that reaches the server, however axios joins it', async () => {
    let seen: string[] = []
    let checked = 0
    class Spy extends RegExp {
      override [Symbol.search](text: string): number {
        seen.push(text)
        return -1
      }
    }
    const bases = ['', API, `${API}/`, `${API}//`, `${API}///`, `${API}/v1`, `${API}/v1/`, `${API}/v1//`]
    const urls = [
      ...[
        '',
        'x',
        '/x',
        '//x',
        '///x',
        'x//y/',
        '?a=1',
        'x?to=http://a/b',
        '/to/h2://x',
        '-x://y',
        '1x://y',
        'h:/x',
      ],
      ...[
        `${API}/y`,
        '//api.example.test/y',
        API.toUpperCase(),
        'https://evil.example/',
        '//evil.example',
        'h2+x.y-z://a/b',
      ],
    ]
    const { api, sent } = await stage({
      attach: { skip: new Spy('x'), allowedOrigins: [API] },
      respond: () => ({}),
    })
    for (const baseURL of bases)
      for (const url of urls)
        for (const allowAbsoluteUrls of [undefined, true, false]) {
          const before = sent.length
          const config = {
            baseURL,
            ...(url !== undefined && { url }),
            ...(allowAbsoluteUrls !== undefined && { allowAbsoluteUrls }),
          }
          seen = []
          await api.request({ ...config, params: { n: 1 } }).catch(() => {})
          const left = sent[before]?.url ?? ''
          const target = URL.canParse(left) ? new URL(left) : undefined
          // Versions of axios read these in two ways: both must lead to the API.
          const isElsewhere =
            allowAbsoluteUrls === false &&
            /^([a-z][a-z\d+\-.]*:)?\/\//i.test(url) &&
            !(baseURL && URL.canParse(url) && new URL(url).origin === API)
          const isOurs = target?.origin === API && !isElsewhere
          expect([config, sent[before]?.token]).toEqual([config, isOurs ? 'at-1' : undefined])
          if (!isOurs) continue
          checked++
          expect(seen).toContain(new URL(axios.getUri({ url: target.href, params: { n: 1 } })).href)
        }
    expect(checked).toBeGreaterThan(200)
  })

  it('matches a RegExp on the base URL alone, where an interceptor leaves no other', async () => {
    const { api, sent } = await stage({
      attach: { skip: /^https:\/\/api\.example\.test\/$/ },
      respond: () => ({}),
    })
    api.interceptors.request.use(config => {
      delete config.url
      return config
    })
    await api.get('/orders')
    expect(sent.map(({ url, token }) => [url, token])).toEqual([[API, undefined]])
  })

  it('matches a RegExp on the URL that leaves, where an interceptor has taken the base URL away', async () => {
    vi.stubGlobal('location', { origin: API, href: `${API}/app/` })
    const { api, tokens } = await stage({
      axios: { baseURL: `${API}/v1` },
      attach: { skip: /\/v1\// },
      respond: () => ({}),
    })
    await api.get('/orders')
    api.interceptors.request.use(config => Object.assign(config, { baseURL: undefined }))
    await api.get('/orders')
    expect(tokens()).toEqual([undefined, 'at-1'])
  })

  it('counts a RegExp as no where the query cannot be told', async () => {
    const { api, sent, warnings } = await stage({ attach: { skip: /login/ } })
    const paramsSerializer = {
      serialize: () => {
        throw new Error('bug')
      },
    }
    await api.get('/login', { params: { a: 1 }, paramsSerializer })
    expect([sent.map(({ token }) => token), warnings]).toEqual([['at-1'], ['skip threw']])
  })

  it('asks a predicate with the config of the request', async () => {
    const { api, tokens } = await stage({
      attach: { skip: ({ method, data }) => method === 'post' && data === '{"login":1}' },
      respond: () => ({}),
    })
    await api.post('/x', { login: 1 })
    await api.post('/x', { login: 2 })
    expect(tokens()).toEqual([undefined, 'at-1'])
  })

  it('is not needed for the login when the session has expired', async () => {
    const { api, pass, tokens, refreshes } = await stage({
      manual: true,
      respond: () => ({}),
    })
    pass(LIFETIME)
    const call = rejection<Error>(api.get('/orders'))
    await settle()
    refreshes[0]?.fail({ response: { status: 401 } })
    expect(await call).toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
    await api.post('/auth/login')
    await api.post('/login', {}, { skipAuth: true })
    await api.get('/public')
    expect(tokens()).toEqual([undefined, undefined, undefined])
    expect(refreshes).toHaveLength(1)
  })

  it('counts a predicate that throws as no', async () => {
    const { api, tokens, warnings } = await stage({
      attach: {
        skip: () => {
          throw new Error('bug')
        },
      },
    })
    await api.get('/orders')
    expect([tokens(), warnings]).toEqual([['at-1'], ['skip threw']])
  })
})

describe('header', () => {
  const header = { name: 'X-Access-Token', format: (token: string) => `<${token}>` }

  it('names and formats the header of the token, also on a replay', async () => {
    const { api, sent, refreshes } = await stage({
      attach: { header },
      respond: ({ headers }) => ({ status: headers['X-Access-Token'] === '<at-2>' ? 200 : 401 }),
    })
    const { config } = await api.get('/orders')
    expect(sent.map(({ headers }) => [headers['X-Access-Token'], headers['Authorization']])).toEqual([
      ['<at-1>', undefined],
      ['<at-2>', undefined],
    ])
    expect(refreshes).toHaveLength(1)
    expect(config.headers.has('x-access-token')).toBe(false)
  })

  it('leaves a request with that header of its own alone', async () => {
    const { api, sent, refreshes } = await stage({ attach: { header } })
    await rejection(api.get('/orders', { headers: { 'x-access-token': 'mine' } }))
    expect(sent.map(({ headers }) => headers['x-access-token'])).toEqual(['mine'])
    expect(refreshes).toHaveLength(0)
  })

  it('goes beside the credentials of a gateway', async () => {
    const { api, sent } = await stage({ attach: { header }, respond: () => ({}) })
    await api.get('/orders', { auth: { username: 'u', password: 'p' } })
    await api.get('https://u:p@api.example.test/orders')
    expect(sent.map(({ headers }) => headers['X-Access-Token'])).toEqual(['<at-1>', '<at-1>'])
  })

  it('hands on the error that format throws, and sends nothing', async () => {
    const bug = new Error('bug')
    const format = (): string => {
      throw bug
    }
    const { api, sent } = await stage({ attach: { header: { name: 'Authorization', format } } })
    expect(await rejection<Error>(api.get('/orders'))).toBe(bug)
    expect(sent).toHaveLength(0)
  })
})

describe('shouldRefresh', () => {
  it('decides in place of the default, also for an answer that is not an error', async () => {
    const { api, statuses, refreshes } = await stage({
      attach: { shouldRefresh: ({ status, data }) => status === 419 || data.code === 'TOKEN_EXPIRED' },
      respond: ({ token, url }) => {
        if (token !== 'at-1') return undefined
        return url.endsWith('/419') ? { status: 419 } : { data: '{"code":"TOKEN_EXPIRED"}' }
      },
    })
    expect((await api.get('/200')).data).toEqual({ ok: true })
    expect([statuses(), refreshes.length]).toEqual([[200, 200], 1])
  })

  it('may leave a 401 alone, and take a 403', async () => {
    const { api, statuses, refreshes } = await stage({
      attach: { shouldRefresh: ({ status }) => status === 403 },
      respond: ({ url, token }) =>
        url.endsWith('/401') ? { status: 401 } : token === 'at-1' ? { status: 403 } : undefined,
    })
    await rejection(api.get('/401'))
    expect(refreshes).toHaveLength(0)
    await api.get('/403')
    expect([statuses(), refreshes.length]).toEqual([[401, 403, 200], 1])
  })

  it('is asked about requests that carried a token of ours only', async () => {
    let asked = 0
    const shouldRefresh = (): boolean => ++asked > 0
    const { api } = await stage({ login: false, attach: { shouldRefresh }, respond: () => ({}) })
    await api.get('/orders')
    await api.get('/orders', { headers: { Authorization: 'mine' } })
    expect(asked).toBe(0)
  })

  it('counts as the default when it throws: no', async () => {
    const { api, refreshes, statuses, warnings } = await stage({
      attach: {
        shouldRefresh: () => {
          throw new Error('bug')
        },
      },
      respond: ({ url }) => ({ status: url.endsWith('/403') ? 403 : 200 }),
    })
    await api.get('/200')
    await rejection(api.get('/403'))
    expect([statuses(), refreshes.length]).toEqual([[200, 403], 0])
    expect(warnings).toEqual(['shouldRefresh threw', 'shouldRefresh threw'])
  })

  it('counts as the default when it throws: yes', async () => {
    const { api, revoke, refreshes, statuses, warnings } = await stage({
      attach: {
        shouldRefresh: () => {
          throw new Error('bug')
        },
      },
    })
    revoke()
    await api.get('/orders')
    expect([statuses(), refreshes.length]).toEqual([[401, 200], 1])
    expect(warnings).toEqual(['shouldRefresh threw', 'shouldRefresh threw'])
  })
})

describe('collectTokens', () => {
  const collect = ({ data, headers }: AxiosResponse): TokenResponse | undefined =>
    data.tokens ?? (headers['x-new'] ? { access_token: headers['x-new'] } : undefined)

  it('takes the tokens of an ordinary answer, from its JSON or its headers', async () => {
    const { api, auth, tokens, good, refreshes } = await stage({
      attach: { renewal: collectTokens(collect) },
      respond: ({ url }) => {
        good.add('two').add('three')
        if (url.endsWith('/json')) return { data: '{"tokens":{"access_token":"two","refresh_token":"r"}}' }
        return url.endsWith('/header') ? { headers: { 'X-New': 'three' } } : undefined
      },
    })
    await api.get('/json')
    await api.get('/header').catch(() => {})
    await api.get('/orders')
    expect(tokens().slice(0, 2)).toEqual(['at-1', 'two'])
    expect(refreshes).toHaveLength(0)
    expect(auth.getState().status).toBe('authenticated')
  })

  it('drops tokens that arrive after a logout', async () => {
    const { api, auth } = await stage({
      attach: { renewal: collectTokens(collect) },
      respond: async () => {
        await auth.logout()
        return { data: '{"tokens":{"access_token":"late"}}' }
      },
    })
    await api.get('/orders')
    expect(auth.getState().status).toBe('anonymous')
  })

  it('changes nothing when it throws or returns no tokens', async () => {
    let call = 0
    const { api, tokens, warnings } = await stage({
      attach: {
        renewal: collectTokens(() => {
          if (call++) return { access_token: 'white space' }
          throw new Error('bug')
        }),
      },
    })
    await api.get('/a')
    await api.get('/b')
    await api.get('/c')
    expect(tokens()).toEqual(['at-1', 'at-1', 'at-1'])
    expect(warnings[0]).toBe('collect threw')
    expect(warnings).toHaveLength(3)
  })

  it('sees JSON of any kind, data that are no text as they are, and a text that is no JSON', async () => {
    const seen: unknown[] = []
    const { api } = await stage({
      attach: { renewal: collectTokens(({ data }) => void seen.push(data)) },
      respond: ({ data }) => ({ data: JSON.parse(String(data)) }),
    })
    const bodies = ['[1]', '"5"', '5', 'null', '', '{"a":', [1], ['[1]'], 5, null, { a: 1 }]
    for (const body of bodies) await api.post('/x', JSON.stringify(body))
    expect(seen).toEqual([[1], '5', 5, null, '', '{"a":', [1], ['[1]'], 5, null, { a: 1 }])
  })

  it('leaves the data to the transforms of the application', async () => {
    const { api } = await stage({ attach: { renewal: collectTokens(() => undefined) } })
    const transformResponse = [(data: unknown): unknown => ({ raw: data })]
    expect((await api.get('/orders', { transformResponse })).data).toEqual({ raw: '{"ok":true}' })
  })
})

describe('serverRenewal', () => {
  it('sends both tokens on every request, takes the tokens of the answers, and leaves neither behind', async () => {
    const { api, sent, refreshes } = await stage({
      attach: {
        renewal: serverRenewal({
          collect: ({ headers }) =>
            headers['x-access-token'] && {
              access_token: headers['x-access-token'],
              refresh_token: headers['x-refresh-token'],
            },
        }),
      },
      respond: () => ({ headers: { 'x-access-token': 'at-9', 'x-refresh-token': 'rt-9' } }),
    })
    const { config } = await api.get('/a')
    await api.get('/b')
    await api.get('https://evil.example/c')
    expect(sent.map(({ token, headers }) => [token, headers['X-Refresh-Token']])).toEqual([
      ['at-1', 'rt-1'],
      ['at-9', 'rt-9'],
      [undefined, undefined],
    ])
    expect(config.headers.has('X-Refresh-Token')).toBe(false)
    expect(refreshes).toHaveLength(0)
  })

  it('names the header of the refresh token as it is told', async () => {
    const { api, sent } = await stage({
      attach: { renewal: serverRenewal({ collect: () => undefined, refreshTokenHeader: 'X-RT' }) },
    })
    await api.get('/a')
    expect(sent[0]?.headers).toMatchObject({ 'X-RT': 'rt-1', Authorization: 'Bearer at-1' })
  })

  it('sends no refresh token by default', async () => {
    const { api, sent } = await stage()
    await api.get('/a')
    expect(JSON.stringify(sent[0]?.headers)).not.toContain('rt-1')
  })
})

describe('misuse', () => {
  const nothing = Object.create(null) as object
  const secret = { token: 'secret' }
  const misuses: [option: keyof AttachOptions, value: unknown, got: string][] = [
    ['allowedOrigins', 'https://api.example.test', 'https://api.example.test'],
    ['allowedOrigins', '', ''],
    ['allowedOrigins', 5, '5'],
    ['allowedOrigins', {}, 'object'],
    ['allowedOrigins', [new URL('https://api.example.test')], 'object'],
    ['allowedOrigins', null, 'null'],
    ['allowedOrigins', ['api.example.test'], 'api.example.test'],
    ['allowedOrigins', ['/api'], '/api'],
    ['allowedOrigins', [API, 'null'], `${API},null`],
    ['allowedOrigins', ['file:///x'], 'file:///x'],
    ['allowedOrigins', [Symbol('x')], 'Symbol(x)'],
    ['allowedOrigins', [nothing, [secret]], 'object,object'],
    ['header', { name: '', format: String }, ''],
    ['header', { name: 'X Token', format: String }, 'X Token'],
    ['header', { name: 'X-Token' }, 'X-Token'],
    ['header', { name: 5, format: String }, '5'],
    ['header', { name: Symbol('x'), format: String }, 'Symbol(x)'],
    ['header', { name: secret, format: String }, 'object'],
    ['header', { format: String }, 'object'],
    ['header', 'X-Token', 'X-Token'],
    ['renewal', 'both', 'both'],
    ['renewal', null, 'null'],
    ['renewal', 'server', 'server'],
    ['renewal', { collect: 'tokens' }, 'object'],
    ['renewal', {}, 'object'],
    ['shouldRefresh', 401, '401'],
    ['shouldRefresh', null, 'null'],
    ['skip', 'auth/login', 'auth/login'],
    ['skip', [404], '404'],
    ['skip', ['/login', secret], '/login,object'],
    ['skip', null, 'null'],
    ['skip', nothing, 'object'],
  ]
  const auth: Auth = createAuth()
  for (const [option, value, got] of misuses) {
    it(`is a TypeError that names the option and the received value, with both clients: ${option}: ${got}`, () => {
      const api = axios.create({ baseURL: API })
      const options = { [option]: value } as AttachOptions
      for (const attach of [
        () => attachAuth(api, auth, options),
        () => authFetch(auth, { allowedOrigins: [API], ...(options as AuthFetchOptions) }),
      ]) {
        expect(attach).toThrow(TypeError)
        const start = `tokenflight: \`${option}\` must be `
        expect(attach).toThrow(new RegExp(`^${start}.+, got ${got.replace(/\W/g, '\\$&')}$`))
      }
      expect(api.interceptors.request.handlers ?? []).toEqual([])
    })
  }

  it.each<[option: string, make: () => unknown, got: string]>([
    ['collect', () => serverRenewal({} as never), 'undefined'],
    ['collect', () => serverRenewal({ collect: secret } as never), 'object'],
    ['collect', () => collectTokens(undefined as never), 'undefined'],
    ['collect', () => collectTokens('tokens' as never), 'tokens'],
    [
      'refreshTokenHeader',
      () => serverRenewal({ collect: () => undefined, refreshTokenHeader: 'X R' }),
      'X R',
    ],
    [
      'refreshTokenHeader',
      () => serverRenewal({ collect: () => undefined, refreshTokenHeader: 7 as never }),
      '7',
    ],
  ])('of a plug-in is a TypeError that names the option and the received value: %s', (option, make, got) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(new RegExp(`^tokenflight: \`${option}\` must be .+, got ${got}$`))
  })

  it('of a plug-in names the option that does not exist', () => {
    expect(() => serverRenewal({ collect: () => undefined, header: 'X' } as never)).toThrow(
      /serverRenewal has no option `header`/,
    )
  })

  it('takes nothing relative for an origin, on a page either', () => {
    vi.stubGlobal('location', { origin: API, href: `${API}/app` })
    for (const origin of ['api.example.test', '/api', ''])
      expect(() => attachAuth(axios.create(), auth, { allowedOrigins: [origin] })).toThrow(/`allowedOrigins`/)
    expect(() => attachAuth(axios.create(), auth)).not.toThrow()
  })

  it('names an argument of the wrong kind', () => {
    expect(() => attachAuth({} as AxiosInstance, auth)).toThrow(TypeError)
    expect(() => attachAuth(axios.create({ baseURL: API }), {} as Auth)).toThrow(/`auth`/)
  })

  it('never writes to the options', async () => {
    const options: AttachOptions = Object.freeze({
      skip: Object.freeze(['/a']),
      allowedOrigins: Object.freeze([API]),
    })
    const { api, tokens } = await stage({ attach: options })
    await api.get('/b')
    expect(tokens()).toEqual(['at-1'])
  })
})
