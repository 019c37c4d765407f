/** The config of a request is the application's: it is never dressed with a token, and comes back as it went. */
import axios, {
  type AxiosAdapter,
  AxiosError,
  AxiosHeaders,
  type AxiosRequestConfig,
  type InternalAxiosRequestConfig,
} from 'axios'
import { attachAuth } from 'tokenflight/axios'
import { describe, expect, it, vi } from 'vitest'
import { adapterOf } from '../../src/http/axios-error.js'
import {
  deferred,
  LIFETIME,
  loopback,
  rejection,
  respondWith,
  session,
  settle,
  stage,
} from '../support/axios.js'

const EVIL = 'https://evil.example'

describe('headers that the application shares', () => {
  it('carry the token to no other origin while a request of ours is on its way', async () => {
    const gate = deferred()
    const { api, sent, tokens } = await stage({
      respond: async ({ url }) => {
        if (url.endsWith('/slow')) await gate.promise
        return {}
      },
    })
    const shared = new AxiosHeaders({ 'X-Shared': '1' })
    api.interceptors.request.use(config => {
      config.headers = shared
      return config
    })
    const slow = api.get('/slow')
    await settle()
    await api.get(`${EVIL}/x`)
    gate.resolve()
    await slow
    expect(tokens()).toEqual(['at-1', undefined])
    expect(sent.map(({ headers }) => headers['X-Shared'])).toEqual(['1', '1'])
    expect(shared.toJSON()).not.toHaveProperty('Authorization')
  })

  it('carry no token of a session that is over', async () => {
    const gate = deferred()
    const { api, auth, tokens } = await stage({
      respond: async ({ url }) => {
        if (url.endsWith('/slow')) await gate.promise
        return {}
      },
    })
    const shared = new AxiosHeaders()
    api.interceptors.request.use(config => {
      config.headers = shared
      return config
    })
    const slow = api.get('/slow')
    await settle()
    await auth.logout()
    await api.get('/public')
    gate.resolve()
    await slow
    expect(tokens()).toEqual(['at-1', undefined])
  })

  it('keep no parallel request from its replay', async () => {
    const { api, tokens, statuses, refreshes, revoke } = await stage()
    const shared = new AxiosHeaders()
    api.interceptors.request.use(config => {
      config.headers = shared
      return config
    })
    revoke()
    const answers = await Promise.all([1, 2, 3].map(number => api.get(`/${number}`)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(tokens()).toEqual([...Array(3).fill('at-1'), ...Array(3).fill('at-2')])
    expect([statuses(), refreshes.length]).toEqual([[401, 401, 401, 200, 200, 200], 1])
  })

  it('may be those of a request that is still on its way', async () => {
    const gate = deferred()
    const { api, tokens } = await stage({
      respond: async ({ url }) => {
        if (url.endsWith('/slow')) await gate.promise
        return {}
      },
    })
    const pending: InternalAxiosRequestConfig[] = []
    api.interceptors.request.use(config => {
      pending.push(config)
      return config
    })
    const slow = api.get('/slow')
    await settle()
    expect(JSON.stringify(pending[0]?.headers)).not.toContain('at-1')
    await api.get(`${EVIL}/x`, { headers: pending[0]?.headers as AxiosHeaders })
    await api.get(`${EVIL}/y`, { headers: { ...pending[0]?.headers } as AxiosHeaders })
    gate.resolve()
    await slow
    expect(tokens()).toEqual(['at-1', undefined, undefined])
  })
})

describe('a config', () => {
  it('is the same object in an answer and in an error as without us', async () => {
    const outcomes: boolean[][] = []
    for (const attach of [{}, false] as const) {
      const { api } = await stage({ attach, respond: () => ({}) })
      const configs: unknown[] = []
      api.interceptors.request.use(config => {
        configs.push(config)
        return config
      })
      const { config } = await api.get('/ok')
      const error = await rejection(api.get('/no', { validateStatus: () => false }))
      outcomes.push([
        config === configs[0],
        error.config === configs[1],
        error.response?.config === error.config,
      ])
    }
    expect(outcomes[0]).toEqual(outcomes[1])
    expect(outcomes[0]).toContain(true)
  })

  it('that an adapter copies comes back as the application’s, without the token', async () => {
    const { api, sent } = await stage({
      axios: {
        adapter: config => {
          const copy = { ...config, headers: new AxiosHeaders(config.headers) }
          return respondWith(copy, { status: config.url === '/ok' ? 200 : 500 })
        },
      },
    })
    const { config } = await api.get('/ok')
    const error = await rejection(api.get('/no'))
    for (const each of [config, error.config, error.response?.config]) {
      expect(each?.headers.has('Authorization')).toBe(false)
      expect(each?.adapter).toBe(api.defaults.adapter)
    }
    expect(JSON.stringify([error, error.toJSON()])).not.toContain('at-1')
    expect(sent).toEqual([])
  })

  it('comes back from an adapter that sends a copy to another URL', async () => {
    const { api } = await stage({
      axios: {
        adapter: config => {
          const copy = { ...config, headers: new AxiosHeaders(config.headers), url: '/proxy', method: 'post' }
          return respondWith(copy, { status: config.url === '/ok' ? 200 : 500 })
        },
      },
    })
    const { config } = await api.get('/ok')
    const error = await rejection(api.get('/no'))
    expect([config.url, error.config?.url, error.response?.config.url]).toEqual(['/ok', '/no', '/no'])
    expect(JSON.stringify([config, error.config, error.response?.config])).not.toContain('at-1')
  })

  it('comes back from an adapter that wraps the error of another', async () => {
    const { api } = await stage({
      axios: {
        adapter: async config => {
          const copy = { ...config, headers: new AxiosHeaders(config.headers) }
          const cause = await rejection(respondWith(copy, { status: 500 }))
          throw Object.assign(new Error('wrapped', { cause }), { config: copy })
        },
      },
    })
    const error = await rejection(api.get('/no'))
    const cause = error.cause as AxiosError
    for (const each of [error, cause, cause.response])
      expect(each?.config?.headers.has('Authorization')).toBe(false)
  })

  it('keeps its headers as they are: unset ones, and names of any case', async () => {
    const { api, sent } = await stage()
    const { config } = await api.get('/a', {
      headers: { authorization: undefined, 'x-one': '1', 'X-Off': false } as never,
    })
    expect(sent.map(({ headers, token }) => [headers['x-one'], headers['authorization'], token])).toEqual([
      ['1', undefined, 'at-1'],
    ])
    expect(config.headers['X-Off']).toBe(false)
    expect(Object.values(config.headers).join()).not.toContain('at-1')
  })

  it('keeps its members whose names are symbols, which adapters see', async () => {
    const mark = Symbol('mark')
    const { api, adapter } = await stage()
    const seen: unknown[] = []
    api.defaults.adapter = config => {
      seen.push(Reflect.get(config, mark))
      return adapter(config)
    }
    api.interceptors.request.use(config => Object.assign(config, { [mark]: 1 }))
    await api.get('/a')
    expect(seen).toEqual([1])
  })

  it('may be an object of a class, whose members adapters see', async () => {
    class Own {
      get mark(): string {
        return 'inherited'
      }
    }
    const marks: unknown[] = []
    const { api } = await stage({
      axios: {
        adapter: config => {
          marks.push((config as unknown as Own).mark)
          return respondWith(config)
        },
      },
    })
    api.interceptors.request.use(config => Object.assign(new Own(), config) as never)
    await api.get('/a')
    expect(marks).toEqual(['inherited'])
  })

  it('is as frozen as the application wants its parts', async () => {
    const { api, tokens } = await stage()
    const params = Object.freeze({ a: 1 })
    const { config } = await api.get('/a', Object.freeze({ params, headers: Object.freeze({ 'X-A': '1' }) }))
    expect([tokens(), config.params]).toEqual([['at-1'], params])
  })

  it('is dressed for the adapter alone: mocks that keep a history see the request as it left', async () => {
    const { api, good } = await stage()
    // As axios-mock-adapter does it.
    const history: InternalAxiosRequestConfig[] = []
    api.defaults.adapter = (config => {
      history.push(config)
      const isGood = good.has(String(config.headers.get('Authorization')).slice('Bearer '.length))
      return respondWith(config, { status: isGood ? 200 : 401 })
    }) satisfies AxiosAdapter
    good.delete('at-1')
    const { config } = await api.post('/orders', { n: 1 }, { headers: { 'X-Mine': 'yes' } })
    expect(
      history.map(({ method, url, data, headers }) => [
        method,
        url,
        data,
        headers.get('X-Mine'),
        headers.get('Authorization'),
      ]),
    ).toEqual([
      ['post', '/orders', '{"n":1}', 'yes', 'Bearer at-1'],
      ['post', '/orders', '{"n":1}', 'yes', 'Bearer at-2'],
    ])
    expect(config.headers.has('Authorization')).toBe(false)
  })

  it('keeps no wrapper of ours, also where another session replaced the first, as often as it is sent again', async () => {
    const one = await stage({ prefix: 'one-', respond: () => ({}) })
    const two = await stage({ prefix: 'two-', attach: false })
    let config: AxiosRequestConfig = { url: '/a' }
    for (const attach of [() => {}, () => attachAuth(one.api, two.auth)]) {
      attach()
      for (let time = 0; time < 3; time++) {
        config = (await one.api(config)).config
        expect(config.adapter).toBe(one.adapter)
      }
    }
    expect(one.tokens()).toEqual([...Array(3).fill('one-at-1'), ...Array(3).fill('two-at-1')])
  })

  it('goes past an error that cannot be written to', async () => {
    const { api } = await stage()
    const error = Object.freeze(new AxiosError('cold', 'ERR_COLD', { url: '/' } as never, {}))
    expect(await rejection(api.get('/a', { adapter: () => Promise.reject(error) }))).toBe(error)
  })
})

describe('the answer of an adapter of the application', () => {
  const answer = async (data: unknown, request?: unknown) => {
    const { api } = await stage({
      axios: {
        adapter: async config => ({ ...(await respondWith(config)), data, request }),
        transformResponse: [],
      },
    })
    return api.get('/a')
  }

  it('is hidden in no part, where it is data', async () => {
    const data = { req: 1, socket: 2, client: { name: 'Ada' } }
    const { data: received } = await answer(data)
    expect([received, Object.keys(received)]).toEqual([data, ['req', 'socket', 'client']])
    expect((await answer(null)).data).toBeNull()
  })

  it('may be a stream that is not one of Node: the members that lead to a request are hidden, and no others', async () => {
    const on = vi.fn()
    const stream = Object.assign(Object.create({ socket: 'inherited' }), {
      pipe() {},
      on,
      req: {},
      client: {},
      x: 1,
    })
    const { data } = await answer(stream)
    expect(data).toBe(stream)
    expect([Object.keys(data), data.socket, data.req]).toEqual([['pipe', 'on', 'x'], 'inherited', {}])
    expect(Object.hasOwn(data, 'socket')).toBe(false)
    expect(on).not.toHaveBeenCalled()
    const bare = Object.assign(Object.create(null), { pipe() {} })
    expect((await answer(bare)).data).toBe(bare)
  })

  it('keeps a request that holds no token', async () => {
    expect(Object.keys(await answer('', undefined))).toContain('request')
    expect(Object.keys(await answer('', {}))).not.toContain('request')
  })
})

it('reaches the adapter as the very object where the application sets its own credentials during the wait', async () => {
  const { api, adapter, pass, refreshes, tokens } = await stage({ manual: true })
  const seen: unknown[] = []
  let given: InternalAxiosRequestConfig | undefined
  api.defaults.adapter = config => {
    seen.push(config)
    return adapter(config)
  }
  api.interceptors.request.use(config => {
    given = config
    return config
  })
  pass(LIFETIME)
  const call = api.get('/a', { validateStatus: null })
  await settle()
  given?.headers.set('Authorization', 'Bearer mine')
  refreshes[0]?.answer()
  await call
  expect([tokens(), refreshes.length]).toEqual([['mine'], 1])
  expect(seen[0]).toBe(given)
})

it('leaves the choice to axios where a request unsets its adapter', async () => {
  expect(adapterOf({} as never)).toEqual(axios.defaults.adapter)
  const { url, arrived } = await loopback((_request, _incoming, outgoing) => void outgoing.end('{}'))
  const { api } = await session(url)
  expect((await api.get('/a', { adapter: null as never })).status).toBe(200)
  expect(arrived.map(({ token }) => token)).toEqual(['at-1'])
})
