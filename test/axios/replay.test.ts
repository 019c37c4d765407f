/** A 401 leads to one refresh, one replay of the same request, and one outcome. */
import axios, { type AxiosRequestConfig, type InternalAxiosRequestConfig } from 'axios'
import { attachAuth } from 'tokenflight/axios'
import { describe, expect, it } from 'vitest'
import { type Answer, API, deferred, rejection, respondWith, settle, stage } from '../support/axios.js'

describe('refused tokens', () => {
  it('makes one refresh for 50 requests that are refused at once, and replays each of them once', async () => {
    const { api, tokens, statuses, refreshes, revoke } = await stage({ manual: true })
    revoke()
    const answers = Promise.all(Array.from({ length: 50 }, (_, index) => api.get(`/orders/${index}`)))
    await settle()
    expect(refreshes.map(({ reason, refreshToken }) => [reason, refreshToken])).toEqual([
      ['rejected', 'rt-1'],
    ])
    refreshes[0]?.answer()
    expect((await answers).map(({ status }) => status)).toEqual(Array(50).fill(200))
    expect(refreshes).toHaveLength(1)
    expect(tokens()).toEqual([...Array(50).fill('at-1'), ...Array(50).fill('at-2')])
    expect(statuses()).toEqual([...Array(50).fill(401), ...Array(50).fill(200)])
  })

  it('lets requests that start during the refresh wait for it when their token is the refused one', async () => {
    const { api, tokens, refreshes, revoke } = await stage({ manual: true })
    revoke()
    const first = api.get('/a')
    await settle()
    const second = api.get('/b')
    await settle()
    refreshes[0]?.answer()
    await Promise.all([first, second])
    expect(refreshes).toHaveLength(1)
    expect(tokens().filter(token => token === 'at-2')).toHaveLength(2)
  })

  it('replays a late 401 with the newer token, without a refresh', async () => {
    const late = deferred<Answer>()
    const { api, tokens, refreshes, revoke } = await stage({
      respond: ({ url, token }) => (url.endsWith('/late') && token === 'at-1' ? late.promise : undefined),
    })
    const slow = api.get('/late')
    await settle()
    revoke()
    await api.get('/quick')
    late.resolve({ status: 401 })
    expect((await slow).status).toBe(200)
    expect(refreshes).toHaveLength(1)
    expect(tokens()).toEqual(['at-1', 'at-1', 'at-2', 'at-2'])
  })

  it('gives the caller the 401 of a replay', async () => {
    const { api, sent, statuses, refreshes } = await stage({
      respond: ({ token }) => ({
        status: 401,
        data: `{"refused":"${token === 'at-1' ? 'first' : 'replay'}"}`,
      }),
    })
    const error = await rejection(api.get('/orders'))
    expect(axios.isAxiosError(error)).toBe(true)
    expect(error.response).toMatchObject({ status: 401, data: { refused: 'replay' } })
    expect([statuses(), refreshes.length, sent.length]).toEqual([[401, 401], 1, 2])
  })

  it('gives the waiters the error of a refresh that failed, and replays nothing', async () => {
    const { api, auth, sent, refreshes, revoke } = await stage({ manual: true })
    revoke()
    const calls = [api.get('/a'), api.get('/b')].map(call => rejection<Error>(call))
    await settle()
    refreshes[0]?.fail(new Error('down'))
    for (const call of calls) expect(await call).toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    expect([sent.length, refreshes.length, auth.getState().status]).toEqual([2, 1, 'authenticated'])
  })

  it('ends the session once when the refresh is refused, and later requests leave without a token', async () => {
    const { api, auth, sent, refreshes, revoke } = await stage({ manual: true })
    let ends = 0
    auth.on('sessionExpired', () => ends++)
    revoke()
    const calls = [api.get('/a'), api.get('/b'), api.get('/c')].map(call => rejection<Error>(call))
    await settle()
    refreshes[0]?.fail({ response: { status: 400, data: { error: 'invalid_grant' } } })
    for (const call of calls) expect(await call).toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
    expect((await rejection(api.get('/d'))).response?.status).toBe(401)
    expect(sent.map(({ token }) => token)).toEqual(['at-1', 'at-1', 'at-1', undefined])
    expect([refreshes.length, ends]).toEqual([1, 1])
  })
})

