/** Attaching and detaching, and the adapters that an application brings. */
import axios, { type AxiosAdapter, AxiosError, type AxiosInstance } from 'axios'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { mockAuth } from 'tokenflight/msw'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { API, rejection, respondWith, type Stage, settle, stage } from '../support/axios.js'

const interceptors = (api: AxiosInstance): unknown[] => [
  ...(api.interceptors.request.handlers ?? []).filter(Boolean),
  ...(api.interceptors.response.handlers ?? []).filter(Boolean),
]

describe('attaching and detaching', () => {
  it('restores the instance when it is detached', async () => {
    const { api, detach, tokens, statuses, refreshes } = await stage()
    const mine = api.interceptors.request.use(config => config)
    await api.get('/a')
    detach()
    await rejection(api.get('/b'))
    expect([tokens(), statuses(), refreshes.length]).toEqual([['at-1', undefined], [200, 401], 0])
    api.interceptors.request.eject(mine)
    expect(interceptors(api)).toEqual([])
    expect(Reflect.ownKeys(api)).toEqual(Reflect.ownKeys(axios.create()))
    detach()
    expect(interceptors(api)).toEqual([])
  })

  it('is harmless twice: one token, one refresh, one detacher', async () => {
    const { api, auth, detach, tokens, revoke, refreshes } = await stage()
    expect(attachAuth(api, auth)).toBe(detach)
    expect(interceptors(api)).toHaveLength(1)
    revoke()
    await api.get('/a')
    expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-2'], 1])
    detach()
    await rejection(api.get('/b'))
    expect(tokens().at(-1)).toBeUndefined()
  })

  it('may be attached, detached and attached again', async () => {
    const { api, auth, detach, tokens } = await stage()
    detach()
    const again = attachAuth(api, auth)
    await api.get('/a')
    detach()
    again()
    await rejection(api.get('/b'))
    expect(tokens()).toEqual(['at-1', undefined])
  })

  it('may be attached again after the application cleared its interceptors', async () => {
    const { api, auth, detach, tokens } = await stage({ respond: () => ({}) })
    api.interceptors.request.clear()
    await api.get('/a')
    attachAuth(api, auth)
    detach()
    await api.get('/b')
    expect(tokens()).toEqual([undefined, 'at-1'])
  })

  it('lets a request that is under way finish as it began', async () => {
    const { api, detach, revoke, refreshes, tokens } = await stage({ manual: true })
    revoke()
    const call = api.get('/a')
    await settle()
    detach()
    refreshes[0]?.answer()
    expect((await call).status).toBe(200)
    expect(tokens()).toEqual(['at-1', 'at-2'])
  })

  it('does not reach instances that are created from it, nor axios itself', async () => {
    const { api, adapter, tokens } = await stage()
    await rejection(api.create({ baseURL: API, adapter }).get('/a'))
    await rejection(axios.get(`${API}/b`, { adapter }))
    expect(tokens()).toEqual([undefined, undefined])
  })

  it('works on axios itself', async () => {
    const { auth, adapter, tokens } = await stage()
    onTestFinished(attachAuth(axios, auth, { allowedOrigins: [API] }))
    await axios.get(`${API}/a`, { adapter })
    await axios({ url: `${API}/b`, adapter })
    expect(tokens()).toEqual(['at-1', 'at-1'])
  })

  it('works without defaults, on a bare Axios', async () => {
    const { auth, tokens, adapter } = await stage()
    const bare = new axios.Axios({ baseURL: API, headers: {} as never })
    onTestFinished(attachAuth(bare as AxiosInstance, auth))
    await bare.request({ url: '/a', adapter })
    expect(tokens()).toEqual(['at-1'])
    const error = await rejection(bare.request({ url: 'http://127.0.0.1:1/', proxy: false }))
    expect(error.code).toBe('ECONNREFUSED')
  })

  it('keeps one Auth out of the way of another that another copy of the package made', async () => {
    const { api, auth } = await stage()
    vi.resetModules()
    const copy = await import('tokenflight/axios')
    expect(copy.attachAuth).not.toBe(attachAuth)
    copy.attachAuth(api, auth)
    expect(interceptors(api)).toHaveLength(1)
  })
})

