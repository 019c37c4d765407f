/**
 * Attaches an `Auth` to an axios instance.
 * @module tokenflight/axios
 */
import {
  type AxiosAdapter,
  AxiosHeaders,
  type AxiosInstance,
  type AxiosResponse,
  getAdapter,
  type InternalAxiosRequestConfig,
} from 'axios'
import { type Engine, engineOf, type Ticket } from './core/engine.js'
import type { Auth } from './core/types.js'
import { ignore, isPromise } from './core/waiting.js'
import { withJson } from './http/answer.js'
import { attempt, type Call, conclude, createCall, type Outcome, patiently } from './http/axios-call.js'
import { carries, discard, isOneShot } from './http/body.js'
import { carry } from './http/carry.js'
import { copyOf, fullPath } from './http/config.js'
import { createLanding } from './http/landing.js'
import { type HttpOptions, resolveHttpOptions } from './http/options.js'
import { type Report, report } from './http/report.js'
import { createVerdict } from './http/verdict.js'

declare module 'axios' {
  // biome-ignore lint/suspicious/noExplicitAny: an augmentation repeats the type parameters of axios to the letter
  interface AxiosRequestConfig<D = any, P = any> {
    /** The request needs no login: it carries no token, waits for nothing, and its 401 is its own. */
    skipAuth?: boolean
  }
}

type Config = InternalAxiosRequestConfig
type Adapter = NonNullable<Config['adapter']>

/**
 * What `attachAuth` takes.
 * @interface
 */
export type AttachOptions = HttpOptions<InternalAxiosRequestConfig, AxiosResponse>

/** What marks our interceptor among the others. */
interface Mark {
  readonly engine: Engine
  readonly detach: () => void
}

/**
 * Sends the session's access token with every request of the instance to an allowed origin, refreshes it ahead of
 * its end and after a 401, and sends a refused request again. The `timeout` of a request, milliseconds, limits its waits
 * and its replay, too. Attaching the same pair twice is harmless.
 * @returns the detacher, which restores the instance
 * @throws TypeError that names the option; without a base URL and a page `allowedOrigins` is required
 */
export function attachAuth<Claims>(
  instance: AxiosInstance,
  auth: Auth<Claims>,
  options: AttachOptions = {},
): () => void {
  const engine = engineOf(auth as Auth<never>)
  const { request } = instance.interceptors
  for (const handler of request.handlers ?? []) {
    const mark = handler?.runWhen as Mark | null | undefined
    if (mark?.engine === engine) return mark.detach
  }
  const run = createClient(instance, engine, options)
  if (options.renewal === 'server') engine.serve()

  // axios asks `runWhen` synchronously when a request starts, with the config that is about to be sent. Wrapping
  // the adapter right there tells a call of the refresh function from any other, knows the session that the call
  // began in, and adds nothing to the chain of interceptors.
  const runWhen = (config: Config): boolean => {
    const adapter = config.adapter ?? ['xhr', 'http', 'fetch']
    const session = engine.session()
    if (!engine.refreshing(config.signal)) config.adapter = own => run(own, adapter, session)
    return false
  }
  const id = request.use(null, null, { synchronous: true, runWhen })
  const detach = (): void => {
    // After a `clear()` older versions of axios give the number to somebody else.
    if (request.handlers?.some(handler => handler?.runWhen === runWhen)) request.eject(id)
  }
  Object.assign(runWhen, { engine, detach } satisfies Mark)
  return detach
}

