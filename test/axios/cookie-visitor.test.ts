import type { AxiosError, InternalAxiosRequestConfig } from 'axios'
import type { TokenResponse } from 'tokenflight'
import { cookieSession } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { API, deferred, rejection, type StageOptions, settle, stage } from '../support/axios.js'
import { phases, withSteps } from '../support/steps.js'
import { down, found, type RestoreAnswer, refused, restoreStub } from '../support/visitor.js'

interface Visit {
  answer?: RestoreAnswer
  isRestored?: boolean
  stage?: StageOptions
}

/** The visitor of a page in cookie mode. The auth server gives `answer`, the API takes `cookie-at`. */
async function visit({ answer = down, isRestored = true, ...options }: Visit = {}) {
  const { refresh, ...server } = restoreStub(answer)
  const opened = await stage({
    login: false,
    auth: { storage: cookieSession(), retry: 0, refresh },
    respond: ({ url, token }) =>
      url.includes('/public') || token === 'cookie-at' ? { data: { ok: true } } : undefined,
    ...options.stage,
  })
  if (isRestored) await opened.auth.ready
  return { ...opened, ...server }
}

describe('a visitor without a cookie', () => {
  it.each([
    ['400 with nothing', 400, undefined],
    ['400 of a validator', 400, { message: ['refreshToken should not be empty'] }],
    ['400 invalid_request', 400, { error: 'invalid_request' }],
    ['401', 401, { message: 'no cookie' }],
    ['422', 422, { detail: [] }],
  ])(
    'sees public pages where the refresh endpoint answers %s, which is asked once',
    async (_, status, data) => {
      const { api, auth, sent, refreshes } = await visit({ answer: refused(status, data) })
      expect(auth.getState()).toEqual({ status: 'anonymous' })
      const answers = await Promise.all(Array.from({ length: 20 }, () => api.get(`${API}/public`)))
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
      expect((await rejection(api.get(`${API}/me`))).response?.status).toBe(401)
      expect(sent.every(({ token }) => token === undefined)).toBe(true)
      expect(refreshes).toHaveLength(1)
    },
  )
})