describe('an endpoint that always says 401', () => {
  const stubborn = ({ url }: { url: string }): Answer | undefined =>
    url.endsWith('/stubborn') ? { status: 401 } : undefined

  it('causes no storm: one refresh in 30 seconds', async () => {
    const { api, statuses, refreshes, pass } = await stage({ respond: stubborn })
    for (let call = 0; call < 10; call++) await rejection(api.get('/stubborn'))
    expect([statuses().length, refreshes.length]).toEqual([11, 1])
    pass(29_000)
    await rejection(api.get('/stubborn'))
    expect(refreshes).toHaveLength(1)
    pass(1_001)
    await rejection(api.get('/stubborn'))
    expect(refreshes).toHaveLength(2)
  })

  it('causes none beside endpoints that accept the token either', async () => {
    const { api, refreshes, tokens, pass } = await stage({ respond: stubborn })
    for (let call = 0; call < 10; call++) {
      await rejection(api.get('/stubborn'))
      expect((await api.get('/orders')).status).toBe(200)
    }
    expect(refreshes).toHaveLength(1)
    expect(tokens().filter(token => token === 'at-1')).toHaveLength(1)
    pass(30_001)
    await rejection(api.get('/stubborn'))
    expect(refreshes).toHaveLength(2)
  })

  it('does not keep the others from refreshing a token that worked and was revoked', async () => {
    const { api, refreshes, revoke } = await stage({ respond: stubborn })
    await rejection(api.get('/stubborn'))
    await api.get('/orders')
    await rejection(api.get('/stubborn'))
    revoke()
    expect((await api.get('/orders')).status).toBe(200)
    expect(refreshes).toHaveLength(2)
  })

  it('is forgiven when it has accepted the token after all', async () => {
    let accepts = false
    const { api, refreshes, revoke } = await stage({
      respond: ({ url }) => (url.endsWith('/moody') && !accepts ? { status: 401 } : undefined),
    })
    await rejection(api.get('/moody'))
    accepts = true
    await api.get('/moody')
    revoke()
    expect((await api.get('/moody')).status).toBe(200)
    expect(refreshes).toHaveLength(2)
  })

  it('refreshes as usual, again and again, for a token that worked and was revoked later', async () => {
    const { api, refreshes, revoke } = await stage()
    for (let round = 1; round <= 4; round++) {
      revoke()
      expect((await api.get('/orders')).status).toBe(200)
      expect(refreshes).toHaveLength(round)
    }
  })
})

