/** Answers: plain records that the msw handlers and the HTTP server turn into responses. */

/** A cookie to be set. `maxAge` in **seconds**, 0 removes it. */
export interface ReplyCookie {
  readonly name: string
  readonly value: string
  readonly path: string
  readonly maxAge: number
  readonly httpOnly: boolean
  readonly secure: boolean
}

/** An answer before it is a `Response`, which in a browser could hold no `Set-Cookie`. */
export interface Reply {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly cookies: readonly ReplyCookie[]
  readonly body: string | undefined
  /** The connection breaks instead of an answer. */
  readonly networkError: boolean
}

/** Thrown to refuse a request; becomes the answer. Its message never holds a token. */
export class Refusal extends Error {
  readonly reply: Reply
  readonly code: string

  constructor(code: string, description: string, reply: Reply) {
    super(description)
    this.name = 'Refusal'
    this.code = code
    this.reply = reply
  }
}

/** A JSON answer, never to be cached (RFC 6749 section 5.1). */
export function jsonReply(status: number, value: unknown, headers: Reply['headers'] = []): Reply {
  return {
    status,
    headers: [['Content-Type', 'application/json'], ['Cache-Control', 'no-store'], ...headers],
    cookies: [],
    body: JSON.stringify(value),
    networkError: false,
  }
}

/** An answer without a body. */
export function emptyReply(status: number, cookies: readonly ReplyCookie[] = []): Reply {
  return { status, headers: [['Cache-Control', 'no-store']], cookies, body: undefined, networkError: false }
}

/** No answer: the connection breaks. */
export function brokenConnection(): Reply {
  return { status: 0, headers: [], cookies: [], body: undefined, networkError: true }
}

/** A refusal with the JSON of RFC 6749 section 5.2. */
export function refuse(
  status: number,
  error: string,
  description: string,
  headers: Reply['headers'] = [],
): Refusal {
  return new Refusal(
    error,
    description,
    jsonReply(status, { error, error_description: description }, headers),
  )
}

/**
 * A refusal of a protected resource with the challenge of RFC 6750 section 3. Without an `error` the request had no
 * credentials, and the challenge names none (section 3.1).
 */
export function challenge(
  status: number,
  error: string | undefined,
  description: string,
  scope?: string,
): Refusal {
  const parameters = ['realm="tokenflight"']
  if (error !== undefined) parameters.push(`error="${error}"`, `error_description="${description}"`)
  if (scope !== undefined) parameters.push(`scope="${scope}"`)
  return refuse(status, error ?? 'unauthorized', description, [
    ['WWW-Authenticate', `Bearer ${parameters.join(', ')}`],
  ])
}

/** The value of a `Set-Cookie` header. */
export function serializeCookie(cookie: ReplyCookie): string {
  const parts = [
    `${cookie.name}=${cookie.value}`,
    `Path=${cookie.path}`,
    `Max-Age=${cookie.maxAge}`,
    'SameSite=Strict',
  ]
  // Not every cookie jar removes a cookie for a `Max-Age` of 0.
  if (cookie.maxAge === 0) parts.push('Expires=Thu, 01 Jan 1970 00:00:00 GMT')
  if (cookie.httpOnly) parts.push('HttpOnly')
  if (cookie.secure) parts.push('Secure')
  return parts.join('; ')
}

/** The `Response` of an answer that is not a broken connection. Browsers drop its `Set-Cookie`; Node keeps it. */
export function toResponse(reply: Reply): Response {
  const headers = new Headers(reply.headers.map(([name, value]): [string, string] => [name, value]))
  for (const cookie of reply.cookies) headers.append('Set-Cookie', serializeCookie(cookie))
  return new Response(reply.body ?? null, { status: reply.status, headers })
}
