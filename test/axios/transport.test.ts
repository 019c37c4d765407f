/** Real HTTP on Node: redirects, and the visible rest of a request that failed. */

import type { Readable } from 'node:stream'
import { inspect } from 'node:util'
import axios, {
  type AxiosAdapter,
  type AxiosError,
  type AxiosRequestConfig,
  type CreateAxiosDefaults,
} from 'axios'
import { collectTokens, serverRenewal } from 'tokenflight'
import type { AttachOptions } from 'tokenflight/axios'
import { describe, expect, it, vi } from 'vitest'
import { type Arrived, isAxios, loopback, rejection, session, stage } from '../support/axios.js'

type Outgoing = import('node:http').ServerResponse

/** Every name leads to the loopback interface. */
const lookup: AxiosRequestConfig['lookup'] = (_host, _options, callback) =>
  (callback as (error: null, address: string, family: 4) => void)(null, '127.0.0.1', 4)

describe('a redirect that the http adapter follows', () => {
  /** `/to?…` leads there; everything else answers 200. */
  const server = (): ReturnType<typeof loopback> =>
    loopback(({ url }: Arrived, _incoming: unknown, outgoing: Outgoing) => {
      if (url.startsWith('/to?')) outgoing.writeHead(302, { Location: decodeURIComponent(url.slice(4)) })
      outgoing.end('{}')
    })
  const arrivals = ({ arrived }: { arrived: Arrived[] }): unknown[] =>
    arrived.map(({ host, headers }) => [host.replace(/:\d+/, ''), headers.authorization, headers['x-token']])

  const targets: Record<string, string> = {
    'another origin': 'evil.example',
    'a subdomain': 'sub.api.test',
    'a parent domain': 'test',
  }
  for (const header of ['Authorization', 'X-Token']) {
    const options = { header: { name: header, format: (token: string) => token } }
    for (const [what, host] of Object.entries(targets)) {
      it(`takes no token in ${header} to ${what}`, async () => {
        const home = await server()
        const { api } = await session(`http://api.test:${home.port}`, { adapter: 'http', lookup }, options)
        await api.get(`/to?http://${host}:${home.port}/x`)
        expect(arrivals(home)).toEqual([
          ['api.test', ...(header === 'X-Token' ? [undefined, 'at-1'] : ['at-1', undefined])],
          [host, undefined, undefined],
        ])
      })
    }

    it(`takes the token in ${header} along within its origin`, async () => {
      const home = await server()
      const { api } = await session(home.url, { adapter: 'http' }, options)
      await api.get('/to?/x')
      expect(home.arrived.map(({ headers }) => headers[header.toLowerCase()])).toEqual(['at-1', 'at-1'])
    })

    it(`takes no token in ${header} to another port`, async () => {
      const [home, away] = [await server(), await server()]
      const { api } = await session(home.url, { adapter: 'http' }, options)
      await api.get(`/to?${away.url}/x`)
      expect(home.arrived[0]?.headers[header.toLowerCase()]).toBe('at-1')
      expect(away.arrived.map(({ headers }) => [headers.authorization, headers['x-token']])).toEqual([
        [undefined, undefined],
      ])
    })
  }

  it('takes nothing but the token away on the way to another origin', async () => {
    const [home, away] = [await server(), await server()]
    const options: AttachOptions = { header: { name: 'X-Token', format: token => token } }
    const { api } = await session(home.url, { adapter: 'http' }, options)
    await api.get(`/to?${away.url}/x`, { headers: { 'X-Trace': 'trace-1' } })
    const headers = [...home.arrived, ...away.arrived].map(arrived => arrived.headers)
    expect(headers.map(each => [each['x-token'], each['x-trace']])).toEqual([
      ['at-1', 'trace-1'],
      [undefined, 'trace-1'],
    ])
  })

  it('calls the beforeRedirect of the application with the arguments of axios, and strips the token afterwards', async () => {
    const home = await server()
    const { api } = await session(`http://api.test:${home.port}`, { adapter: 'http', lookup })
    const beforeRedirect = vi.fn((options: Record<string, unknown>) => {
      ;(options['headers'] as Record<string, string>)['authorization'] = 'Bearer at-1'
    })
    const { config } = await api.get(`/to?http://sub.api.test:${home.port}/x`, { beforeRedirect })
    expect(beforeRedirect).toHaveBeenCalledTimes(1)
    // Newer versions of axios tell of the request besides.
    const [options, answer, request = { url: '/to?' }] = beforeRedirect.mock.calls[0] as object[]
    expect(options).toMatchObject({ hostname: 'sub.api.test' })
    expect(answer).toHaveProperty('headers')
    expect(request).toMatchObject({ url: expect.stringContaining('/to?') })
    expect(arrivals(home)).toEqual([
      ['api.test', 'Bearer at-1', undefined],
      ['sub.api.test', undefined, undefined],
    ])
    expect(config.beforeRedirect).toBe(beforeRedirect)
  })

  it('ignores a 401 at its end, and tokens from there', async () => {
    const home = await loopback(({ url, host, token }, _incoming, outgoing) => {
      if (url.startsWith('/to?')) outgoing.writeHead(302, { Location: decodeURIComponent(url.slice(4)) })
      else outgoing.writeHead(host.startsWith('evil') || !token ? 401 : 200, { 'X-New': 'planted' })
      outgoing.end('{}')
    })
    const { api, refreshes } = await session(
      `http://api.test:${home.port}`,
      { adapter: 'http', lookup },
      {
        renewal: collectTokens(({ headers }) =>
          headers['x-new'] ? { access_token: headers['x-new'] } : undefined,
        ),
      },
    )
    const away = `http://evil.example:${home.port}`
    expect((await rejection(api.get(`/to?${away}/x`))).response?.status).toBe(401)
    // There and back again.
    await rejection(api.get(`/to?${away}/to?http://api.test:${home.port}/x`))
    await api.get('/orders')
    expect(home.arrived.map(({ token }) => token)).toEqual([
      'at-1',
      undefined,
      'at-1',
      undefined,
      undefined,
      'at-1',
    ])
    expect(refreshes).toHaveLength(0)
  })

  it('ends no session by a 401 at its end, where the server renews by itself and the token is dead', async () => {
    const home = await loopback(({ url, host }, _incoming, outgoing) => {
      if (url.startsWith('/to?')) outgoing.writeHead(302, { Location: decodeURIComponent(url.slice(4)) })
      else outgoing.writeHead(host.startsWith('evil') ? 401 : 200)
      outgoing.end('{}')
    })
    let now = 1_760_000_000_000
    const { api, auth } = await session(
      `http://api.test:${home.port}`,
      { adapter: 'http', lookup },
      { renewal: serverRenewal({ collect: () => undefined }) },
      { clock: { now: () => now } },
    )
    now += 300_000
    const away = await rejection(api.get(`/to?http://evil.example:${home.port}/x`))
    expect(away.response?.status).toBe(401)
    expect(auth.getState().status).toBe('authenticated')
    expect((await api.get('/orders')).status).toBe(200)
    expect(home.arrived.map(({ host, token, headers }) => [host, token, headers['x-refresh-token']])).toEqual(
      [
        [`api.test:${home.port}`, 'at-1', 'rt-1'],
        [`evil.example:${home.port}`, undefined, undefined],
        [`api.test:${home.port}`, 'at-1', 'rt-1'],
      ],
    )
  })

  it('is seen by the URL of an XMLHttpRequest, too', async () => {
    const { api, sent, statuses, refreshes } = await stage({
      attach: {
        renewal: collectTokens(({ headers }) =>
          headers['x-new'] ? { access_token: headers['x-new'] } : undefined,
        ),
      },
    })
    const inner = api.defaults.adapter as AxiosAdapter
    let responseURL = 'https://evil.example/x'
    api.defaults.adapter = async config => {
      const response = await inner({ ...config, validateStatus: null })
      Object.assign(response, { request: { responseURL }, status: 401, headers: { 'x-new': 'planted' } })
      throw new axios.AxiosError('refused', undefined, config, response.request, response)
    }
    expect((await rejection(api.get('/a'))).response?.status).toBe(401)
    expect([statuses(), refreshes.length]).toEqual([[200], 0])
    responseURL = 'https://api.example.test/x'
    await rejection(api.get('/a'))
    expect(sent.map(({ token }) => token)).toEqual(['at-1', 'at-1', 'planted'])
  })

  it('lets an Authorization of the application go where axios lets it', async () => {
    const home = await server()
    const { api } = await session(`http://api.test:${home.port}`, { adapter: 'http', lookup })
    const headers = { Authorization: 'Bearer mine' }
    await api.get(`/to?http://sub.api.test:${home.port}/x`, { headers })
    const bare = axios.create({
      baseURL: `http://api.test:${home.port}`,
      adapter: 'http',
      lookup,
      proxy: false,
    })
    await bare.get(`/to?http://sub.api.test:${home.port}/x`, { headers })
    expect(arrivals(home).slice(0, 2)).toEqual(arrivals(home).slice(2))
  })
})

