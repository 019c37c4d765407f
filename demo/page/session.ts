/** One session of tokenflight, and the three clients that share it: this is all that an application writes. */
import axios, { type AxiosInstance } from 'axios'
import { type Auth, cookieSession, createAuth, refreshRequest, webStorage } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import type { Transport } from './calls.js'
import type { Device } from './network.js'

/** What the mock auth server writes into an access token. */
export interface DemoClaims {
  readonly sub?: string
  readonly name?: string
  readonly roles?: readonly string[]
  /** When it was issued and when it ends, in seconds of the server's clock. */
  readonly iat?: number
  readonly exp?: number
}

/** Where the refresh token lives: with the page, or in an HttpOnly cookie. */
export type Mode = 'storage' | 'cookie'

export interface Session {
  readonly mode: Mode
  readonly auth: Auth<DemoClaims>
  readonly axios: Transport
  readonly react: Transport
  readonly vue: Transport
  /** Rejects with what the server said. */
  logIn(username: string, password: string): Promise<void>
  dispose(): void
}

/** The window: the last quarter of a token's life. */
export const refreshAhead = (lifetime: number): number => lifetime / 4

/** @param client what the server's log calls the session's own requests */
export function createSession(client: string, mode: Mode, device: Device): Session {
  const headers = { 'X-Client': client }
  const csrf = { cookie: 'csrf', header: 'X-CSRF-Token' }
  const isCookie = mode === 'cookie'
  const auth = createAuth<DemoClaims>({
    name: `tokenflight-demo-${mode}`,
    storage: isCookie ? cookieSession() : webStorage(),
    refreshAhead,
    clock: device.clock,
    refresh: refreshRequest({
      url: '/auth/refresh',
      headers,
      fetch: device.fetch,
      ...(isCookie ? { csrf } : {}),
    }),
    logout: ({ refreshToken, accessToken, signal }) =>
      device.fetch('/auth/logout', {
        method: 'POST',
        signal,
        headers: {
          ...headers,
          Authorization: `Bearer ${accessToken}`,
          [csrf.header]: readCookie(csrf.cookie),
        },
        body: JSON.stringify({ refreshToken }),
      }),
  })
  const clients = [
    axios.create({ adapter: device.adapter }),
    axios.create({ adapter: device.adapter }),
  ] as const
  const detach = clients.map(instance => attachAuth(instance, auth, { skip: '/auth/login' }))
  const request = authFetch(auth, { fetch: device.fetch })
  return {
    mode,
    auth,
    axios: get(clients[0]),
    react: get(clients[1]),
    vue: async (path, own) => (await request(path, { headers: own })).status,
    async logIn(username, password) {
      const { data } = await clients[0].post('/auth/login', { username, password }, { headers })
      await auth.login(data)
    },
    dispose() {
      for (const end of detach) end()
      auth.dispose()
    },
  }
}

function get(instance: AxiosInstance): Transport {
  return async (path, headers) => (await instance.get(path, { headers })).status
}

function readCookie(name: string): string {
  return new RegExp(`(?:^|; )${name}=([^;]*)`).exec(document.cookie)?.[1] ?? ''
}
