/** The errors of a session as axios's ecosystem sees them: interceptors, loggers, retry and cache extensions. */
import { inspect } from 'node:util'
import axios, { AxiosError, type InternalAxiosRequestConfig } from 'axios'
import {
  type AuthError,
  isAuthError,
  isSessionExpired,
  RefreshFailedError,
  SessionExpiredError,
  SignedOutError,
} from 'tokenflight'
import { afterEach, describe, expect, it } from 'vitest'
import { LIFETIME, rejection, respondWith, type Stage, settle, stage } from '../support/axios.js'

/** How a session, or its refresh, fails the requests that wait. */
const failures: [name: string, kind: new (...details: never[]) => AuthError, fail: Fail][] = [
  ['SessionExpiredError', SessionExpiredError, ({ refreshes }) => refreshes[0]?.fail({ status: 401 })],
  ['SignedOutError', SignedOutError, ({ auth }) => auth.logout()],
  ['RefreshFailedError', RefreshFailedError, ({ refreshes }) => refreshes[0]?.fail(new Error('down'))],
]
type Fail = (stage: Stage) => unknown

/** How requests come to wait: for a token before they are sent, and for one to replay with. */
const ways: [way: string, prepare: (stage: Stage) => void, sentBefore: number][] = [
  ['before it is sent', ({ pass }) => pass(LIFETIME), 0],
  ['for its replay', ({ revoke }) => revoke(), 1],
]

describe.each(failures)('%s of an axios call', (_, kind, fail) => {
  describe.each(ways)('that waits %s', (_, prepare, sentBefore) => {
    it('is an axios error with the config of its call', async () => {
      const staged = await stage({ manual: true })
      const { api, sent, refreshes } = staged
      prepare(staged)
      const call = rejection<AxiosError>(api.post('/orders', { id: 7 }, { headers: { 'X-Mine': '1' } }))
      await settle()
      await fail(staged)
      const error = await call
      expect(error).toBeInstanceOf(kind)
      expect(isAuthError(error)).toBe(true)
      expect(axios.isAxiosError(error)).toBe(true)
      expect(axios.isCancel(error)).toBe(false)
      expect(error.config).toMatchObject({ method: 'post', url: '/orders', data: '{"id":7}' })
      expect(error.config?.headers.get('X-Mine')).toBe('1')
      // The end of a session holds for a config that is sent again, too.
      const isOver = kind !== RefreshFailedError
      expect(error.config?.adapter === api.defaults.adapter).toBe(!isOver)
      expect([sent.length, refreshes.length]).toEqual([sentBefore, 1])
    })

    it('becomes the JSON of an axios error, with its own members and without a token', async () => {
      const staged = await stage({ manual: true })
      const { api } = staged
      prepare(staged)
      const call = rejection<AxiosError & AuthError>(api.get('/orders', { params: { page: 2 } }))
      await settle()
      await fail(staged)
      const error = await call
      const json = error.toJSON() as Record<string, unknown>
      expect(json).toMatchObject({
        name: error.name,
        message: error.message,
        code: error.code,
        config: { url: '/orders', method: 'get', params: { page: 2 } },
      })
      expect(Object.keys(json)).toEqual(expect.arrayContaining(Object.keys(new AxiosError().toJSON())))
      if (isSessionExpired(error)) expect(json).toMatchObject({ reason: 'refresh_rejected' })
      if (error instanceof RefreshFailedError) expect(json).toMatchObject({ attempts: 1 })
      for (const text of [JSON.stringify(error), inspect(error, { depth: 9 }), String(error), error.stack])
        expect(text).not.toMatch(/[ar]t-\d/)
    })

    it('is an object of its own for each call, with the config of that call', async () => {
      const staged = await stage({ manual: true })
      prepare(staged)
      const calls = [1, 2, 3].map(number => rejection<AxiosError>(staged.api.get(`/${number}`)))
      await settle()
      await fail(staged)
      const errors = await Promise.all(calls)
      expect(new Set(errors).size).toBe(3)
      expect(errors.map(({ config }) => config?.url)).toEqual(['/1', '/2', '/3'])
      expect(new Set(errors.map(({ cause }) => cause)).size).toBe(1)
      for (const error of errors) {
        expect(error).toBeInstanceOf(kind)
        expect(error.stack).toContain(error.message)
      }
      expect(staged.refreshes).toHaveLength(1)
    })
  })
})

