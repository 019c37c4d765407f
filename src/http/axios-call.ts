/** One call of axios: its attempts, and its waits within the bounds that axios itself heeds only once it sends. */
import {
  type AxiosAdapter,
  AxiosError,
  type AxiosProgressEvent,
  type AxiosResponse,
  CanceledError,
  getAdapter,
  type InternalAxiosRequestConfig,
} from 'axios'
import { systemClock } from '../core/clock.js'
import { startTimer } from '../core/environment.js'
import { type AuthError, cloneError, isAuthError } from '../core/errors.js'
import { ignore } from '../core/waiting.js'
import { closedEarly, type Repeated } from './body.js'
import { handOver } from './config.js'
import type { Origins } from './origins.js'
import { type CallProgress, createProgress } from './progress.js'
import type { Report } from './report.js'

type Config = InternalAxiosRequestConfig
type Adapter = NonNullable<Config['adapter']>

/** One call of the application: one or two attempts, and what they wait for. */
export interface Call {
  /** The application's own. */
  readonly config: Config
  readonly adapter: AxiosAdapter
  /** The origins that may see its token. */
  readonly origins: Origins
  /** Whether the application leaves the choice among axios's own adapters to axios. */
  readonly isNamed: boolean
  /** Gives the body of a replay; undefined: it is that of the config. */
  readonly again: (() => Repeated) | undefined
  /** Whether its body can be sent only once. */
  readonly isOnce: boolean
  /** Reports its steps, if they are reported. */
  readonly step: Report | undefined
  /** Its timeout, where every adapter can read it. A bad one is left to the adapter, which throws or ignores it. */
  readonly limit: Limit | undefined
  /** Listeners of progress for each attempt, where the application has one. */
  readonly upload: CallProgress<AxiosProgressEvent> | undefined
  readonly download: CallProgress<AxiosProgressEvent> | undefined
  /** Whether it has waited for anything. */
  hasWaited: boolean
}

/** What an adapter made of a request. */
export interface Outcome {
  response?: AxiosResponse | undefined
  failure?: { readonly error: unknown }
  /** Shows the progress of the attempt that is the outcome, or nothing more of a refused one. */
  endProgress(isOutcome: boolean): void
}

/** The time that a whole call may take. */
interface Limit {
  /** Rejects when the time is up. */
  readonly isOver: Promise<never>
  /** When that is, on the monotonic clock. */
  readonly deadline: number
  /** Stops its timer. */
  stop(): void
}

export function createCall(parts: Omit<Call, 'limit' | 'upload' | 'download' | 'hasWaited'>): Call {
  const { timeout, onUploadProgress, onDownloadProgress } = parts.config
  const duration = ['number', 'string'].includes(typeof timeout) ? Number(timeout) : 0
  return {
    ...parts,
    limit: duration > 0 ? startLimit(duration) : undefined,
    upload: onUploadProgress && createProgress(onUploadProgress),
    download: onDownloadProgress && createProgress(onDownloadProgress),
    hasWaited: false,
  }
}

/** Sends a copy of the config; what comes of it becomes the application's. */
export async function attempt(call: Call, own: Config, isReplay: boolean): Promise<Outcome> {
  const { config, adapter } = call
  const rest = remainingTimeout(call)
  if (rest) own.timeout = rest
  const upload = call.upload?.(isReplay)
  const download = call.download?.(isReplay)
  if (upload) own.onUploadProgress = upload.listener
  if (download) own.onDownloadProgress = download.listener
  const outcome: Outcome = {
    endProgress(isOutcome) {
      upload?.end(isOutcome)
      download?.end(isOutcome)
    },
  }
  call.step?.('sent')
  try {
    outcome.response = await adapter(own)
  } catch (error) {
    outcome.failure = { error }
    if (rest) restateTimeout(error, rest, call)
    const { response, cause } = (error ?? {}) as { response?: AxiosResponse; cause?: AxiosError }
    outcome.response = response
    // Some versions of axios wrap their own errors, and some adapters do.
    for (const each of [error, cause, cause?.response]) handOver(each, config)
  }
  handOver(outcome.response, config)
  return outcome
}

/** Makes an outcome the call's. */
export function conclude({ response, failure, endProgress }: Outcome): AxiosResponse {
  endProgress(true)
  if (failure) throw failure.error
  return response as AxiosResponse
}

function startLimit(duration: number): Limit {
  let stop: () => void = ignore
  const isOver = new Promise<never>((_, reject) => {
    stop = startTimer(reject, duration)
  })
  isOver.catch(ignore)
  return { isOver, deadline: now() + duration, stop }
}

/** The milliseconds that waiting has left for an attempt; never 0, which means no limit. Undefined: all of them. */
function remainingTimeout({ limit, hasWaited }: Call): number | undefined {
  return limit && hasWaited ? Math.max(1, Math.ceil(limit.deadline - now())) : undefined
}

function now(): number {
  return (systemClock.monotonic ?? systemClock.now)()
}

