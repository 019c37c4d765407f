/**
 * node:http in, web-standard `Request` and `Response` out.
 *
 * Not `@mswjs/http-middleware`, although it serves msw handlers as they are: it runs them through msw's own pipeline,
 * whose one cookie jar per process would mix the cookies of all clients; it writes `HttpResponse.error()` as status 0,
 * which node:http refuses, where a broken connection is meant; and it does not tell of a client that went away. The
 * model behind the handlers speaks `Request` and `Response` already, so the rest is this file.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** The result of a handler: an answer, or a connection to break. */
export type Outcome = Response | 'broken connection'

/** The largest body that is read, in bytes. */
const largestBody = 32 * 1024 * 1024

/**
 * The request as the web has it, or a status if it cannot be answered. The body is read to its end first:
 * a connection that is kept alive must not hold the rest of it. `signal` aborts when the client goes away.
 */
export async function readRequest(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  origin: string,
): Promise<Request | number> {
  const method = incoming.method ?? 'GET'
  if (['CONNECT', 'TRACE', 'TRACK'].includes(method)) return 405
  const target = incoming.url ?? '/'
  if (!target.startsWith('/')) return 400
  const body = await readBody(incoming)
  if (body === undefined) return 413
  const headers = new Headers()
  for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
    headers.append(incoming.rawHeaders[index] ?? '', incoming.rawHeaders[index + 1] ?? '')
  }
  const gone = new AbortController()
  outgoing.once('close', () => gone.abort())
  const init: RequestInit = { method, headers, signal: gone.signal }
  if (body.length > 0 && method !== 'GET' && method !== 'HEAD') init.body = body
  // Appended, not resolved: '//host/path' is a path here.
  return new Request(`${origin}${target}`, init)
}

/** Sends an outcome. Rejects if the body cannot be read to its end. */
export async function send(
  outcome: Outcome,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  if (outcome === 'broken connection') {
    incoming.socket.destroy()
    return
  }
  outgoing.statusCode = outcome.status
  for (const [name, value] of outcome.headers) {
    // Several cookies are several headers (RFC 6265 section 3).
    if (name === 'set-cookie') outgoing.appendHeader(name, value)
    else outgoing.setHeader(name, value)
  }
  if (outcome.body === null || incoming.method === 'HEAD') {
    await outcome.body?.cancel()
    outgoing.end()
    return
  }
  await pipeline(Readable.fromWeb(outcome.body as Parameters<typeof Readable.fromWeb>[0]), outgoing)
}

async function readBody(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of incoming) {
    length += (chunk as Buffer).length
    if (length <= largestBody) chunks.push(chunk as Buffer)
  }
  return length > largestBody ? undefined : new Uint8Array(Buffer.concat(chunks))
}
