/** axios-cache-interceptor, set up before or after `attachAuth`. */
import axios, { type AxiosInstance } from 'axios'
import { type AxiosCacheInstance, type CacheAxiosResponse, setupCache } from 'axios-cache-interceptor'
import { attachAuth } from 'tokenflight/axios'
import { describe, expect, it } from 'vitest'
import { LIFETIME, rejection, type Stage, type StageOptions, settle, stage } from '../support/axios.js'

type Cached = Omit<Stage, 'api'> & { api: AxiosCacheInstance }

const orders: [order: string, attach: (stage: Stage, cache: (api: AxiosInstance) => unknown) => void][] = [
  [
    'before attachAuth',
    ({ api, auth }, cache) => {
      cache(api)
      attachAuth(api, auth)
    },
  ],
  [
    'after attachAuth',
    ({ api, auth }, cache) => {
      attachAuth(api, auth)
      cache(api)
    },
  ],
]

describe.each(orders)('axios-cache-interceptor that is set up %s', (_, attach) => {
  const cached = async (options: StageOptions = {}): Promise<Cached> => {
    const staged = await stage({ manual: true, ...options, attach: false })
    attach(staged, api => setupCache(api))
    return staged as unknown as Cached
  }
  /** Two equal requests, of which the second waits for the first. */
  const twice = ({ api }: Cached): Promise<CacheAxiosResponse>[] => [api.get('/orders'), api.get('/orders')]
  const outcomes = (calls: Promise<unknown>[]): Promise<unknown[]> =>
    Promise.all(calls.map(call => rejection<Error>(call).then(({ name }) => name)))

  it('keeps one answer for two equal requests whose token is refused at first', async () => {
    const staged = await cached({ manual: false })
    const { api, revoke, tokens, refreshes } = staged
    revoke()
    const answers = await Promise.all(twice(staged))
    expect(answers.map(({ status, cached }) => [status, cached])).toEqual([
      [200, false],
      [200, true],
    ])
    expect((await api.get('/orders')).cached).toBe(true)
    expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-2'], 1])
  })

  const failures: [error: string, fail: (stage: Cached) => unknown][] = [
    ['SessionExpiredError', ({ refreshes }) => refreshes[0]?.fail({ status: 401 })],
    ['RefreshFailedError', ({ refreshes }) => refreshes[0]?.fail(new Error('down'))],
    ['SignedOutError', ({ auth }) => auth.logout()],
  ]
  const waits: [wait: string, prepare: (stage: Cached) => void][] = [
    ['before it is sent', ({ pass }) => pass(LIFETIME)],
    ['for its replay', ({ revoke }) => revoke()],
  ]
  for (const [wait, prepare] of waits) {
    it.each(failures)(
      `rejects two equal requests that wait ${wait} with %s, and the next one is sent`,
      async (error, fail) => {
        const staged = await cached()
        const { api, auth, good, sent, refreshes } = staged
        prepare(staged)
        const calls = outcomes(twice(staged))
        await settle()
        await fail(staged)
        expect(await calls).toEqual([error, error])
        expect(refreshes).toHaveLength(1)
        const before = sent.length
        good.add('at-9')
        await auth.login({ access_token: 'at-9', expires_in: 300 })
        expect((await api.get('/orders')).status).toBe(200)
        expect(sent.slice(before)).toMatchObject([{ token: 'at-9', status: 200 }])
      },
    )
  }

  it('sends the second of two equal requests when the first is cancelled while it waits', async () => {
    const staged = await cached()
    const { api, pass, refreshes, tokens } = staged
    const controller = new AbortController()
    pass(LIFETIME)
    const first = rejection(api.get('/orders', { signal: controller.signal }))
    const second = api.get('/orders')
    await settle()
    controller.abort()
    expect(axios.isCancel(await first)).toBe(true)
    refreshes[0]?.answer()
    expect((await second).status).toBe(200)
    expect([tokens(), refreshes.length]).toEqual([['at-2'], 1])
  })

  it('answers from its cache without a token, without a refresh and without a request', async () => {
    const { api, pass, sent, refreshes } = await cached()
    await api.get('/orders')
    pass(LIFETIME)
    const { cached: isCached, config } = await api.get('/orders')
    expect(isCached).toBe(true)
    expect(config.headers.has('Authorization')).toBe(false)
    expect([sent.length, refreshes.length]).toEqual([1, 0])
  })

  it('gives the next user nothing of the last one if its storage is cleared when the session ends', async () => {
    const { api, auth, good, sent } = await cached({
      respond: ({ token }) => ({ data: JSON.stringify({ of: token }) }),
    })
    const forget = (): unknown => api.storage.clear?.()
    auth.on('login', forget)
    auth.on('logout', forget)
    auth.on('sessionExpired', forget)
    expect((await api.get('/me')).data).toEqual({ of: 'at-1' })
    good.add('at-9')
    await auth.login({ access_token: 'at-9', expires_in: 300 })
    expect((await api.get('/me')).data).toEqual({ of: 'at-9' })
    expect(sent.map(({ token }) => token)).toEqual(['at-1', 'at-9'])
  })

  it('revalidates an answer that is out of date with the token of then', async () => {
    const { api, auth, sent } = await cached({
      manual: false,
      respond: ({ headers }) =>
        headers['if-none-match'] === '"1"'
          ? { status: 304, data: '' }
          : { headers: { etag: '"1"', 'cache-control': 'max-age=0' } },
    })
    await api.get('/orders')
    await auth.refresh()
    const answer = await api.get('/orders')
    expect([answer.status, answer.data]).toEqual([200, { ok: true }])
    expect(sent).toMatchObject([
      { token: 'at-1', status: 200 },
      { token: 'at-2', status: 304 },
    ])
  })
})
