/** Waits with an end: after a time, or when the caller aborts. The awaited work continues. */
import { startTimer } from './environment.js'

/** Resolves after so many milliseconds. */
export function pause(delay: number): Promise<void> {
  return new Promise(resolve => void startTimer(resolve, delay, true))
}

/** Runs the work in a microtask. Fake timers replace `queueMicrotask`, which then runs nothing. */
export async function runSoon(work: () => void): Promise<void> {
  await undefined
  work()
}

/**
 * The promise, or the error that `onTimeout` makes when it takes longer than so many milliseconds.
 * @param isAwaited keeps the Node process alive until then
 */
export function within<T>(
  promise: Promise<T>,
  limit: number,
  onTimeout: () => Error,
  isAwaited?: boolean,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = startTimer(() => reject(onTimeout()), limit, isAwaited)
    promise.finally(cancel).then(resolve, reject)
  })
}

/** The promise, or undefined as soon as it fails or has taken longer than so many milliseconds. */
export function atMost<T>(promise: Promise<T>, limit: number): Promise<T | undefined> {
  return within(promise, limit, Error).catch(ignore)
}

/** The reason that an aborted signal gives. Platforms and polyfills without one mean an `AbortError` (DOM, 3.2). */
export function abortReason({ reason }: AbortSignal): unknown {
  if (reason !== undefined) return reason
  const [message, name] = ['The operation was aborted', 'AbortError']
  return typeof DOMException === 'function'
    ? new DOMException(message, name)
    : Object.assign(new Error(message), { name })
}

/** The promise, or the signal's reason as soon as it is aborted. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise<T>((resolve, reject) => {
    const give = (): void => reject(abortReason(signal))
    if (signal.aborted) give()
    signal.addEventListener('abort', give)
    promise.finally(() => signal.removeEventListener('abort', give)).then(resolve, reject)
  })
}

/** Also recognises promises if the application, a test or a polyfill has replaced the global `Promise`. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

/** For promises whose failure is handled elsewhere. */
export function ignore(): undefined {}
