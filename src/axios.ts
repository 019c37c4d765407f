/**
 * Attaches an `Auth` to an axios instance.
 * @module tokenflight/axios
 */
import {
  type AxiosAdapter,
  AxiosHeaders,
  type AxiosInstance,
  type AxiosRequestConfig,
  type AxiosResponse,
  getAdapter,
  type InternalAxiosRequestConfig,
} from 'axios'
import { check, ownOptions } from './core/check.js'
import { engineOf, type Ticket } from './core/engine.js'
import type { AuthError } from './core/errors.js'
import type { Auth } from './core/types.js'
import { ignore, isPromise } from './core/waiting.js'
import { withJson } from './http/answer.js'
import {
  asAxiosError,
  attempt,
  type Call,
  conclude,
  createBodyError,
  createCall,
  type Outcome,
  patiently,
  sealOf,
  unwrap,
  wrap,
} from './http/axios-call.js'
import { attemptBound } from './http/axios-proof.js'
import { discard, isOneShot, repeat, whileIntact } from './http/body.js'
import { copyOf, readings } from './http/config.js'
import { createLanding, limitRedirects } from './http/landing.js'
import { findMarks, isAttached, type Mark } from './http/marks.js'
import { type HttpOptions, optionNames, resolveHttpOptions } from './http/options.js'
import { isForeign } from './http/origins.js'
import { type Report, report } from './http/report.js'
import { createVerdict } from './http/verdict.js'
import { createWants } from './http/wants.js'

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
 * The options of `attachAuth`.
 * @interface
 */
export type AttachOptions = HttpOptions<InternalAxiosRequestConfig, AxiosResponse>

/**
 * Sends the session's access token with every request of the instance to an allowed origin, refreshes it ahead of
 * its end and after a 401, and sends a refused request again. The `timeout` of a request, milliseconds, limits its waits
 * and its replay, too. An instance has one session: attaching another `auth`, or the same one with other options,
 * replaces the earlier attachment.
 * @returns the detacher, which restores the instance; the detacher of a replaced attachment does nothing
 * @throws TypeError that names the option and its mistake
 */
export function attachAuth<Claims>(
  instance: AxiosInstance,
  auth: Auth<Claims, never>,
  options: AttachOptions = {},
): () => void {
  const engine = engineOf(auth as Auth<never, never>)
  const request = instance?.interceptors?.request
  check(typeof request?.use === 'function', 'instance', 'an axios instance', instance)
  const own = ownOptions(options, 'attachAuth', optionNames)
  const marks = findMarks(request.handlers)
  const same = marks.find(mark => isAttached(mark, engine, own, Object.keys(optionNames)))
  if (same) return same.detach
  const run = createClient(instance, auth as Auth<never, never>, own)
  if (own.renewal?.carry) engine.serve()
  for (const mark of marks) mark.detach()

  // axios asks `runWhen` synchronously when a request starts, with the config that is about to be sent. Wrapping
  // the adapter right there tells a call of the refresh function from any other, knows the session that the call
  // began in, and adds nothing to the chain of interceptors.
  const runWhen = (config: Config): boolean => {
    const adapter = unwrap(config.adapter ?? ['xhr', 'http', 'fetch'])
    const session = engine.session()
    const isRefresh = engine.refreshing(config.signal)
    config.adapter = isRefresh ? adapter : wrap(adapter, own => run(own, adapter, session))
    return false
  }
  const id = request.use(null, null, { synchronous: true, runWhen })
  const detach = (): void => {
    // After a `clear()`, older versions of axios give the number to another interceptor.
    if (request.handlers?.some(handler => handler?.runWhen === runWhen)) request.eject(id)
  }
  Object.assign(runWhen, { engine, options: own, detach } satisfies Mark)
  return detach
}

