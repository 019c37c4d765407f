/** The headers of the token: several of them, functions that go wrong, and left-overs of the same session. */

import { AxiosHeaders, type AxiosResponse } from 'axios'
import { createAuth } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it } from 'vitest'
import { API, LIFETIME, loopback, rejection, session, stage } from '../support/axios.js'
import { recordStorage } from '../support/core.js'
import { stage as fetchStage } from '../support/fetch.js'

const several = (token: string): Record<string, string> => ({ 'X-Token': token, 'X-Kind': 'access' })

describe('a header function', () => {
  it('sets several headers, also on the replay, with both clients', async () => {
    const { api, sent, refreshes } = await stage({
      attach: { header: several },
      respond: ({ headers }) => ({ status: headers['X-Token'] === 'at-2' ? 200 : 401 }),
    })
    const { config } = await api.get('/orders')
    expect(
      sent.map(({ headers }) => [headers['X-Token'], headers['X-Kind'], headers['Authorization']]),
    ).toEqual([
      ['at-1', 'access', undefined],
      ['at-2', 'access', undefined],
    ])
    expect(['X-Token', 'X-Kind'].map(name => config.headers.has(name))).toEqual([false, false])
    const staged = await fetchStage({
      fetch: { header: several },
      respond: ({ headers }) => new Response('', { status: headers['x-token'] === 'at-2' ? 200 : 401 }),
    })
    expect((await staged.api(`${API}/orders`)).status).toBe(200)
    expect((await staged.api(new Request(`${API}/orders`))).status).toBe(200)
    expect(staged.sent.map(({ headers }) => [headers['x-token'], headers['x-kind']])).toEqual([
      ['at-1', 'access'],
      ['at-2', 'access'],
      ['at-2', 'access'],
    ])
    expect([refreshes.length, staged.refreshes.length]).toEqual([1, 1])
  })

  it('leaves a request alone that has one of its headers', async () => {
    const { api, sent, refreshes } = await stage({ attach: { header: several } })
    await rejection(api.get('/orders', { headers: { 'x-kind': 'mine' } }))
    const staged = await fetchStage({ fetch: { header: several } })
    await staged.api(`${API}/orders`, { headers: { 'X-KIND': 'mine' } })
    expect(sent.map(({ headers }) => [headers['x-kind'], headers['X-Token']])).toEqual([['mine', undefined]])
    expect(staged.sent.map(({ headers }) => [headers['x-kind'], headers['x-token']])).toEqual([
      ['mine', undefined],
    ])
    expect([refreshes.length, staged.refreshes.length]).toEqual([0, 0])
  })

  it('leaves a request alone that has one of its headers while the session is being restored', async () => {
    const { api, auth, sent } = await stage({
      login: false,
      attach: { header: several },
      auth: { storage: recordStorage({ get: async () => null, set: () => {}, remove: () => {} }) },
      respond: () => ({}),
    })
    const call = api.get('/orders', { headers: { 'X-Kind': 'mine' } })
    await auth.login({ access_token: 'at-1' })
    await call
    expect(sent.map(({ headers }) => [headers['X-Kind'], headers['X-Token']])).toEqual([['mine', undefined]])
  })

  it('goes beside the credentials of a gateway, unless one of its headers is Authorization', async () => {
    const auth = { username: 'u', password: 'p' }
    const beside = await stage({ attach: { header: several }, respond: () => ({}) })
    await beside.api.get('/orders', { auth })
    await beside.api.get('https://u:p@api.example.test/orders')
    expect(beside.sent.map(({ headers }) => headers['X-Token'])).toEqual(['at-1', 'at-1'])
    const instead = await stage({
      attach: { header: token => ({ authorization: `JWT ${token}`, 'X-Kind': 'access' }) },
      respond: () => ({}),
    })
    await instead.api.get('/orders', { auth })
    await instead.api.get('https://u:p@api.example.test/orders')
    await instead.api.get('/orders')
    expect(instead.sent.map(({ headers }) => headers['X-Kind'])).toEqual([undefined, undefined, 'access'])
  })

  it('has its headers taken off on the way to another origin', async () => {
    const away = await loopback((_request, _incoming, outgoing) => void outgoing.end('{}'))
    const home = await loopback((_request, _incoming, outgoing) => {
      outgoing.writeHead(302, { Location: `${away.url}/x` }).end()
    })
    const { api } = await session(home.url, { adapter: 'http' }, { header: several })
    await api.get('/orders')
    const arrivals = [home, away].map(({ arrived }) => arrived[0]?.headers)
    expect(arrivals.map(headers => [headers?.['x-token'], headers?.['x-kind']])).toEqual([
      ['at-1', 'access'],
      [undefined, undefined],
    ])
  })
})

