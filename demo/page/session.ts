/** One session of tokenflight, and the three clients that share it: this is all that an application writes. */
import axios, { type AxiosInstance } from 'axios'
import { type Auth, cookieSession, createAuth, refreshRequest, webStorage } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import type { Transport } from './calls.js'
import type { Device } from './device.js'

/** The claims that the mock auth server writes into an access token. */
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
  /** Rejects with the message of the server. */
  logIn(username: string, password: string): Promise<void>
  dispose(): void
}

export function createSession(mode: Mode, device: Device): Session {
  const csrf = { cookie: 'csrf', header: 'X-CSRF-Token' }
  const isCookie = mode === 'cookie'
  const auth = createAuth<DemoClaims>({
    name: `tokenflight-demo-${mode}`,
    storage: isCookie ? cookieSession() : webStorage(),
    // The window: the last quarter of a token's life.
    refreshAhead: lifetime => lifetime / 4,
    clock: device.clock,
    refresh: refreshRequest({ url: '/auth/refresh', ...(isCookie ? { csrf } : {}) }),
    logout: ({ refreshToken, accessToken, signal }) =>
      fetch('/auth/logout', {
        method: 'POST',
        signal,
        headers: { Authorization: `Bearer ${accessToken}`, [csrf.header]: readCookie(csrf.cookie) },
        body: JSON.stringify({ refreshToken }),
      }),
  })
  const clients = [axios.create(), axios.create({ baseURL: '/api' })] as const
  const detach = clients.map(instance => attachAuth(instance, auth, { skip: '/auth/login' }))
  const request = authFetch(auth)
  return {
    mode,
    auth,
    axios: get(clients[0]),
    react: path => get(clients[1])(path.replace('/api', '')),
    vue: async path => (await request(path)).status,
    async logIn(username, password) {
      const { data } = await clients[0].post('/auth/login', { username, password })
      await auth.login(data)
    },
    dispose() {
      for (const end of detach) end()
      auth.dispose()
    },
  }
}

function get(instance: AxiosInstance): Transport {
  return async path => (await instance.get(path)).status
}

function readCookie(name: string): string {
  return new RegExp(`(?:^|; )${name}=([^;]*)`).exec(document.cookie)?.[1] ?? ''
}
