/** The refresh function may call the instance that it serves, without waiting for itself (behaviour 14). */
import axios, { type AxiosInstance, type AxiosRequestConfig } from 'axios'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { createAuth, type RefreshContext, type TokenResponse } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { mockAuth } from 'tokenflight/msw'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { LIFETIME, rejection, type Sent, type Stage, settle, stage } from '../support/axios.js'

afterEach(() => void vi.useRealTimers())

/** A token that every way of encoding changes. */
const RT = "rt+/='(!)*~-1"
const NEW = { access_token: 'new', refresh_token: 'rt-new', expires_in: 300 }

type Call = (api: AxiosInstance, context: RefreshContext) => Promise<unknown>

const send = async (call: Call, { api, good }: Stage, context: RefreshContext): Promise<TokenResponse> => {
  await call(api, context)
  good.add('new')
  return NEW
}
const begin = async (call: Call): Promise<Stage> => {
  const staged = await stage({
    login: false,
    refresh: (context, self) => send(call, self, context),
    respond: ({ url }) => (url.includes('/refresh') ? {} : undefined),
  })
  staged.good.add('old')
  await staged.auth.login({ access_token: 'old', refresh_token: RT, expires_in: LIFETIME / 1000 })
  return staged
}

const later = (): Promise<void> => settle()
const ways: Record<string, Call> = {
  'on the same stack': (api, { refreshToken }) => api.post('/refresh', { token: refreshToken?.length }),
  'later, with context.signal': async (api, { signal }) => {
    await later()
    return api.post('/refresh', undefined, { signal })
  },
  'later, with the refresh token in a JSON body': async (api, { refreshToken }) => {
    await later()
    return api.post('/refresh', { refreshToken })
  },
  'later, with the refresh token in a form': async (api, { refreshToken }) => {
    await later()
    return api.post(
      '/refresh',
      new URLSearchParams({ grant_type: 'refresh_token', refresh_token: `${refreshToken}` }),
    )
  },
  'later, with the refresh token in an object that axios form encodes': async (api, { refreshToken }) => {
    await later()
    return api.post(
      '/refresh',
      { refreshToken },
      { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } },
    )
  },
  'later, with the refresh token in postForm': async (api, { refreshToken }) => {
    await later()
    return api.postForm('/refresh', { refreshToken })
  },
  'later, with the refresh token in a form written by hand': async (api, { refreshToken }) => {
    await later()
    return api.post(
      '/refresh',
      `grant_type=refresh_token&refresh_token=${encodeURIComponent(`${refreshToken}`)}`,
    )
  },
  'later, with the refresh token in FormData': async (api, { refreshToken }) => {
    await later()
    const form = new FormData()
    form.append('refresh_token', `${refreshToken}`)
    return api.post('/refresh', form)
  },
  'later, with the refresh token in a header': async (api, { refreshToken }) => {
    await later()
    return api.post('/refresh', undefined, { headers: { 'X-Refresh': `Refresh ${refreshToken}` } })
  },
  'later, with the refresh token in params': async (api, { refreshToken }) => {
    await later()
    return api.post('/refresh', undefined, { params: { refresh_token: refreshToken } })
  },
  'later, with the refresh token in the query of its URL': async (api, { refreshToken }) => {
    await later()
    return api.post(`/refresh?a=b&refresh_token=${encodeURIComponent(`${refreshToken}`)}#c`)
  },
  'later, with the refresh token in the query of its URL, not encoded': async (api, { refreshToken }) => {
    await later()
    return api.post(`/refresh?a=b&refresh_token=${refreshToken}`)
  },
  'later, with the refresh token in its path': async (api, { refreshToken }) => {
    await later()
    return api.get(`/refresh/${encodeURIComponent(`${refreshToken}`)}`)
  },
  'later, with the refresh token in Authorization': async (api, { refreshToken }) => {
    await later()
    return api.get('/refresh', { headers: { Authorization: `Bearer ${refreshToken}` } })
  },
  'later, with skipAuth': async api => {
    await later()
    return api.post('/refresh', undefined, { skipAuth: true })
  },
}

