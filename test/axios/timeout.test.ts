/** The timeout of a request limits the whole call, and fails as axios's own timeout does. */

import { PassThrough } from 'node:stream'
import axios, { AxiosError, type AxiosRequestConfig, type CreateAxiosDefaults } from 'axios'
import type { TokenResponse, TokenStorage } from 'tokenflight'
import { serverRenewal } from 'tokenflight'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type Arrived,
  deferred,
  LIFETIME,
  loopback,
  rejection,
  respondWith,
  type Stage,
  settle,
  stage,
} from '../support/axios.js'
import { recordStorage } from '../support/core.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** Lets the time pass in steps, so that each step's consequences happen in between. */
async function elapse(milliseconds: number): Promise<void> {
  await settle()
  await vi.advanceTimersByTimeAsync(milliseconds)
  await settle()
}

const later = (milliseconds: number): Promise<void> =>
  new Promise(resolve => void setTimeout(resolve, milliseconds))

/** An adapter that heeds the timeout as axios's own adapters for XMLHttpRequest and Node do. */
function heeding(answer: Stage['adapter']): Stage['adapter'] {
  return config => {
    const { timeout, timeoutErrorMessage, transitional } = config
    const message = timeoutErrorMessage || `timeout of ${timeout}ms exceeded`
    const code = transitional?.clarifyTimeoutError ? AxiosError.ETIMEDOUT : AxiosError.ECONNABORTED
    if (!timeout) return answer(config)
    const over = later(Number(timeout)).then(() => Promise.reject(new AxiosError(message, code, config)))
    return Promise.race([answer(config), over])
  }
}

/** The members of an error that concern a timeout. */
const told = ({ code, message, name, config }: AxiosError): unknown => ({
  code,
  message,
  name,
  timeout: config?.timeout,
})

