/** `tokenflight/axios`: attaches an `Auth` to an axios instance. */
import {
  type AxiosAdapter,
  AxiosError,
  type AxiosInstance,
  type AxiosResponse,
  CanceledError,
  getAdapter,
  type InternalAxiosRequestConfig,
} from 'axios'
import { type Engine, engineOf, type Ticket } from './core/engine.js'
import type { Auth } from './core/types.js'
import { carries, isOneShot } from './http/body.js'
import { type HttpOptions, type HttpRules, isSkipped, parseUrl, resolveHttpOptions } from './http/options.js'

declare module 'axios' {
  // biome-ignore lint/suspicious/noExplicitAny: an augmentation repeats the type parameters of axios to the letter
  interface AxiosRequestConfig<D = any, P = any> {
    /** The request needs no login: it carries no token, waits for nothing, and its 401 is its own. */
    skipAuth?: boolean
  }
}

/** See `HttpOptions`; `Request` is the request's axios config. */
export type AttachOptions = HttpOptions<InternalAxiosRequestConfig, AxiosResponse>

type Rules = HttpRules<InternalAxiosRequestConfig, AxiosResponse>
type Config = InternalAxiosRequestConfig

/** Marks an instance with what is attached to it. */
const ATTACHED: unique symbol = Symbol.for('tokenflight.attached') as never

/**
 * Sends the session's access token with every request of the instance to an allowed origin, refreshes it ahead of
 * its end and after a 401, and sends a refused request again. Attaching the same pair twice is harmless.
 * @returns the detacher, which restores the instance
 * @throws TypeError that names the option; without a base URL and a page `allowedOrigins` is required
 */
export function attachAuth<Claims>(
  instance: AxiosInstance,
  auth: Auth<Claims>,
  options: AttachOptions = {},
): () => void {
  const engine = engineOf(auth as Auth<never>)
  const holder = instance as AxiosInstance & { [ATTACHED]?: Map<Engine, () => void> }
  const present = holder[ATTACHED]?.get(engine)
  if (present) return present
  const { baseURL } = instance.defaults
  const client = createClient(engine, resolveHttpOptions(options, baseURL), baseURL)

  // axios asks `runWhen` synchronously when a request starts, with the config that is about to be sent. Wrapping
  // the adapter right there tells a call of the refresh function from any other, knows the session that the call
  // began in, and adds nothing to the chain of interceptors.
  const interceptor = instance.interceptors.request.use(null, null, {
    synchronous: true,
    runWhen(config) {
      const { adapter } = config
      const session = engine.session()
      if (!config.skipAuth && !engine.refreshing(config.signal)) {
        config.adapter = own => client.run(own, adapter, session)
      }
      return false
    },
  })
  const detach = (): void => {
    instance.interceptors.request.eject(interceptor)
    holder[ATTACHED]?.delete(engine)
  }
  if (!holder[ATTACHED]) Object.defineProperty(holder, ATTACHED, { value: new Map(), configurable: true })
  holder[ATTACHED]?.set(engine, detach)
  return detach
}

interface Client {
  /** Sends the request below all interceptors and transforms, twice if need be. */
  run(config: Config, adapter: Config['adapter'], session: object | undefined): Promise<AxiosResponse>
}

