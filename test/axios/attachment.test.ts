/** One instance has one session: another attachment replaces the earlier one, and a disposed session sends nothing. */
import axios, { type AxiosInstance } from 'axios'
import { type Auth, createAuth } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { API, deferred, LIFETIME, rejection, settle, stage } from '../support/axios.js'
import { stage as fetchStage } from '../support/fetch.js'

const interceptors = (api: AxiosInstance): unknown[] =>
  (api.interceptors.request.handlers ?? []).filter(Boolean)

async function loggedIn(accessToken: string): Promise<Auth> {
  const auth: Auth = createAuth()
  onTestFinished(() => auth.dispose())
  await auth.login({ access_token: accessToken })
  return auth
}

describe('attaching another session to an instance', () => {
  it('replaces the earlier session, also while the later one is anonymous', async () => {
    const { api, tokens, statuses, refreshes } = await stage()
    const anonymous: Auth = createAuth()
    attachAuth(api, anonymous)
    await rejection(api.get('/a'))
    await anonymous.logout()
    await rejection(api.get('/b'))
    anonymous.dispose()
    await rejection(api.get('/c'))
    expect([tokens(), statuses(), refreshes.length]).toEqual([Array(3).fill(undefined), [401, 401, 401], 0])
  })

  it('sends the token of the session that was attached last, and detaches that one alone', async () => {
    const { api, detach, tokens } = await stage({ respond: () => ({}) })
    const later = attachAuth(api, await loggedIn('at-other'))
    expect(interceptors(api)).toHaveLength(1)
    await api.get('/a')
    // A detacher of an attachment that was replaced does nothing.
    detach()
    await api.get('/b')
    later()
    await api.get('/c')
    expect([tokens(), interceptors(api)]).toEqual([['at-other', 'at-other', undefined], []])
  })

  it('gives the instance back to the first session when that is attached again', async () => {
    const { api, auth, tokens } = await stage({ respond: () => ({}) })
    attachAuth(api, await loggedIn('at-other'))
    attachAuth(api, auth)
    await api.get('/a')
    expect([tokens(), interceptors(api)]).toEqual([['at-1'], [expect.anything()]])
  })

  it('lets a request that is under way finish in its own session', async () => {
    const { api, revoke, tokens, good, refreshes } = await stage({ manual: true })
    revoke()
    const call = api.get('/a')
    await settle()
    good.add('at-other')
    attachAuth(api, await loggedIn('at-other'))
    const other = api.get('/b')
    refreshes[0]?.answer()
    expect([(await call).status, (await other).status]).toEqual([200, 200])
    expect(tokens()).toEqual(['at-1', 'at-other', 'at-2'])
    expect(refreshes).toHaveLength(1)
  })

  it('replaces a session that another copy of the package attached', async () => {
    const { api, tokens } = await stage({ respond: () => ({}) })
    vi.resetModules()
    const copy = await import('tokenflight/axios')
    copy.attachAuth(api, await loggedIn('at-other'))
    await api.get('/a')
    expect([tokens(), interceptors(api).length]).toEqual([['at-other'], 1])
  })
})

describe('attaching the same session to an instance', () => {
  it('replaces the options', async () => {
    const { api, auth, sent, detach } = await stage({ attach: { skip: '/old' }, respond: () => ({}) })
    const later = attachAuth(api, auth, { skip: '/new', header: { name: 'X-Token', format: token => token } })
    expect(later).not.toBe(detach)
    for (const path of ['/old', '/new']) await api.get(path)
    expect(sent.map(({ headers }) => [headers['Authorization'], headers['X-Token']])).toEqual([
      [undefined, 'at-1'],
      [undefined, undefined],
    ])
    expect(interceptors(api)).toHaveLength(1)
  })

  it('replaces options by none, and an option by its default', async () => {
    const { api, auth, tokens } = await stage({ attach: { allowedOrigins: [] }, respond: () => ({}) })
    await api.get('/a')
    attachAuth(api, auth, { allowedOrigins: undefined })
    await api.get('/b')
    attachAuth(api, auth, { skip: '/c' })
    await api.get('/c')
    attachAuth(api, auth)
    await api.get('/c')
    expect(tokens()).toEqual([undefined, 'at-1', undefined, 'at-1'])
  })

  it('changes nothing with the same options, and returns the same detacher', async () => {
    const header = { name: 'X-Token', format: (token: string) => token }
    const { api, auth, detach } = await stage({ attach: { header, skip: '/login' } })
    expect(attachAuth(api, auth, { skip: '/login', header })).toBe(detach)
    expect(attachAuth(api, auth, { header, skip: '/login', renewal: undefined })).toBe(detach)
    expect(interceptors(api)).toHaveLength(1)
    detach()
    expect(interceptors(api)).toEqual([])
  })

  it('keeps the attachment when the later options are wrong', async () => {
    const { api, auth, tokens } = await stage()
    expect(() => attachAuth(api, auth, { skip: 'login' })).toThrow(/`skip`/)
    await api.get('/a')
    expect(tokens()).toEqual(['at-1'])
  })
})

