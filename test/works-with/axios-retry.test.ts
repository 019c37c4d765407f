/** axios-retry, installed before or after `attachAuth`. */
import axios, { type AxiosError, type AxiosInstance } from 'axios'
import axiosRetry, { type IAxiosRetryConfig, isNetworkOrIdempotentRequestError } from 'axios-retry'
import { isAuthError, isSessionExpired, SignedOutError } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { describe, expect, it } from 'vitest'
import { LIFETIME, rejection, type Stage, type StageOptions, settle, stage } from '../support/axios.js'

describe.each(['before', 'after'])('axios-retry that is installed %s attachAuth', order => {
  const retrying = async (
    options: StageOptions = {},
    retry: IAxiosRetryConfig = {},
  ): Promise<Stage & { retried: AxiosError[] }> => {
    const retried: AxiosError[] = []
    const staged = await stage({ ...options, attach: false })
    const install = (api: AxiosInstance): unknown =>
      axiosRetry(api, { onRetry: (_, error) => void retried.push(error), ...retry })
    if (order === 'before') install(staged.api)
    attachAuth(staged.api, staged.auth)
    if (order === 'after') install(staged.api)
    return { ...staged, retried }
  }

  it('sends a request that failed again with the token of then', async () => {
    const busy = [503, 503]
    const staged = await retrying({
      async respond() {
        // The token is renewed while the request is on its way.
        if (busy.length === 1) await staged.auth.refresh()
        const status = busy.shift()
        return status ? { status } : undefined
      },
    })
    const { api, tokens, statuses, retried, refreshes } = staged
    expect((await api.get('/orders')).status).toBe(200)
    expect(tokens()).toEqual(['at-1', 'at-1', 'at-2'])
    expect([statuses(), retried.length, refreshes.length]).toEqual([[503, 503, 200], 2, 1])
  })

  it('counts no retry for a 401 that a refresh mends', async () => {
    const { api, revoke, tokens, retried, refreshes } = await retrying()
    revoke()
    expect((await api.put('/orders/7', { paid: true })).status).toBe(200)
    expect([tokens(), retried.length, refreshes.length]).toEqual([['at-1', 'at-2'], 0, 1])
  })

  it('sees one refresh for many 401s', async () => {
    const { api, revoke, tokens, retried, refreshes } = await retrying()
    revoke()
    const answers = await Promise.all([1, 2, 3].map(number => api.get(`/orders/${number}`)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(tokens()).toEqual(['at-1', 'at-1', 'at-1', 'at-2', 'at-2', 'at-2'])
    expect([retried.length, refreshes.length]).toEqual([0, 1])
  })

  it('sends the same body again after a 401 and a failure', async () => {
    const staged = await retrying({
      respond: ({ token }) => (token === 'at-2' && staged.sent.length === 2 ? { status: 502 } : undefined),
    })
    const { api, revoke, sent } = staged
    revoke()
    expect((await api.put('/orders/7', { paid: true })).status).toBe(200)
    expect(sent.map(({ token, status, data }) => [token, status, data])).toEqual([
      ['at-1', 401, '{"paid":true}'],
      ['at-2', 502, '{"paid":true}'],
      ['at-2', 200, '{"paid":true}'],
    ])
  })

  it('cannot cause a storm while the auth server is down', async () => {
    const { api, pass, sent, refreshes, retried } = await retrying({
      refresh: () => Promise.reject(new Error('down')),
    })
    pass(LIFETIME)
    const error = await rejection(api.get('/orders'))
    expect(error).toMatchObject({ code: 'ERR_REFRESH_FAILED', config: { url: '/orders' } })
    expect([sent.length, refreshes.length, retried.length]).toEqual([0, 1, 3])
  })

  it('gets the token of a refresh that succeeds before it tries again', async () => {
    let isDown = true
    const staged = await retrying(
      {
        refresh: async () => {
          if (isDown) throw new Error('down')
          staged.good.add('at-2')
          return { access_token: 'at-2', refresh_token: 'rt-2', expires_in: 300 }
        },
      },
      {
        onRetry() {
          isDown = false
          staged.pass(2 * 60_000)
        },
      },
    )
    const { api, pass, tokens, refreshes } = staged
    pass(LIFETIME)
    expect((await api.get('/orders')).status).toBe(200)
    expect([tokens(), refreshes.length]).toEqual([['at-2'], 2])
  })

  it('leaves errors of the session alone with a condition that asks isAuthError', async () => {
    const { api, revoke, sent, refreshes, retried } = await retrying(
      { refresh: () => Promise.reject({ status: 401 }) },
      { retryCondition: error => !isAuthError(error) && isNetworkOrIdempotentRequestError(error) },
    )
    revoke()
    const error = await rejection(api.get('/orders'))
    expect(isSessionExpired(error)).toBe(true)
    expect([sent.length, refreshes.length, retried.length]).toEqual([1, 1, 0])
  })

  it('gives the caller the SessionExpiredError, without a request for each retry', async () => {
    const { api, revoke, sent, refreshes } = await retrying({
      refresh: () => Promise.reject({ status: 401 }),
    })
    revoke()
    const error = await rejection(api.get('/orders'))
    expect(isSessionExpired(error)).toBe(true)
    expect(axios.isAxiosError(error)).toBe(true)
    expect([sent.length, refreshes.length]).toEqual([1, 1])
  })

  it('sends no request of one user with the token of the next', async () => {
    const { api, auth, pass, good, sent, refreshes } = await retrying({ manual: true })
    pass(LIFETIME)
    const call = rejection(api.post('/orders', { of: 'ada' }))
    await settle()
    good.add('bob-1')
    await auth.login({ access_token: 'bob-1', expires_in: 300 })
    const error = await call
    expect(error).toBeInstanceOf(SignedOutError)
    expect([sent, refreshes.length]).toEqual([[], 1])
  })
})
