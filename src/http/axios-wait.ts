/** Waiting for a token within the bounds of an axios request, which axios itself heeds only once it sends. */
import { type AxiosAdapter, AxiosError, CanceledError, type InternalAxiosRequestConfig } from 'axios'
import { systemClock } from '../core/clock.js'
import { startTimer } from '../core/environment.js'
import { type AuthError, cloneError, isAuthError } from '../core/errors.js'
import { ignore } from '../core/waiting.js'
import type { Report } from './report.js'

type Config = InternalAxiosRequestConfig

/** One call of the application: one or two attempts, and what they wait for. */
export interface Call {
  /** The application's own. */
  readonly config: Config
  readonly adapter: AxiosAdapter
  /** Whether the application leaves the choice among axios's own adapters to axios. */
  readonly isNamed: boolean
  /** Reports its steps, if they are reported. */
  readonly step: Report | undefined
  /** Its timeout, where every adapter can read it. A bad one is left to the adapter, which throws or ignores it. */
  readonly limit: Limit | undefined
  /** Whether it has waited for anything. */
  hasWaited: boolean
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

export function createCall(parts: Pick<Call, 'config' | 'adapter' | 'isNamed' | 'step'>): Call {
  const { timeout } = parts.config as { timeout?: unknown }
  const duration = typeof timeout === 'number' || typeof timeout === 'string' ? Number(timeout) : 0
  return { ...parts, limit: duration > 0 ? startLimit(duration) : undefined, hasWaited: false }
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
export function remainingTimeout({ limit, hasWaited }: Call): number | undefined {
  return limit && hasWaited ? Math.max(1, Math.ceil(limit.deadline - now())) : undefined
}

function now(): number {
  return (systemClock.monotonic ?? systemClock.now)()
}

/** Makes the error of an attempt that had the rest of the timeout name the timeout of the application. */
export function restateTimeout(error: unknown, rest: number, { config }: Call): void {
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
function createTimeoutError({ config, adapter, isNamed }: Call): AxiosError {
  const { timeout, timeoutErrorMessage, transitional } = config
  // The adapter on `fetch` knows neither option. Newer versions of axios make one for each `fetch`, without its name.
  const { adapterName = isNamed && 'fetch' } = adapter as { adapterName?: string }
  const isFetch = adapterName === 'fetch'
  const message = (!isFetch && timeoutErrorMessage) || `timeout of ${timeout}ms exceeded`
  const isClear = isFetch || transitional?.clarifyTimeoutError
  return new AxiosError(message, isClear ? AxiosError.ETIMEDOUT : AxiosError.ECONNABORTED, config)
}

/** The failure as this call's own axios error, for interceptors, loggers and extensions that look for one. */
function asAxiosError(error: AuthError, config: Config): AuthError {
  const own = Object.assign(cloneError(error), { isAxiosError: true, config })
  const toJSON = (): object => ({ ...AxiosError.prototype.toJSON.call(own), ...error })
  return Object.defineProperty(own, 'toJSON', { value: toJSON, configurable: true, writable: true })
}

/** What axios's types leave out of its `CancelToken`. */
interface Subscribable {
  subscribe(listener: (reason: unknown) => void): void
  unsubscribe(listener: (reason: unknown) => void): void
}