// Before 1.12 axios's adapter on fetch takes no fetch to look over its shoulder.
const isLookedAfter = isAxios(12)

describe('a redirect that fetch follows for axios', () => {
  const own = vi.fn<typeof fetch>((...call) => fetch(...call))
  const fetches: Record<string, CreateAxiosDefaults> = {
    'the global fetch': {},
    'no fetch of its own': { env: { fetch: null as never } },
    'a fetch of the application': { env: { fetch: own } },
  }
  const scene = async (defaults: CreateAxiosDefaults, attach: AttachOptions = {}) => {
    const evil = await loopback(
      (_request, _incoming, outgoing) => void outgoing.writeHead(401, { 'X-New': 'planted' }).end('{}'),
    )
    const home = await loopback(({ url, token }, _incoming, outgoing) => {
      if (url === '/away') outgoing.writeHead(302, { Location: evil.url })
      else if (url === '/a') outgoing.writeHead(307, { Location: '/b' })
      else outgoing.writeHead(token === 'at-1' ? 401 : 200)
      outgoing.end('{}')
    })
    const client = await session(home.url, { ...defaults, adapter: 'fetch' }, attach)
    return { evil, home, ...client }
  }

  for (const [what, defaults] of Object.entries(fetches)) {
    it(`ignores a 401 from another origin, and tokens from there: ${what}`, async () => {
      own.mockClear()
      const { api, auth, evil, home, refreshes } = await scene(defaults, {
        renewal: collectTokens(({ headers }) =>
          headers['x-new'] ? { access_token: headers['x-new'] } : undefined,
        ),
      })
      const error = await rejection(api.get('/away'))
      // Where it led cannot be seen, so it is not followed: the answer might hold tokens.
      expect(error.response?.status).toBe(isLookedAfter ? 401 : undefined)
      expect(home.arrived).toHaveLength(1)
      expect(evil.arrived.map(({ token }) => token)).toEqual(isLookedAfter ? [undefined] : [])
      expect(refreshes).toHaveLength(0)
      expect(await auth.getAccessToken()).toBe('at-1')
      expect(own).toHaveBeenCalledTimes(isLookedAfter && defaults.env?.fetch ? 1 : 0)
    })

    it(`is replayed from the start within the origin: ${what}`, async () => {
      const { api, home, refreshes } = await scene(defaults)
      expect((await api.post('/a', { n: 1 })).status).toBe(200)
      expect(refreshes).toHaveLength(1)
      expect(home.arrived.map(({ url, token, body }) => [url, token, String(body)])).toEqual([
        ['/a', 'at-1', '{"n":1}'],
        ['/b', 'at-1', '{"n":1}'],
        ['/a', 'at-2', '{"n":1}'],
        ['/b', 'at-2', '{"n":1}'],
      ])
    })
  }

  it('is no obstacle where there is no Request to note anything on', async () => {
    const { api, home } = await scene({ env: { Request: null as never } })
    expect((await api.get('/a')).status).toBe(200)
    expect(home.arrived.map(({ url, token }) => [url, token])).toEqual([
      ['/a', 'at-1'],
      ['/b', 'at-1'],
      ['/a', 'at-2'],
      ['/b', 'at-2'],
    ])
  })

  it('is one adapter of axios for each fetch of the application, with the other members of its env', async () => {
    const made: string[] = []
    class OwnRequest extends Request {
      constructor(...call: ConstructorParameters<typeof Request>) {
        super(...call)
        made.push(String(call[0]))
      }
    }
    const { api, home } = await scene({ env: { fetch: own, Request: OwnRequest } })
    await api.get('/b')
    made.length = 0
    await api.get('/b')
    // An adapter that axios makes tests the abilities of the platform.
    expect(made).toEqual(isLookedAfter ? [`${home.url}/b`] : [])
    expect(home.arrived.map(({ token }) => token)).toEqual(['at-1', 'at-2', 'at-2'])
  })
})