function createClient(engine: Engine, rules: Rules, base: string | undefined): Client {
  const { name, format, shouldRefresh, collect, refreshTokenHeader, skips, origins } = rules
  /** With the instance's own absolute base, and nothing to skip, a relative URL needs no parsing. */
  const isPlainBase =
    !skips.length &&
    /^https?:\/\/[^/?#\\@]+(?:\/|$)/i.test(base ?? '') &&
    origins.has(parseUrl(base ?? '')?.origin ?? '')

  /** Whether the request is ours to care for: no header of its own, an allowed origin, not skipped, not the refresh. */
  const isOurs = (config: Config): boolean => {
    const { headers, url = '', baseURL } = config
    if (headers.has(name) || config.auth) return false
    if (!(isPlainBase && baseURL === base && !isAbsolute(url))) {
      const target = parseUrl(fullPath(config))
      if (!target || !origins.has(target.origin) || isSkipped(skips, config, target)) return false
    }
    const token = engine.flightToken()
    return (
      !token ||
      !(carries(config.data, token) || Object.values(headers).some(value => String(value).includes(token)))
    )
  }

  const dress = (config: Config, { accessToken, tokens }: Ticket): void => {
    config.headers.set(name, format(accessToken))
    if (refreshTokenHeader && tokens.refreshToken) config.headers.set(refreshTokenHeader, tokens.refreshToken)
  }
  /** The config goes to the application, to error trackers and perhaps out again: without our tokens. */
  const undress = ({ headers }: Config): void => {
    headers.delete(name)
    if (refreshTokenHeader) headers.delete(refreshTokenHeader)
  }
  /** An answer: says whether its token was refused, and takes what the server handed out. */
  const isRefused = (response: AxiosResponse, ticket: Ticket): boolean => {
    let refused = response.status === 401
    try {
      const tokens = collect?.(response)
      if (tokens) engine.collect(tokens, ticket)
      refused = shouldRefresh(response)
    } catch (error) {
      engine.warn('collect or shouldRefresh threw', error)
    }
    if (!refused) ticket.proven = true
    return refused
  }

  /** Sends once; `refused` decides what a 401 comes to. */
  const send = (
    config: Config,
    adapter: AxiosAdapter,
    ticket: Ticket,
    refused: (give: () => AxiosResponse, response: AxiosResponse) => AxiosResponse | Promise<AxiosResponse>,
  ): Promise<AxiosResponse> => {
    dress(config, ticket)
    return adapter(config).then(
      response => {
        undress(config)
        return isRefused(response, ticket) ? refused(() => response, response) : response
      },
      error => {
        undress(config)
        const response: AxiosResponse | undefined = error?.response
        const give = (): never => {
          throw error
        }
        return response && isRefused(response, ticket) ? refused(give, response) : give()
      },
    )
  }

  /** Sends, and sends again with a newer token if the first was refused: one refresh, one replay, one outcome. */
  const dispatch = (
    config: Config,
    adapter: AxiosAdapter,
    ticket: Ticket | undefined,
  ): Promise<AxiosResponse> => {
    if (!ticket) return adapter(config)
    return send(config, adapter, ticket, async (give, response) => {
      const renewal = engine.rejected(ticket)
      if (!renewal) return give()
      if (isOneShot(config.data)) {
        // It cannot be sent twice. The refresh prepares the next call.
        renewal.catch(() => {})
        return give()
      }
      const next = await patiently(config, renewal)
      if (!next) return give()
      discard(response.data)
      // Node's adapter left it there, and it is not for the application to set.
      config.headers.delete('Content-Length')
      return send(config, adapter, next, again => again())
    })
  }

  return {
    run(config, wrapped, session) {
      // Whoever sends this config again starts from the application's own adapter.
      if (wrapped) config.adapter = wrapped
      const adapter = getAdapter(wrapped, config)
      if (!isOurs(config)) return adapter(config)
      const ticket = engine.acquire(session, isOneShot(config.data))
      return ticket instanceof Promise
        ? patiently(config, ticket).then(late => dispatch(config, adapter, late))
        : dispatch(config, adapter, ticket)
    },
  }
}

function isAbsolute(url: string): boolean {
  return /^([a-z][a-z\d+\-.]*:)?\/\//i.test(url)
}

/** The URL that axios sends to, without the query: its own rule (`buildFullPath`) on the config that leaves. */
function fullPath({ url = '', baseURL, allowAbsoluteUrls }: Config): string {
  if (!baseURL || (isAbsolute(url) && allowAbsoluteUrls !== false)) return url
  return url ? `${baseURL.replace(/\/+$/, '')}/${url.replace(/^\/+/, '')}` : baseURL
}

/** A body that nobody will read keeps its connection open. */
function discard(body: unknown): void {
  const { destroy, cancel } = (body ?? {}) as { destroy?: () => void; cancel?: () => Promise<void> }
  if (typeof destroy === 'function') destroy.call(body)
  else if (typeof cancel === 'function') void cancel.call(body).catch(() => {})
}

/** The promise, unless the request is cancelled or times out first; axios itself heeds neither before it sends. */
function patiently<T>(config: Config, promise: Promise<T>): Promise<T> {
  const { signal, cancelToken, timeout, transitional } = config
  if (!signal && !cancelToken && !timeout) return promise
  return new Promise<T>((resolve, reject) => {
    const cancel = (reason?: unknown): void =>
      reject(!reason || (reason as Event).type ? new CanceledError(undefined, config) : reason)
    const timer =
      timeout &&
      setTimeout(() => {
        const code = transitional?.clarifyTimeoutError ? AxiosError.ETIMEDOUT : AxiosError.ECONNABORTED
        reject(new AxiosError(config.timeoutErrorMessage || `timeout of ${timeout}ms exceeded`, code, config))
      }, timeout)
    if (signal?.aborted) cancel()
    signal?.addEventListener?.('abort', cancel)
    const token = cancelToken as
      | { subscribe?(listener: unknown): void; unsubscribe?(listener: unknown): void }
      | undefined
    token?.subscribe?.(cancel)
    promise
      .finally(() => {
        if (timer) clearTimeout(timer)
        signal?.removeEventListener?.('abort', cancel)
        token?.unsubscribe?.(cancel)
      })
      .then(resolve, reject)
  })
}
