/** Reading a failed refresh: its class, and how long its server asks us to wait. */
import { kindOf } from './check.js'
import { conceal, hide } from './errors.js'
import type { FailureClass, RefreshFailure } from './types.js'
import { ignore, isPromise, within } from './waiting.js'

/** How long the body of a failed answer may take, milliseconds. */
const BODY = 2_000
/** The longest wait that a server may ask for, milliseconds. */
export const MAX_RETRY_AFTER = 600_000

/** Error codes that blame the request, not the grant (RFC 6749 section 5.2, RFC 9449 section 5). */
const MISCONFIGURED =
  /^(invalid_(request|client|scope|dpop_proof)|unauthorized_client|unsupported_grant_type)$/
/** Error codes of a server that may take the next attempt (RFC 6749 section 4.1.2.1, RFC 9449 section 8). */
const BUSY = /^(server_error|temporarily_unavailable|use_dpop_nonce)$/
/** Challenges of proxies and firewalls. */
const PROXY_SCHEME = /^(basic|digest|negotiate|ntlm)$/i
/** Challenges of an application that knows access tokens. */
const TOKEN_SCHEME = /^(bearer|dpop)$/i
/** Redirects that an HTTP client of Node refused: undici, follow-redirects. */
const REFUSED_REDIRECT = /ERR_FR_TOO_MANY_REDIRECTS|unexpected redirect|redirect count exceeded/

/** The parts that HTTP clients give an error: ours, axios's, a thrown `Response`, other OAuth libraries'. */
interface HttpFailure {
  status?: unknown
  statusCode?: unknown
  error?: unknown
  data?: unknown
  body?: unknown
  headers?: unknown
  type?: unknown
  code?: unknown
  cause?: unknown
  response?: HttpFailure | undefined
  /** Set by a preset that knows better than its status says. */
  failureClass?: FailureClass | undefined
}

