/** A config that is sent again, by the application or by an extension that retries. */
import axios, { type AxiosError, type AxiosInstance, type InternalAxiosRequestConfig } from 'axios'
import { createAuth, isSessionExpired, RefreshFailedError, SignedOutError } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { describe, expect, it } from 'vitest'
import { LIFETIME, rejection, type Stage, settle, stage } from '../support/axios.js'

/** Sends the config of a failed call again. */
const resend = (api: AxiosInstance, error: AxiosError): Promise<{ status: number }> =>
  api(error.config as InternalAxiosRequestConfig)

/** The tokens and bodies that reached the server, in order. */
const seen = ({ sent }: Stage): unknown => sent.map(({ token, data }) => [token, data])

const BODY = '{"id":7}'

describe('the config of a failed call that is sent again', () => {
  it.each([500, 403, 404])('after a %i carries the token of then and the same body', async status => {
    const staged = await stage({ respond: ({ token }) => (token === 'at-1' ? { status } : undefined) })
    const { api, auth } = staged
    const error = await rejection(api.post('/orders', { id: 7 }))
    await auth.refresh()
    expect((await resend(api, error)).status).toBe(200)
    expect(seen(staged)).toEqual([
      ['at-1', BODY],
      ['at-2', BODY],
    ])
  })

  it('leaves the choice of the adapter to axios where the application removed it during the wait', async () => {
    const { api, auth, pass, refreshes } = await stage({ manual: true })
    let waiting: InternalAxiosRequestConfig | undefined
    api.interceptors.request.use(config => {
      waiting = config
      return config
    })
    pass(LIFETIME)
    const call = rejection<AxiosError>(api.get('/orders'))
    await settle()
    delete waiting?.adapter
    await auth.logout()
    const { code, config } = await call
    expect([code, refreshes.length]).toEqual(['ERR_SIGNED_OUT', 1])
    const adapter = config?.adapter as (config: unknown) => Promise<unknown>
    const sent = rejection<AxiosError>(adapter({ ...config, baseURL: '', url: 'http://127.0.0.1:1/' }))
    expect((await sent).code).toBe('ECONNREFUSED')
  })

  it('after a network error and a refresh carries the token of then', async () => {
    const staged = await stage({
      respond({ token }) {
        if (token === 'at-1') throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
        return undefined
      },
      axios: {
        async adapter(config) {
          try {
            return await staged.adapter(config)
          } catch (error) {
            throw axios.AxiosError.from(error as Error, undefined, config)
          }
        },
      },
    })
    const { api, auth } = staged
    const error = await rejection(api.post('/orders', { id: 7 }))
    await auth.refresh()
    await resend(api, error)
    expect(seen(staged)).toEqual([
      ['at-1', BODY],
      ['at-2', BODY],
    ])
  })

  it('after a 401 that a replay did not mend carries the token of then', async () => {
    const staged = await stage({ respond: ({ token }) => (token === 'at-3' ? {} : { status: 401 }) })
    const { api, auth } = staged
    const error = await rejection(api.post('/orders', { id: 7 }))
    await auth.refresh()
    await resend(api, error)
    expect(staged.tokens()).toEqual(['at-1', 'at-2', 'at-3'])
  })

  it('after a RefreshFailedError is sent once the refresh works again', async () => {
    const staged = await stage({ manual: true })
    const { api, pass, refreshes } = staged
    pass(LIFETIME)
    const call = rejection(api.post('/orders', { id: 7 }))
    await settle()
    refreshes[0]?.fail(new Error('down'))
    const error = await call
    expect(error).toBeInstanceOf(RefreshFailedError)
    pass(2 * 60_000)
    const again = resend(api, error)
    await settle()
    refreshes[1]?.answer()
    expect((await again).status).toBe(200)
    expect(seen(staged)).toEqual([['at-2', BODY]])
  })

  it('after a timeout while it waited has a timeout of its own', async () => {
    const staged = await stage({ manual: true })
    const { api, pass, refreshes } = staged
    pass(LIFETIME)
    const error = await rejection(api.post('/orders', { id: 7 }, { timeout: 1 }))
    expect(error).toMatchObject({ code: 'ECONNABORTED', config: { timeout: 1 } })
    refreshes[0]?.answer()
    await settle()
    expect((await resend(api, error)).status).toBe(200)
    expect(seen(staged)).toEqual([['at-2', BODY]])
  })
})