describe('the timeout of a request', () => {
  const attempts = async (
    durations: number[],
    storage?: TokenStorage,
  ): Promise<Stage & { timeouts: unknown[] }> => {
    const timeouts: unknown[] = []
    const staged = await stage({
      manual: true,
      ...(storage && { auth: { storage }, login: false }),
      axios: {
        adapter: heeding(async config => {
          timeouts.push(config.timeout)
          await later(durations.shift() ?? 0)
          return staged.adapter(config)
        }),
      },
    })
    return { ...staged, timeouts }
  }

  it('limits the refused attempt, the wait and the replay together', async () => {
    const { api, revoke, refreshes, timeouts, statuses } = await attempts([100, 10_000])
    revoke()
    const call = rejection(api.get('/orders', { timeout: 400 }))
    const done = vi.fn()
    void call.then(done)
    await elapse(100)
    await elapse(150)
    refreshes[0]?.answer()
    await elapse(149)
    expect(done).not.toHaveBeenCalled()
    await elapse(1)
    expect(told(await call)).toEqual({
      code: 'ECONNABORTED',
      message: 'timeout of 400ms exceeded',
      name: 'AxiosError',
      timeout: 400,
    })
    expect((await call).stack).toMatch(/^AxiosError: timeout of 400ms exceeded\n/)
    expect(timeouts).toEqual([400, 150])
    expect([statuses(), refreshes.length]).toEqual([[401], 1])
  })

  it('closes the answer that streams when the call is given up while the application judges it', async () => {
    const data = new PassThrough()
    const judge = deferred<boolean>()
    const { api, refreshes } = await stage({
      manual: true,
      attach: { shouldRefresh: () => judge.promise },
      axios: { adapter: config => respondWith(config, { status: 401, data: data as never }) },
    })
    const call = rejection(api.get('/orders', { timeout: 400, responseType: 'stream' }))
    await elapse(399)
    expect(data.destroyed).toBe(false)
    await elapse(1)
    expect((await call).message).toBe('timeout of 400ms exceeded')
    expect([data.destroyed, refreshes.length]).toEqual([true, 0])
    judge.resolve(true)
    await settle()
    expect(refreshes).toHaveLength(0)
  })

  it('limits the wait and the first attempt together', async () => {
    const { api, pass, refreshes, timeouts, statuses } = await attempts([10_000])
    pass(LIFETIME)
    const call = rejection(api.get('/orders', { timeout: 400, transitional: { clarifyTimeoutError: true } }))
    await elapse(300)
    expect(timeouts).toEqual([])
    refreshes[0]?.answer()
    await elapse(100)
    expect(told(await call)).toMatchObject({ code: 'ETIMEDOUT', message: 'timeout of 400ms exceeded' })
    expect([timeouts, statuses()]).toEqual([[100], []])
  })

  it('limits a wait after a refused attempt that took most of it', async () => {
    const { api, revoke, refreshes, timeouts } = await attempts([300])
    revoke()
    const call = rejection(api.get('/orders', { timeout: 400 }))
    await elapse(300)
    expect(refreshes).toHaveLength(1)
    await elapse(100)
    expect(told(await call)).toMatchObject({ code: 'ECONNABORTED', message: 'timeout of 400ms exceeded' })
    refreshes[0]?.answer()
    await settle()
    expect(timeouts).toEqual([400])
  })

  it('leaves a replay that comes at the last moment a millisecond, not an eternity', async () => {
    const { api, revoke, refreshes, timeouts } = await attempts([399.8, 10_000])
    revoke()
    const call = rejection(api.get('/orders', { timeout: 400 }))
    await elapse(399.8)
    refreshes[0]?.answer()
    await settle()
    expect(timeouts).toEqual([400, 1])
    await elapse(1)
    expect(told(await call)).toMatchObject({ code: 'ECONNABORTED', message: 'timeout of 400ms exceeded' })
  })

  it('ends a replay with the message that the application has chosen, with any numbers in it', async () => {
    const timeoutErrorMessage = 'timeout of 150 tries'
    const { api, revoke, refreshes } = await attempts([250, 10_000])
    revoke()
    const call = rejection(api.get('/orders', { timeout: 400, timeoutErrorMessage }))
    await elapse(250)
    refreshes[0]?.answer()
    await elapse(150)
    expect(told(await call)).toMatchObject({ code: 'ECONNABORTED', message: timeoutErrorMessage })
  })

  it('leaves the number in another error of the replay alone, and takes an error without a stack', async () => {
    for (const fail of [{ status: 503 }, { code: 'ECONNABORTED', message: 'timeout of 503ms exceeded' }]) {
      const { api, revoke, refreshes, adapter } = await stage({ manual: true })
      let count = 0
      api.defaults.adapter = async config => {
        if (!count++) {
          await later(497)
          return adapter(config)
        }
        if (fail.status) return respondWith(config, fail)
        throw fail
      }
      revoke()
      const call = rejection(api.get('/orders', { timeout: 1_000 }))
      await elapse(497)
      refreshes[0]?.answer()
      await elapse(0)
      const { message } = await call
      expect(message).toBe(fail.status ? 'Request failed with status code 503' : 'timeout of 1000ms exceeded')
      expect([count, refreshes.length]).toEqual([2, 1])
    }
  })

  it('is reported by a config without the member transitional, too', async () => {
    const { api, pass, refreshes, sent } = await stage({ manual: true })
    api.interceptors.request.use(config => {
      delete config.transitional
      return config
    })
    pass(LIFETIME)
    const call = rejection(api.get('/orders', { timeout: 400 }))
    await elapse(400)
    expect(told(await call)).toMatchObject({ code: 'ECONNABORTED', message: 'timeout of 400ms exceeded' })
    expect([sent.length, refreshes.length]).toEqual([0, 1])
  })

  it('reaches the adapter untouched where nothing was waited for', async () => {
    const { api, timeouts } = await attempts([0, 0])
    const calls = [api.get('/1', { timeout: 400 }), api.get('/2'), api.get('/3', { timeout: '400' as never })]
    await elapse(0)
    await Promise.all(calls)
    expect(timeouts).toEqual([400, 0, '400'])
  })

  it('limits a wait for a restore that finds no session, and the request after it', async () => {
    const stored = deferred<null>()
    const { api, timeouts } = await attempts(
      [10_000],
      recordStorage({ get: () => stored.promise, set() {}, remove() {} }),
    )
    const call = rejection(api.get('/public', { timeout: 400 }))
    await elapse(300)
    expect(timeouts).toEqual([])
    stored.resolve(null)
    await elapse(100)
    expect(told(await call)).toMatchObject({
      code: 'ECONNABORTED',
      message: 'timeout of 400ms exceeded',
      timeout: 400,
    })
    expect(timeouts).toEqual([100])
  })

  it('may be a numeric string, as for axios', async () => {
    const { api, pass } = await attempts([])
    pass(LIFETIME)
    const call = rejection(api.get('/orders', { timeout: '400' as never }))
    await elapse(399)
    await elapse(1)
    expect(told(await call)).toMatchObject({ code: 'ECONNABORTED', message: 'timeout of 400ms exceeded' })
  })

  it('limits a request that is the refresh of a server that renews by itself', async () => {
    const timeouts: unknown[] = []
    const { api, pass, sent } = await stage({
      auth: { refresh: undefined },
      attach: { renewal: serverRenewal({ collect: () => undefined }) },
      axios: {
        adapter: heeding(config => {
          timeouts.push(config.timeout)
          return later(10_000).then(() => respondWith(config))
        }),
      },
    })
    pass(LIFETIME)
    const first = rejection(api.get('/first', { timeout: 300 }))
    await elapse(100)
    const second = rejection(api.get('/second', { timeout: 100 }))
    await elapse(100)
    expect(told(await second)).toMatchObject({ code: 'ECONNABORTED', message: 'timeout of 100ms exceeded' })
    await elapse(100)
    expect(told(await first)).toMatchObject({ code: 'ECONNABORTED', message: 'timeout of 300ms exceeded' })
    expect([timeouts, sent]).toEqual([[300], []])
  })
})

