/** Reads the failures of all HTTP clients in one shape. */
import { MAX_RETRY_AFTER } from './backoff.js'
import type { FailureClass } from './types.js'
import { atMost } from './waiting.js'

/** How long the body of a failed answer may take, milliseconds. */
const BODY = 2_000

/** Challenges of proxies and firewalls. */
const PROXY_SCHEME = /^(basic|digest|negotiate|ntlm)$/i
/** Challenges of an application that knows access tokens. */
const TOKEN_SCHEME = /^(bearer|dpop)$/i
/** Redirects that an HTTP client of Node refused: undici, follow-redirects. */
const REFUSED_REDIRECT = /ERR_FR_TOO_MANY_REDIRECTS|unexpected redirect|redirect count exceeded/

/** The parts that HTTP clients give an error: ours, axios's, a thrown `Response`, RxJS's, other OAuth libraries'. */
export interface HttpFailure {
  status?: unknown
  statusCode?: unknown
  error?: unknown
  data?: unknown
  body?: unknown
  headers?: unknown
  type?: unknown
  code?: unknown
  cause?: unknown
  /** The answer. Of an XMLHttpRequest: its body. */
  response?: HttpFailure | undefined
  responseJSON?: unknown
  responseText?: unknown
  getAllResponseHeaders?: () => unknown
  xhr?: HttpFailure | null | undefined
  /** Set by a preset that knows the class better than the status does. */
  failureClass?: FailureClass | undefined
}

/** A failure as the rules see it. */
export interface FailureReading {
  /** NaN if the failure is not an answer. */
  readonly status: number
  /** The parsed JSON, or the text. */
  readonly body: unknown
  readonly isJson: boolean
  readonly isHtml: boolean
  /** A proxy asks for credentials of its own. */
  readonly isProxy: boolean
  readonly headers: unknown
  /** The `error` of the body: an OAuth code, or the server's own word for it. */
  readonly code: unknown
  readonly isRedirect: boolean
  readonly hint: FailureClass | undefined
}

/** By its content type; by its beginning where the error does not tell the type. */
export function isHtmlPage(headers: unknown, body: unknown): boolean {
  const type = readHeader(headers, 'content-type')
  return type
    ? /^\s*(text\/html|application\/xhtml)/i.test(type)
    : typeof body === 'string' && /^\s*<(!|h|body)/i.test(body)
}

function isProxyChallenge(header: string): boolean {
  // A quoted text is no scheme.
  const parts = header.replace(/"[^"]*"?/g, '').split(',')
  const schemes = parts.map(part => part.trim().split(' ', 1).join())
  return (
    schemes.some(scheme => PROXY_SCHEME.test(scheme)) && !schemes.some(scheme => TOKEN_SCHEME.test(scheme))
  )
}

/** The answer, which most clients keep in `response`; of an XMLHttpRequest that RxJS, jQuery or a function rejects with. */
function answerOf(failure: HttpFailure): HttpFailure {
  const xhr = failure.xhr ?? failure
  if (!xhr.getAllResponseHeaders) return failure.response ?? failure
  // Reading the text throws where another type was asked for.
  const data = xhr.responseJSON ?? (xhr.response === undefined ? xhr.responseText : xhr.response) ?? ''
  return { status: xhr.status, headers: xhr.getAllResponseHeaders(), data }
}

/** The headers of the answer. A text has one a line, as that of an XMLHttpRequest. */
function headersOf(failure: HttpFailure, answer: HttpFailure): unknown {
  const headers = answer.headers ?? failure.headers
  return typeof headers === 'string'
    ? Object.fromEntries(headers.split('\n').map(line => line.split(/: *(.*)/)))
    : headers
}

export async function readFailure(error: unknown): Promise<FailureReading> {
  const failure = (error ?? {}) as HttpFailure
  const response = answerOf(failure)
  const status = Number(response.status ?? response.statusCode ?? failure.status ?? failure.statusCode)
  const headers = headersOf(failure, response)
  const [body, isParsed] = parse(await readData(failure, response))
  const isHtml = isHtmlPage(headers, body)
  return {
    status,
    body,
    headers,
    isHtml,
    isJson: isParsed && !isHtml,
    isProxy: status === 401 && isProxyChallenge(readHeader(headers, 'www-authenticate')),
    code: (body as HttpFailure | null | undefined)?.error ?? (isHtml ? undefined : failure.error),
    isRedirect:
      (status >= 300 && status < 400) ||
      response.type === 'opaqueredirect' ||
      REFUSED_REDIRECT.test(`${failure.code} ${(failure.cause as Error | undefined)?.message}`),
    hint: failure.failureClass,
  }
}

/** The body, as far as a client has read it, which some put in `error`; the text of a `Response` that was thrown unread. */
async function readData(failure: HttpFailure, response: HttpFailure): Promise<unknown> {
  if (typeof response === 'string') return response
  const { clone, bodyUsed } = response as Partial<Response>
  const data = response.data === undefined ? failure.data : response.data
  if (data !== undefined) return data
  if (typeof clone !== 'function') return response.body ?? failure.body ?? failure.error
  if (bodyUsed) return failure.error
  return atMost((clone.call(response) as Response).text(), BODY)
}

/** The parsed JSON, or the text; and whether it is JSON. */
export function parse(data: unknown): [body: unknown, isJson: boolean] {
  const isBytes = ArrayBuffer.isView(data)
  if (typeof data !== 'string' && !isBytes) return [data, typeof data === 'object']
  try {
    return [JSON.parse(`${data}`), true]
  } catch {
    return [data, false]
  }
}

/**
 * `Retry-After` in milliseconds from now (RFC 9110 section 10.2.3: seconds or a date), the first value of several; 0 without
 * the header.
 */
export function readRetryAfter(error: unknown, now: number): number {
  try {
    const failure = (error ?? {}) as HttpFailure
    const headers = headersOf(failure, answerOf(failure))
    const value = readHeader(headers, 'retry-after')
    // The server's own clock, where it may be read: the device's may be a day off.
    const sentAt = Date.parse(readHeader(headers, 'date'))
    const wait = /^\s*[\d.]+\s*(,|$)/.test(value)
      ? Number.parseFloat(value) * 1000
      : Date.parse(value) - (sentAt || now)
    if (Number.isFinite(wait)) return Math.min(Math.max(wait, 0), MAX_RETRY_AFTER)
  } catch {
    // Reading its properties throws.
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
