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
import type { AuthError } from './core/errors.js'
import { type Handle, handleOf } from './core/handle.js'
import type { Auth } from './core/types.js'
import { type Admission, createAdmission } from './http/admission.js'
import { withJson } from './http/answer.js'
import { AxiosCall } from './http/axios-call.js'
import { adapterOf, asAxiosError, sealOf, wrap } from './http/axios-error.js'
import { isStream, prepareRepeat } from './http/body.js'
import type { Client } from './http/call.js'
import { createClient } from './http/client.js'
import { urlOf } from './http/config.js'
import { findMarks, isAttached, type Mark } from './http/marks.js'
import { type HttpOptions, type HttpRules, optionNames } from './http/options.js'
import { start } from './http/pipeline.js'
import { createLanding } from './http/redirects.js'
import { type Report, report } from './http/report.js'

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
 * Sends the session's access token with every request of the instance to an allowed origin, refreshes it before it
 * expires and after a 401, and sends a refused request again. The `timeout` of a request, milliseconds, limits its waits
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
  const handle = handleOf(auth as Auth<never, never>)
  const request = instance?.interceptors?.request
  check(typeof request?.use === 'function', 'instance', 'an axios instance', instance)
  const given = ownOptions(options, 'attachAuth', optionNames)
  const marks = findMarks(request.handlers)
  const same = marks.find(mark => isAttached(mark, handle, given, Object.keys(optionNames)))
  if (same) return same.detach
  const client = createAxiosClient(instance, auth as Auth<never, never>, handle, given)
  for (const mark of marks) mark.detach()

  // axios asks `runWhen` synchronously when a request starts, with the config that is about to be sent. Wrapping
  // the adapter right there tells a call of the refresh function from any other, knows the session that the call
  // began in, and adds nothing to the chain of interceptors.
  const runWhen = (config: Config): boolean => {
    const adapter = adapterOf(config)
    const session = handle.session()
    const ours = (config: Config): Promise<AxiosResponse> => {
      const call = (step?: Report): Promise<AxiosResponse> => send(client, config, adapter, session, step)
      return report(handle, 'axios', config, () => urlOf(config), call)
    }
    config.adapter = handle.isRefresh(config.signal) ? adapter : wrap(adapter, ours)
    return false
  }
  const id = request.use(null, null, { synchronous: true, runWhen })
  const detach = (): void => {
    // After a `clear()`, older versions of axios give the number to another interceptor.
    if (request.handlers?.some(handler => handler?.runWhen === runWhen)) request.eject(id)
  }
  Object.assign(runWhen, { handle, options: given, detach } satisfies Mark)
  return detach
}

/** The state of an attached instance. */
interface AxiosClient extends Client<AxiosResponse> {
  readonly instance: AxiosInstance
  readonly auth: Auth<never, never>
  readonly rules: HttpRules<Config, AxiosResponse>
  readonly admission: Admission<Config>
  readonly landing: ReturnType<typeof createLanding>
}

function createAxiosClient(
  instance: AxiosInstance,
  auth: Auth<never, never>,
  handle: Handle,
  options: AttachOptions,
): AxiosClient {
  const client = createClient(handle, options, withJson)
  const complete = (config: Config, url: string): string =>
    instance.getUri({ ...config, url, baseURL: '', allowAbsoluteUrls: true } as AxiosRequestConfig)
  const admission = createAdmission(handle, client.rules, complete)
  return { ...client, instance, auth, admission, landing: createLanding() }
}

/** Sends a request below all interceptors and transforms of the application, twice if necessary. */
function send(
  client: AxiosClient,
  config: Config,
  given: Adapter,
  session: object | undefined,
  step: Report | undefined,
): Promise<AxiosResponse> {
  const { handle, rules, instance } = client
  const { admit, hasOwnCredentials } = client.admission
  const { error, adapter: own = given } = sealOf(given) ?? {}
  config.adapter = own
  if (error && isOver(client, error)) return Promise.reject(asAxiosError(error, config))
  config.headers = AxiosHeaders.from(config.headers)
  const isNamed = typeof own !== 'function'
  const adapter = isNamed ? resolveAdapter(client, own, config) : own
  const origins = rules.origins(instance.defaults?.baseURL)
  const isAdmitted = admit(config, origins)
  const { collect, carry } = rules.renewal
  const repeatBody = prepareRepeat(config.data)
  const isOneShot = !repeatBody && isStream(config.data)
  const grant = isAdmitted ? handle.acquire(session, isOneShot, !!carry) : undefined
  if (!grant && !(isAdmitted && handle.isUndecided())) {
    step?.('sent')
    return adapter(config)
  }
  const call = new AxiosCall({
    config,
    adapter,
    isNamed,
    origins,
    repeatBody,
    isOneShot,
    collects: !!collect,
    step,
    hasOwnCredentials,
  })
  const outcome = start(client, call, grant)
  return call.limit ? outcome.finally(call.limit.stop) : outcome
}

/** An adapter of axios. Only the one on `fetch` asks for `env`. */
function resolveAdapter(
  { landing }: AxiosClient,
  adapter: Exclude<Adapter, AxiosAdapter>,
  { env }: Config,
): AxiosAdapter {
  return getAdapter(adapter, {
    get env() {
      return { ...env, fetch: landing(env?.fetch) }
    },
  })
}

/** Whether a call fails again: its session was replaced, or has expired without a new login since. */
function isOver({ auth }: AxiosClient, { code }: AuthError): boolean {
  return code === 'ERR_SIGNED_OUT' || auth.getState().status === 'expired'
}