it('takes a value with a line feed at its end, which the platform takes off', async () => {
  const header = { name: 'X-Token', format: (token: string) => `${token}\n` }
  const { api, sent } = await fetchStage({ fetch: { header }, respond: () => Response.json({}) })
  expect((await api(`${API}/orders`)).status).toBe(200)
  expect(sent.map(({ headers }) => headers['x-token'])).toEqual(['at-1'])
})

it('takes a header that is null for one that is missing', async () => {
  const { api, tokens } = await stage()
  await api.get('/orders', { headers: { Authorization: null as never } })
  expect(tokens()).toEqual(['at-1'])
})

it('leaves a DPoP header of the application alone in a session without a key', async () => {
  const { api, sent } = await stage()
  await api.get('/orders', { headers: { DPoP: 'proof' } })
  expect(sent.map(({ headers, token }) => [headers['DPoP'], token])).toEqual([['proof', 'at-1']])
})

describe('a function that makes a header', () => {
  const wrong: [what: string, header: unknown][] = [
    ['format returns a promise', { name: 'Authorization', format: async (token: string) => token }],
    [
      'format returns a promise that fails',
      { name: 'Authorization', format: () => Promise.reject(new Error()) },
    ],
    ['format returns nothing', { name: 'Authorization', format: () => {} }],
    ['format returns a list with the token', { name: 'Authorization', format: (token: string) => [token] }],
    ['header returns a promise', async (token: string) => ({ 'X-Token': token })],
    ['header returns a promise that fails', () => Promise.reject(new Error())],
    ['header returns nothing', () => undefined],
    ['header returns null', () => null],
    ['header returns a text', (token: string) => token],
    ['header returns Headers', (token: string) => new Headers({ 'X-Token': token })],
    ['header returns no headers', () => ({})],
    ['header returns an invalid name', (token: string) => ({ 'X Token': token })],
    [
      'header returns a valid and an invalid name',
      (token: string) => ({ 'X-Token': token, 'X Token': token }),
    ],
    ['header returns a value that is a promise', (token: string) => ({ 'X-Token': Promise.resolve(token) })],
  ]
  /** The end of the message for each of them. */
  const expectation = (what: string): string => {
    const got = /promise/.test(what)
      ? 'a promise'
      : /nothing/.test(what)
        ? 'undefined'
        : /null/.test(what)
          ? 'null'
          : 'object'
    if (what.startsWith('format')) return `\`header.format\` must return a string, got ${got}`
    if (/value/.test(what)) return '`header` must return strings, got a promise'
    return `\`header\` must return header names, got ${/text/.test(what) ? 'string' : got}`
  }
  for (const [what, header] of wrong) {
    it(`fails the request with a TypeError, and nothing is sent: ${what}`, async () => {
      const option = { header } as never
      const { api, sent } = await stage({ attach: option })
      const staged = await fetchStage({ fetch: option })
      const errors = [
        await rejection<Error>(api.get('/orders')),
        await rejection<Error>(staged.api(`${API}/orders`)),
      ]
      for (const error of errors) {
        expect(error).toBeInstanceOf(TypeError)
        expect(error.message).toBe(`tokenflight: ${expectation(what)}`)
        expect(error.message).not.toContain('at-1')
      }
      expect([sent, staged.sent]).toEqual([[], []])
    })
  }

  it('is refused at once where it is neither a function nor a name and a format', () => {
    const auth = createAuth()
    for (const header of [
      { name: 'X-Token', formt: String },
      { name: 'X-Token', format: String, prefix: 'x' },
    ])
      expect(() => authFetch(auth, { header: header as never })).toThrow(TypeError)
  })
})