/** A server that lets every request hang but those with the first token. */
async function hanging(): Promise<{ url: string; arrived: Arrived[]; arrival(): Promise<void> }> {
  let next = deferred()
  const { url, arrived } = await loopback(({ token }, _, outgoing) => {
    if (token === 'at-1') outgoing.writeHead(401).end()
    next.resolve()
  })
  return {
    url,
    arrived,
    async arrival() {
      await next.promise
      next = deferred()
    },
  }
}

/** A session whose refresh the test answers. */
async function waiting(axios: CreateAxiosDefaults): Promise<Stage & { asked: Promise<void> }> {
  const asked = deferred()
  const answer = deferred<TokenResponse>()
  const staged = await stage({
    axios: { proxy: false, ...axios },
    refresh(_, { refreshes }) {
      Object.assign(refreshes[0] as object, { answer: answer.resolve })
      asked.resolve()
      return answer.promise
    },
  })
  return { ...staged, asked: asked.promise }
}

describe.each([
  ['http', 'ECONNABORTED', 'ETIMEDOUT'],
  ['fetch', 'ETIMEDOUT', 'ETIMEDOUT'],
] as const)("a timeout with axios's own adapter %s", (adapter, code, clarified) => {
  const options: [AxiosRequestConfig, string][] = [
    [{}, code],
    [{ transitional: { clarifyTimeoutError: true } }, clarified],
    [{ timeoutErrorMessage: 'too slow' }, code],
  ]

  it.each(options)('ends a replay as a call without a session: %j', async (config, expected) => {
    const { url, arrival, arrived } = await hanging()
    const plain = rejection(axios.get(url, { adapter, proxy: false, timeout: 400, ...config }))
    await arrival()
    await elapse(400)
    const reference = await plain
    expect(reference.code).toBe(expected)

    const { api, asked, refreshes } = await waiting({ adapter, baseURL: url, timeout: 400, ...config })
    const call = rejection(api.get('/'))
    await arrival()
    await asked
    await elapse(150)
    refreshes[0]?.answer({ access_token: 'at-2', expires_in: 300 })
    await arrival()
    await elapse(250)
    expect(told(await call)).toEqual(told(reference))
    expect(arrived.map(({ token }) => token)).toEqual([undefined, 'at-1', 'at-2'])
  })

  it.each(options)('ends a wait with the code of a call without a session: %j', async (config, expected) => {
    const { url, arrived } = await hanging()
    const { api, asked } = await waiting({ adapter, baseURL: url, timeout: 400, ...config })
    const call = rejection(api.get('/'))
    await asked
    await elapse(400)
    const error = await call
    expect(axios.isAxiosError(error)).toBe(true)
    expect(told(error)).toEqual({
      code: expected,
      message: (adapter === 'http' && config.timeoutErrorMessage) || 'timeout of 400ms exceeded',
      name: 'AxiosError',
      timeout: 400,
    })
    expect(arrived.map(({ token }) => token)).toEqual(['at-1'])
  })
})

describe.each(['http', 'fetch'])('a bad timeout with axios’s own adapter %s', adapter => {
  it.each(['abc', {}, true, Number.NaN] as never[])(
    'treats a call that waits as axios treats it: %j',
    async timeout => {
      // The adapter on fetch rounds every positive value up to a millisecond.
      const isSlow = adapter === 'fetch' && !!timeout
      const { url, arrived } = await loopback((_, __, outgoing) => void (isSlow || outgoing.end('{}')))
      const outcome = async (call: Promise<unknown>): Promise<unknown> => {
        const told = call.then(
          () => 'answered',
          ({ code, message }: AxiosError) => ({ code, message }),
        )
        await elapse(1)
        return told
      }
      const reference = await outcome(axios.get(url, { adapter, proxy: false, timeout }))
      if (timeout && adapter === 'http') expect(reference).toMatchObject({ code: 'ERR_BAD_OPTION_VALUE' })
      arrived.length = 0

      const { api, asked, pass, refreshes } = await waiting({ adapter, baseURL: url, timeout })
      pass(LIFETIME)
      const call = api.get('/')
      call.catch(() => {})
      await asked
      await elapse(1_000)
      refreshes[0]?.answer({ access_token: 'at-2', expires_in: 300 })
      await settle()
      expect(await outcome(call)).toEqual(reference)
      expect(arrived.filter(({ token }) => token !== 'at-2')).toEqual([])
    },
  )
})
