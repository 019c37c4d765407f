/** Waiting that ends: the request's own signal, cancel token and timeout bound it. */
import axios, { type AxiosRequestConfig } from 'axios'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { LIFETIME, rejection, type Stage, settle, stage } from '../support/axios.js'

afterEach(() => void vi.useRealTimers())

/** How a request comes to wait: for a token before it is sent, and for one to replay with. */
const ways: Record<string, (stage: Stage) => void> = {
  'before it is sent': ({ pass }) => pass(LIFETIME),
  'for its replay': ({ revoke }) => revoke(),
}

for (const [way, prepare] of Object.entries(ways)) {
  const sentBefore = way === 'for its replay' ? 1 : 0

  describe(`a request that waits ${way}`, () => {
    const begin = async (
      config: AxiosRequestConfig,
    ): Promise<Stage & { call: Promise<unknown>; other: Promise<unknown> }> => {
      const staged = await stage({ manual: true })
      prepare(staged)
      const call = staged.api.get('/mine', config)
      const other = staged.api.get('/other')
      // Failures are examined later.
      call.catch(() => {})
      other.catch(() => {})
      await settle()
      expect(staged.refreshes).toHaveLength(1)
      return { ...staged, call, other }
    }
    const goesOn = async ({ other, refreshes, sent }: Stage & { other: Promise<unknown> }): Promise<void> => {
      expect(refreshes[0]?.signal.aborted).toBe(false)
      refreshes[0]?.answer()
      expect(await other).toMatchObject({ status: 200 })
      expect(refreshes).toHaveLength(1)
      const urls = sent.map(({ url }) => url.slice(url.lastIndexOf('/')))
      expect(urls.filter(url => url === '/mine')).toHaveLength(sentBefore)
      expect(urls.filter(url => url === '/other')).toHaveLength(sentBefore + 1)
    }

    it('is cancelled at once by its signal, while the refresh goes on for the others', async () => {
      const controller = new AbortController()
      const begun = await begin({ signal: controller.signal })
      controller.abort()
      const error = await rejection(begun.call)
      expect(axios.isCancel(error)).toBe(true)
      expect(error).toMatchObject({ code: 'ERR_CANCELED', message: 'canceled', config: { url: '/mine' } })
      await goesOn(begun)
    })

    it('is cancelled at once by its cancel token, with the reason that was given', async () => {
      const source = axios.CancelToken.source()
      const begun = await begin({ cancelToken: source.token })
      source.cancel('enough')
      const error = await rejection(begun.call)
      expect(axios.isCancel(error)).toBe(true)
      expect(error).toMatchObject({ code: 'ERR_CANCELED', message: 'enough' })
      await goesOn(begun)
    })

    it('ends with its timeout', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const begun = await begin({ timeout: 1_000 })
      await vi.advanceTimersByTimeAsync(999)
      let done = false
      begun.call
        .finally(() => {
          done = true
        })
        .catch(() => {})
      await settle()
      expect(done).toBe(false)
      await vi.advanceTimersByTimeAsync(1)
      const error = await rejection(begun.call)
      expect(axios.isAxiosError(error)).toBe(true)
      expect(error).toMatchObject({
        code: 'ECONNABORTED',
        message: 'timeout of 1000ms exceeded',
        config: { url: '/mine' },
      })
      await goesOn(begun)
    })

    it('reports its timeout with the message of the application', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const begun = await begin({
        timeout: 5,
        timeoutErrorMessage: 'too slow',
        transitional: { clarifyTimeoutError: true },
      })
      await vi.advanceTimersByTimeAsync(5)
      expect(await rejection(begun.call)).toMatchObject({ code: 'ETIMEDOUT', message: 'too slow' })
      await goesOn(begun)
    })

    it('leaves no listener and no timer behind', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const { signal } = new AbortController()
      const { token } = axios.CancelToken.source()
      const added = vi.spyOn(signal, 'addEventListener')
      const removed = vi.spyOn(signal, 'removeEventListener')
      const subscribed = vi.spyOn(token as never as { subscribe(): void }, 'subscribe')
      const unsubscribed = vi.spyOn(token as never as { unsubscribe(): void }, 'unsubscribe')
      const begun = await begin({ signal, cancelToken: token, timeout: 60_000 })
      begun.refreshes[0]?.answer()
      await begun.call
      expect(added).toHaveBeenCalledTimes(1)
      expect(removed.mock.calls[0]).toEqual(added.mock.calls[0])
      expect(unsubscribed.mock.calls[0]).toEqual(subscribed.mock.calls[0])
      expect(vi.getTimerCount()).toBe(0)
    })

    it('waits with a signal that has no listeners, as a polyfill may give', async () => {
      const begun = await begin({ signal: { aborted: false } })
      begun.refreshes[0]?.answer()
      expect(await begun.call).toMatchObject({ status: 200 })
    })

    it('waits on where its timeout is longer than a timer can be', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const begun = await begin({ timeout: 2 ** 33 })
      await vi.advanceTimersByTimeAsync(9_000)
      begun.refreshes[0]?.answer()
      expect(await begun.call).toMatchObject({ status: 200 })
    })

    it('fails with the error of the refresh, and its own bounds stay untouched', async () => {
      const { signal } = new AbortController()
      const begun = await begin({ signal, timeout: 60_000 })
      begun.refreshes[0]?.fail(new Error('down'))
      expect(await rejection(begun.call)).toMatchObject({ code: 'ERR_REFRESH_FAILED' })
      expect(await rejection(begun.other)).toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    })
  })
}

it('does not begin a wait with a signal that was aborted while the 401 came', async () => {
  const controller = new AbortController()
  const { api, refreshes, sent } = await stage({
    manual: true,
    respond() {
      controller.abort()
      return { status: 401 }
    },
  })
  const error = await rejection(api.get('/orders', { signal: controller.signal }))
  expect(axios.isCancel(error)).toBe(true)
  expect([sent.length, refreshes.length]).toEqual([1, 1])
})

it('waits like any other where the application has replaced the global Promise', async () => {
  const { api, pass, tokens, refreshes } = await stage({ manual: true })
  // As zone.js and polyfills do.
  vi.stubGlobal('Promise', class extends Promise<unknown> {})
  pass(LIFETIME)
  const call = api.get('/orders')
  await settle()
  expect([tokens(), refreshes.length]).toEqual([[], 1])
  refreshes[0]?.answer()
  expect((await call).status).toBe(200)
  expect(tokens()).toEqual(['at-2'])
})