describe('a refresh through the same instance', () => {
  for (const [way, call] of Object.entries(ways)) {
    it(`is recognised when it is made ${way}`, async () => {
      const { api, pass, sent, refreshes } = await begin(call)
      const toRefresh = ({ url }: Sent): boolean => url.includes('/refresh')
      pass(LIFETIME)
      const answers = await Promise.all([api.get('/a'), api.get('/b')])
      expect(answers.map(({ status }) => status)).toEqual([200, 200])
      expect(refreshes).toHaveLength(1)
      expect(sent.filter(toRefresh)).toHaveLength(1)
      // It carries no access token of ours.
      expect(String(sent.find(toRefresh)?.headers['Authorization'])).not.toMatch(/old|new/)
      expect(sent.filter(one => !toRefresh(one)).map(({ token }) => token)).toEqual(['new', 'new'])
    })

    it(`is recognised after a 401 when it is made ${way}`, async () => {
      const { api, sent, revoke, refreshes } = await begin(call)
      revoke()
      expect((await api.get('/a')).status).toBe(200)
      expect(refreshes).toHaveLength(1)
      expect(sent.map(({ url }) => /\/a$|\/refresh/.exec(url)?.[0])).toEqual(['/a', '/refresh', '/a'])
    })
  }

  it('is recognised through another instance that shares the Auth', async () => {
    const { api, auth, instance, pass, sent, refreshes } = await begin((_api, { refreshToken }) =>
      later().then(() => other.post('/refresh', { refreshToken })),
    )
    const other = instance()
    attachAuth(other, auth)
    pass(LIFETIME)
    expect((await api.get('/a')).status).toBe(200)
    expect([sent.length, refreshes.length]).toEqual([2, 1])
  })

  it('lets the 401 of its own call end the session, without another refresh', async () => {
    const staged = await stage({
      refresh: async ({ refreshToken }, { api }) => (await api.post('/refresh', { refreshToken })).data,
      respond: () => ({ status: 401, data: '{"error":"invalid_grant"}' }),
    })
    staged.pass(LIFETIME)
    expect(await rejection<Error>(staged.api.get('/a'))).toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
    expect([staged.sent.length, staged.refreshes.length]).toEqual([1, 1])
  })

  it('does not take an ordinary call that starts meanwhile for the refresh', async () => {
    const { api, pass, tokens, refreshes } = await stage({ manual: true })
    pass(LIFETIME)
    const call = api.post('/orders', { text: 'rt' }, { headers: { 'X-Note': 'rt' } })
    await settle()
    expect(tokens()).toEqual([])
    refreshes[0]?.answer()
    await call
    expect(tokens()).toEqual(['at-2'])
  })

  const sendings: [what: string, isRefresh: boolean, config: AxiosRequestConfig][] = [
    ['JSON', true, { data: { refresh: 'r1' } }],
    ['a JSON text', true, { data: '{"a":"r12","refresh":"r1"}' }],
    ['the token alone', true, { data: 'r1' }],
    ['a form', true, { data: new URLSearchParams({ a: 'r12', refresh_token: 'r1' }) }],
    ['a form, written out', true, { data: 'refresh_token=r1&order=r12' }],
    ['a form that encodes what need not be', true, { data: 'refresh_token=%721' }],
    ['lines', true, { data: 'order=r12\nrefresh=r1\n' }],
    ['Bearer in a header', true, { headers: { 'X-Refresh': 'Bearer r1' } }],
    ['a cookie header', true, { headers: { Cookie: 'a=r12; refresh=r1; b=2' } }],
    ['JSON with a longer word', false, { data: { order: 'r12' } }],
    ['JSON with a word that ends so', false, { data: { order: 'order1', other: '.r1' } }],
    ['JSON with words that hold it', false, { data: '{"a":"xr1","b":"r1x","c":"-r1","d":"r1/r1"}' }],
    ['a form with a longer word', false, { data: new URLSearchParams({ order: 'r12' }) }],
    ['a form, written out, with a longer word', false, { data: 'order=r12&r12=1' }],
    ['a header with a longer word', false, { headers: { 'X-Order': 'order1', 'X-Part': 'r1.5' } }],
    ['a name of a header', false, { headers: { r1: 'yes' } }],
    ['nothing', false, {}],
  ]
  for (const [what, isRefresh, config] of sendings) {
    it(`${isRefresh ? 'is recognised' : 'is not any request'} by a short refresh token: ${what}`, async () => {
      const { api, auth, sent, pass, refreshes } = await stage({
        login: false,
        manual: true,
        respond: () => ({}),
      })
      await auth.login({ access_token: 'at-short', refresh_token: 'r1', expires_in: LIFETIME / 1000 })
      pass(LIFETIME)
      const first = api.get('/orders')
      await settle()
      const call = api.request({ url: '/x', method: 'post', ...config })
      await settle()
      expect(sent.map(({ url, token }) => [url.slice(-2), token])).toEqual(
        isRefresh ? [['/x', undefined]] : [],
      )
      refreshes[0]?.answer()
      await Promise.all([first, call])
      expect(sent.find(({ url }) => url.endsWith('/x'))?.token).toBe(isRefresh ? undefined : 'at-1')
      expect([sent.length, refreshes.length]).toEqual([2, 1])
    })
  }

  it('is looked for on a platform without FormData, too', async () => {
    const { api, pass, tokens, refreshes } = await stage({ manual: true })
    pass(LIFETIME)
    const first = api.get('/a')
    await settle()
    vi.stubGlobal('FormData', undefined)
    const second = api.get('/b')
    await settle()
    expect(tokens()).toEqual([])
    refreshes[0]?.answer()
    await Promise.all([first, second])
    expect(tokens()).toEqual(['at-2', 'at-2'])
  })

  it('is recognised by a refresh token with characters that JSON escapes', async () => {
    const staged = await begin(async (api, { refreshToken }) => {
      await later()
      return api.post('/refresh', { refreshToken })
    })
    await staged.auth.login({ access_token: 'old', refresh_token: 'rt"\\1', expires_in: LIFETIME / 1000 })
    staged.pass(LIFETIME)
    expect((await staged.api.get('/a')).status).toBe(200)
    expect(staged.tokens()).toEqual([undefined, 'new'])
  })

  it('ends the session where its address carries a refresh token that the server refuses', async () => {
    const { api, auth, pass, sent } = await stage({
      refresh: async ({ refreshToken }, { api }) => {
        await later()
        return (await api.get('/refresh', { params: { refresh_token: refreshToken } })).data
      },
      respond: ({ url }) =>
        url.endsWith('/refresh') ? { status: 401, data: '{"error":"invalid_grant"}' } : undefined,
    })
    pass(LIFETIME)
    expect(await rejection(api.get('/a'))).toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
    expect([auth.getState().status, sent.length]).toEqual(['expired', 1])
  })

  it('is recognised by a refresh token that means something in a regular expression', async () => {
    const token = 'a.b+(c)|[d]^$*{2}?\\w'
    const { api, auth, sent, pass, refreshes } = await stage({
      login: false,
      manual: true,
      respond: () => ({}),
    })
    await auth.login({ access_token: 'at-odd', refresh_token: token, expires_in: LIFETIME / 1000 })
    pass(LIFETIME)
    const first = api.get('/orders')
    await settle()
    await api.post('/x', undefined, { headers: { 'X-Refresh': token } })
    const other = api.post('/y', undefined, { headers: { 'X-Refresh': 'aXb+(c)|[d]^$*{2}?\\w' } })
    await settle()
    expect(sent.map(({ url, token }) => [url.slice(-2), token])).toEqual([['/x', undefined]])
    refreshes[0]?.answer()
    await Promise.all([first, other])
    expect(sent.map(({ token }) => token)).toEqual([undefined, 'at-1', 'at-1'])
  })

  it('runs into refreshTimeout in any other way, and the message names the missing option', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const staged = await stage({
      auth: { refreshTimeout: 1_000 },
      refresh: async (_context, { api }) => {
        await settle()
        return (await api.post('/refresh')).data
      },
    })
    staged.pass(LIFETIME)
    const call = rejection<Error & { cause?: Error }>(staged.api.get('/a'))
    await settle()
    await vi.advanceTimersByTimeAsync(1_000)
    const error = await call
    expect(error).toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    expect(error.message).toMatch(/context\.signal/)
    expect(error.message).toMatch(/skipAuth/)
    expect([staged.sent.length, staged.refreshes.length]).toEqual([0, 1])
  })
})

it('refreshes through the same instance against a server that rotates, also in a burst', async () => {
  const backend = mockAuth({ baseUrl: 'https://api.example.test/auth' })
  const server = setupServer(
    ...backend.handlers,
    http.get(
      'https://api.example.test/orders',
      backend.protect(() => HttpResponse.json([])),
    ),
  )
  server.listen({ onUnhandledRequest: 'error' })
  const api = axios.create({ baseURL: 'https://api.example.test' })
  const auth = createAuth({
    async refresh({ refreshToken }) {
      await Promise.resolve()
      return (await api.post('/auth/refresh', { refreshToken })).data
    },
  })
  try {
    attachAuth(api, auth, { skip: '/auth/login' })
    const config: AxiosRequestConfig = {}
    await auth.login((await api.post('/auth/login', { username: 'ada', password: 'lovelace' }, config)).data)
    for (let round = 1; round <= 3; round++) {
      backend.expireAccessTokens()
      const answers = await Promise.all(Array.from({ length: 10 }, () => api.get('/orders')))
      expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
      expect(backend.stats).toMatchObject({
        refreshes: round,
        rejected: 0,
        reuses: 0,
        unauthorized: round * 10,
      })
    }
  } finally {
    auth.dispose()
    server.close()
  }
})