describe('skip that returns a promise', () => {
  for (const skip of [async () => true, () => Promise.reject(new Error('bug'))]) {
    it(`counts as no, and warns: ${skip}`, async () => {
      const { api, tokens, warnings } = await stage({ attach: { skip: skip as never } })
      const staged = await fetchStage({ fetch: { skip: skip as never } })
      await api.get('/orders')
      await staged.api(`${API}/orders`)
      expect([tokens(), staged.tokens()]).toEqual([['at-1'], ['at-1']])
      for (const each of [warnings, staged.warnings])
        expect(each).toEqual([expect.stringMatching(/skip.*promise/)])
    })
  }
})

describe("a left-over header with the session's own token", () => {
  it('is treated as one of the package and renewed', async () => {
    const { api, sent, statuses, refreshes, revoke } = await stage()
    revoke()
    const { config } = await api.get('/orders', { headers: { Authorization: 'Bearer at-1' } })
    expect(sent.map(({ token }) => token)).toEqual(['at-1', 'at-2'])
    expect([statuses(), refreshes.length]).toEqual([[401, 200], 1])
    expect(JSON.stringify(config.headers)).not.toContain('at-1')
    const staged = await fetchStage()
    staged.revoke()
    await staged.api(`${API}/orders`, { headers: { authorization: 'Bearer at-1' } })
    expect([staged.tokens(), staged.refreshes.length]).toEqual([['at-1', 'at-2'], 1])
  })

  it.each(['bearer at-1', 'BEARER  at-1', 'Bearer at-1\n', ' Bearer at-1'])(
    'is recognised with every spelling of its scheme and with space around it: %j',
    async left => {
      const { api, tokens, revoke } = await stage()
      revoke()
      await api.get('/orders', { headers: { Authorization: left } })
      const staged = await fetchStage()
      staged.revoke()
      await staged.api(`${API}/orders`, { headers: { authorization: left } })
      expect([tokens(), staged.tokens()]).toEqual(Array(2).fill(['at-1', 'at-2']))
    },
  )

  it('is replaced where the token is an earlier one of the session', async () => {
    const { api, auth, sent, refreshes, good } = await stage()
    await auth.refresh()
    await auth.refresh()
    good.delete('at-1')
    api.defaults.headers.common['authorization'] = 'Bearer at-1'
    await api.get('/orders')
    await api.get('/orders', { headers: new AxiosHeaders({ AUTHORIZATION: 'Bearer at-2' }) })
    expect(sent.map(({ headers }) => headers)).toEqual([
      expect.objectContaining({ Authorization: 'Bearer at-3' }),
      expect.objectContaining({ Authorization: 'Bearer at-3' }),
    ])
    for (const { headers } of sent) expect(Object.values(headers).join()).not.toMatch(/at-[12]/)
    expect(refreshes).toHaveLength(2)
    const staged = await fetchStage()
    await staged.auth.refresh()
    await staged.api(new Request(`${API}/orders`, { headers: { Authorization: 'Bearer at-1' } }))
    expect(staged.tokens()).toEqual(['at-2'])
  })

  it('is replaced where a config is sent again that an interceptor had given the token of then', async () => {
    const { api, auth, tokens, pass } = await stage()
    // As an application does that sets the header by hand, too.
    api.interceptors.request.use(async config => {
      if (!config.headers.has('Authorization'))
        config.headers.set('Authorization', `Bearer ${await auth.getAccessToken()}`)
      return config
    })
    const { config }: AxiosResponse = await api.get('/orders')
    pass(LIFETIME)
    await api.request(config)
    expect(tokens()).toEqual(['at-1', 'at-2'])
  })

  it('waits for the refresh when the token is dead, as a request without the header does', async () => {
    const { api, tokens, pass, refreshes } = await stage()
    pass(LIFETIME)
    await api.get('/orders', { headers: { Authorization: 'Bearer at-1' } })
    expect([tokens(), refreshes.length]).toEqual([['at-2'], 1])
  })

  it('is recognised in the headers that a header function makes, if all of them match', async () => {
    const { api, auth, sent } = await stage({ attach: { header: several }, respond: () => ({}) })
    await auth.refresh()
    await api.get('/orders', { headers: { 'x-token': 'at-1', 'X-Kind': 'access' } })
    await api.get('/orders', { headers: { 'x-token': 'at-1' } })
    await api.get('/orders', { headers: { 'X-Token': 'at-1', 'X-Kind': 'mine' } })
    expect(sent.map(({ headers }) => [headers['x-token'] ?? headers['X-Token'], headers['X-Kind']])).toEqual([
      ['at-2', 'access'],
      ['at-2', 'access'],
      ['at-1', 'mine'],
    ])
  })

  it('is left alone where it belongs to another session, to no session or to another origin', async () => {
    const { api, auth, tokens, refreshes } = await stage()
    const left = { headers: { Authorization: 'Bearer at-1' } }
    await rejection(api.get('https://other.example/x', left).then(() => Promise.reject()))
    await api.get('/orders', { ...left, skipAuth: true })
    await rejection(api.get('/orders', { headers: { Authorization: 'Basic at-1' } }))
    await auth.login({ access_token: 'other' })
    await api.get('/orders', left)
    await auth.logout()
    await api.get('/orders', left)
    expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-1', 'Basic at-1', 'at-1', 'at-1'], 0])
  })

  it('is no reason to keep the header when the session ends while the request waits', async () => {
    const { api, sent, pass } = await stage({ refresh: () => Promise.reject({ status: 401 }) })
    pass(LIFETIME)
    const error = await rejection<Error>(api.get('/orders', { headers: { Authorization: 'Bearer at-1' } }))
    expect(error).toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
    expect(sent).toEqual([])
  })
})

