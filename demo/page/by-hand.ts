/**
 * Without tokenflight: the response interceptor with `isRefreshing` and `failedQueue` that most applications have,
 * written the way it is usually written. It is here to be compared with, not to be copied.
 */
import axios, { type AxiosAdapter, type AxiosInstance, type InternalAxiosRequestConfig } from 'axios'

/** Where an application usually keeps them; tabs share it. */
export interface TokenBox {
  accessToken: string | undefined
  refreshToken: string | undefined
}

/** One tab of an application that cares for its tokens by hand. */
export interface HandWritten {
  /** @param call its number, for the chart */
  send(path: string, call: number): Promise<number>
  logIn(username: string, password: string): Promise<void>
}

type Retried = InternalAxiosRequestConfig & { _retry?: boolean }
type Waiting = { resolve: (token: string) => void; reject: (error: unknown) => void }

/** The name of these clients in the server's log. */
const headers = { 'X-Client': 'hand' }

/** @param adapter sends the requests, and tells the chart of them */
export function createHandWritten(tokens: TokenBox, adapter: AxiosAdapter): HandWritten {
  const plain = axios.create({ headers, adapter })
  const api = axios.create({ headers, adapter })
  const keep = (data: { accessToken: string; refreshToken?: string }) => {
    tokens.accessToken = data.accessToken
    tokens.refreshToken = data.refreshToken ?? tokens.refreshToken
  }
  attachByHand(api, plain, tokens, keep)
  return {
    send: async (path, call) => (await api.get(path, { headers: { 'X-Call': call } })).status,
    async logIn(username, password) {
      keep((await plain.post('/auth/login', { username, password })).data)
    },
  }
}

function attachByHand(
  api: AxiosInstance,
  plain: AxiosInstance,
  tokens: TokenBox,
  keep: (data: { accessToken: string }) => void,
): void {
  let isRefreshing = false
  let failedQueue: Waiting[] = []

  const processQueue = (error: unknown, token: string) => {
    for (const waiting of failedQueue) {
      if (error) waiting.reject(error)
      else waiting.resolve(token)
    }
    failedQueue = []
  }

  api.interceptors.request.use(config => {
    if (tokens.accessToken) config.headers.Authorization = `Bearer ${tokens.accessToken}`
    return config
  })

  api.interceptors.response.use(undefined, async error => {
    const original = error.config as Retried
    if (error.response?.status !== 401 || original._retry) throw error
    if (isRefreshing) {
      await new Promise<string>((resolve, reject) => failedQueue.push({ resolve, reject }))
      return api(original)
    }
    original._retry = true
    isRefreshing = true
    try {
      const { data } = await plain.post('/auth/refresh', { refreshToken: tokens.refreshToken })
      keep(data)
      processQueue(null, data.accessToken)
    } catch (failure) {
      processQueue(failure, '')
      // "The refresh failed, so the session must be over."
      tokens.accessToken = undefined
      tokens.refreshToken = undefined
      throw failure
    } finally {
      isRefreshing = false
    }
    return api(original)
  })
}