describe('answers that mean something else', () => {
  it('does not refresh after a 403', async () => {
    const { api, sent, refreshes } = await stage({ respond: () => ({ status: 403 }) })
    expect((await rejection(api.get('/orders'))).response?.status).toBe(403)
    expect([sent.length, refreshes.length]).toEqual([1, 0])
  })

  const scope: [string, number][] = [
    ['Bearer error="insufficient_scope", scope="admin"', 0],
    ['Basic realm="a, b", Bearer realm="x", error=insufficient_scope', 0],
    ['Bearer realm="say \\"hi\\", error=insufficient_scope", error="invalid_token"', 1],
    ['Bearer realm="error=\\"insufficient_scope\\""', 1],
    ['Bearer error="invalid_token", error_description="not insufficient_scope"', 1],
    ['Newauth ERROR = "insufficient_scope"', 0],
    ['Newauth error="invalid_token"', 0],
    ['Digest realm="x", qop="auth, auth-int", Bearer error="invalid_token"', 1],
    ['Bearer realm="a\\ b", error="insufficient_scope"', 0],
    ['Bearer error="insufficient_scope', 0],
    ['"a, error=insufficient_scope"', 1],
    ['"a\\b, error=insufficient_scope"', 1],
    ['"a\\ b, error=insufficient_scope"', 1],
    ['"a", error=insufficient_scope', 0],
    ['"', 1],
    ['', 1],
  ]
  for (const [header, count] of scope) {
    it(`makes ${count} refreshes after a 401 with ${header || 'an empty challenge'}`, async () => {
      const { api, refreshes, warnings } = await stage({
        respond: () => ({ status: 401, headers: { 'WWW-Authenticate': header } }),
      })
      await rejection(api.get('/orders'))
      expect(refreshes).toHaveLength(count)
      expect(warnings).toEqual([])
    })
  }

  it('leaves other failures to the application', async () => {
    const { api, sent, refreshes } = await stage({ respond: () => ({ status: 500 }) })
    expect((await rejection(api.get('/orders'))).response?.status).toBe(500)
    const broken = new Error('socket hang up')
    expect(await rejection(api.get('/orders', { adapter: () => Promise.reject(broken) }))).toBe(broken)
    const nothing = api.get('/x', { adapter: () => Promise.reject(null) }).catch(error => [error])
    expect(await nothing).toEqual([null])
    expect([sent.length, refreshes.length]).toEqual([1, 0])
  })

  it('gives the caller the 401 of the login request as it is', async () => {
    const { api, auth, sent, refreshes } = await stage({ login: false, attach: { skip: '/auth/login' } })
    const error = await rejection(api.post('/auth/login', { password: 'wrong' }))
    expect(error.response?.status).toBe(401)
    expect([sent.length, refreshes.length, auth.getState().status]).toEqual([1, 0, 'anonymous'])
  })
})

describe('a replay', () => {
  it('is the same request: method, URL, params, headers and body', async () => {
    const { api, sent, revoke } = await stage()
    revoke()
    await api.put(
      '/orders/1?a=b',
      { item: 'tea' },
      { params: { page: [1, 2] }, headers: { 'X-Mine': 'yes' } },
    )
    const [first, replay] = sent.map(
      ({ token, status, headers: { Authorization, ...headers }, ...rest }) => ({ ...rest, headers }),
    )
    expect(replay).toEqual(first)
    expect(replay).toMatchObject({ method: 'put', data: '{"item":"tea"}', params: { page: [1, 2] } })
    expect(sent.map(({ token }) => token)).toEqual(['at-1', 'at-2'])
  })

  it('runs every interceptor and transform of the application once, with one outcome', async () => {
    const { auth, instance, sent, refreshes, revoke } = await stage({ attach: false })
    const target = instance({
      transformRequest: [
        data => {
          calls.push('transformRequest')
          return `<${JSON.stringify(data)}>`
        },
      ],
      transformResponse: [
        data => {
          calls.push(`transformResponse ${data}`)
          return { wrapped: data }
        },
      ],
    })
    const calls: string[] = []
    const watch = (name: string, wait: boolean): void => {
      const pass = <T>(value: T): T | Promise<T> => (wait ? settle().then(() => value) : value)
      target.interceptors.request.use(config => {
        calls.push(`request ${name}`)
        return pass(config)
      })
      target.interceptors.response.use(
        response => {
          calls.push(`response ${name} ${response.status}`)
          return pass(response)
        },
        error => {
          calls.push(`error ${name}`)
          throw error
        },
      )
    }
    watch('before', false)
    watch('before, waiting', true)
    attachAuth(target, auth)
    watch('after', false)
    watch('after, waiting', true)
    revoke()
    const response = await target.post('/orders', { n: 1 })
    expect(response.data).toEqual({ wrapped: '{"ok":true}' })
    expect(calls).toEqual([
      'request after, waiting',
      'request after',
      'request before, waiting',
      'request before',
      'transformRequest',
      'transformResponse {"ok":true}',
      'response before 200',
      'response before, waiting 200',
      'response after 200',
      'response after, waiting 200',
    ])
    expect(sent.map(({ data }) => data)).toEqual(['<{"n":1}>', '<{"n":1}>'])
    expect(refreshes).toHaveLength(1)
  })

  it('shows an error once to every interceptor when it is refused again', async () => {
    const { api, sent, refreshes } = await stage({ respond: () => ({ status: 401 }) })
    const seen: unknown[] = []
    api.interceptors.response.use(undefined, error => {
      seen.push(error.response?.status)
      throw error
    })
    await rejection(api.get('/orders'))
    expect([seen, sent.length, refreshes.length]).toEqual([[401], 2, 1])
  })

  it('does not repeat the changes of an interceptor to the URL, the params or the body', async () => {
    const { api, sent, revoke } = await stage()
    let nonce = 0
    api.interceptors.request.use(config => {
      config.url = `/v1${config.url}`
      config.params = { ...config.params, nonce: ++nonce }
      return config
    })
    revoke()
    await api.get('/orders', { params: { a: 1 } })
    expect(sent.map(({ url, params }) => [url, params])).toEqual([
      [`${API}/v1/orders`, { a: 1, nonce: 1 }],
      [`${API}/v1/orders`, { a: 1, nonce: 1 }],
    ])
  })

  it('happens below a validateStatus that accepts a 401', async () => {
    const { api, refreshes, statuses, revoke } = await stage()
    revoke()
    expect((await api.get('/orders', { validateStatus: () => true })).status).toBe(200)
    expect((await api.get('/orders', { validateStatus: null })).status).toBe(200)
    expect([statuses(), refreshes.length]).toEqual([[401, 200, 200], 1])
  })

  it('resolves with the 401 of a replay where validateStatus accepts it', async () => {
    const { api, refreshes } = await stage({ respond: () => ({ status: 401 }) })
    expect((await api.get('/orders', { validateStatus: () => true })).status).toBe(401)
    expect(refreshes).toHaveLength(1)
  })
})