describe('adapters', () => {
  it('is resolved when the request runs: one that replaces the default later is used', async () => {
    const { api, sent, revoke, refreshes } = await stage()
    const mocked: string[] = []
    const original = api.defaults.adapter as AxiosAdapter
    // As axios-mock-adapter does it.
    api.defaults.adapter = config => {
      mocked.push(String(config.url))
      return original(config)
    }
    revoke()
    await api.get('/a')
    api.defaults.adapter = original
    await api.get('/b')
    expect(mocked).toEqual(['/a', '/a'])
    expect([sent.length, refreshes.length]).toEqual([3, 1])
  })

  it('may be set by an interceptor, which keeps the token with the adapter that it wraps', async () => {
    const { api, tokens } = await stage()
    let around = 0
    api.interceptors.request.use(config => {
      const inner = axios.getAdapter(config.adapter)
      config.adapter = own => {
        around++
        return inner(own)
      }
      return config
    })
    await api.get('/a')
    expect([tokens(), around]).toEqual([['at-1'], 1])
  })

  it('may be named, listed or unknown', async () => {
    const { api } = await stage({ axios: { proxy: false } })
    for (const adapter of ['http', ['nothing', 'fetch'], ['fetch', 'http']] as const) {
      const error = await rejection(api.get('http://127.0.0.1:1/', { adapter: adapter as never }))
      expect(error.message).not.toContain('token')
    }
    const own = await rejection(api.get('/a', { adapter: 'nothing' }))
    const bare = await rejection(axios.get(`${API}/a`, { adapter: 'nothing' }))
    expect(own.message).toBe(bare.message)
  })

  it('may throw synchronously, and leaves everything usable', async () => {
    const { api, tokens } = await stage()
    const broken = new Error('broken')
    const throws = (): never => {
      throw broken
    }
    expect(await rejection<Error>(api.get('/a', { adapter: throws }))).toBe(broken)
    await api.get('/b')
    expect(tokens()).toEqual(['at-1'])
  })

  it('may throw synchronously on the replay', async () => {
    let attempts = 0
    const { api, refreshes } = await stage({
      axios: {
        adapter(config) {
          if (attempts++) throw new Error('broken')
          return respondWith(config, { status: 401 })
        },
      },
    })
    expect((await rejection<Error>(api.get('/a'))).message).toBe('broken')
    expect([attempts, refreshes.length]).toEqual([2, 1])
  })

  it('may wrap the error of an answer in one without the answer, as axios 1.13.3 does', async () => {
    const { api, refreshes, tokens } = await stage()
    const wrapping: AxiosAdapter = async config => {
      const status = config.url === '/no' || `${config.headers['Authorization']}`.endsWith('at-1') ? 401 : 200
      try {
        return await respondWith(config, { status })
      } catch (error) {
        const { message, code } = error as AxiosError
        throw Object.assign(new AxiosError(message, code, config), { cause: error })
      }
    }
    expect((await api.get('/a', { adapter: wrapping })).status).toBe(200)
    expect([refreshes.length, tokens()]).toEqual([1, []])
    const error = await rejection(api.get('/no', { adapter: wrapping }))
    expect(error.response?.status).toBe(401)
    expect(error.config?.headers.has('Authorization')).toBe(false)
  })

  it('leaves the error of another request alone that is the cause of one of its own', async () => {
    const { api, refreshes } = await stage()
    const error = await rejection(
      api.get('/a', {
        adapter: async config => {
          const cause = await rejection(respondWith({ ...config, url: '/other' }, { status: 401 }))
          throw Object.assign(new AxiosError('It needs another request', 'ERR_OTHER', config), { cause })
        },
      }),
    )
    expect([error.code, error.response, refreshes.length]).toEqual(['ERR_OTHER', undefined, 0])
  })

  it('may answer without a response, as some mocks do', async () => {
    const { api, refreshes } = await stage()
    await rejection(api.get('/a', { adapter: async () => undefined as never }))
    expect(refreshes).toHaveLength(0)
  })

  for (const adapter of ['http', 'fetch'] as const) {
    it(`is intercepted by msw with the ${adapter} adapter, also where it was attached before`, async () => {
      const backend = mockAuth({ baseUrl: `${API}/auth` })
      const api = axios.create({ baseURL: API, adapter })
      const auth = createAuth({ refresh: refreshRequest({ url: `${API}/auth/refresh` }) })
      attachAuth(api, auth, { skip: '/auth/login' })
      const server = setupServer(
        ...backend.handlers,
        http.post(
          `${API}/orders`,
          backend.protect(async ({ request }) => HttpResponse.json(await request.json())),
        ),
      )
      server.listen({ onUnhandledRequest: 'error' })
      onTestFinished(() => {
        auth.dispose()
        server.close()
      })
      const wrong = await rejection(api.post('/auth/login', { username: 'ada', password: 'wrong' }))
      // Left alone, so it has no answer where axios itself gives none.
      expect(wrong.code).toBe('ERR_BAD_REQUEST')
      await auth.login((await api.post('/auth/login', { username: 'ada', password: 'lovelace' })).data)
      expect((await api.post('/orders', { n: 1 })).data).toEqual({ n: 1 })
      backend.expireAccessTokens()
      const answers = await Promise.all([2, 3, 4].map(n => api.post('/orders', { n })))
      expect(answers.map(({ data }) => data.n)).toEqual([2, 3, 4])
      expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 3, rejected: 0, reuses: 0 })
      backend.expireAccessTokens()
      backend.revokeRefreshTokens()
      expect(await rejection<Error>(api.post('/orders', {}))).toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
      expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 4, rejected: 1 })
    })
  }
})

describe('the request of `logout`', () => {
  it('carries no token of the user who has logged in before it is sent again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const offline = new Error('Network Error')
    const staged: Stage = await stage({
      auth: {
        autoRefresh: 'always',
        logout: ({ refreshToken }) => staged.api.post('/logout', { refreshToken }),
      },
      respond: () => (staged.sent.length > 1 ? {} : Promise.reject(offline)),
    })
    await staged.auth.logout()
    await staged.auth.login({ access_token: 'at-bob', refresh_token: 'rt-bob', expires_in: 300 })
    await vi.advanceTimersByTimeAsync(1000)
    expect(staged.sent.map(({ token, data }) => [token, data])).toEqual([
      [undefined, '{"refreshToken":"rt-1"}'],
      [undefined, '{"refreshToken":"rt-1"}'],
    ])
  })
})
