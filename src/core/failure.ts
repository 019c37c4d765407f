/** What a failed refresh means, and how long its server asks us to wait. */
import type { FailureClass } from './types.js'
import { ignore, within } from './waiting.js'

/** How long the body of a failed answer may take, milliseconds. */
const BODY = 2_000

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
 * whatever has neither is transient. `choose` overrides it.
 */
export async function classifyFailure(
  error: unknown,
  choose: ((error: unknown) => FailureClass | undefined) | undefined,
  onThrow: (cause: unknown) => void,
): Promise<FailureClass> {
  try {
    const chosen = choose?.(error)
    if (chosen) return chosen
  } catch (cause) {
    onThrow(cause)
  }
  try {
    const failure = (error ?? {}) as HttpFailure
    return classify(failure, await readBody(failure.response ?? failure))
  } catch {
    // Its very properties throw.
    return 'transient'
  }
}

function classify(failure: HttpFailure, body: unknown): FailureClass {
  const code = oauthError(failure, body)
  const status = Number(failure.response?.status ?? failure.status ?? failure.statusCode)
  if (code === 'invalid_grant') return 'rejected'
  if (failure.failureClass) return failure.failureClass
  if (typeof code === 'string' && MISCONFIGURED.test(code)) return 'misconfigured'
  if (status === 401 || status === 403) return 'rejected'
  return status >= 400 && status < 500 && ![408, 425, 429].includes(status) ? 'misconfigured' : 'transient'
}

/** What a message may say of a cause: what our own errors say, and nothing that may hold a token. */
export function explain(cause: unknown): string {
  const isOurs =
    cause instanceof TypeError && /^(The refresh function|Not a token answer)/.test(cause.message)
  return isOurs ? `: ${cause.message}` : ', see cause'
}

/** `Retry-After` in milliseconds from now (RFC 9110 section 10.2.3: seconds or a date); 0 when there is none. */
export function readRetryAfter(error: unknown, now: number): number {
  try {
    const failure = (error ?? {}) as HttpFailure
    const headers = failure.response?.headers ?? failure.headers
    const value = readHeader(headers, 'retry-after')
    // The server's own clock, where it may be read: the device's may be a day off.
    const sentAt = Date.parse(readHeader(headers, 'date'))
    const wait = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - (sentAt || now)
    if (Number.isFinite(wait)) return Math.max(wait, 0)
  } catch {
    // Its very properties throw.
  }
  return 0
}

/** One header of a `Headers`, an `AxiosHeaders` or a plain object, as a string. */
export function readHeader(headers: unknown, name: string): string {
  const bag = (headers ?? {}) as { get?: unknown } & Record<string, unknown>
  const value: unknown =
    typeof bag.get === 'function'
      ? bag.get(name)
      : Object.entries(bag).find(([each]) => each.toLowerCase() === name)?.[1]
  return String(value ?? '')
}

/** The JSON of a `Response` that was thrown as it came, if nobody has read it. */
async function readBody(response: object): Promise<unknown> {
  const { clone, bodyUsed } = response as Partial<Response>
  if (typeof clone !== 'function' || bodyUsed) return undefined
  const json = (clone.call(response) as Response).json()
  return within(json, BODY, Error).catch(ignore)
}

function oauthError(failure: HttpFailure, body: unknown): unknown {
  let data = body ?? failure.response?.data ?? failure.data
  try {
    data = JSON.parse(data as string)
  } catch {
    // Parsed already, or no JSON at all: then it holds no error code.
  }
  return (data as HttpFailure | null | undefined)?.error ?? failure.error
}
