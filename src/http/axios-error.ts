/** The errors of a call of axios that tokenflight itself makes, in the shape that axios gives its own. */
import {
  type AxiosAdapter,
  AxiosError,
  CanceledError,
  getAdapter,
  type InternalAxiosRequestConfig,
} from 'axios'
import { type AuthError, cloneError, hide } from '../core/errors.js'
import { closedEarly } from './waiting-body.js'

type Config = InternalAxiosRequestConfig
type Adapter = NonNullable<Config['adapter']>

/**
 * The failure as this call's own axios error, for interceptors, loggers and extensions that look for one. Its config may
 * be sent again, and some extensions do that at once: the end of a session holds for it, too.
 */
export function asAxiosError(error: AuthError, config: Config): AuthError {
  if (error.code !== 'ERR_REFRESH_FAILED') config.adapter = seal(adapterOf(config), error)
  const own = Object.assign(cloneError(error), { isAxiosError: true, config })
  hide(own, 'toJSON', () => ({ ...AxiosError.prototype.toJSON.call(own), ...error }))
  return own
}

/** The error of the adapter for a call that takes too long. `isFetch`: its adapter is the one on `fetch`. */
export function createTimeoutError(config: Config, isFetch: boolean): AxiosError {
  const { timeout, timeoutErrorMessage, transitional } = config
  // The adapter on `fetch` knows neither option.
  const message = (!isFetch && timeoutErrorMessage) || `timeout of ${timeout}ms exceeded`
  const isClear = isFetch || transitional?.clarifyTimeoutError
  return new AxiosError(message, isClear ? AxiosError.ETIMEDOUT : AxiosError.ECONNABORTED, config)
}

/** The error of the adapter for a body that fails; `cause` undefined: the body was destroyed. */
export function createBodyError(config: Config, isFetch: boolean, cause: unknown): AxiosError {
  if (isFetch) {
    const error = new AxiosError('Network Error', AxiosError.ERR_NETWORK, config)
    return Object.assign(error, { cause: cause ?? closedEarly() })
  }
  if (cause) return AxiosError.from(cause as Error, undefined, config)
  return Object.assign(new CanceledError('Request stream has been aborted'), { config })
}

/** Makes the error of an attempt that had the rest of the timeout name the timeout of the application. */
export function restateTimeout(error: unknown, rest: number, { timeout, timeoutErrorMessage }: Config): void {
  const { code, message, stack } = error as AxiosError
  const isTimeout = code === AxiosError.ECONNABORTED || code === AxiosError.ETIMEDOUT
  if (!isTimeout || message === timeoutErrorMessage) return
  const restated = message.replace(`${rest}`, `${timeout}`)
  Object.assign(error as AxiosError, { message: restated, stack: stack?.replace(message, restated) })
}

/** The adapter on `fetch` of axios 1.13.3 wraps the error of an answer in one that lacks the answer. */
export function withAnswer(error: unknown): unknown {
  const { isAxiosError, response, config, cause } = (error ?? {}) as AxiosError & { cause?: AxiosError }
  return isAxiosError && !response && cause?.response && cause.config === config ? cause : error
}

/** Marks the adapter of a config whose call has failed with the end of its session. */
const SEAL: unique symbol = Symbol('tokenflight.seal')

/** The failure of a call, and the adapter that its config had. */
interface Seal {
  readonly error: AuthError
  readonly adapter: Adapter
}

function seal(adapter: Adapter, error: AuthError): AxiosAdapter {
  const sealed: AxiosAdapter = config => getAdapter(adapter, config)(config)
  return Object.assign(sealed, { [SEAL]: { error, adapter } satisfies Seal })
}

/** The seal of a config that is sent again. */
export function sealOf(adapter: Adapter): Seal | undefined {
  return (adapter as { [SEAL]?: Seal })[SEAL]
}

/** Marks our adapters, also those of another copy of the package. */
const WRAPPED: unique symbol = Symbol.for('tokenflight.adapter') as never

/** Our adapter for one request, and the adapter that it wraps. */
export function wrap(adapter: Adapter, own: AxiosAdapter): AxiosAdapter {
  return Object.assign(own, { [WRAPPED]: adapter })
}

/**
 * The adapter of the application, or those that axios chooses from. A config keeps ours if an interceptor fails: sent again,
 * it would go through both, and with the session that it first began in.
 */
export function adapterOf({ adapter }: Config): Adapter {
  return (adapter as { [WRAPPED]?: Adapter } | undefined)?.[WRAPPED] ?? adapter ?? ['xhr', 'http', 'fetch']
}
