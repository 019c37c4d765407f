/** The rules for axios and `authFetch` where a library answers in place of the server. */
import axios, { type CreateAxiosDefaults } from 'axios'
import { type Auth, createAuth, isSessionExpired, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it, onTestFinished } from 'vitest'
import { API } from '../support/axios.js'

/** One request as the library saw it. */
export interface Seen {
  readonly path: string
  readonly token: string | undefined
}

/** A server that knows `at-1` no more, and hands out `at-2`, unless it refuses the refresh. */
export class Backend {
  readonly seen: Seen[] = []
  refuses = false

  answer(path: string, authorization: unknown): { status: number; body: object } {
    const token = typeof authorization === 'string' ? authorization.replace('Bearer ', '') : undefined
    this.seen.push({ path, token })
    if (path === '/auth/refresh')
      return this.refuses
        ? { status: 401, body: { error: 'invalid_grant' } }
        : { status: 200, body: { access_token: 'at-2', refresh_token: 'rt-2', expires_in: 300 } }
    return token === 'at-2' || token === 'at-9'
      ? { status: 200, body: { ok: true } }
      : { status: 401, body: { error: 'invalid_token' } }
  }

  /** The tokens of all requests but refreshes. */
  tokens(): unknown[] {
    return this.seen.filter(({ path }) => path !== '/auth/refresh').map(({ token }) => token)
  }

  refreshes(): number {
    return this.seen.filter(({ path }) => path === '/auth/refresh').length
  }
}

/** A client: takes a path, and returns the answer of the server. */
type Client = (auth: Auth) => (path: string) => Promise<unknown>

const axiosClient =
  (defaults: CreateAxiosDefaults): Client =>
  auth => {
    const api = axios.create({ baseURL: API, proxy: false, ...defaults })
    attachAuth(api, auth)
    return async path => (await api.get(path)).data
  }
const fetchClient: Client = auth => {
  const api = authFetch(auth, { allowedOrigins: [API] })
  return async path => (await api(API + path)).json()
}

/** @param serve lets the library answer until the test has ended */
export function tellServerStories(
  serve: (backend: Backend) => void,
  clients: Record<string, Client> = { axios: axiosClient({}), fetch: fetchClient },
): void {
  describe.each(Object.entries(clients))('with %s', (_, client) => {
    const open = async () => {
      const backend = new Backend()
      serve(backend)
      const auth = createAuth({ refresh: refreshRequest({ url: `${API}/auth/refresh` }), retry: 0 })
      onTestFinished(() => auth.dispose())
      await auth.login({ access_token: 'at-1', refresh_token: 'rt-1', expires_in: 300 })
      return { auth, backend, call: client(auth) }
    }

    it('answers a call whose token it refuses after one refresh', async () => {
      const { backend, call } = await open()
      expect(await call('/orders/1')).toEqual({ ok: true })
      expect([backend.tokens(), backend.refreshes()]).toEqual([['at-1', 'at-2'], 1])
    })

    it('sees one refresh for calls that it refuses together', async () => {
      const { backend, call } = await open()
      const answers = await Promise.all(['/orders/1', '/orders/2', '/orders/3'].map(call))
      expect(answers).toEqual([{ ok: true }, { ok: true }, { ok: true }])
      expect(backend.tokens().sort()).toEqual(['at-1', 'at-1', 'at-1', 'at-2', 'at-2', 'at-2'])
      expect(backend.refreshes()).toBe(1)
    })

    it('ends the session by a refused refresh, and answers again after a login', async () => {
      const { auth, backend, call } = await open()
      backend.refuses = true
      const outcomes = await Promise.allSettled(['/orders/1', '/orders/2'].map(call))
      const errors = outcomes.map(outcome => outcome.status === 'rejected' && outcome.reason)
      expect(errors.map(isSessionExpired)).toEqual([true, true])
      expect([auth.getState().status, backend.refreshes()]).toEqual(['expired', 1])
      await auth.login({ access_token: 'at-9', expires_in: 300 })
      expect(await call('/orders/3')).toEqual({ ok: true })
    })
  })
}

export const xhrClients: Record<string, Client> = {
  axios: axiosClient({ adapter: 'xhr' }),
  fetch: fetchClient,
}