describe('a config that is sent again', () => {
  it('gets the current token, from an error and from a response', async () => {
    let fails = true
    const { api, auth, tokens, refreshes } = await stage({
      respond: () => (fails ? { status: 503 } : undefined),
    })
    const error = await rejection(api.get('/orders'))
    fails = false
    await auth.refresh()
    const response = await api.request(error.config as AxiosRequestConfig)
    await auth.refresh()
    await api(response.config)
    await api(response.config)
    expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-2', 'at-3', 'at-3'], 2])
  })

  it('is refreshed and replayed like any other', async () => {
    const { api, tokens, refreshes, revoke } = await stage()
    const { config } = await api.get('/orders')
    revoke()
    expect((await api(config)).status).toBe(200)
    expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-1', 'at-2'], 1])
  })

  it('gets the current token each time that an interceptor retries it', async () => {
    let failures = 3
    const { api, auth, tokens, sent } = await stage({
      respond: () => (failures-- > 0 ? { status: 503 } : undefined),
    })
    api.interceptors.response.use(undefined, async error => {
      const config = error.config as InternalAxiosRequestConfig & { tries?: number }
      config.tries = (config.tries ?? 0) + 1
      if (config.tries > 5) throw error
      await auth.refresh()
      return api(config)
    })
    expect((await api.post('/orders', { n: 1 })).status).toBe(200)
    expect(tokens()).toEqual(['at-1', 'at-2', 'at-3', 'at-4'])
    expect(sent.map(({ data }) => data)).toEqual(Array(4).fill('{"n":1}'))
  })

  it('keeps no more than one wrapper around the adapter of the application', async () => {
    const { api, adapter } = await stage()
    let { config } = await api.get('/orders')
    for (let time = 0; time < 3; time++) config = (await api(config)).config
    expect(config.adapter).toBe(adapter)
  })
})

it('answers a replay from another adapter of the same request', async () => {
  const answers = [401, 200]
  const { api, refreshes } = await stage({
    axios: { adapter: config => respondWith(config, { status: answers.shift() ?? 500 }) },
  })
  expect((await api.get('/orders')).status).toBe(200)
  expect([answers, refreshes.length]).toEqual([[], 1])
})
