/** Requests that start after the end of a session are those of an anonymous visitor; axios and fetch alike. */

import type { AuthOptions } from 'tokenflight'
import { serverRenewal } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import * as onAxios from '../support/axios.js'
import { API, deferred, LIFETIME, rejection, settle } from '../support/axios.js'
import * as onFetch from '../support/fetch.js'

interface Client {
  /** Resolves to the status, or rejects with the client's error. */
  get(path: string): Promise<number>
  auth: onAxios.Stage['auth']
  refreshes: onAxios.RefreshCall[]
  /** The requests that reached the server. */
  sent: { headers: Record<string, unknown>; token: string | undefined; status: number | undefined }[]
  good: Set<string>
  revoke(): void
  pass(milliseconds: number): void
}

interface ClientOptions {
  auth?: AuthOptions
  renewal?: 'server'
  /** The promise that an answer waits for. */
  gate?: (path: string) => Promise<void> | undefined
}

const isPublic = (path: string): boolean => path.startsWith('/public') || path === '/auth/login'

const clients: Record<string, (options?: ClientOptions) => Promise<Client>> = {
  async axios({ auth = {}, renewal, gate } = {}) {
    const stage = await onAxios.stage({
      auth,
      manual: true,
      attach: renewal ? { renewal: serverRenewal({ collect: () => undefined }) } : {},
      async respond({ url }) {
        const path = url.slice(API.length)
        await gate?.(path)
        return isPublic(path) ? {} : undefined
      },
    })
    const get = async (path: string): Promise<number> => {
      try {
        return (await stage.api.get(path)).status
      } catch (error) {
        const { response } = error as { response?: { status: number } }
        if (!response) throw error
        return response.status
      }
    }
    return { ...stage, get }
  },
  async fetch({ auth = {}, renewal, gate } = {}) {
    const stage = await onFetch.stage({
      auth,
      manual: true,
      fetch: renewal ? { renewal: serverRenewal({ collect: () => undefined }) } : {},
      async respond({ url }) {
        const path = url.slice(API.length)
        await gate?.(path)
        return isPublic(path) ? new Response('{}') : undefined
      },
    })
    return { ...stage, get: async path => (await stage.api(`${API}${path}`)).status }
  },
}

/** Ways in which a session ends, from the moment of a login. */
const ends: Record<string, (client: Client) => Promise<void>> = {
  async 'whose refresh was refused'({ get, pass, refreshes }) {
    pass(LIFETIME)
    const waiting = rejection<Error>(get('/orders'))
    await settle()
    refreshes[0]?.fail({ response: { status: 400, data: { error: 'invalid_grant' } } })
    expect(await waiting).toMatchObject({ code: 'ERR_SESSION_EXPIRED', reason: 'refresh_rejected' })
  },
  async 'whose token was rejected'({ get, refreshes, revoke }) {
    revoke()
    const waiting = rejection<Error>(get('/orders'))
    await settle()
    refreshes[0]?.fail({ response: { status: 401 } })
    expect(await waiting).toMatchObject({ code: 'ERR_SESSION_EXPIRED', reason: 'refresh_rejected' })
  },
  async 'without a refresh token'({ auth, get, pass }) {
    await auth.login({ access_token: 'at-alone', expires_in: LIFETIME / 1000 })
    pass(LIFETIME)
    const error = await rejection<Error>(get('/orders'))
    expect(error).toMatchObject({ code: 'ERR_SESSION_EXPIRED', reason: 'no_refresh_token' })
  },
}

it('a session without the option refresh ends with its rejected token, for the reason that it cannot be renewed', async () => {
  const { api, auth, revoke, tokens } = await onAxios.stage({ auth: { refresh: undefined } })
  revoke()
  expect(await rejection(api.get('/orders'))).toMatchObject({ reason: 'no_refresh_token' })
  expect([auth.getState(), tokens()]).toMatchObject([{ reason: 'no_refresh_token' }, ['at-1']])
})

for (const name of Object.keys(clients)) {
  const open = clients[name] as (options?: ClientOptions) => Promise<Client>

  describe.each(Object.entries(ends))(`after the end of a session %s, ${name}`, (_, end) => {
    it('sends requests without a token, and gives the caller their answers', async () => {
      const client = await open()
      const { auth, get, refreshes, sent } = client
      await end(client)
      const [before, calls] = [sent.length, refreshes.length]
      expect([await get('/public/terms'), await get('/orders'), await get('/auth/login')]).toEqual([
        200, 401, 200,
      ])
      expect(sent.slice(before).map(({ token }) => token)).toEqual([undefined, undefined, undefined])
      expect(refreshes).toHaveLength(calls)
      expect(auth.getState().status).toBe('expired')
    })

    it('rejects getAccessToken() until the next login', async () => {
      const client = await open()
      const { auth, get, good, refreshes } = client
      await end(client)
      const calls = refreshes.length
      for (const options of [undefined, {}, { forceRefresh: true }]) {
        const error = await rejection<Error>(auth.getAccessToken(options))
        expect(error).toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
      }
      good.add('at-next')
      await auth.login({ access_token: 'at-next', expires_in: 300 })
      expect(await auth.getAccessToken()).toBe('at-next')
      expect(await get('/orders')).toBe(200)
      expect(refreshes).toHaveLength(calls)
    })

    it('rejects getAccessToken() until the next logout', async () => {
      const client = await open()
      const { auth, refreshes } = client
      await end(client)
      const calls = refreshes.length
      expect(await rejection<Error>(auth.getAccessToken())).toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
      await auth.logout()
      expect(await auth.getAccessToken()).toBeUndefined()
      expect(auth.getState()).toEqual({ status: 'anonymous' })
      expect(refreshes).toHaveLength(calls)
    })
  })

  describe(`a request that was sent before the end of its session, ${name}`, () => {
    it('and is refused after it fails with the end of the session', async () => {
      const gate = deferred()
      const client = await open({ gate: path => (path === '/slow' ? gate.promise : undefined) })
      const { get, sent } = client
      const slow = rejection<Error>(get('/slow'))
      await settle()
      await (ends['whose token was rejected'] as (client: Client) => Promise<void>)(client)
      gate.resolve()
      expect(await slow).toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
      expect(sent.map(({ token }) => token)).toEqual(['at-1', 'at-1'])
    })
  })

  describe(`a server that renews by itself, ${name}`, () => {
    it('is sent neither token after the end of the session', async () => {
      const { auth, get, pass, revoke, sent } = await open({ renewal: 'server' })
      revoke()
      pass(LIFETIME)
      const error = await rejection<Error>(get('/orders'))
      expect(error).toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
      expect(await get('/public/terms')).toBe(200)
      const headers = Object.keys(sent.at(-1)?.headers ?? {}).map(header => header.toLowerCase())
      expect(headers).not.toContain('x-refresh-token')
      expect(headers).not.toContain('authorization')
      expect(auth.getState().status).toBe('expired')
    })
  })
}