/** Gives what sends a request below all interceptors and transforms of the application, twice if need be. */
function createClient(
  instance: AxiosInstance,
  auth: Auth<never, never>,
  options: AttachOptions,
): (config: Config, wrapped: Adapter, session: object | undefined) => Promise<AxiosResponse> {
  const engine = engineOf(auth)
  const rules = resolveHttpOptions(engine, options)
  const { header } = rules
  const { refreshTokenHeader, carry } = rules.renewal
  const { dpop } = engine.settings
  const { isRefused, wasRefused, renew, restore } = createVerdict(engine, rules, withJson)
  const { wants, isTaken } = createWants(engine, rules, (config: Config, url) =>
    instance.getUri({ ...config, url, baseURL: '', allowAbsoluteUrls: true } as AxiosRequestConfig),
  )
  const landing = createLanding()
  /** An adapter of axios; only the one on `fetch` asks for `env`. */
  const resolve = (adapter: Exclude<Adapter, AxiosAdapter>, { env }: Config): AxiosAdapter =>
    getAdapter(adapter, {
      get env() {
        return { ...env, fetch: landing(env?.fetch) }
      },
    })

  /** Answers that a redirect brought from another origin. */
  const away = new WeakSet<AxiosResponse>()

  /** One attempt, and another one if its token is refused: one refresh, one replay, one outcome. */
  const send = async (call: Call, ticket: Ticket | undefined, isReplay: boolean): Promise<AxiosResponse> => {
    const { config, origins, step } = call
    const { beforeRedirect } = config
    if (!ticket && !isReplay) return sendBare(call)
    // A copy leaves. The application may look at its config, share it, report it and send it again.
    let dressed: Config | undefined = copyOf(config)
    dressed.headers = Object.assign(new AxiosHeaders(), config.headers)
    const again = isReplay && call.again?.()
    if (again) {
      dressed.data = again.data
      dressed.headers.set(again.headers)
    }
    if (!ticket || engine.isDisposed()) return conclude(await attempt(call, dressed, true))
    const tokens = header.make(ticket.accessToken)
    const { refreshToken } = ticket.tokens
    if (refreshTokenHeader && refreshToken) tokens[refreshTokenHeader] = refreshToken
    const ours = Object.keys(tokens)
    Object.assign(dressed.headers, tokens)
    limitRedirects(dressed, call.adapter, ours, !!rules.renewal.collect)
    let isAway = false
    dressed.beforeRedirect = (target, ...details) => {
      beforeRedirect?.(target, ...details)
      isAway ||= isForeign(origins, target.href)
      if (isAway) {
        target.headers = new AxiosHeaders(target.headers)
        target.headers.delete(ours)
      }
    }
    if (dpop) ours.push('DPoP')
    let outcome: Outcome | undefined = await attemptBound(call, dressed, isReplay, dpop, ticket.accessToken)
    let { response } = outcome
    // An answer that streams may fail later, with an error that names the config that left.
    if (isOneShot(response?.data)) dressed.headers.delete(ours)
    const url = String(config.url)
    // A browser follows redirects by itself.
    const landed: string | undefined = response?.request?.responseURL
    isAway ||= !!landed && isForeign(origins, landed, origins[0])
    // An origin that a redirect led to never saw the token: it refuses none, and hands out none.
    if (isAway && response) away.add(response)
    let refused = !isAway && !engine.isDisposed() && !!response && isRefused(response, ticket, url, isReplay)
    if (isPromise(refused)) refused = await patiently(call, refused)
    if (refused && response && !isReplay) {
      step?.('rejected', response.status)
      const renewal = renew(ticket, url, call.isOnce)
      // A body that cannot be sent twice is not: the refresh prepares the next call.
      if (call.isOnce) renewal?.catch(ignore)
      else if (renewal) {
        discard(response.data)
        outcome.endProgress(false)
        // A call that waits keeps nothing of the rejection: an error with its stack is most of the cost of a wait.
        response = outcome = dressed = undefined
        const next = await patiently(call, renewal)
        return send(call, next, true)
      }
    }
    return conclude(outcome)
  }

  /** One attempt without a token, and another one if its refusal leads to a session that could not be restored before. */
  const sendBare = async (call: Call): Promise<AxiosResponse> => {
    const { config, origins, step } = call
    const isHopeful = engine.isUndecided() && !isTaken(config)
    const bare = copyOf(config)
    bare.headers = Object.assign(new AxiosHeaders(), config.headers)
    const outcome = await attempt(call, bare, !isHopeful)
    const { response } = outcome
    const landed: string | undefined = response?.request?.responseURL
    if (!isHopeful || !response || (landed && isForeign(origins, landed, origins[0])))
      return conclude(outcome)
    const restored = restore(response)
    const ticket = call.isOnce ? undefined : await patiently(call, restored)
    if (!ticket) return conclude(outcome)
    step?.('rejected', response.status)
    discard(response.data)
    outcome.endProgress(false)
    return send(call, ticket, true)
  }

  /** Whether a call fails again: its session was replaced, or has expired without a new login since. */
  const isOver = ({ code }: AuthError): boolean =>
    code === 'ERR_SIGNED_OUT' || auth.getState().status === 'expired'
  const run = (config: Config, given: Adapter, session?: object, step?: Report): Promise<AxiosResponse> => {
    const { error, adapter: wrapped = given } = sealOf(given) ?? {}
    config.adapter = wrapped
    if (error && isOver(error)) return Promise.reject(asAxiosError(error, config))
    config.headers = AxiosHeaders.from(config.headers)
    const isNamed = typeof wrapped !== 'function'
    const adapter = isNamed ? resolve(wrapped, config) : wrapped
    const again = repeat(config.data)
    const isOnce = !again && isOneShot(config.data)
    const origins = rules.origins(instance.defaults?.baseURL)
    const isWanted = wants(config, origins)
    const ticket = isWanted ? engine.acquire(session, isOnce, !!carry) : undefined
    /** Without a token, the adapter gets the very config of the application. */
    const pass = (): Promise<AxiosResponse> => {
      step?.('sent')
      return adapter(config)
    }
    if (!ticket && !(isWanted && engine.isUndecided())) return pass()
    if (isPromise(ticket) || (carry && ticket && engine.isDead(ticket))) step?.('waiting')
    const call = createCall({ config, adapter, origins, isNamed, again, isOnce, step })
    const begin = (own?: Ticket, isAlone = false): Promise<AxiosResponse> =>
      own || call.limit || engine.isUndecided() ? send(call, own, isAlone) : pass()
    const wait = <T>(promise: Promise<T>): Promise<T> =>
      whileIntact(config.data, patiently(call, promise), cause => createBodyError(call, cause))
    const outcome = carry
      ? carry(engine, {
          ticket,
          isOnce,
          send: begin,
          isAway: response => away.has(response),
          refuses: wasRefused,
          patiently: promise => patiently(call, promise),
          wait,
        })
      : isPromise(ticket)
        ? wait(ticket).then(late => begin(isTaken(config) ? undefined : late))
        : begin(ticket)
    return call.limit ? outcome.finally(call.limit.stop) : outcome
  }
  return (config, wrapped, session) =>
    report(
      engine,
      'axios',
      config,
      () => readings(config).pop() as string,
      step => run(config, wrapped, session, step),
    )
}