describe('a visitor while the auth server is down', () => {
  it.each([
    ['no network', down],
    ['a 503', refused(503)],
    ['the page of a firewall', refused(403, '<html>Blocked</html>')],
  ])('sees public pages with %s, and no request waits or asks for tokens', async (_, answer) => {
    const { api, auth, sent, refreshes } = await visit({ answer })
    expect(auth.getState()).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.get(`${API}/public`)))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(sent.map(({ token }) => token)).toEqual(Array(20).fill(undefined))
    expect(refreshes).toHaveLength(1)
  })

  it('sees them, too, when the requests started during the restore', async () => {
    const { promise, reject } = deferred<TokenResponse>()
    const { api, refreshes } = await visit({ answer: () => promise, isRestored: false })
    const asked = [api.get(`${API}/public`), api.get(`${API}/public`)]
    await settle()
    reject(new TypeError('Failed to fetch'))
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200])
    expect(refreshes).toHaveLength(1)
  })

  it('gets the 401 of a protected page, and the back-off keeps it from asking for tokens each time', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const { api, refreshes, statuses, pass } = await visit()
    for (let time = 0; time < 20; time++)
      expect((await rejection(api.get(`${API}/me`))).response?.status).toBe(401)
    expect(refreshes).toHaveLength(1)
    pass(1_000)
    expect((await rejection(api.get(`${API}/me`))).response?.status).toBe(401)
    expect(refreshes.map(({ reason }) => reason)).toEqual(['restore', 'restore'])
    expect(statuses()).toEqual(Array(21).fill(401))
  })

  it('is logged in again by the first 401 after the server is back: one restore, each request replayed once', async () => {
    const { api, auth, set, pass, refreshes, tokens } = await visit()
    set(found)
    pass(2_000)
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, number) => api.post(`${API}/orders`, { number })),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200))
    expect(refreshes.map(({ reason }) => reason)).toEqual(['restore', 'restore'])
    expect(tokens()).toEqual([...Array(5).fill(undefined), ...Array(5).fill('cookie-at')])
    expect(auth.getState().status).toBe('authenticated')
  })

  it.each<[challenge: string, format?: (token: string) => string]>([
    ['Bearer realm="api"'],
    ['JWT realm="api"', token => token && `JWT ${token}`],
  ])('is logged in again by a 401 whose challenge is %s', async (challenge, format) => {
    const { api, set, pass, refreshes, sent } = await visit({
      stage: {
        attach: format ? { header: { name: 'Authorization', format } } : {},
        respond: ({ token }) => (token ? {} : { status: 401, headers: { 'WWW-Authenticate': challenge } }),
      },
    })
    set(found)
    pass(2_000)
    expect((await api.get(`${API}/me`)).status).toBe(200)
    expect([refreshes.length, sent.length]).toEqual([2, 2])
  })

  it('is logged in again by a 401 without a challenge, although only a real token makes a header', async () => {
    const format = (token: string): string => {
      if (token !== 'cookie-at') throw new Error('not a token')
      return `Bearer ${token}`
    }
    const { api, set, pass, tokens } = await visit({
      stage: { attach: { header: { name: 'Authorization', format } } },
    })
    set(found)
    pass(2_000)
    expect((await api.get(`${API}/me`)).status).toBe(200)
    expect(tokens()).toEqual([undefined, 'cookie-at'])
  })

  it('has a request sent once more and no further, although the API rejects the restored token', async () => {
    const { api, set, pass, refreshes, tokens } = await visit({
      stage: { respond: () => ({ status: 401 }) },
    })
    set(found)
    pass(2_000)
    expect((await rejection(api.get(`${API}/me`))).response?.status).toBe(401)
    expect(tokens()).toEqual([undefined, 'cookie-at'])
    expect(refreshes.map(({ reason }) => reason)).toEqual(['restore', 'restore'])
  })

  it('has the rejection and the replay of a request reported to the listeners of every event', async () => {
    const { api, set, pass, steps, tokens } = withSteps(await visit())
    set(found)
    pass(2_000)
    await api.get(`${API}/me`)
    expect(phases(steps)).toEqual(['sent', 'rejected 401', 'replayed', 'done 200'])
    expect(tokens()).toEqual([undefined, 'cookie-at'])
  })

  it('has a request replayed that was refused while another one restored the session', async () => {
    const late = deferred()
    const { api, set, pass, refreshes, tokens } = await visit({
      stage: {
        respond: async ({ url, token }) => {
          if (token) return { data: { ok: true } }
          if (url.includes('/slow')) await late.promise
          return { status: 401 }
        },
      },
    })
    set(found)
    pass(2_000)
    const slow = api.get(`${API}/slow`)
    await api.get(`${API}/me`)
    late.resolve()
    expect((await slow).status).toBe(200)
    expect(refreshes).toHaveLength(2)
    expect(tokens()).toEqual([undefined, undefined, 'cookie-at', 'cookie-at'])
  })

  it('gets the 401 of a request that a login overtook: it may belong to no user or to another one', async () => {
    const late = deferred()
    const { api, auth, tokens, refreshes } = await visit({
      stage: {
        respond: async () => {
          await late.promise
          return { status: 401 }
        },
      },
    })
    const asked = rejection<AxiosError>(api.get(`${API}/me`))
    await settle()
    await auth.login({ access_token: 'login-at', expires_in: 300 })
    late.resolve()
    expect((await asked).response?.status).toBe(401)
    expect(tokens()).toEqual([undefined])
    expect(refreshes).toHaveLength(1)
  })

  it('has a stream sent once, and the restore prepares the next call', async () => {
    const { api, set, pass, refreshes, tokens } = await visit()
    set(found)
    pass(2_000)
    const stream = new ReadableStream({ start: controller => controller.close() })
    expect((await rejection(api.post(`${API}/upload`, stream))).response?.status).toBe(401)
    await settle()
    expect(refreshes).toHaveLength(2)
    expect((await api.get(`${API}/me`)).status).toBe(200)
    expect(tokens()).toEqual([undefined, 'cookie-at'])
  })

  it.each<[string, object]>([
    ['skips the login', { skipAuth: true }],
    ['brings credentials of its own', { headers: { Authorization: 'Basic eDp5' } }],
  ])('gets the 401 of a request that %s', async (_, config) => {
    const { api, set, pass, refreshes, sent } = await visit()
    set(found)
    pass(2_000)
    expect((await rejection(api.get(`${API}/me`, config))).response?.status).toBe(401)
    expect([refreshes.length, sent.length]).toEqual([1, 1])
  })

  it('gets the 401 of a request that was given credentials of its own while it waited', async () => {
    const restored = deferred<TokenResponse>()
    const { api, set, pass, refreshes, tokens } = await visit({
      answer: () => restored.promise,
      isRestored: false,
      stage: {
        respond() {
          pass(2_000)
          return { status: 401 }
        },
      },
    })
    let config: InternalAxiosRequestConfig | undefined
    api.interceptors.request.use(own => {
      config = own
      return own
    })
    const asked = rejection(api.get(`${API}/me`))
    await settle()
    config?.headers.set('Authorization', 'Basic eDp5')
    set(found)
    restored.reject(new TypeError('Failed to fetch'))
    expect((await asked).response?.status).toBe(401)
    expect([tokens(), refreshes.length]).toEqual([['Basic eDp5'], 1])
  })

  it('has a 401 to another scheme left alone', async () => {
    const { api, set, pass, refreshes } = await visit({
      stage: { respond: () => ({ status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }) },
    })
    set(found)
    pass(2_000)
    expect((await rejection(api.get(`${API}/me`))).response?.status).toBe(401)
    expect(refreshes).toHaveLength(1)
  })

  it('has a refusal recognised as shouldRefresh says', async () => {
    const { api, set, pass, refreshes, tokens } = await visit({
      stage: {
        attach: {
          shouldRefresh: async ({ data }) => (data as { code?: string })?.code === 'UNAUTHENTICATED',
        },
        respond: ({ token }) => ({ data: token ? { ok: true } : { code: 'UNAUTHENTICATED' } }),
      },
    })
    set(found)
    pass(2_000)
    expect((await api.get(`${API}/graphql`)).data).toEqual({ ok: true })
    expect(refreshes).toHaveLength(2)
    expect(tokens()).toEqual([undefined, 'cookie-at'])
  })

  it('can cancel a request that waits for the restore', async () => {
    const { api, set, pass } = await visit()
    const { promise } = deferred<TokenResponse>()
    set(() => promise)
    pass(2_000)
    const controller = new AbortController()
    const asked = rejection(api.get(`${API}/me`, { signal: controller.signal }))
    await settle()
    controller.abort()
    expect((await asked).code).toBe('ERR_CANCELED')
  })
})