describe('the config of a call that met the end of its session', () => {
  const expired = async (): Promise<Stage & { error: AxiosError }> => {
    const staged = await stage({ refresh: () => Promise.reject({ status: 401 }) })
    staged.pass(LIFETIME)
    const error = await rejection(staged.api.post('/orders', { id: 7 }))
    expect(isSessionExpired(error)).toBe(true)
    return { ...staged, error }
  }

  it('fails again without a request while the session is expired, with an error of its own', async () => {
    const staged = await expired()
    const { api, error, sent, refreshes } = staged
    const again = await rejection(resend(api, error))
    const third = await rejection(resend(api, again))
    expect([again, third].map(isSessionExpired)).toEqual([true, true])
    expect(new Set([error, again, third]).size).toBe(3)
    expect(third.config?.url).toBe('/orders')
    expect([sent, refreshes.length]).toEqual([[], 1])
  })

  it('is sent after the next login', async () => {
    const staged = await expired()
    const { api, auth, error, good } = staged
    good.add('at-9')
    await auth.login({ access_token: 'at-9', expires_in: 300 })
    expect((await resend(api, error)).status).toBe(200)
    expect(seen(staged)).toEqual([['at-9', BODY]])
  })

  it('is sent without a token after a logout, as any request', async () => {
    const staged = await expired()
    const { api, auth, error } = staged
    await auth.logout()
    expect((await rejection(resend(api, error))).response?.status).toBe(401)
    expect(seen(staged)).toEqual([[undefined, BODY]])
  })

  it.each(['logout', 'login'] as const)('is never sent in another session after a %s', async end => {
    const staged = await stage({ manual: true })
    const { api, auth, pass, good, sent, refreshes } = staged
    const login = (): Promise<void> => auth.login({ access_token: 'bob-1', expires_in: 300 })
    good.add('bob-1')
    pass(LIFETIME)
    const call = rejection(api.post('/orders', { id: 7 }))
    await settle()
    await (end === 'login' ? login() : auth.logout())
    const error = await call
    expect(error).toBeInstanceOf(SignedOutError)
    const again = await rejection(resend(api, error))
    expect(again).toBeInstanceOf(SignedOutError)
    if (end === 'logout') await login()
    expect(await rejection(resend(api, again))).toBeInstanceOf(SignedOutError)
    expect([sent, refreshes.length]).toEqual([[], 1])
    // A call that is made anew belongs to the session of now.
    expect((await api.post('/orders', { id: 7 })).status).toBe(200)
    expect(staged.tokens()).toEqual(['bob-1'])
  })

  it('is sent without a token by an instance that has no session', async () => {
    const staged = await expired()
    const { instance, error } = staged
    expect((await rejection(resend(instance(), error))).response?.status).toBe(401)
    expect(seen(staged)).toEqual([[undefined, BODY]])
  })
})

describe('a config that an interceptor of the application refused, sent again', () => {
  const refused = async (options: Parameters<typeof stage>[0] = {}) => {
    const staged = await stage(options)
    let isFirst = true
    staged.api.interceptors.request.use(config => {
      if (isFirst) {
        isFirst = false
        throw new axios.AxiosError('not yet', 'E_NOT_YET', config)
      }
      return config
    })
    return { ...staged, error: await rejection(staged.api.get('/orders')) }
  }

  it('is replayed once, as ever', async () => {
    const { api, error, tokens } = await refused({ respond: () => ({ status: 401 }) })
    await rejection(resend(api, error))
    expect(tokens()).toEqual(['at-1', 'at-2'])
  })

  it('carries the token of a login that came meanwhile', async () => {
    const { api, auth, error, tokens } = await refused({ respond: () => ({}) })
    await auth.logout()
    await auth.login({ access_token: 'at-other' })
    expect((await resend(api, error)).status).toBe(200)
    expect(tokens()).toEqual(['at-other'])
  })

  it('carries no token of a session that another one has replaced at the instance', async () => {
    const { api, error, tokens } = await refused({ respond: () => ({}) })
    attachAuth(api, createAuth())
    expect((await resend(api, error)).status).toBe(200)
    expect(tokens()).toEqual([undefined])
  })
})
