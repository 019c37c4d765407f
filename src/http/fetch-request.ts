/** One request of a `fetch`, as its caller made it, and copies of it that carry tokens. */

import { attempt } from '../core/environment.js'
import { ignore, isPromise, pause } from '../core/waiting.js'
import { carries, copyOfForm, discard, isStream, readHead } from './body.js'
import { copyOf } from './config.js'
import { type GivenHeaders, kindOf, readHeaders } from './fetch-headers.js'

type Input = string | URL | Request

/** How long a request waits for a look into its body while the present token is good, milliseconds. */
const INSPECTION_LIMIT = 25

/** The arguments of the caller, read at once. */
export interface Given {
  readonly url: string
  /** In upper case. */
  readonly method: string
  readonly signal: AbortSignal | undefined
  readonly headers: GivenHeaders
  /** The body in `init`. */
  readonly body: unknown
  /** Whether that can be sent only once. */
  readonly isOneShot: boolean
  readonly request: Request | undefined
}

/** @throws TypeError when the headers are not valid headers */
export function read(input: Input, init: RequestInit | undefined): Given {
  const request = requestOf(input)
  const {
    body,
    method = request?.method ?? 'GET',
    headers = request?.headers,
    signal = request?.signal,
  } = init ?? {}
  return {
    url: request ? request.url : String(input),
    method: `${method}`.toUpperCase(),
    signal: signal ?? undefined,
    headers: readHeaders(headers),
    body,
    isOneShot: isStream(body),
    request,
  }
}

export function requestOf(input: Input): Request | undefined {
  return typeof input === 'object' && 'url' in input ? input : undefined
}

/** A request as its caller made it, and copies of it, which carry tokens. It is used up by them, as it is by `fetch`. */
export interface Copies {
  /** The body that waits with it. */
  readonly body: unknown
  /** Sends the objects of the caller themselves; `isKept`: a copy may have to follow. */
  pass(isKept: boolean): Promise<Response>
  /** Sends a copy with these headers; `isLast`: no other one follows. */
  send(headers: Record<string, string>, isLast: boolean): Promise<Response>
}

/** The copies are made of the request as it is now. */
export function createCopies(
  fetcher: typeof fetch,
  input: Input,
  init: RequestInit | undefined,
  { url, request, body, headers }: Given,
): Copies {
  // A `Request` in place of `init` is allowed, and its members are no properties of its own.
  const members = init && !('clone' in init) ? keep(init, body) : undefined
  // With a body in `init`, that of the `Request` is not used.
  const spare = request && !body ? twin(request) : undefined
  let base: Request | undefined
  const makeBase = (): Request => {
    if (spare) discard((request as Request).body)
    if (spare && !init) return spare
    const Kind = (request ? baseOf(request) : Request.prototype).constructor as typeof Request
    const made = new Kind(spare ?? request ?? url, members ?? init)
    return request ? graft(made, request) : made
  }
  return {
    body: spare ? spare.body : body,
    pass(isKept) {
      if (!isKept) discard(spare?.body)
      return fetcher(input, init)
    },
    send(tokens, isLast) {
      if (!request && (members || !init)) {
        const own = { headers: headers.with(tokens) }
        return fetcher(url, members ? copyWith(members, own) : own)
      }
      base ??= makeBase()
      const copy = isLast ? base : twin(base)
      for (const name in tokens) copy.headers.set(name, tokens[name] as string)
      // A `Request` keeps the members that it knows. Members that only this `fetch` knows are passed in `init`.
      return fetcher(copy, members && copyWith(members, { headers: undefined, body: undefined }))
    },
  }
}

/** A copy, also of a web form and of bytes. Their caller may change them after the call: `fetch` reads them at once. */
function keep(init: RequestInit, body: unknown): RequestInit {
  const copy = copyOfForm(body) ?? attempt(() => copyOfBytes(body))
  return copy ? copyWith(init, { body: copy }) : copyOf(init)
}

function copyOfBytes(body: unknown): ArrayBuffer | undefined {
  // Stryker disable next-line ConditionalExpression: an error here is ignored
  if (!ArrayBuffer.isView(body)) return undefined
  const { buffer, byteOffset, byteLength } = body
  // The platform refuses memory that is shared, and would send a copy of it as a text.
  if (buffer[Symbol.toStringTag] !== 'ArrayBuffer') return undefined
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
}

/** A copy with these members, also if its class has accessors of those names. */
function copyWith(init: RequestInit, members: object): RequestInit {
  return Object.defineProperties(copyOf(init), Object.getOwnPropertyDescriptors(members))
}

function baseOf(request: Request): Request {
  return kindOf(request, 'clone', Request.prototype)
}

/** A clone of the same class; a class of the application may clone by itself. */
function twin(request: Request): Request {
  let copy: Request
  try {
    copy = request.clone()
  } catch {
    copy = baseOf(request).clone.call(request)
  }
  return graft(copy, request)
}

/** Gives a copy the class of the original, and the properties that were set on the original, such as a dispatcher. */
function graft(copy: Request, original: Request): Request {
  Object.setPrototypeOf(copy, Object.getPrototypeOf(original))
  const { getOwnPropertyDescriptors } = Object
  return Object.defineProperties(copy, {
    ...getOwnPropertyDescriptors(original),
    ...getOwnPropertyDescriptors(copy),
  })
}

/** Whether the body of a `Request` carries the token, and so makes it the refresh; undefined where no text is in it. */
export function inspect({ request, body, headers }: Given, token: string): Promise<unknown> | undefined {
  if (!request || body || !/json|text|form/i.test(`${headers.get('content-type')}`)) return undefined
  const look = async (): Promise<boolean> => {
    const copy = twin(request)
    return carries(await (copy.body ? readHead(copy.body) : copy.text()), token)
  }
  return look().catch(ignore)
}

/**
 * The grant, or undefined as soon as the request turns out to be the refresh. A good grant waits a moment at the most:
 * the body of a request may never end.
 */
export function unlessRefresh<T>(
  inspection: Promise<unknown>,
  grant: T | Promise<T>,
): Promise<T | undefined> {
  const found = inspection.then(isRefresh => (isRefresh ? undefined : grant))
  const other = isPromise(grant) ? grant : pause(INSPECTION_LIMIT).then(() => grant)
  return Promise.race([found, other])
}
