/** The kinds of bodies, and whether a request with them can be sent again. */

import { attempt } from '../core/environment.js'
import { ignore } from '../core/waiting.js'
import { kindOf } from './fetch-headers.js'

/** Whether it can be read only once: a stream of Node or of the web, or an iterator. */
export function isStream(body: unknown): boolean {
  if (!body || typeof body !== 'object') return false
  return !!attempt(() => {
    const { pipe, getReader } = body as { pipe?: unknown; getReader?: unknown }
    return typeof (pipe ?? getReader) === 'function' || Symbol.asyncIterator in body
  })
}

/** A form of the package form-data, which axios makes of objects on Node. */
interface NodeForm {
  /** Its parts, which are removed while it is read. */
  readonly _streams: readonly unknown[]
  getBuffer(): Uint8Array
  getHeaders(): Record<string, string>
}

/** A body that is sent again, and the headers that describe it. */
export interface Repeated {
  readonly data: Uint8Array | string
  readonly headers: Record<string, string>
}

/**
 * Returns a function that makes the bytes of a form without streams, any number of times. Undefined: the body is not such a
 * form. Call it before the form is read.
 */
export function prepareRepeat(body: unknown): (() => Repeated) | undefined {
  return attempt(() => {
    const { _streams: parts, getBuffer, getHeaders } = (body ?? {}) as Partial<NodeForm>
    if (!Array.isArray(parts) || typeof getBuffer !== 'function' || typeof getHeaders !== 'function')
      return undefined
    if (!parts.every(part => typeof part !== 'object' || ArrayBuffer.isView(part))) return undefined
    const { length } = parts
    const kept: NodeForm = Object.create(body as object, { _streams: { value: [...parts] } })
    // Without parts nothing is sent, not even a boundary.
    return () => ({ data: length ? kept.getBuffer() : '', headers: kept.getHeaders() })
  })
}

/**
 * Whether the text or form contains the token, perhaps form encoded or escaped by JSON: a request with the refresh token is
 * the refresh.
 * A match inside a longer word does not count. A body that cannot be inspected counts as one without the token.
 */
export function carries(body: unknown, token: string): boolean {
  if (typeof body === 'string') {
    const texts = [body, decodeForm(body)]
    return [token, JSON.stringify(token)].some(each => texts.some(text => holds(text, each)))
  }
  return !!attempt(
    () =>
      !!fieldsOf(body)?.includes(token) || (body instanceof URLSearchParams && carries(String(body), token)),
  )
}

/** Whether a segment of the path is the token, or the query contains it, where a slash separates nothing. */
export function carriesInUrl(url: string, token: string): boolean {
  const [path, ...rest] = url.split(/[?#]/) as [string, ...string[]]
  return [...path.split('/'), ...rest].some(part => carries(part, token))
}

function holds(text: string, token: string): boolean {
  // The characters of tokens (RFC 6750 section 2.1), without the padding `=`, which also separates names from values.
  for (let at = text.indexOf(token); at >= 0; at = text.indexOf(token, at + 1))
    if (!/[\w.~+/-]/.test(text.charAt(at - 1) + text.charAt(at + token.length))) return true
  return false
}

/** The form with its ASCII characters decoded: a token has no others. */
function decodeForm(text: string): string {
  return text.replace(/\+/g, ' ').replace(/%[0-7][\da-f]/gi, decodeURIComponent)
}

/** The texts that a form holds, in the views of the web, of React Native and of the package form-data. */
function fieldsOf(body: unknown): unknown[] | undefined {
  const { values, getParts, _streams } = (body ?? {}) as {
    values?: () => Iterable<unknown>
    getParts: () => { string?: unknown }[]
    _streams?: unknown[]
  }
  if (typeof FormData === 'function' && body instanceof FormData) {
    if (typeof values === 'function') return [...values.call(body)]
    return getParts.call(body).map(part => part.string)
  }
  return _streams
}

/** A copy of a web form or a buffer, which its caller may fill anew after the call. Undefined: it is neither. */
export function copyOfForm(body: unknown): unknown {
  return attempt(() => {
    if (body instanceof ArrayBuffer) return body.slice(0)
    // Stryker disable next-line ConditionalExpression: an error here is ignored
    if (!/ (FormData|URLSearchParams)]/.test(Object.prototype.toString.call(body))) return undefined
    // A class of the application may fill a form at once, or change what is appended.
    const { constructor: Form, forEach } = kindOf(body as FormData, 'append', body as FormData)
    const copy = new (Form as typeof FormData)()
    forEach.call(body as FormData, (value, name) => copy.append(name, value as string))
    return copy
  })
}

/** How much of a stream is read ahead, bytes. */
export const LIMIT = 65_536

/** The text at the start of a stream, up to its end, the limit, or as much as is enough. The rest is cancelled. */
export async function readHead(
  stream: ReadableStream<Uint8Array>,
  isEnough?: (text: string) => boolean,
): Promise<string> {
  const reader = stream.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    while (text.length < LIMIT && !isEnough?.(text)) {
      const { done, value } = await reader.read()
      if (done) break
      text += decoder.decode(value, { stream: true })
    }
    return text
  } finally {
    reader.cancel().catch(ignore)
  }
}

/** Cancels the body of an answer that no code will read: an open stream would keep its connection. */
export function discard(body: unknown): void {
  const { destroy, cancel } = (body ?? {}) as { destroy?: unknown; cancel?: unknown }
  const stop = destroy ?? cancel
  if (typeof stop === 'function') Promise.resolve(stop.call(body)).catch(ignore)
}
