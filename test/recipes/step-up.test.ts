/** The recipe of the guide to step-up, with both clients, against a server that wants a recent and strong login. */
import type { Auth } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { API, stage as axiosStage, deferred, rejection } from '../support/axios.js'
import { recordEvents } from '../support/core.js'
import { stage as fetchStage } from '../support/fetch.js'
import { createStepUp, parametersOf } from './step-up.js'

const demand = 'Bearer error="insufficient_user_authentication", acr_values="urn:mfa", max_age="300"'
const refusal = { status: 401, headers: { 'WWW-Authenticate': demand } }

interface Scene {
  readonly auth: Auth
  /** The tokens that reached `/transfer`, in order. */
  transfers(): (string | undefined)[]
  /** The body of the transfer that the server has made. */
  bodies(): unknown[]
  readonly refreshes: readonly unknown[]
  /** Sends the transfer. Resolves to its status, and rejects as the client does. */
  send(body: string): Promise<{ status: number }>
}

/** `/transfer` takes the token of a strong login only; all other paths take any good one. */
const scenes: Record<string, () => Promise<Scene>> = {
  async axios() {
    const { api, auth, sent, refreshes, good } = await axiosStage({
      respond: ({ url, token }) => (url.endsWith('/transfer') && token !== 'strong' ? refusal : undefined),
    })
    good.add('strong')
    return {
      auth,
      refreshes,
      transfers: () => sent.filter(({ url }) => url.endsWith('/transfer')).map(({ token }) => token),
      bodies: () => sent.filter(({ status }) => status === 200).map(({ data }) => data),
      send: body => api.post('/transfer', body),
    }
  },
  async fetch() {
    const { api, auth, sent, refreshes, good } = await fetchStage({
      respond: ({ url, token }) =>
        url.endsWith('/transfer') && token !== 'strong' ? new Response('{}', refusal) : undefined,
    })
    good.add('strong')
    return {
      auth,
      refreshes,
      transfers: () => sent.filter(({ url }) => url.endsWith('/transfer')).map(({ token }) => token),
      bodies: () => sent.filter(({ status }) => status === 200).map(({ body }) => body),
      send: body => api(`${API}/transfer`, { method: 'POST', body }),
    }
  },
}
const strong = { access_token: 'strong', refresh_token: 'rt-strong', expires_in: 300 }

describe.each(Object.entries(scenes))('a call by %s that needs a stronger login', (_, open) => {
  it('is repeated after that login, and no refresh is made', async () => {
    const { auth, send, transfers, bodies, refreshes } = await open()
    const events = recordEvents(auth)
    const asked: Record<string, string>[] = []
    const withStepUp = createStepUp(auth, async parameters => {
      asked.push(parameters)
      return strong
    })
    expect((await withStepUp(() => send('100'))).status).toBe(200)
    expect(asked).toEqual([{ acr_values: 'urn:mfa', max_age: '300' }])
    expect(transfers()).toEqual(['at-1', 'strong'])
    expect([bodies(), refreshes]).toEqual([['100'], []])
    expect(events.names).toEqual(['challenge', 'login'])
  })

  it('shares the login with the calls that are refused meanwhile', async () => {
    const { auth, send, transfers } = await open()
    const { promise, resolve } = deferred<typeof strong>()
    let logins = 0
    const withStepUp = createStepUp(auth, () => {
      logins++
      return promise
    })
    const calls = ['1', '2', '3'].map(body => withStepUp(() => send(body)))
    await expect.poll(() => logins).toBe(1)
    resolve(strong)
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200, 200])
    expect([logins, transfers()]).toEqual([1, ['at-1', 'at-1', 'at-1', 'strong', 'strong', 'strong']])
  })

  it('fails as the login fails, and the session goes on', async () => {
    const { auth, send, transfers } = await open()
    const withStepUp = createStepUp(auth, () => Promise.reject(new Error('The popup was closed')))
    expect(await rejection<Error>(withStepUp(() => send('100')))).toMatchObject({
      message: 'The popup was closed',
    })
    expect([transfers(), auth.getState().status]).toEqual([['at-1'], 'authenticated'])
  })

  it('is repeated once, with any second answer of the server', async () => {
    const { auth, send, transfers } = await open()
    const withStepUp = createStepUp(auth, async () => ({ ...strong, access_token: 'weak' }))
    const [outcome] = await Promise.allSettled([withStepUp(() => send('100'))])
    const { status, response } = (outcome.status === 'fulfilled' ? outcome.value : outcome.reason) as {
      status: number
      response?: { status: number }
    }
    expect([response?.status ?? status, transfers()]).toEqual([401, ['at-1', 'weak']])
  })
})

it('leaves a call alone that fails for another reason', async () => {
  const { api, auth } = await axiosStage({ respond: () => ({ status: 500 }) })
  const withStepUp = createStepUp(auth, () => Promise.reject(new Error('No login was asked for')))
  expect(await rejection(withStepUp(() => api.get('/me')))).toMatchObject({
    response: { status: 500 },
  })
})

it('asks for no more than the server does', () => {
  expect(parametersOf({ status: 401, scheme: 'Bearer' })).toEqual({})
  expect(parametersOf({ status: 401, scheme: 'Bearer', maxAge: 0 })).toEqual({ max_age: '0' })
})
