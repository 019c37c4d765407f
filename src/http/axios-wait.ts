/** Waiting for a token within the bounds of an axios request, which axios itself heeds only once it sends. */
import { AxiosError, CanceledError, type InternalAxiosRequestConfig } from 'axios'
import { startTimer } from '../core/environment.js'
import { type AuthError, cloneError, isAuthError } from '../core/errors.js'

type Config = InternalAxiosRequestConfig

/** The promise, unless the request is cancelled or times out first. Rejects with an error of this request alone. */
export function patiently<T>(config: Config, promise: Promise<T>): Promise<T> {
  const { signal, timeout, transitional } = config
  const token = config.cancelToken as Subscribable | undefined
  const mine = promise.catch(error => {
    throw isAuthError(error) ? asAxiosError(error, config) : error
  })
  if (!signal && !token && !timeout) return mine
  return new Promise<T>((resolve, reject) => {
    const stop =
      timeout &&
      startTimer(() => {
        const code = transitional?.clarifyTimeoutError ? AxiosError.ETIMEDOUT : AxiosError.ECONNABORTED
        reject(new AxiosError(config.timeoutErrorMessage || `timeout of ${timeout}ms exceeded`, code, config))
      }, timeout)
    const cancel = (): void => reject(Object.assign(new CanceledError(), { config }))
    if (signal?.aborted) cancel()
    signal?.addEventListener?.('abort', cancel)
    token?.subscribe(reject)
    mine
      .finally(() => {
        if (stop) stop()
        signal?.removeEventListener?.('abort', cancel)
        token?.unsubscribe(reject)
      })
      .then(resolve, reject)
  })
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
