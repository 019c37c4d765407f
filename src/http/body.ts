/** What a request body is, as far as sending it again is concerned. */

/** Whether it can be read only once: a stream of Node or of the web, or an iterator. */
export function isOneShot(body: unknown): boolean {
  if (!body || typeof body !== 'object') return false
  const { pipe, getReader } = body as { pipe?: unknown; getReader?: unknown }
  return typeof pipe === 'function' || typeof getReader === 'function' || Symbol.asyncIterator in body
}

/** Whether the body contains the token, as it is or form encoded: what carries the refresh token is the refresh. */
export function carries(body: unknown, token: string): boolean {
  if (!body) return false
  if (typeof body === 'string') return body.includes(token) || body.includes(encodeURIComponent(token))
  if (body instanceof URLSearchParams) return [...body.values()].includes(token)
  if (typeof FormData === 'function' && body instanceof FormData) return [...body.values()].includes(token)
  return false
}
