// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from 'vitest'
import {
  alone,
  HOUR,
  httpError,
  MINUTE,
  open,
  pass,
  refreshStub,
  SECOND,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

let isOnline: boolean
let page = 0

beforeEach(() => {
  isOnline = true
  vi.spyOn(navigator, 'onLine', 'get').mockImplementation(() => isOnline)
})

/** Each with a name of its own, so that none is a tab of another. */
const openCookie = (options: Parameters<typeof open>[0] = {}) =>
  open({ refreshTokenIn: 'cookie', name: `page-${++page}`, ...options })

describe('a page in cookie mode', () => {
  it('tries its restore again on online', async () => {
    const refresh = refreshStub((_, number) =>
      number === 1 ? Promise.reject(new TypeError('Failed to fetch')) : Promise.resolve(alone()),
    )
    const { auth } = openCookie({ refresh, retry: 0 })
    await pass(SECOND)
    expect(auth.getState()).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
    window.dispatchEvent(new Event('online'))
    await pass(SECOND)
    expect(refresh.reasons).toEqual(['restore', 'restore'])
    expect(auth.getState().status).toBe('authenticated')
  })

  it('that was offline restores on online', async () => {
    isOnline = false
    const { auth, refresh } = openCookie({ refresh: refreshStub(async () => alone()) })
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(0)
    expect(auth.getState()).toMatchObject({ status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } })
    isOnline = true
    window.dispatchEvent(new Event('online'))
    await pass(SECOND)
    expect(refresh.reasons).toEqual(['restore'])
    expect(auth.getState().status).toBe('authenticated')
  })

  it('that was refused does not ask again on online', async () => {
    const { auth, refresh } = openCookie({ refresh: refreshStub(() => Promise.reject(httpError(401))) })
    await pass(SECOND)
    window.dispatchEvent(new Event('online'))
    window.dispatchEvent(new Event('focus'))
    await pass(MINUTE)
    expect(refresh.calls).toHaveLength(1)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('that logged out does not ask again on online', async () => {
    const { auth, refresh } = openCookie({ refresh: refreshStub(async () => alone()) })
    await pass(SECOND)
    await auth.logout()
    window.dispatchEvent(new Event('online'))
    await pass(MINUTE)
    expect(refresh.calls).toHaveLength(1)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('refreshes ahead while it is used', async () => {
    const { auth, refresh } = openCookie({ refresh: refreshStub(async () => alone()) })
    await pass(SECOND)
    const asked = watch(auth.getAccessToken())
    await pass(5 * MINUTE)
    expect(asked.status).toBe('fulfilled')
    expect(refresh.reasons).toEqual(['restore', 'ahead'])
    await pass(HOUR)
    expect(refresh.calls).toHaveLength(2)
  })
})