describe('an interceptor of the application', () => {
  const reports: [reads: string, report: (error: AxiosError) => unknown, reported: unknown][] = [
    ['error.config.url', ({ config }) => (config as InternalAxiosRequestConfig).url, '/orders'],
    ['error.config.headers', ({ config }) => config?.headers.get('X-Mine'), '1'],
    ['error.toJSON()', error => (error.toJSON() as { config: { method: string } }).config.method, 'get'],
  ]
  it.each(reports)('that reads %s passes the SessionExpiredError on', async (_, report, reported) => {
    const { api, auth, sent, revoke } = await stage({ refresh: () => Promise.reject({ status: 401 }) })
    const ended: string[] = []
    auth.on('sessionExpired', ({ reason }) => void ended.push(reason))
    const reads: unknown[] = []
    api.interceptors.response.use(undefined, error => {
      reads.push(report(error))
      throw error
    })
    revoke()
    const error = await rejection(api.get('/orders', { headers: { 'X-Mine': '1' } }))
    expect(isSessionExpired(error)).toBe(true)
    expect([reads, ended, sent.length]).toEqual([[reported], ['refresh_rejected'], 1])
  })
})

describe('a thousand calls that wait for a refresh that fails', () => {
  const { prepareStackTrace } = Error
  afterEach(() => {
    Error.prepareStackTrace = prepareStackTrace
  })

  it.each(failures)('cost one stack of %s', async (_, kind, fail) => {
    const staged = await stage({ manual: true })
    staged.pass(LIFETIME)
    const calls = Array.from({ length: 1_000 }, (_, number) => rejection(staged.api.get(`/${number}`)))
    await settle()
    /** How many errors of ours had frames of their own to print. */
    let stacks = 0
    Error.prepareStackTrace = (error, frames) => {
      if (error instanceof kind && frames.length) stacks++
      return `${error}\n${frames.map(frame => `    at ${frame}`).join('\n')}`
    }
    await fail(staged)
    const errors = await Promise.all(calls)
    const longest = Math.max(...errors.map(({ stack }) => String(stack).length))
    expect(new Set(errors).size).toBe(1_000)
    expect(stacks).toBeLessThanOrEqual(1)
    expect(longest).toBeLessThan(8_000)
    expect([staged.sent.length, staged.refreshes.length]).toEqual([0, 1])
  })

  it('leave the depth of other stacks as the application has set it', async () => {
    const staged = await stage({ manual: true })
    staged.pass(LIFETIME)
    const call = rejection(staged.api.get('/orders'))
    await settle()
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 33
    try {
      staged.refreshes[0]?.fail(new Error('down'))
      expect(await call).toBeInstanceOf(RefreshFailedError)
      expect(Error.stackTraceLimit).toBe(33)
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
  })
})

it('of a web stream that fails after the answer holds no token', async () => {
  const { api, revoke, tokens } = await stage()
  let left: InternalAxiosRequestConfig | undefined
  let fail: (error: unknown) => void = () => {}
  api.defaults.adapter = config => {
    left = config
    const data = new ReadableStream({
      start(controller) {
        fail = error => controller.error(error)
      },
    })
    return respondWith(config, { data: data as never })
  }
  revoke()
  const { data } = await api.get('/stream', { responseType: 'stream' })
  fail(new AxiosError('reset', 'ERR_NETWORK', left))
  const error = await rejection((data as ReadableStream).getReader().read())
  expect(inspect(error, { depth: 9 })).not.toMatch(/at-\d/)
  expect(tokens()).toEqual([])
})

it('prints the stack that axios has extended with the caller’s frames', async () => {
  const { api, revoke } = await stage({ refresh: () => Promise.reject(new Error('down')) })
  revoke()
  async function loadOrders(): Promise<unknown> {
    return await api.get('/orders')
  }
  const error = await rejection<AuthError>(loadOrders())
  expect(error.stack).toContain('loadOrders')
  expect(inspect(error)).toContain('loadOrders')
})
