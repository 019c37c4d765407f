/** CORS, so that a page on another port can use the server with credentials. */

/** Answer headers that scripts of another origin may read. */
const exposed = [
  'Authorization',
  'WWW-Authenticate',
  'Retry-After',
  'X-Access-Token',
  'X-Refresh-Token',
  'Content-Length',
  'access-token',
  'client',
  'uid',
  'expiry',
  'token-type',
].join(', ')

/** Which origins may call: a list, or (default) any port of this machine. */
export type AllowedOrigins = readonly string[] | undefined

/** Whether a request may act: it comes from no page, from our own, or from one that is allowed. */
export function isAllowed(request: Request, allowed: AllowedOrigins): boolean {
  const origin = request.headers.get('Origin')
  if (origin === null || origin === new URL(request.url).origin) return true
  return allowed
    ? allowed.includes(origin)
    : /^https?:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(origin)
}

/** The answer to a preflight. */
export function preflight(request: Request, allowed: AllowedOrigins): Response {
  const headers = new Headers({
    Vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
  })
  if (isAllowed(request, allowed)) {
    headers.set('Access-Control-Allow-Methods', 'GET, HEAD, POST, PUT, PATCH, DELETE')
    headers.set('Access-Control-Allow-Headers', request.headers.get('Access-Control-Request-Headers') ?? '')
    headers.set('Access-Control-Max-Age', '600')
  }
  return new Response(null, { status: 204, headers })
}

/** The answer with the headers that let a page of an allowed origin read it. */
export function withCors(response: Response, request: Request, allowed: AllowedOrigins): Response {
  const origin = request.headers.get('Origin')
  response.headers.append('Vary', 'Origin')
  if (origin !== null && isAllowed(request, allowed)) {
    response.headers.set('Access-Control-Allow-Origin', origin)
    response.headers.set('Access-Control-Allow-Credentials', 'true')
    response.headers.set('Access-Control-Expose-Headers', exposed)
  }
  return response
}
