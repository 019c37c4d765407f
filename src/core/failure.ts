/** What a failed refresh means, and how long its server asks us to wait. */
import type { FailureClass } from './types.js'

/** The error codes of RFC 6749 section 5.2 that blame the request, not the grant. */
const MISCONFIGURED = /^(invalid_(request|client|scope)|unauthorized_client|unsupported_grant_type)$/

/** The parts that HTTP clients give an error: ours, axios's, a thrown `Response`, other OAuth libraries'. */
interface HttpFailure {
  status?: unknown
  statusCode?: unknown
  error?: unknown
  data?: unknown
  headers?: unknown
  response?: HttpFailure
  /** Set by a preset that knows better than its status says. */
  failureClass?: FailureClass
}

/**
 * The class of a failure: the OAuth `error` of the answer decides first, the status where there is none, and
 * whatever has neither is transient.
 */
export function classifyFailure(error: unknown): FailureClass {
  try {
    return classify((error ?? {}) as HttpFailure)
  } catch {
    // Its very properties throw.
    return 'transient'
  }
}

function classify(failure: HttpFailure): FailureClass {
  const code = oauthError(failure)
  const status = Number(failure.response?.status ?? failure.status ?? failure.statusCode)
  if (code === 'invalid_grant') return 'rejected'
  if (failure.failureClass) return failure.failureClass
  if (MISCONFIGURED.test(code)) return 'misconfigured'
  if (status === 401 || status === 403) return 'rejected'
  return status >= 400 && status < 500 && ![408, 425, 429].includes(status) ? 'misconfigured' : 'transient'
}

/** `Retry-After` in milliseconds from now (RFC 9110 section 10.2.3: seconds or a date); 0 when there is none. */
export function readRetryAfter(error: unknown, now: number): number {
  let value = ''
  try {
    const failure = (error ?? {}) as HttpFailure
    value = readHeader(failure.response?.headers ?? failure.headers, 'retry-after')
  } catch {
    // Its very properties throw.
  }
  const wait = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return wait > 0 && wait < Number.POSITIVE_INFINITY ? wait : 0
}

/** One header of a `Headers`, an `AxiosHeaders` or a plain object, as a string. */
export function readHeader(headers: unknown, name: string): string {
  const bag = (headers ?? {}) as { get?: unknown } & Record<string, unknown>
  return String((typeof bag.get === 'function' ? bag.get(name) : bag[name]) ?? '')
}

function oauthError(failure: HttpFailure): string {
  let data = failure.response?.data ?? failure.data
  if (typeof data === 'string') {
    try {
      data = JSON.parse(data)
    } catch {
      // Not JSON, so it holds no error code.
    }
  }
  const code = (data as HttpFailure | null | undefined)?.error ?? failure.error
  return typeof code === 'string' ? code : ''
}
