/** Signals of platforms and polyfills whose `reason` is missing, as React Native's is: an abort is an AbortError. */
import axios from 'axios'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { API, stage as axiosStage, LIFETIME, rejection, settle } from '../support/axios.js'
import { stage as fetchStage } from '../support/fetch.js'

afterEach(() => vi.unstubAllGlobals())

/** An `AbortController` whose signal has no reason. */
function abortController(): AbortController {
  const controller = new AbortController()
  Object.defineProperty(controller.signal, 'reason', { value: undefined })
  return controller
}

describe('a signal without a reason', () => {
  it('makes getAccessToken reject with an AbortError while it waits', async () => {
    const { auth, pass, refreshes } = await axiosStage({ manual: true })
    const controller = abortController()
    pass(LIFETIME)
    const error = rejection(auth.getAccessToken({ signal: controller.signal }))
    await settle()
    controller.abort()
    expect(await error).toMatchObject({ name: 'AbortError' })
    refreshes[0]?.answer()
    expect(await auth.getAccessToken()).toBe('at-2')
    expect(refreshes).toHaveLength(1)
  })

  it('makes getAccessToken reject with an AbortError when it was aborted before', async () => {
    const { auth, pass, refreshes } = await axiosStage({ manual: true })
    const controller = abortController()
    controller.abort()
    pass(LIFETIME)
    const error = await rejection(auth.getAccessToken({ signal: controller.signal, forceRefresh: true }))
    expect(error).toMatchObject({ name: 'AbortError' })
    expect(refreshes).toEqual([])
  })

  it('makes a fetch that waits for a token reject with an AbortError and sends nothing', async () => {
    const { api, pass, sent, refreshes } = await fetchStage({ manual: true })
    const controller = abortController()
    pass(LIFETIME)
    const error = rejection(api(`${API}/1`, { signal: controller.signal }))
    await settle()
    controller.abort()
    expect(await error).toMatchObject({ name: 'AbortError' })
    expect([sent.length, refreshes.length]).toEqual([0, 1])
  })

  it('makes a fetch that waits for its replay reject with an AbortError and sends nothing more', async () => {
    const { api, revoke, statuses, refreshes } = await fetchStage({ manual: true })
    const controller = abortController()
    revoke()
    const error = rejection(api(`${API}/1`, { signal: controller.signal }))
    await settle()
    controller.abort()
    expect(await error).toMatchObject({ name: 'AbortError' })
    expect([statuses(), refreshes.length]).toEqual([[401], 1])
  })

  it('cancels an axios call that waits with the error of axios', async () => {
    const { api, pass, sent, refreshes } = await axiosStage({ manual: true })
    const controller = abortController()
    pass(LIFETIME)
    const call = rejection(api.get('/orders', { signal: controller.signal }))
    await settle()
    controller.abort()
    const error = await call
    expect(axios.isCancel(error)).toBe(true)
    expect(error).toMatchObject({ code: 'ERR_CANCELED', config: { url: '/orders' } })
    expect([sent.length, refreshes.length]).toEqual([0, 1])
  })

  it('gives an adapter of the application above ours a CanceledError, not undefined', async () => {
    const { api, pass, refreshes } = await axiosStage({ manual: true })
    const seen: unknown[] = []
    api.interceptors.request.use(config => {
      const { adapter } = config
      config.adapter = own =>
        (adapter as (config: typeof own) => Promise<never>)(own).catch(error => {
          seen.push(error)
          throw error
        })
      return config
    })
    const controller = abortController()
    pass(LIFETIME)
    const call = rejection(api.get('/orders', { signal: controller.signal }))
    await settle()
    controller.abort()
    await call
    expect(seen).toHaveLength(1)
    expect(axios.isCancel(seen[0])).toBe(true)
    expect(refreshes).toHaveLength(1)
  })

  it('is an AbortError also where there is no DOMException', async () => {
    vi.stubGlobal('DOMException', undefined)
    const { auth, pass } = await axiosStage({ manual: true })
    const controller = abortController()
    pass(LIFETIME)
    const call = rejection<Error>(auth.getAccessToken({ signal: controller.signal }))
    await settle()
    controller.abort()
    const error = await call
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('AbortError')
  })
})

it('rejects with the reason of a signal as it is, also when that is null', async () => {
  const { auth, pass } = await axiosStage({ manual: true })
  pass(LIFETIME)
  const reasons: unknown[] = [null, 'enough', new Error('left the page')]
  for (const reason of reasons) {
    const controller = new AbortController()
    const call = auth.getAccessToken({ signal: controller.signal }).catch((error: unknown) => error)
    controller.abort(reason)
    expect(await call).toBe(reason)
  }
})