/** Gives what sends a request below all interceptors and transforms of the application, twice if need be. */
function createClient(
  instance: AxiosInstance,
  engine: Engine,
  options: AttachOptions,
): (config: Config, wrapped: Adapter, session: object | undefined) => Promise<AxiosResponse> {
  const rules = resolveHttpOptions(options, instance.defaults.baseURL)
  const { name, format, refreshTokenHeader, isForeign } = rules
  const { isRefused, wasRefused, renew } = createVerdict(engine, rules, withJson)
  const isServer = !!refreshTokenHeader
  const isCredentials = name.toLowerCase() === 'authorization'
  const ours = refreshTokenHeader ? [name, refreshTokenHeader] : [name]

  /** Whether it is ours to care for: an allowed origin, not skipped, no credentials of its own, not the refresh. */
  const wants = (config: Config): boolean => {
    const { headers, data } = config
    if (config.skipAuth || headers.has(name) || (isCredentials && config.auth)) return false
    const url = fullPath(instance, config)
    const complete = (): string => instance.getUri({ ...config, url, baseURL: '' })
    if (!rules.allows(engine, url, () => config, complete)) return false
    const token = engine.flightToken()
    return !token || !(carries(data, token) || carries(Object.values(headers).join(), token))
  }

  const landing = createLanding()
  /** An adapter of axios; only the one on `fetch` asks for `env`. */
  const resolve = (adapter: Exclude<Adapter, AxiosAdapter>, { env }: Config): AxiosAdapter =>
    getAdapter(adapter, {
      get env() {
        return { ...env, fetch: landing(env?.fetch) }
      },
    })

  /** Takes our headers off on the way to another origin. */
  const undress = (target: Parameters<NonNullable<Config['beforeRedirect']>>[0]): void => {
    target.headers = new AxiosHeaders(target.headers)
    target.headers.delete(ours)
  }

  /** One attempt, and another one if its token is refused: one refresh, one replay, one outcome. */
  const send = async (call: Call, ticket: Ticket | undefined, isReplay: boolean): Promise<AxiosResponse> => {
    const { config, step } = call
    const { data, beforeRedirect } = config
    if (!ticket) return conclude(await attempt(call, copyOf(config), true))
    // What leaves is a copy: the config is the application's, to look at, to share, to report and to send again.
    let dressed: Config | undefined = copyOf(config)
    let headers: AxiosHeaders | undefined = Object.assign(new AxiosHeaders(), config.headers)
    headers[name] = format(ticket.accessToken)
    const { refreshToken } = ticket.tokens
    if (refreshTokenHeader && refreshToken) headers[refreshTokenHeader] = refreshToken
    let isAway = false
    dressed.headers = headers
    dressed.beforeRedirect = (target, ...details) => {
      beforeRedirect?.(target, ...details)
      isAway ||= isForeign(target.href)
      if (isAway) undress(target)
    }
    let outcome: Outcome | undefined = await attempt(call, dressed, isReplay)
    let { response } = outcome
    // An answer that streams may fail later, with an error that names the config that left.
    if (isOneShot(response?.data)) headers.delete(ours)
    const url = String(config.url)
    // A browser follows redirects by itself.
    const landed: string | undefined = response?.request?.responseURL
    isAway ||= !!landed && isForeign(landed)
    // Whoever a redirect led to never saw the token: it refuses none, and hands out none.
    let refused = !isAway && !!response && isRefused(response, ticket, url, isReplay)
    if (isPromise(refused)) refused = await patiently(call, refused)
    if (refused && response && !isReplay) {
      step?.('rejected', response.status)
      const renewal = renew(ticket, url)
      // A body that cannot be sent twice is not: the refresh prepares the next call.
      if (isOneShot(data)) renewal?.catch(ignore)
      else if (renewal) {
        discard(response.data)
        outcome.endProgress(false)
        // Whoever waits holds nothing of the refusal: its error and its stack would be most of what waiting costs.
        response = outcome = dressed = headers = undefined
        const next = await patiently(call, renewal)
        return send(call, next, true)
      }
    }
    return conclude(outcome)
  }

  const run = (config: Config, wrapped: Adapter, session?: object, step?: Report): Promise<AxiosResponse> => {
    // Whoever sends this config again starts from the application's own adapter.
    config.adapter = wrapped
    config.headers = AxiosHeaders.from(config.headers)
    const isNamed = typeof wrapped !== 'function'
    const adapter = isNamed ? resolve(wrapped, config) : wrapped
    const isOnce = isOneShot(config.data)
    const ticket = wants(config) ? engine.acquire(session, isOnce, isServer) : undefined
    /** Without a token, the adapter gets the very config of the application. */
    const pass = (): Promise<AxiosResponse> => {
      step?.('sent')
      return adapter(config)
    }
    if (!ticket) return pass()
    if (isPromise(ticket) || (isServer && engine.isDead(ticket))) step?.('waiting')
    const call = createCall({ config, adapter, isNamed, step })
    const begin = (own?: Ticket, isAlone = false): Promise<AxiosResponse> =>
      own || call.limit ? send(call, own, isAlone) : pass()
    const wait = <T>(promise: Promise<T>): Promise<T> => patiently(call, promise)
    const outcome = isServer
      ? carry(engine, { ticket, isOnce, send: begin, refuses: wasRefused, patiently: wait })
      : isPromise(ticket)
        ? wait(ticket).then(late => begin(late))
        : begin(ticket)
    return call.limit ? outcome.finally(call.limit.stop) : outcome
  }
  return (config, wrapped, session) =>
    report(
      engine,
      'axios',
      config,
      () => fullPath(instance, config),
      step => run(config, wrapped, session, step),
    )
}
