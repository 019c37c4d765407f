/** One base, three leaves, stable codes. No message and no enumerable property ever holds a token. */
import type { SessionEndReason } from './types.js'

/** Tells the errors apart where `instanceof` cannot: across two copies of the package, or in a log. */
export type AuthErrorCode = 'ERR_SESSION_EXPIRED' | 'ERR_SIGNED_OUT' | 'ERR_REFRESH_FAILED'

/** Recognises our errors across two copies of the package. */
const brand: unique symbol = Symbol.for('tokenflight.error') as never

/** The base class of all errors that tokenflight rejects with. */
export class AuthError extends Error {
  /** Stable, for use in a `switch`. */
  readonly code: AuthErrorCode

  constructor(code: AuthErrorCode, name: string, message: string, cause?: unknown) {
    super(message)
    this.code = code
    hide(this, 'name', name)
    hide(this, brand, true)
    if (cause !== undefined) conceal(this, cause)
  }
}

/**
 * The session is over. Requests that were waiting fail with this, and so does `getAccessToken()` until the next login or
 * logout. Requests that are made later leave without a token, like those of an anonymous visitor.
 */
export class SessionExpiredError extends AuthError {
  declare readonly code: 'ERR_SESSION_EXPIRED'
  readonly reason: SessionEndReason

  constructor(reason: SessionEndReason, cause?: unknown) {
    const message = `Session expired (${reason}): log in again${cause === undefined ? '' : explain(cause)}`
    super('ERR_SESSION_EXPIRED', 'SessionExpiredError', message, cause)
    this.reason = reason
  }
}

/** Logout, or another login, while the request waited. Start over in the present session, if there is one. */
export class SignedOutError extends AuthError {
  declare readonly code: 'ERR_SIGNED_OUT'

  constructor() {
    super('ERR_SIGNED_OUT', 'SignedOutError', 'The session ended while the request waited')
  }
}

/** The refresh failed and there is no good token, but the session goes on (network, server or a setting). Try again later. */
export class RefreshFailedError extends AuthError {
  declare readonly code: 'ERR_REFRESH_FAILED'
  /** The number of attempts that sent a request; 0 during a back-off. */
  readonly attempts: number
  /** No further attempt before this instant, epoch milliseconds. */
  readonly retryAt?: number

  constructor(message: string, attempts: number, retryAt?: number, cause?: unknown) {
    super('ERR_REFRESH_FAILED', 'RefreshFailedError', message, cause)
    this.attempts = attempts
    if (retryAt !== undefined) this.retryAt = retryAt
  }
}

/** An answer without tokens. The message names the parts that help to find the mistake, and no value. */
export class AnswerError extends Error {
  constructor(message: string, details: Readonly<Record<string, unknown>>) {
    super(message)
    for (const [name, value] of Object.entries(details)) hide(this, name, value)
    conceal(this, details['cause'])
  }
}

/** The part of a message that names the cause: our own errors hold no token, those of others may. */
export function explain(cause: unknown): string {
  const isOurs =
    cause instanceof AnswerError ||
    (cause instanceof TypeError && /^(The refresh function|Not a token answer)/.test(cause.message))
  return isOurs ? `: ${cause.message}` : ', see cause'
}

/** Whether it is an error of this package, also of another copy of it. */
export function isAuthError(error: unknown): error is AuthError {
  return (error as Record<symbol, unknown> | null | undefined)?.[brand] === true
}

/** Whether the session is over and only a login helps. */
export function isSessionExpired(error: unknown): error is SessionExpiredError {
  return isAuthError(error) && error.code === 'ERR_SESSION_EXPIRED'
}

/** For `catch`: a call that waited rejects with an error of its own. */
export function rethrowOwn(error: unknown): never {
  throw isAuthError(error) ? cloneError(error) : error
}

/**
 * The same failure for another call: an error of its own that shares the stack of the first one, since collecting a
 * stack costs more than all the rest. Frames that a client adds reach this error alone.
 */
export function cloneError<E extends AuthError>(error: E): E {
  const { stackTraceLimit } = Error as { stackTraceLimit?: number }
  // `Reflect` does not throw if the `Error` is frozen.
  if (stackTraceLimit) Reflect.set(Error, 'stackTraceLimit', 0)
  const clone = new Error(error.message)
  if (stackTraceLimit) Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
  const { stack, ...own } = Object.getOwnPropertyDescriptors(error)
  Object.defineProperties(clone, own)
  // V8 keeps the stack behind an accessor that serves its own error only.
  hide(clone, 'stack', error.stack)
  return Object.setPrototypeOf(clone, Object.getPrototypeOf(error))
}

/** An error whose cause neither a serialiser nor Node prints: it may be an HTTP client's, which holds whole requests. */
export function withCause(message: string, cause: unknown): Error {
  const error = new Error(message)
  conceal(error, cause)
  return error
}

/** Sets the cause of an error, which may hold tokens: not enumerable, so that no log shows it. */
function conceal(error: Error, cause: unknown): void {
  hide(error, 'cause', cause)
  hide(error, Symbol.for('nodejs.util.inspect.custom'), function (this: Error) {
    return this.stack
  })
}

/** Sets a property that neither a serialiser nor Node prints. A frozen object stays as it is. */
export function hide(target: object, key: PropertyKey, value: unknown): void {
  Reflect.defineProperty(target, key, { value, configurable: true, writable: true })
}
