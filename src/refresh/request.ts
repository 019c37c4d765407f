/** The parts that the presets share: one request on a `fetch` that no interceptor of ours can see. */
import { AnswerError } from '../core/errors.js'
import type { SessionMode } from '../core/preset.js'
import { hasAccessToken, mapAnswer, type NameToken } from '../core/read.js'
import { isHtmlPage, parse, readHeader } from '../core/read-failure.js'
import type { TokenResponse } from '../core/types.js'
import { ignore } from '../core/waiting.js'

/** The options that a message names, so that a developer finds the mistake. */
export interface Advice {
  /** The option that holds the address. */
  readonly address: string
  /** The options that make the request. */
  readonly request: string
  /** The option to look at if the answer is not recognised. */
  readonly answer: string
}

/** One request to the auth server. */
export interface AuthRequest {
  readonly url: string
  readonly method?: 'GET' | 'POST' | undefined
  readonly headers: Headers
  readonly body: string | null
  readonly signal: AbortSignal
  readonly credentials?: RequestCredentials | undefined
  /** Whether the request goes on when the page goes away. `@default` if it carries a cookie */
  readonly keepalive?: boolean | undefined
  readonly fetch: typeof fetch | undefined
  readonly mode?: SessionMode
  readonly endpoint: 'refresh' | 'revocation'
  readonly advice: Advice
  /** The request carries a CSRF token, so a 403, or Laravel's 419, may blame that. */
  readonly csrf?: object | undefined
}

/** One request for tokens. */
export interface TokenRequest extends Omit<AuthRequest, 'endpoint'> {
  readonly read?: ((response: Response) => TokenResponse | Promise<TokenResponse>) | undefined
  readonly mode: SessionMode
}

/**
 * Sends it. A request that carries a refresh token ends with its page: the next page sends the same token, which the
 * server must not have seen before. A cookie is taken from the answer by the browser, so there `keepalive` lets the
 * request end although the page goes away. A redirect is not followed, because a token goes to its own server and nowhere
 * else (RFC 6749 section 10.4).
 * @throws AnswerError for an answer that is not a success
 */
export async function request(call: AuthRequest): Promise<Response> {
  const { url, method = 'POST', headers, body, signal, credentials } = call
  const { mode, fetch: send = globalThis.fetch } = call
  // Some servers take their version from it.
  if (!headers.has('Accept')) headers.set('Accept', 'application/json')
  const init: RequestInit = {
    method,
    headers,
    body,
    signal,
    // Workers at the edge refuse members that they do not implement, even with the default values.
    ...(credentials && { credentials }),
    keepalive: call.keepalive ?? credentials === 'include',
    // With `'error'` a redirect would look like a broken network.
    redirect: 'manual',
    ...('cache' in (globalThis.Request?.prototype ?? {}) && { cache: 'no-store' as const }),
  }
  const response = await (mode?.dpop ? mode.dpop.fetch(url, init, send) : send(url, init))
  if (!response.ok) throw await toError(response, call)
  return response
}

/**
 * Sends it and reads the tokens.
 * @throws AnswerError for an answer without tokens
 */
export async function requestTokens(call: TokenRequest): Promise<TokenResponse> {
  const { read, mode } = call
  const response = await request({ ...call, endpoint: 'refresh' })
  // A `read` that finds no tokens has consumed the body, which contains the reason.
  const copy = response.clone?.()
  let cause: unknown
  try {
    const tokens = await (mode.nameToken
      ? readHidden(response, call, mode.nameToken)
      : read
        ? read(response)
        : readTokens(response, mode))
    if (hasAccessToken(tokens)) {
      // Settles only when the original is read, too.
      copy?.body?.cancel().catch(ignore)
      return tokens
    }
  } catch (error) {
    cause = error
  }
  throw await toError(copy ?? response, { ...call, endpoint: 'refresh' }, cause)
}

/** Nothing was sent. */
export function missingToken(kind: string): Error {
  return new AnswerError(`There is no ${kind} token to send`, { failureClass: 'misconfigured' })
}

async function readTokens(response: Response, { read }: SessionMode): Promise<TokenResponse> {
  const body: unknown = await response.json().catch(() => ({}))
  const accessToken = /^Bearer +(\S+)$/i.exec(readHeader(response.headers, 'authorization'))?.[1]
  return mapAnswer(read, body, accessToken)
}

/** An answer whose access token is a cookie, such as a 204. A page in its place comes from a wrong address. */
async function readHidden(
  response: Response,
  { read, mode }: TokenRequest,
  nameToken: NameToken,
): Promise<TokenResponse> {
  if (read) return nameToken(undefined, await read(response))
  const text = await response.text()
  const [body, isJson] = parse(text)
  // Some servers give an empty body a type, too.
  if (text && !isJson && isHtmlPage(response.headers, text)) return {}
  return nameToken(mode.read, body)
}

/** The error of an answer without tokens. Its message names the shape of the answer and the option to check. */
async function toError(response: Response, call: AuthRequest, cause?: unknown): Promise<Error> {
  const { status, headers, type } = response
  const data = await Promise.resolve(response.text?.() ?? response.json()).catch(() => '')
  const [body] = parse(data)
  const { error } = (body ?? {}) as { error?: unknown }
  // A code is made of words (RFC 6749 section 5.2); other texts may be secrets.
  const code = typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? ` (${error})` : ''
  return new AnswerError(
    `The ${call.endpoint} endpoint answered ${status || 'with a redirect'}${code}${shapeOf(headers, body)}${adviceFor(response, call, error)}`,
    {
      status,
      data,
      headers,
      type,
      error,
      cause,
      ...(isForgery(response, call) && { failureClass: 'misconfigured' as const }),
    },
  )
}

/** 403, and 419 of Laravel, may blame the CSRF header. */
function isForgery({ status }: Response, { csrf }: AuthRequest): boolean {
  return !!csrf && (status === 403 || status === 419)
}

/** The option that may be wrong. */
function adviceFor(response: Response, call: AuthRequest, error: unknown): string {
  const { status, type, ok } = response
  const { address, request, answer } = call.advice
  if (type === 'opaqueredirect' || (status >= 300 && status < 400))
    return `; a redirect is not followed: set \`${address}\` to the final address`
  if (isForgery(response, call)) return '; check `csrf`'
  if (ok) return `, without an access token; ${answer}`
  if (status === 404 || status === 405) return `; check \`${address}\``
  return [400, 415, 422].includes(status) || error === 'invalid_client' ? `; check ${request}` : ''
}

/** The content type and the names of the members: enough to see the mistake, and no value. */
function shapeOf(headers: Headers, body: unknown): string {
  const type = /^[\w.+/-]{1,60}/.exec(readHeader(headers, 'content-type'))?.[0]
  // The indices of a list or a text are no names.
  const members = Object.keys(Object(body))
    .filter(name => /^[a-z_]{1,24}$/i.test(name))
    .slice(0, 12)
  return `${type ? `, ${type}` : ''}${members.length ? ` with the members ${members.join(', ')}` : ''}`
}
