/** An error tracker finds no access token and no refresh token in anything that it may see, however deep it looks. */
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import axios, { type AxiosAdapter, type AxiosError, type AxiosRequestConfig } from 'axios'
import {
  type Auth,
  type AuthOptions,
  createAuth,
  isAuthError,
  oauth2Refresh,
  refreshRequest,
} from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deferred, loopback, rejection } from '../support/axios.js'
import { EVENTS } from '../support/core.js'

const AT = 'access-secret-0123456789'
const RT = 'refresh-secret-9876543210'
const SECRET = /(access|refresh)-secret/

/**
 * Everything that a tracker sends: own enumerable members to any depth, `toJSON`, and of each error its message, its
 * stack and its causes, which Sentry follows although they are not enumerable; besides the output of Node.
 */
function track(value: unknown): string {
  const seen = new Set<unknown>()
  const texts: string[] = []
  const visit = (one: unknown): void => {
    if (typeof one !== 'object' || one === null) return void texts.push(String(one))
    if (seen.has(one)) return
    seen.add(one)
    if (one instanceof Error) {
      texts.push(String(one), one.stack ?? '')
      for (let cause = one.cause; cause instanceof Error; cause = cause.cause)
        texts.push(String(cause), cause.stack ?? '')
    }
    const { toJSON } = one as { toJSON?: () => unknown }
    if (typeof toJSON === 'function') visit(toJSON.call(one))
    if (one instanceof Map || one instanceof Set || Array.isArray(one)) for (const each of one) visit(each)
    if (one instanceof Headers) for (const each of one) visit(each)
    for (const [name, member] of Object.entries(one)) {
      texts.push(name)
      visit(member)
    }
  }
  visit(value)
  return [...texts, inspect(value, { depth: Number.POSITIVE_INFINITY })].join('\n')
}

function expectClean(value: unknown): void {
  expect(SECRET.exec(track(value))?.[0]).toBeUndefined()
}

/** The same, for members that only a debugger sees: non-enumerable members, symbols, private state. */
function expectCleanInside(value: unknown): void {
  expectClean(value)
  const text = inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxArrayLength: null })
  expect(SECRET.exec(text)?.[0]).toBeUndefined()
}

async function login(options: AuthOptions = {}): Promise<{ auth: Auth; heard: unknown[] }> {
  const auth = createAuth({ retry: 0, ...options })
  onTestFinished(() => auth.dispose())
  const heard: unknown[] = []
  for (const name of EVENTS) auth.on(name, event => void heard.push(event, auth.getState()))
  await auth.login({ access_token: AT, refresh_token: RT, expires_in: 300 })
  return { auth, heard }
}

describe('the tracker of these tests', () => {
  it('finds a token wherever axios leaves one', async () => {
    const { url } = await loopback((_request, _incoming, outgoing) => void outgoing.writeHead(500).end())
    const headers = { Authorization: `Bearer ${AT}` }
    const error = await rejection(axios.get(url, { headers, proxy: false, adapter: 'http' }))
    expect(track(error)).toMatch(SECRET)
    expect(track(error.config)).toMatch(SECRET)
    expect(track([new Map([['a', { b: Object.assign(new Error('x'), { token: AT }) }]])])).toMatch(SECRET)
    expect(track(new Error('x', { cause: new Error(AT) }))).toMatch(SECRET)
  })
})

describe('an error that passes through axios', () => {
  const failures: Record<
    string,
    { status?: number; config?: AxiosRequestConfig; hang?: boolean; aborts?: boolean }
  > = {
    'a refusal': { status: 401 },
    'a refusal for ever, after a refresh': { status: 401 },
    'a failure of the server': { status: 500 },
    'a broken connection': {},
    'a timeout': { config: { timeout: 1_500 }, hang: true },
    'a cancellation': { hang: true, aborts: true },
    'an answer that is too long': { status: 200, config: { maxContentLength: 1 } },
    'a body that is too long': { status: 200, config: { maxBodyLength: 1, maxRedirects: 0 } },
  }
  for (const adapter of ['http', 'fetch'] as const) {
    for (const [what, { status, config, hang, aborts }] of Object.entries(failures)) {
      it(`is clean: ${what} with the ${adapter} adapter`, async () => {
        let arrived = 0
        const controller = new AbortController()
        const { url } = await loopback(({ token }, incoming, outgoing) => {
          if (token?.startsWith(AT)) arrived++
          if (aborts) controller.abort()
          if (hang) return
          if (!status) return void incoming.socket.destroy()
          outgoing.writeHead(status, { 'Content-Type': 'application/json' }).end('{"error":"no"}')
        })
        const { auth, heard } = await login({
          refresh: async () => ({ access_token: `${AT}-new`, refresh_token: `${RT}-new` }),
        })
        const api = axios.create({ baseURL: url, proxy: false, adapter })
        attachAuth(api, auth)
        // The meaning of a limit depends on the version of axios and on its adapter; its outcome holds no token in any case.
        const request = api.post('/orders', { n: 1 }, { ...config, signal: controller.signal })
        const error: AxiosError = await (what.endsWith('too long')
          ? request.catch(caught => caught)
          : rejection(request))
        if (!('status' in error && error.status === 200))
          expect(axios.isAxiosError(error) || axios.isCancel(error)).toBe(true)
        // It had the token with it, unless axios refused it before.
        if (!what.startsWith('a body')) expect(arrived).toBeGreaterThan(0)
        expectClean(error)
        // Code that reads the platform's own request by name finds it, and other code does not see it.
        expect(Object.keys(error)).not.toContain('request')
        expectClean([error.config, error.response, error.response?.config, error.toJSON?.()])
        expectClean(heard)
        expectClean({ extra: { auth, api: api.defaults, state: auth.getState() } })
      })
    }
  }

  it('is clean with a request that an adapter of the application reports', async () => {
    const { auth } = await login({ refresh: async () => ({ access_token: `${AT}-new` }) })
    const adapter: AxiosAdapter = config =>
      Promise.reject(new axios.AxiosError('Odd', 'ERR_ODD', config, { config }))
    const api = axios.create({ baseURL: 'https://api.example.test', adapter })
    attachAuth(api, auth)
    expectClean(await rejection(api.get('/orders')))
  })
})

