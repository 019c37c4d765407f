/** What the presets share: one POST on a `fetch` that no interceptor of ours can see. */
import { readHeader } from '../core/failure.js'
import type { FailureClass, TokenResponse } from '../core/types.js'

/** One refresh request. */
export interface TokenRequest {
  readonly url: string
  readonly headers: Headers
  readonly body: string | null
  readonly signal: AbortSignal
  readonly credentials?: RequestCredentials | undefined
  readonly fetch: typeof fetch | undefined
  /** What a 403 means, where it may speak of something else than the refresh token. */
  readonly forbidden?: FailureClass | undefined
  readonly read?: ((response: Response) => TokenResponse | Promise<TokenResponse>) | undefined
}

/**
 * Sends it and reads the tokens. `keepalive` lets the request end although the page goes away, and a redirect
 * is an error, because a refresh token goes to its own server and nowhere else (RFC 6749 section 10.4).
 */
export async function requestTokens(request: TokenRequest): Promise<TokenResponse> {
  const { url, headers, body, signal, credentials = 'same-origin', read = readTokens } = request
  const send = request.fetch ?? globalThis.fetch
  headers.set('Accept', 'application/json')
  const response = await send(url, {
    method: 'POST',
    headers,
    body,
    signal,
    credentials,
    keepalive: true,
    redirect: 'error',
    cache: 'no-store',
  })
  if (!response.ok) throw await failure(response, request.forbidden)
  return read(response)
}

/** What a refresh token is missing for. Nothing was sent. */
export function missingRefreshToken(): Error {
  return Object.assign(new Error('There is no refresh token to send'), { failureClass: 'misconfigured' })
}

async function readTokens(response: Response): Promise<TokenResponse> {
  const tokens = (await readJson(response)) as TokenResponse
  const accessToken = /^Bearer +(\S+)$/i.exec(readHeader(response.headers, 'authorization'))?.[1]
  const isInBody = tokens.access_token || tokens.accessToken || tokens.access
  return isInBody || !accessToken ? tokens : { ...tokens, accessToken }
}

/** The JSON object of the body; an empty one when it holds none. */
async function readJson(response: Response): Promise<object> {
  try {
    const value: unknown = await response.json()
    return value && typeof value === 'object' ? value : {}
  } catch {
    return {}
  }
}

/** The error of an answer that is none, as `classifyFailure` reads it. Holds no part of the answer but its code. */
async function failure(response: Response, forbidden: FailureClass | undefined): Promise<Error> {
  const { error } = (await readJson(response)) as { error?: unknown }
  const code = typeof error === 'string' && /^[\w.-]{1,40}$/.test(error) ? error : undefined
  const { status } = response
  return Object.assign(new Error(`The refresh endpoint answered ${status}${code ? ` (${code})` : ''}`), {
    status,
    error: code,
    headers: {
      'retry-after': readHeader(response.headers, 'retry-after'),
      date: readHeader(response.headers, 'date'),
    },
    ...(status === 403 && forbidden && { failureClass: forbidden }),
  })
}
