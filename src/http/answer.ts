/** The body of an axios answer as JSON, for every `responseType`; the caller still gets all of it. */

import { readHeader } from '../core/read-failure.js'
import { ignore, isPromise } from '../core/waiting.js'
import { LIMIT, readHead } from './body.js'
import { readJson } from './config.js'

interface Answer {
  data: unknown
  readonly headers: unknown
}

/**
 * The answer with its data as JSON; data that are not JSON stay as they are. A stream is read only if its `Content-Type` is
 * JSON, up to the end of the JSON, and no further than its buffer allows.
 * @throws the error of a stream that fails in the meantime
 */
export function withJson<Response extends Answer>(response: Response): Response | Promise<Response> {
  const json = read(response)
  if (isPromise(json)) return json.then(data => ({ ...response, data }))
  return {
    ...response,
    // Parsed only if it is read.
    get data() {
      return readJson(response.data)
    },
  }
}

function read(response: Answer): unknown {
  const { data, headers } = response
  if (!data) return undefined
  const isJson = /[/+]json(?![^;\s])/i.test(readHeader(headers, 'content-type'))
  const size = sizeOf(data)
  if (size !== undefined) return isJson || size <= LIMIT ? decode(data as Blob) : undefined
  if (!isJson || readHeader(headers, 'content-length').trim() === '0') return undefined
  const { tee, locked } = data as Partial<ReadableStream>
  if (typeof tee === 'function') return locked ? undefined : peekWeb(response as { data: ReadableStream })
  const { _readableState, unshift } = data as Partial<NodeReadable>
  return _readableState && typeof unshift === 'function' ? peekNode(data as NodeReadable) : undefined
}

/** The size of a body of bytes, also of another realm; undefined for anything else. */
function sizeOf(data: object): number | undefined {
  const isBytes =
    ArrayBuffer.isView(data) || / (Blob|File|ArrayBuffer)]/.test(Object.prototype.toString.call(data))
  const { size, byteLength = size } = data as { size?: number; byteLength?: number }
  return isBytes ? byteLength : undefined
}

async function decode(data: Blob | ArrayBuffer): Promise<unknown> {
  try {
    return JSON.parse(await ('text' in data ? data : new Response(data)).text())
  } catch {
    return data
  }
}

async function peekWeb(response: { data: ReadableStream<Uint8Array> }): Promise<unknown> {
  const [head, rest] = response.data.tee()
  response.data = rest
  // The caller gets a failure from the other branch.
  const json = await readHead(head, text => parse(text) !== undefined).then(parse, ignore)
  return json ?? rest
}

/** A stream of Node. */
interface NodeReadable {
  readonly readableLength: number
  readonly readableHighWaterMark: number
  /** The only sign that all data have arrived, for a stream that is not being read. */
  readonly _readableState: { readonly ended?: boolean }
  read(): { toString(): string } | null
  unshift(chunk: unknown): void
  on(event: string, listener: (error: unknown) => void): void
  off(event: string, listener: (error: unknown) => void): void
}

function peekNode(stream: NodeReadable): Promise<unknown> {
  let length = 0
  /** The JSON, or the stream if it is not JSON. Undefined: more data may come. */
  const look = (): unknown => {
    let json: unknown
    const { readableLength, readableHighWaterMark, _readableState: state } = stream
    // Reading an empty stream may end it before the caller listens.
    if (readableLength > length) {
      length = readableLength
      const chunk = stream.read()
      stream.unshift(chunk)
      json = parse(String(chunk))
    }
    return json ?? (state.ended || readableLength >= readableHighWaterMark ? stream : undefined)
  }
  return new Promise((resolve, reject) => {
    const finish = (outcome: unknown): void => {
      if (outcome === undefined) return
      for (const [name, listener] of Object.entries(listeners)) stream.off(name, listener)
      resolve(outcome)
    }
    const listeners = {
      readable: () => finish(look()),
      close: () => finish(stream),
      error(error: unknown) {
        reject(error)
        finish(stream)
      },
    }
    for (const [name, listener] of Object.entries(listeners)) stream.on(name, listener)
    finish(look())
  })
}

/** The object, array or text at the head of a stream, once it is complete. */
function parse(text: string): unknown {
  try {
    const json: unknown = JSON.parse(text)
    if (typeof json !== 'number') return json ?? undefined
  } catch {
    // It may not be complete.
  }
  return undefined
}
