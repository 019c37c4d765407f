/** The waits of one call of axios: each ends when the call is cancelled, or when its time is up. */
import { CanceledError, type InternalAxiosRequestConfig } from 'axios'
import { systemClock } from '../core/clock.js'
import { startTimer } from '../core/environment.js'
import { isAuthError } from '../core/errors.js'
import { ignore } from '../core/waiting.js'
import { asAxiosError, createTimeoutError } from './axios-error.js'

/** The time that a whole call may take. */
export interface TimeLimit {
  /** Rejects when the time is up. */
  readonly expired: Promise<never>
  /** The time that is left, milliseconds: a whole number, and never 0, which means no limit. */
  rest(): number
  stop(): void
}

/** @param duration milliseconds */
export function startLimit(duration: number): TimeLimit {
  let stop: () => void = ignore
  const expired = new Promise<never>((_, reject) => {
    stop = startTimer(reject, duration)
  })
  expired.catch(ignore)
  const deadline = now() + duration
  return { expired, rest: () => Math.max(1, Math.ceil(deadline - now())), stop }
}

/**
 * The promise, unless the call is cancelled or its time is up first.
 * @param isFetch the adapter of the call is axios's own on `fetch`
 * @throws an error of this call alone
 */
export function unlessCancelled<T>(
  promise: Promise<T>,
  config: InternalAxiosRequestConfig,
  limit: TimeLimit | undefined,
  isFetch: boolean,
): Promise<T> {
  const { signal } = config
  const token = config.cancelToken as Subscribable | undefined
  const mine = promise.catch(error => {
    throw isAuthError(error) ? asAxiosError(error, config) : error
  })
  // Stryker disable next-line ConditionalExpression: a shortcut
  if (!signal && !token && !limit) return mine
  return new Promise<T>((resolve, reject) => {
    limit?.expired.catch(() => reject(createTimeoutError(config, isFetch)))
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

function now(): number {
  return systemClock.monotonic()
}

/** The methods that axios's types leave out of its `CancelToken`. */
interface Subscribable {
  subscribe(listener: (reason: unknown) => void): void
  unsubscribe(listener: (reason: unknown) => void): void
}
