/** Helpers of the tests of the axios entry: a stage with a server in place of the adapter, and real servers. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import axios, {
  AxiosError,
  AxiosHeaders,
  type AxiosInstance,
  type AxiosResponse,
  type CreateAxiosDefaults,
  type InternalAxiosRequestConfig,
} from 'axios'
import { type Auth, type AuthOptions, createAuth, type RefreshContext, type TokenResponse } from 'tokenflight'
import { type AttachOptions, attachAuth } from 'tokenflight/axios'
import { onTestFinished } from 'vitest'
import { openSession, type SentRequest, type SessionStage, type SessionStageOptions } from './stage.js'

export { type Deferred, deferred } from './deferred.js'
export { LIFETIME, MINUTE, type RefreshCall } from './stage.js'

const [, minor = 0, patch = 0] = axios.VERSION.split('.').map(Number)
/** Whether the axios of the tests, whose major version is 1, is that version or a later one. */
export const isAxios = (atLeast: number, patchAtLeast = 0): boolean =>
  minor > atLeast || (minor === atLeast && patch >= patchAtLeast)
/** Before 1.7.3 the adapter on `fetch` takes no notice of `withCredentials`, and cookies do not cross origins. */
export const fetchKeepsCookies: boolean = isAxios(7, 3)

export const API = 'https://api.example.test'
const immediate = setImmediate

/** Lets everything happen that needs no time and no network. */
export function settle(): Promise<void> {
  return new Promise(resolve => immediate(resolve))
}

/** The error that a promise rejects with. */
export async function rejection<E = AxiosError>(promise: Promise<unknown>): Promise<E> {
  try {
    await promise
  } catch (error) {
    return error as E
  }
  throw new Error('It was expected to reject')
}

export interface Answer {
  status?: number
  data?: unknown
  headers?: Record<string, string>
}

/** One request as it reached the server. */
export interface Sent extends SentRequest {
  /** As they were when it left. */
  readonly headers: Record<string, unknown>
  readonly data: unknown
  readonly params: unknown
}

export interface Stage extends SessionStage<Sent> {
  readonly api: AxiosInstance
  /** An adapter that asks the stage's server. */
  adapter(config: InternalAxiosRequestConfig): Promise<AxiosResponse>
  /** Another instance on the same stage. */
  instance(defaults?: CreateAxiosDefaults): AxiosInstance
  detach(): void
}

export interface StageOptions extends SessionStageOptions {
  attach?: AttachOptions | false
  axios?: CreateAxiosDefaults
  /** Refresh function in place of the stage's own. */
  refresh?: (context: RefreshContext, stage: Stage) => Promise<TokenResponse>
  /** Answers in place of the stage's server; undefined leaves it to that. */
  respond?: (
    request: Sent,
    config: InternalAxiosRequestConfig,
  ) => Answer | undefined | Promise<Answer | undefined>
}

/** A stage: a session that is logged in, an attached instance, and a server that takes good tokens only. */
export async function stage(options: StageOptions = {}): Promise<Stage> {
  const { refresh, respond } = options
  const { begin, ...session } = openSession<Sent>(options, refresh && (context => refresh(context, self)))
  const { auth, sent, good } = session
  const adapter = async (config: InternalAxiosRequestConfig): Promise<AxiosResponse> => {
    const headers = { ...config.headers.toJSON() } as Record<string, unknown>
    const authorization = headers['Authorization']
    const request: Sent = {
      method: String(config.method),
      url: axios.getUri({ ...config, params: undefined } as never),
      headers,
      data: config.data,
      params: config.params,
      token: typeof authorization === 'string' ? authorization.replace(/^Bearer /, '') : undefined,
      status: undefined,
    }
    sent.push(request)
    const answer = (await respond?.(request, config)) ?? {
      status: request.token && good.has(request.token) ? 200 : 401,
    }
    request.status = answer.status ?? 200
    return respondWith(config, answer)
  }
  const instance = (defaults: CreateAxiosDefaults = {}): AxiosInstance =>
    axios.create({ baseURL: API, adapter, ...defaults })

  const api = instance(options.axios)
  const detach = options.attach === false ? () => {} : attachAuth(api, auth, options.attach)
  const self: Stage = { ...session, api, adapter, instance, detach }
  await begin()
  return self
}

/** An answer as axios's own adapters return it. */
export async function respondWith(
  config: InternalAxiosRequestConfig,
  { status = 200, data = '{"ok":true}', headers = {} }: Answer = {},
): Promise<AxiosResponse> {
  const response: AxiosResponse = {
    status,
    statusText: '',
    data,
    headers: new AxiosHeaders(headers),
    config,
    request: {},
  }
  if (!config.validateStatus || config.validateStatus(status)) return response
  throw new AxiosError(
    `Request failed with status code ${status}`,
    status < 500 ? AxiosError.ERR_BAD_REQUEST : AxiosError.ERR_BAD_RESPONSE,
    config,
    response.request,
    response,
  )
}

export interface Arrived {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly token: string | undefined
  readonly body: Buffer
  readonly host: string
}

export interface Loopback {
  readonly url: string
  readonly port: number
  readonly server: Server
  readonly arrived: Arrived[]
}

/** A real server on the loopback interface, which remembers its requests; closed after the test. */
export async function loopback(
  answer: (request: Arrived, ...listener: Parameters<RequestListener>) => void,
): Promise<Loopback> {
  const arrived: Arrived[] = []
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', chunk => void chunks.push(chunk))
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming
      const request: Arrived = {
        method,
        url,
        headers,
        token: headers.authorization?.replace(/^Bearer /, ''),
        body: Buffer.concat(chunks),
        host: headers.host ?? '',
      }
      arrived.push(request)
      answer(request, incoming, outgoing)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, server, arrived }
}

/** A session against a real server: `at-1` was revoked, a refresh brings `at-2`. */
export async function session(
  allowedOrigin: string,
  defaults: CreateAxiosDefaults = {},
  attach: AttachOptions = {},
  options: AuthOptions = {},
): Promise<{ api: AxiosInstance; auth: Auth; refreshes: RefreshContext[] }> {
  const refreshes: RefreshContext[] = []
  const auth = createAuth({
    ...options,
    retry: 0,
    async refresh(context) {
      refreshes.push(context)
      return { access_token: `at-${refreshes.length + 1}`, refresh_token: 'rt', expires_in: 300 }
    },
  })
  onTestFinished(() => auth.dispose())
  await auth.login({ access_token: 'at-1', refresh_token: 'rt-1', expires_in: 300 })
  const api = axios.create({ baseURL: allowedOrigin, proxy: false, ...defaults })
  attachAuth(api, auth, attach)
  return { api, auth, refreshes }
}