/** A failure as the rules see it. */
interface Reading {
  /** NaN where the failure is no answer. */
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

/** The reading of a failure whose very properties throw. */
const NOTHING: Readonly<Reading> = {
  status: Number.NaN,
  body: undefined,
  isJson: false,
  isHtml: false,
  isProxy: false,
  headers: undefined,
  code: undefined,
  isRedirect: false,
  hint: undefined,
}

/** An answer without tokens. The message names the parts that help to find the mistake, and no value. */
export class AnswerError extends Error {
  constructor(message: string, details: HttpFailure) {
    super(message)
    for (const [name, value] of Object.entries(details)) hide(this, name, value)
    conceal(this, details.cause)
  }
}

/** Keeps the answer with our error that refuses it, for `classify`. A function may return the whole `Response`. */
export function toFailure(error: unknown, answer: unknown): unknown {
  if (error instanceof TypeError)
    hide(error, 'response', answer instanceof Response ? answer : { status: 200, data: answer })
  return error
}

/** What the circumstances say about a failure. */
export interface Circumstances {
  /** The endpoint has refreshed this session before, so neither its URL nor the request is wrong. */
  readonly isProven: boolean
  /** It is not known whether there is a session: the request asked by cookie. */
  readonly isRestore: boolean
}

/** The class of a failure. `choose` overrides the rules. */
export async function classifyFailure(
  error: unknown,
  circumstances: Circumstances,
  choose: ((failure: RefreshFailure) => FailureClass | undefined) | undefined,
  onThrow: (cause: unknown) => void,
): Promise<FailureClass> {
  const reading = await read(error).catch(() => NOTHING)
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
  { status: answered, code, isJson, isHtml, isProxy, isRedirect, hint }: Reading,
  { isProven, isRestore }: Circumstances,
): FailureClass {
  const isSuccess = answered >= 200 && answered < 300
  const status = isSuccess && code && !(code instanceof Error) ? 400 : answered
  if (code === 'invalid_grant') return 'rejected'
  if (typeof code === 'string' && code) {
    if (status === 401) return code === 'invalid_client' ? 'misconfigured' : 'rejected'
    // A visitor without a cookie lacks a parameter.
    if (isRestore && status === 400 && code === 'invalid_request') return 'rejected'
    if (MISCONFIGURED.test(code)) return 'misconfigured'
    if (BUSY.test(code)) return 'transient'
  }
  const isDefinite = status >= 300 && status < 500 && ![408, 425, 429].includes(status)
  if (!isRedirect) {
    if (isHtml || isProxy) return 'transient'
    if (hint) return hint
    if (!isSuccess && !isDefinite) return 'transient'
    if ([400, 401, 403, 410, 422, 440, 498].includes(status)) return 'rejected'
  }
  if (isRedirect || isDefinite) return isProven && isJson ? 'rejected' : 'misconfigured'
  return isJson ? 'misconfigured' : 'transient'
}

/** By its content type; by its beginning where the error does not tell the type. */
export function isHtmlPage(headers: unknown, body: unknown): boolean {
  const type = readHeader(headers, 'content-type')
  return type
    ? /^\s*(text\/html|application\/xhtml)/i.test(type)
    : typeof body === 'string' && /^\s*<(!doctype )?html/i.test(body)
}

function isProxyChallenge(header: string): boolean {
  // A quoted text is no scheme.
  const parts = header.replace(/"[^"]*"?/g, '').split(',')
  const schemes = parts.map(part => part.trim().split(' ', 1).join())
  return (
    schemes.some(scheme => PROXY_SCHEME.test(scheme)) && !schemes.some(scheme => TOKEN_SCHEME.test(scheme))
  )
}

async function read(error: unknown): Promise<Reading> {
  const failure = (error ?? {}) as HttpFailure
  const response = failure.response ?? failure
  const status = Number(response.status ?? response.statusCode ?? failure.status ?? failure.statusCode)
  const headers = response.headers ?? failure.headers
  const [body, isParsed] = parse(await readData(failure, response))
  const isHtml = isHtmlPage(headers, body)
  return {
    status,
    body,
    headers,
    isHtml,
    isJson: isParsed && !isHtml,
    isProxy: status === 401 && isProxyChallenge(readHeader(headers, 'www-authenticate')),
    code: (body as HttpFailure | null | undefined)?.error ?? failure.error,
    isRedirect:
      (status >= 300 && status < 400) ||
      response.type === 'opaqueredirect' ||
      REFUSED_REDIRECT.test(`${failure.code} ${(failure.cause as Error | undefined)?.message}`),
    hint: failure.failureClass,
  }
}

/** The body, as far as a client has read it; the text of a `Response` that was thrown unread. */
async function readData(failure: HttpFailure, response: HttpFailure): Promise<unknown> {
  const { clone, bodyUsed } = response as Partial<Response>
  const data = response.data === undefined ? failure.data : response.data
  if (data !== undefined) return data
  if (typeof clone !== 'function') return response.body ?? failure.body
  if (bodyUsed) return undefined
  return within((clone.call(response) as Response).text(), BODY, Error).catch(ignore)
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

/** A failure as `classify` sees it: nothing of it is enumerable, so nothing of it is printed. */
function describe(cause: unknown, { status, body, headers }: Reading): RefreshFailure {
  const failure = {}
  hide(failure, 'cause', cause)
  if (status) hide(failure, 'status', status)
  if (body !== undefined) hide(failure, 'body', body)
  if (headers) hide(failure, 'headers', toHeaders(headers))
  return failure as RefreshFailure
}

function toHeaders(bag: object): Headers {
  if (bag instanceof Headers) return bag
  const headers = new Headers()
  for (const [name, value] of Symbol.iterator in bag ? (bag as Headers) : Object.entries(bag)) {
    try {
      headers.set(name, String(value))
    } catch {
      // A name or a value that no header can have.
    }
  }
  return headers
}

/** The part of a message that names the cause: our own errors hold no token, those of others may. */
export function explain(cause: unknown): string {
  const isOurs =
    cause instanceof AnswerError ||
    (cause instanceof TypeError && /^(The refresh function|Not a token answer)/.test(cause.message))
  return isOurs ? `: ${cause.message}` : ', see cause'
}

/**
 * `Retry-After` in milliseconds from now (RFC 9110 section 10.2.3: seconds or a date); 0 without the
 * header.
 */
export function readRetryAfter(error: unknown, now: number): number {
  try {
    const failure = (error ?? {}) as HttpFailure
    const headers = failure.response?.headers ?? failure.headers
    const value = readHeader(headers, 'retry-after')
    // The server's own clock, where it may be read: the device's may be a day off.
    const sentAt = Date.parse(readHeader(headers, 'date'))
    const wait = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - (sentAt || now)
    if (Number.isFinite(wait)) return Math.min(Math.max(wait, 0), MAX_RETRY_AFTER)
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