/** Makes the error of an attempt that had the rest of the timeout name the timeout of the application. */
function restateTimeout(error: unknown, rest: number, { config }: Call): void {
  const { timeout, timeoutErrorMessage } = config
  const { code, message, stack } = error as AxiosError
  const isTimeout = code === AxiosError.ECONNABORTED || code === AxiosError.ETIMEDOUT
  if (!isTimeout || message === timeoutErrorMessage) return
  const restated = message.replace(`${rest}`, `${timeout}`)
  Object.assign(error as AxiosError, { message: restated, stack: stack?.replace(message, restated) })
}

/** The promise, unless the request is cancelled or times out first. Rejects with an error of this request alone. */
export function patiently<T>(call: Call, promise: Promise<T>): Promise<T> {
  const { config, limit } = call
  const { signal } = config
  const token = config.cancelToken as Subscribable | undefined
  call.hasWaited = true
  const mine = promise.catch(error => {
    throw isAuthError(error) ? asAxiosError(error, config) : error
  })
  if (!signal && !token && !limit) return mine
  return new Promise<T>((resolve, reject) => {
    limit?.isOver.catch(() => reject(createTimeoutError(call)))
    const cancel = (): void => reject(Object.assign(new CanceledError(), { config }))
    if (signal?.aborted) cancel()
    signal?.addEventListener?.('abort', cancel)
    token?.subscribe(reject)
    mine
      .finally(() => {
        signal?.removeEventListener?.('abort', cancel)
        token?.unsubscribe(reject)
      })
      .then(resolve, reject)
  })
}

/** The error that the adapter of the call would throw. */
function createTimeoutError(call: Call): AxiosError {
  const { timeout, timeoutErrorMessage, transitional } = call.config
  // The adapter on `fetch` knows neither option.
  const message = (!isFetch(call) && timeoutErrorMessage) || `timeout of ${timeout}ms exceeded`
  const isClear = isFetch(call) || transitional?.clarifyTimeoutError
  return new AxiosError(message, isClear ? AxiosError.ETIMEDOUT : AxiosError.ECONNABORTED, call.config)
}

/** The error that the adapter of the call would throw of a body that fails; `cause` undefined: it was destroyed. */
export function createBodyError(call: Call, cause: unknown): AxiosError {
  const { config } = call
  if (isFetch(call)) {
    const error = new AxiosError('Network Error', AxiosError.ERR_NETWORK, config)
    return Object.assign(error, { cause: cause ?? closedEarly() })
  }
  if (cause) return AxiosError.from(cause as Error, undefined, config)
  return Object.assign(new CanceledError('Request stream has been aborted'), { config })
}

/** Newer versions of axios make an adapter on `fetch` for each `fetch`, without its name. */
function isFetch({ adapter, isNamed }: Call): boolean {
  const { adapterName = isNamed && 'fetch' } = adapter as { adapterName?: string }
  return adapterName === 'fetch'
}

/**
 * The failure as this call's own axios error, for interceptors, loggers and extensions that look for one. Its config may
 * be sent again, and some extensions do that at once: the end of a session holds for it, too.
 */
export function asAxiosError(error: AuthError, config: Config): AuthError {
  if (error.code !== 'ERR_REFRESH_FAILED') config.adapter = seal(config.adapter, error)
  const own = Object.assign(cloneError(error), { isAxiosError: true, config })
  const toJSON = (): object => ({ ...AxiosError.prototype.toJSON.call(own), ...error })
  return Object.defineProperty(own, 'toJSON', { value: toJSON, configurable: true, writable: true })
}

/** Marks the adapter of a config whose call has failed with the end of its session. */
const SEAL: unique symbol = Symbol('tokenflight.seal')

/** What a call has failed with, and the adapter that its config had. */
interface Seal {
  readonly error: AuthError
  readonly adapter: Adapter
}

function seal(adapter: Adapter = ['xhr', 'http', 'fetch'], error: AuthError): AxiosAdapter {
  const sealed: AxiosAdapter = config => getAdapter(adapter, config)(config)
  return Object.assign(sealed, { [SEAL]: { error, adapter } satisfies Seal })
}

/** The seal of a config that is sent again. */
export function sealOf(adapter: Adapter): Seal | undefined {
  return (adapter as { [SEAL]?: Seal })[SEAL]
}

/** Marks our adapters, also those of another copy of the package. */
const WRAPPED: unique symbol = Symbol.for('tokenflight.adapter') as never

/** Our adapter for one request, and the adapter that it stands in front of. */
export function wrap(adapter: Adapter, own: AxiosAdapter): AxiosAdapter {
  return Object.assign(own, { [WRAPPED]: adapter })
}

/**
 * The adapter of the application. A config keeps ours if an interceptor fails: sent again, it would go through both, and
 * with the session that it first began in.
 */
export function unwrap(adapter: Adapter): Adapter {
  return (adapter as { [WRAPPED]?: Adapter })[WRAPPED] ?? adapter
}

/** What axios's types leave out of its `CancelToken`. */
interface Subscribable {
  subscribe(listener: (reason: unknown) => void): void
  unsubscribe(listener: (reason: unknown) => void): void
}