/** The report of an error tracker: every enumerable property, however deep, and the text that Node prints. */
function everything(value: unknown): string {
  const seen = new Set<unknown>()
  const texts: string[] = [inspect(value, { depth: 12 })]
  const visit = (one: unknown, depth: number): void => {
    if (one === null || (typeof one !== 'object' && typeof one !== 'function') || depth > 12) {
      texts.push(String(one))
    } else if (!seen.has(one)) {
      seen.add(one)
      const { toJSON } = one as { toJSON?: () => unknown }
      if (typeof toJSON === 'function') visit(toJSON.call(one), depth + 1)
      for (const key in one) {
        texts.push(key)
        visit((one as Record<string, unknown>)[key], depth + 1)
      }
    }
  }
  visit(value, 0)
  for (const key of ['message', 'stack', 'cause']) visit((value as Record<string, unknown>)[key], 1)
  return texts.join('\n')
}

describe('an error that passes through', () => {
  for (const adapter of ['http', 'fetch'] as const) {
    const failures: Record<
      string,
      { status?: number; config?: AxiosRequestConfig; body?: string; abort?: boolean }
    > = {
      'of a status': { status: 500 },
      'of a replay that is refused': { status: 401 },
      'of an answer that cannot be read': {
        config: { responseType: 'json', transitional: { silentJSONParsing: false } },
        body: '{',
      },
      'of a broken connection': {},
      'of a timeout': { config: { timeout: 200 } },
      'of an abort': { config: {}, abort: true },
    }
    for (const [what, { status, config, body, abort }] of Object.entries(failures)) {
      it(`shows no token: one ${what} with the ${adapter} adapter`, async () => {
        const controller = new AbortController()
        const { url, arrived } = await loopback((_request, incoming, outgoing) => {
          if (abort) controller.abort()
          if (config && !body) return
          if (!status && !body) return void incoming.socket.destroy()
          outgoing.statusCode = status ?? 200
          outgoing.end(body ?? '{}')
        })
        const { api } = await session(url, { adapter, ...config })
        const error = await rejection<AxiosError>(
          api.post('/orders', { n: 1 }, { signal: controller.signal }),
        )
        expect(axios.isAxiosError(error)).toBe(true)
        expect(arrived[0]?.token ?? 'at-1').toBe('at-1')
        expect(everything(error)).not.toMatch(/at-[12]|rt-1/)
        // It tells the rest.
        expect(error.config).toMatchObject({ method: 'post', url: '/orders', data: '{"n":1}' })
        expect(everything(error)).toContain('/orders')
        if (status) expect(error.request ?? error.response?.request).toBeDefined()
      })
    }

    it(`shows no token in a response either with the ${adapter} adapter`, async () => {
      const { url } = await loopback((_request, _incoming, outgoing) => void outgoing.end('{}'))
      const { api } = await session(url, { adapter })
      const response = await api.get('/orders')
      expect(everything(response)).not.toMatch(/at-1|rt-1/)
      expect(response.request).toBeDefined()
    })
  }

  for (const [status, isAborted] of [
    [200, false],
    [500, false],
    [200, true],
  ] as const) {
    it(`shows no token in an answer that streams: ${status}${isAborted ? ', cut off' : ''}`, async () => {
      const { url, arrived } = await loopback((_request, _incoming, outgoing) => {
        outgoing.writeHead(status).write('{}')
        if (!isAborted) outgoing.end()
      })
      const { api } = await session(url, { adapter: 'http', responseType: 'stream' })
      const controller = new AbortController()
      const outcome = await api
        .get('/file', { signal: controller.signal })
        .catch((error: AxiosError) => error)
      const response = outcome instanceof Error ? outcome.response : outcome
      const stream = response?.data as Readable
      expect([response?.status, arrived[0]?.token]).toEqual([status, 'at-1'])
      for (const each of [outcome, response, stream]) expect(everything(each)).not.toMatch(/at-1|rt-1/)
      // Code that reads it by name finds it.
      expect(response?.request).toBe((stream as Readable & { req: unknown }).req)
      if (!isAborted) return void stream.destroy()
      const ending = new Promise(resolve => stream.once('error', resolve).resume())
      controller.abort()
      const error = await ending
      expect(axios.isCancel(error)).toBe(true)
      expect(everything(error)).not.toMatch(/at-1|rt-1/)
    })
  }

  it('shows no token when it gives up waiting', async () => {
    const { api, pass } = await stage({ manual: true })
    pass(3_600_000)
    const error = await rejection(api.get('/orders', { timeout: 5 }))
    expect(error.code).toBe('ECONNABORTED')
    expect(everything(error)).not.toMatch(/at-1|rt-1/)
  })

  it('shows no token when an adapter throws synchronously', async () => {
    const { api } = await stage()
    const error = await rejection<AxiosError>(
      api.get('/orders', {
        adapter(config) {
          throw new axios.AxiosError('No', 'ERR_X', config)
        },
      }),
    )
    expect(error.message).toBe('No')
    expect(everything(error)).not.toMatch(/at-1/)
  })

  it('may be frozen', async () => {
    const { api } = await stage()
    const error = Object.freeze(Object.assign(new Error('cold'), { request: {} }))
    expect(await rejection<Error>(api.get('/orders', { adapter: () => Promise.reject(error) }))).toBe(error)
  })
})