describe('an answer that streams', () => {
  const answers: Record<string, [status: number, headers: Record<string, string>]> = {
    'that is refused': [500, {}],
    'that is not': [200, {}],
    'that is compressed': [500, { 'Content-Encoding': 'gzip' }],
  }
  for (const adapter of ['http', 'fetch'] as const) {
    const scene = async (
      status: number,
      headers: Record<string, string>,
      config: AxiosRequestConfig = {},
    ) => {
      const { url, arrived } = await loopback((_request, _incoming, outgoing) => {
        outgoing.writeHead(status, headers)
        const body = Buffer.from('{"error":"no"}')
        if (status === 206) outgoing.write(body)
        else outgoing.end(headers['Content-Encoding'] ? gzipSync(body) : body)
      })
      const { auth } = await login()
      const api = axios.create({ baseURL: url, proxy: false, adapter, responseType: 'stream', ...config })
      attachAuth(api, auth)
      return { api, arrived }
    }

    for (const [what, [status, headers]] of Object.entries(answers)) {
      it(`is clean, one ${what} with the ${adapter} adapter, before and after it is read`, async () => {
        const { api, arrived } = await scene(status, headers)
        const outcome = await api.get('/file').catch((error: AxiosError) => error)
        const response = outcome instanceof Error ? outcome.response : outcome
        expect([response?.status, arrived[0]?.token]).toEqual([status, AT])
        for (const part of [outcome, response, response?.data]) {
          expectClean(part)
          expect(inspect(part)).not.toMatch(SECRET)
        }
        const read = await text(response?.data as Readable)
        // Some versions of axios release a request that they refuse.
        if (status === 200) expect(read).toBe('{"error":"no"}')
        expectClean([outcome, response])
      })
    }

    it(`is clean when it is cut off: ${adapter} adapter`, async () => {
      const { api, arrived } = await scene(206, {})
      const controller = new AbortController()
      const { data } = await api.get('/file', { signal: controller.signal })
      const reading = rejection(text(data))
      controller.abort()
      const error = await reading
      expect(arrived[0]?.token).toBe(AT)
      if (adapter === 'http') expectClean([error, data])
      expect(JSON.stringify([error, error.config])).not.toMatch(SECRET)
    })

    it(`is clean when it is longer than it may be: ${adapter} adapter`, async () => {
      const { api, arrived } = await scene(200, {}, { maxContentLength: 3 })
      // Not every version of axios minds.
      const outcome = await api
        .get('/file')
        .then(({ data }) => text(data))
        .catch((error: AxiosError) => error)
      expect(arrived[0]?.token).toBe(AT)
      if (adapter === 'http') expectClean(outcome)
      expect(JSON.stringify([outcome, outcome instanceof Error && outcome.config])).not.toMatch(SECRET)
    })
  }

  it('of Node has no handler of ours, and its link to the request is untouched', async () => {
    const { url } = await loopback((_request, _incoming, outgoing) => void outgoing.end('{}'))
    const { auth } = await login()
    const api = axios.create({ baseURL: url, proxy: false, adapter: 'http', responseType: 'stream' })
    const bare = (await api.get('/file')).data
    attachAuth(api, auth)
    const { data, request } = await api.get('/file')
    // An unhandled error still ends the process.
    expect(data.listenerCount('error')).toBe(bare.listenerCount('error'))
    bare.destroy()
    expect(data.req).toBe(request)
    expect(data.socket).toBeDefined()
    data.destroy()
  })
})

