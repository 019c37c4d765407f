/** The contestants: each a way to send requests with a token that ends. */

import { OAuth2Fetch } from '@badgateway/oauth2-client'
import axios, { type AxiosError, type AxiosInstance, type AxiosRequestConfig } from 'axios'
import { createAuthRefresh } from 'axios-auth-refresh'
import { applyAuthTokenInterceptor, setAuthTokens } from 'axios-jwt'
import { attachAuth } from '../../src/axios.js'
import { authFetch } from '../../src/fetch.js'
import { type Auth, type AuthOptions, createAuth } from '../../src/index.js'
import type { Api, TokenAnswer } from './server.js'
import { ORIGIN } from './server.js'

/** Sends one request, and settles with its outcome. */
export type Send = (path: string) => Promise<unknown>

export interface Client {
  readonly send: Send
  readonly auth?: Auth
  /** Stops its timers. */
  dispose?(): void
}

function instance(api: Api): AxiosInstance {
  return axios.create({ baseURL: ORIGIN, adapter: config => api.adapter(config) })
}

/** axios alone: no token. */
export function bare(api: Api): Client {
  const client = instance(api)
  return { send: path => client.get(path) }
}

/** The usual first interceptor: it reads the token from its storage. */
function withHeader(api: Api, tokens: { current: string }): AxiosInstance {
  const client = instance(api)
  client.interceptors.request.use(config => {
    config.headers.Authorization = `Bearer ${tokens.current}`
    return config
  })
  return client
}

export function header(api: Api): Client {
  const client = withHeader(api, { current: api.tokens.access_token })
  return { send: path => client.get(path) }
}

/** The 401 queue of countless blog posts: a flag, a list of those who wait, and everything sent once more. */
export function handWrittenQueue(api: Api): Client {
  const tokens = { current: api.tokens.access_token }
  const client = withHeader(api, tokens)
  let isRefreshing = false
  let waiting: { resolve: (token: string) => void; reject: (error: unknown) => void }[] = []
  const release = (settle: (waiter: (typeof waiting)[number]) => void): void => {
    for (const waiter of waiting) settle(waiter)
    waiting = []
  }
  client.interceptors.response.use(
    response => response,
    async (error: AxiosError) => {
      const request = error.config as AxiosRequestConfig & { retried?: boolean }
      if (error.response?.status !== 401 || request.retried) throw error
      request.retried = true
      if (isRefreshing) {
        await new Promise<string>((resolve, reject) => waiting.push({ resolve, reject }))
        return client(request)
      }
      isRefreshing = true
      try {
        tokens.current = (await api.refresh()).access_token
        release(waiter => waiter.resolve(tokens.current))
        return client(request)
      } catch (failure) {
        release(waiter => waiter.reject(failure))
        throw failure
      } finally {
        isRefreshing = false
      }
    },
  )
  return { send: path => client.get(path) }
}

/** axios-auth-refresh, with the header interceptor that its README leaves to the application. */
export function axiosAuthRefresh(api: Api, deduplicateRefresh = true): Client {
  const tokens = { current: api.tokens.access_token }
  const client = withHeader(api, tokens)
  const refresh = async (): Promise<void> => {
    tokens.current = (await api.refresh()).access_token
  }
  // `never`, here and below: their types are CommonJS only, and those of axios differ where the resolution is Node's.
  createAuthRefresh(client as never, refresh, { deduplicateRefresh })
  return { send: path => client.get(path) }
}

/** Its state is global to the module: one client at a time. */
export async function axiosJwt(api: Api): Promise<Client> {
  const client = instance(api)
  const store = new Map<string, string>()
  const asTokens = ({ access_token, refresh_token }: TokenAnswer) => ({
    accessToken: access_token,
    refreshToken: refresh_token,
  })
  applyAuthTokenInterceptor(client as never, {
    requestRefresh: async () => asTokens(await api.refresh()),
    getStorage: () => ({
      get: async key => store.get(key) ?? null,
      set: async (key, value) => void store.set(key, value),
      remove: async key => void store.delete(key),
    }),
  })
  await setAuthTokens(asTokens(api.tokens))
  return { send: path => client.get(path) }
}

/** @badgateway/oauth2-client, whose middleware wraps `fetch`. */
export function badgateway(api: Api, scheduleRefresh = false): Client & { client: OAuth2Fetch } {
  const asTokens = ({ access_token, refresh_token, expires_in }: TokenAnswer) => ({
    accessToken: access_token,
    refreshToken: refresh_token,
    expiresAt: Date.now() + expires_in * 1000,
  })
  const client = new OAuth2Fetch({
    client: { refreshToken: async () => asTokens(await api.refresh()) },
    getNewToken: () => null,
    getStoredToken: () => asTokens(api.tokens),
    scheduleRefresh,
  })
  // Its timer is set by a refresh, and by nothing that was stored.
  const middleware = client.mw()
  return { client, send: path => middleware(new Request(ORIGIN + path), request => api.fetch(request)) }
}

async function session(api: Api, options: AuthOptions): Promise<Auth> {
  const auth = createAuth({ refresh: () => api.refresh(), ...options })
  await auth.login(api.tokens)
  return auth
}

export async function tokenflight(api: Api, options: AuthOptions = {}): Promise<Client & { auth: Auth }> {
  const client = instance(api)
  const auth = await session(api, options)
  attachAuth(client, auth)
  return { auth, send: path => client.get(path), dispose: () => auth.dispose() }
}

export async function tokenflightFetch(
  api: Api,
  options: AuthOptions = {},
): Promise<Client & { auth: Auth }> {
  const auth = await session(api, options)
  const send = authFetch(auth, { allowedOrigins: [ORIGIN], fetch: (input, init) => api.fetch(input, init) })
  return { auth, send: path => send(ORIGIN + path), dispose: () => auth.dispose() }
}

/** The usual first wrapper: `Headers` may come in any of three shapes. */
export function fetchWrapper(api: Api, tokens: { current: string }): Client {
  const wrapped = (input: string, init?: RequestInit): Promise<Response> => {
    const headers = new Headers(init?.headers)
    headers.set('Authorization', `Bearer ${tokens.current}`)
    return api.fetch(input, { ...init, headers })
  }
  return { send: path => wrapped(ORIGIN + path) }
}

/** The least that a wrapper can do. */
export function plainFetchWrapper(api: Api, tokens: { current: string }): Client {
  const wrapped = (input: string, init?: RequestInit): Promise<Response> =>
    api.fetch(input, { ...init, headers: { ...init?.headers, Authorization: `Bearer ${tokens.current}` } })
  return { send: path => wrapped(ORIGIN + path) }
}