describe('an instance that is not made by axios', () => {
  it('may have interceptors and no defaults, as mocks have that are written by hand', async () => {
    const auth = await loggedIn('at-1')
    for (const options of [{ allowedOrigins: [API] }, {}, { allowedOrigins: [API], skip: '/login' }]) {
      const use = vi.fn(() => 1)
      const eject = vi.fn()
      const mock = { get: vi.fn(), interceptors: { request: { use, eject }, response: { use, eject } } }
      const detach = attachAuth(mock as never, auth, options)
      expect(use).toHaveBeenCalledOnce()
      expect(detach).not.toThrow()
    }
  })

  it('may call the condition of the interceptor without any helper of axios', async () => {
    const auth = await loggedIn('at-1')
    const sent: unknown[] = []
    const conditions: ((config: unknown) => boolean)[] = []
    const request = {
      use: (_done: unknown, _failed: unknown, { runWhen }: { runWhen: (config: unknown) => boolean }) =>
        conditions.push(runWhen),
    }
    attachAuth({ interceptors: { request } } as never, auth, { allowedOrigins: [API], skip: '/open' })
    for (const url of [`${API}/orders`, `${API}/open/a`, 'https://evil.example/x', '/relative']) {
      const config: Record<string, unknown> & { adapter: unknown } = {
        url,
        headers: {},
        adapter: async ({ headers }: { headers: { get(name: string): unknown } }) => {
          sent.push(headers.get('Authorization'))
          return { status: 200 }
        },
      }
      expect(conditions[0]?.(config)).toBe(false)
      await (config.adapter as (config: unknown) => Promise<unknown>)(config)
    }
    expect(sent).toEqual(['Bearer at-1', undefined, undefined, undefined])
  })

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['an object', {}],
    ['a module namespace', { default: axios }],
    ['half a mock', { interceptors: { request: {} } }],
    ['a text', 'https://api.example.test'],
  ])('is a TypeError that names it: %s', async (_what, instance) => {
    const auth = await loggedIn('at-1')
    const attach = (): unknown => attachAuth(instance as never, auth, { allowedOrigins: [API] })
    expect(attach).toThrow(TypeError)
    expect(attach).toThrow(/^tokenflight: `instance` must be an axios instance/)
  })
})

describe('a client of a session that was disposed', () => {
  it('sends no token, and a later call warns once', async () => {
    const axiosStage = await stage()
    const staged = await fetchStage()
    axiosStage.auth.dispose()
    staged.auth.dispose()
    for (const path of ['/a', '/b']) {
      await rejection(axiosStage.api.get(path))
      await staged.api(API + path)
      for (const { warnings } of [axiosStage, staged])
        expect(warnings).toEqual([expect.stringMatching(/disposed/)])
    }
    for (const { tokens, statuses, refreshes } of [axiosStage, staged])
      expect([tokens(), statuses(), refreshes.length]).toEqual([[undefined, undefined], [401, 401], 0])
  })

  it('sends a request at once where the token is dead, and makes no refresh', async () => {
    const axiosStage = await stage({ manual: true })
    const staged = await fetchStage({ manual: true })
    for (const { auth, pass } of [axiosStage, staged]) {
      pass(LIFETIME)
      auth.dispose()
    }
    expect((await rejection(axiosStage.api.get('/a'))).response?.status).toBe(401)
    expect((await staged.api(`${API}/a`)).status).toBe(401)
    for (const { tokens, refreshes } of [axiosStage, staged])
      expect([tokens(), refreshes.length]).toEqual([[undefined], 0])
  })

  it('sends no token with a request that waited in an interceptor when the session was disposed', async () => {
    const { api, auth, tokens } = await stage({ respond: () => ({}) })
    const gate = deferred()
    api.interceptors.request.use(async config => {
      await gate.promise
      return config
    })
    const call = api.get('/a')
    auth.dispose()
    gate.resolve()
    await call
    expect(tokens()).toEqual([undefined])
  })

  it('sends no token, and makes no refresh, when its request is refused after the disposal', async () => {
    const axiosStage = await stage({
      respond: () => {
        axiosStage.auth.dispose()
        return { status: 401 }
      },
    })
    const staged = await fetchStage({
      respond: () => {
        staged.auth.dispose()
        return new Response('', { status: 401 })
      },
    })
    expect((await rejection(axiosStage.api.get('/a'))).response?.status).toBe(401)
    expect((await staged.api(`${API}/a`)).status).toBe(401)
    for (const { tokens, refreshes } of [axiosStage, staged])
      expect([tokens(), refreshes.length]).toEqual([['at-1'], 0])
  })

  it('sends no token when the session was disposed while its request waited for a refresh', async () => {
    const axiosStage = await stage({ manual: true, respond: () => ({}) })
    const staged = await fetchStage({ manual: true, respond: () => Response.json({}) })
    for (const { pass } of [axiosStage, staged]) pass(LIFETIME)
    const calls = Promise.allSettled([axiosStage.api.get('/a'), staged.api(`${API}/a`)])
    await settle()
    for (const { auth, refreshes } of [axiosStage, staged]) {
      auth.dispose()
      refreshes[0]?.answer()
    }
    await calls
    for (const { tokens } of [axiosStage, staged]) expect(tokens().filter(Boolean)).toEqual([])
  })

  it('makes way for another session of the same instance', async () => {
    const { api, auth, tokens, warnings } = await stage({ respond: () => ({}) })
    auth.dispose()
    attachAuth(api, await loggedIn('at-other'))
    await api.get('/a')
    expect([tokens(), warnings]).toEqual([['at-other'], []])
  })
})
