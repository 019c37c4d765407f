/** What bodies are, as far as sending a request again is concerned. */

import { ignore } from '../core/waiting.js'

/** Whether it can be read only once: a stream of Node or of the web, or an iterator. */
export function isOneShot(body: unknown): boolean {
  if (!body || typeof body !== 'object') return false
  const { pipe, getReader } = body as { pipe?: unknown; getReader?: unknown }
  return typeof (pipe ?? getReader) === 'function' || Symbol.asyncIterator in body
}

/**
 * Whether the text or form contains the token, form encoded perhaps: what carries the refresh token is the refresh.
 * A part of a longer word is none.
 */
export function carries(body: unknown, token: string): boolean {
  if (typeof body === 'string') {
    // What tokens are made of (RFC 6750 section 2.1), less the padding, which also parts names from values.
    for (let at = body.indexOf(token); at >= 0; at = body.indexOf(token, at + 1))
      if (!/[\w.~+/-]/.test(body.charAt(at - 1) + body.charAt(at + token.length))) return true
    return carries(new URLSearchParams(body), token)
  }
  const isForm =
    body instanceof URLSearchParams || (typeof FormData === 'function' && body instanceof FormData)
  // On Node axios makes forms of the package form-data, which has no other view of its fields.
  const fields = isForm ? [...body.values()] : (body as { _streams?: unknown[] } | undefined)?._streams
  return !!fields?.includes(token)
}

/** Lets go of an answer's body that nobody will read: a stream would keep its connection. */
export function discard(body: unknown): void {
  const { destroy, cancel } = (body ?? {}) as { destroy?: unknown; cancel?: unknown }
  const stop = destroy ?? cancel
  if (typeof stop === 'function') Promise.resolve(stop.call(body)).catch(ignore)
}
