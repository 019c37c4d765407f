/** The class of a failed refresh. */
import { kindOf } from './check.js'
import { hide } from './errors.js'
import { type FailureReading, readFailure } from './read-failure.js'
import type { FailureClass, RefreshFailure } from './types.js'
import { ignore, isPromise } from './waiting.js'

/** Error codes that blame the request, not the grant (RFC 6749 section 5.2, RFC 9449 section 5). */
const MISCONFIGURED =
  /^(invalid_(request|client|scope|dpop_proof)|unauthorized_client|unsupported_grant_type)$/
/** Error codes of a server that may take the next attempt (RFC 6749 section 4.1.2.1, RFC 9449 section 8). */
const BUSY = /^(server_error|temporarily_unavailable|use_dpop_nonce)$/

/** Whether a function returned the whole answer of its client: a `Response`, also of another class, or that of axios. */
function isResponse(answer: unknown): answer is Response {
  const { status, headers } = Object(answer)
  return typeof status === 'number' && !!headers
}

/** Whether it is a whole answer that is not a success, with which a function resolved. */
export function isRefusal(answer: unknown): boolean {
  return isResponse(answer) && !(answer.status >= 200 && answer.status < 300)
}

/** Attaches the answer to our error for it, for `classify`. */
export function toFailure(error: unknown, answer: unknown): unknown {
  if (error instanceof TypeError)
    hide(error, 'response', isResponse(answer) ? answer : { status: 200, data: answer })
  return error
}

/** The circumstances of a failure that its answer does not show. */
export interface Circumstances {
  /** The endpoint has refreshed this session before, so neither its URL nor the request is wrong. */
  readonly isProven?: boolean
  /** It is not known whether there is a session: the request asked by cookie. */
  readonly isRestore?: boolean
}

/** The class of a failure. `choose` overrides the rules. */
export async function classifyFailure(
  error: unknown,
  circumstances: Circumstances,
  choose: ((failure: RefreshFailure) => FailureClass | undefined) | undefined,
  onThrow: (cause: unknown) => void,
): Promise<FailureClass> {
  // Reading a property of an error may throw. Then nothing is known about it.
  const reading = await readFailure(error).catch(() => readFailure({}))
  try {
    const chosen: unknown = choose?.(describe(error, reading))
    if (chosen === 'rejected' || chosen === 'transient' || chosen === 'misconfigured') return chosen
    if (isPromise(chosen)) chosen.then(ignore, ignore)
    if (chosen) throw new TypeError(`classify returned ${kindOf(chosen)}, which is no class`)
  } catch (cause) {
    onThrow(cause)
  }
  return classify(reading, circumstances)
}

/** The rules, in order. */
function classify(
  { status: answered, code, isJson, isHtml, isProxy, isRedirect, hint }: FailureReading,
  { isProven, isRestore }: Circumstances,
): FailureClass {
  const isSuccess = answered >= 200 && answered < 300
  const status = isSuccess && code && !(code instanceof Error) ? 400 : answered
  if (code === 'invalid_grant') return 'rejected'
  if (typeof code === 'string' && code) {
    if (status === 401 && code !== 'use_dpop_nonce')
      return code === 'invalid_client' ? 'misconfigured' : 'rejected'
    // A visitor without a cookie lacks a parameter.
    if (isRestore && status === 400 && code === 'invalid_request') return 'rejected'
    if (MISCONFIGURED.test(code)) return 'misconfigured'
    if (BUSY.test(code)) return 'transient'
  }
  const isDefinite = status >= 400 && status < 500 && ![408, 425, 429].includes(status)
  if (!isRedirect) {
    if (isHtml || isProxy) return 'transient'
    if (hint) return hint
    if (!isSuccess && !isDefinite) return 'transient'
    if ([400, 401, 403, 410, 422, 440, 498].includes(status)) return 'rejected'
  }
  if (isRedirect || isDefinite) return isProven && isJson ? 'rejected' : 'misconfigured'
  return isJson ? 'misconfigured' : 'transient'
}

/** A failure as `classify` sees it: nothing of it is enumerable, so nothing of it is printed. */
function describe(cause: unknown, { status, body, headers }: FailureReading): RefreshFailure {
  const failure = {}
  hide(failure, 'cause', cause)
  if (status) hide(failure, 'status', status)
  if (body !== undefined) hide(failure, 'body', body)
  if (headers) hide(failure, 'headers', toHeaders(headers))
  return failure as RefreshFailure
}

function toHeaders(bag: object): Headers {
  const headers = new Headers()
  for (const [name, value] of Symbol.iterator in Object(bag) ? (bag as Headers) : Object.entries(bag)) {
    try {
      headers.set(name, String(value))
    } catch {
      // A name or a value that no header can have.
    }
  }
  return headers
}