describe('skip', () => {
  const auth = createAuth()
  for (const skip of [
    '/public/*',
    '/users/:id',
    '/users/{id}',
    '/login?next=/',
    '/login#top',
    '//cdn.example/x',
    '/**',
  ])
    it(`is a TypeError where the path can match no request: ${skip}`, async () => {
      const { api } = await stage({ login: false, attach: false })
      for (const each of [skip, ['/login', skip]])
        for (const attach of [
          () => attachAuth(api, auth, { skip: each }),
          () => authFetch(auth, { allowedOrigins: [API], skip: each }),
        ]) {
          expect(attach).toThrow(TypeError)
          expect(attach).toThrow(/^tokenflight: `skip` must be paths like/)
        }
    })

  it('takes a path as it is written, where a URL writes it otherwise', async () => {
    const { api, tokens } = await stage({
      attach: { skip: ['/größe', '/a b', '/v1/users:search', '/100%25'] },
      respond: () => ({}),
    })
    for (const path of ['/größe/1', '/a b', '/a%20b', '/v1/users:search', '/100%25', '/other'])
      await api.get(path)
    expect(tokens()).toEqual([undefined, undefined, undefined, undefined, undefined, 'at-1'])
  })
})

it('a header with a line break is refused by an error without the token', async () => {
  const { api, sent } = await stage({
    attach: { header: { name: 'X-Token', format: token => `Token\n${token}` } },
  })
  const error = await rejection(api.get('/a'))
  expect(String(error)).toContain('`header.format` must return text without line breaks, got string')
  expect(sent).toEqual([])
})