describe('our own errors', () => {
  /** Each with a server that hears the tokens, and an application whose refresh goes by axios or by a preset. */
  const refreshers: Record<string, (url: string) => AuthOptions['refresh']> = {
    'refreshRequest, body': url => refreshRequest({ url }),
    'refreshRequest, header': url => refreshRequest({ url, send: 'header' }),
    'refreshRequest, both': url => refreshRequest({ url, send: 'both' }),
    oauth2Refresh: url => oauth2Refresh({ tokenEndpoint: url, clientId: 'app' }),
    'axios of its own': url => async context =>
      (
        await axios.post(
          url,
          { refreshToken: context.refreshToken },
          { proxy: false, headers: { 'X-Old': context.accessToken } },
        )
      ).data,
  }
  const answers: Record<string, [status: number, body: string, code: string]> = {
    'a refusal': [400, '{"error":"invalid_grant"}', 'ERR_SESSION_EXPIRED'],
    'a failure': [503, `{"echo":"${RT}"}`, 'ERR_REFRESH_FAILED'],
    'no answer': [0, '', 'ERR_REFRESH_FAILED'],
    nonsense: [200, `{"message":"${RT}","${RT}":1}`, 'ERR_REFRESH_FAILED'],
    'an odd token': [200, `{"access_token":"${AT} ${RT}","refresh_token":"${RT}"}`, 'ERR_REFRESH_FAILED'],
  }
  for (const [who, refresher] of Object.entries(refreshers)) {
    it.each(Object.entries(answers))(`are clean after %s to ${who}`, async (_, [status, body, code]) => {
      const { url, arrived } = await loopback((_request, incoming, outgoing) => {
        if (!status) return void incoming.socket.destroy()
        outgoing.writeHead(status, { 'Content-Type': 'application/json' }).end(body)
      })
      const { auth, heard } = await login({ refresh: refresher(`${url}/refresh`) })
      const api = axios.create({
        baseURL: 'https://api.example.test',
        adapter: () => Promise.reject(new Error('away')),
      })
      attachAuth(api, auth)
      const error = await rejection<Error & { code: string }>(auth.getAccessToken({ forceRefresh: true }))
      expect([isAuthError(error), error.code]).toEqual([true, code])
      expect(JSON.stringify([arrived[0]?.headers, String(arrived[0]?.body)])).toMatch(SECRET)
      expectClean(error)
      expectClean({ contexts: [error, auth.getState()], heard })
      // Code that reads the rest by name finds it.
      expect(error.cause).toBeInstanceOf(Error)
    })
  }

  it('are clean inside, too, where their cause is our own', async () => {
    const { url } = await loopback(
      (_request, _incoming, outgoing) => void outgoing.writeHead(400).end('{"error":"invalid_grant"}'),
    )
    const { auth, heard } = await login({ refresh: refreshRequest({ url }) })
    expectCleanInside(await rejection(auth.refresh()))
    expectCleanInside(heard)
    expectCleanInside(auth.getState())
    const answer = deferred<never>()
    const other = await login({ refresh: () => answer.promise })
    const waiting = rejection(other.auth.getAccessToken({ forceRefresh: true }))
    await other.auth.logout()
    expectCleanInside(await waiting)
    expectCleanInside(other.heard)
  })
})

describe('a value that is not an error', () => {
  it('is clean inside: the Auth, its clients, and an answer', async () => {
    const { url } = await loopback((_request, _incoming, outgoing) => void outgoing.end('{}'))
    const { auth } = await login()
    const api = axios.create({ baseURL: url, proxy: false, adapter: 'http' })
    const detach = attachAuth(api, auth)
    const response = await api.get('/orders')
    const own = authFetch(auth, { allowedOrigins: [url] })
    const answer = await own(`${url}/orders`)
    expectClean([response, answer])
    expectClean([auth, api, own, detach, api.interceptors])
  })

  it('is clean: the warning of a storage that throws the record', async () => {
    const { heard, auth } = await login({
      storage: {
        getItem: () => null,
        setItem: (_, value) => Promise.reject(Object.assign(new Error('Quota'), { config: { data: value } })),
        removeItem() {},
      },
      refresh: async () => ({ access_token: `${AT}-new`, refresh_token: RT }),
    })
    await auth.refresh()
    expect(JSON.stringify(heard)).toContain('Storage failed to write')
    expectClean(heard)
  })

  it('is clean: the warning of a classify that throws the failure', async () => {
    const { heard, auth } = await login({
      refresh: ({ refreshToken }) => Promise.reject(Object.assign(new Error('No'), { body: refreshToken })),
      classify(error) {
        throw error
      },
    })
    await rejection(auth.refresh())
    expect(JSON.stringify(heard)).toContain('classify failed')
    expectClean(heard)
  })
})
