/** Reading requests: bodies, credentials, cookies. A malformed part is refused, and the answer names the mistake. */
import { challenge, refuse } from './reply.js'

/** The JSON object that the request carries; empty where there is no body. Refuses anything else. */
export async function readJson(request: Request): Promise<Readonly<Record<string, unknown>>> {
  const text = await request.text()
  if (text.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw refuse(400, 'invalid_request', 'The body is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refuse(400, 'invalid_request', 'The JSON body is not an object')
  }
  return value as Record<string, unknown>
}

/** The form that the request carries (RFC 6749 appendix B). Refuses another content type and repeated parameters. */
export async function readForm(request: Request): Promise<ReadonlyMap<string, string>> {
  const type = request.headers.get('Content-Type') ?? ''
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) {
    throw refuse(400, 'invalid_request', 'The content type is not application/x-www-form-urlencoded')
  }
  const form = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(await request.text())) {
    if (form.has(name)) throw refuse(400, 'invalid_request', 'A parameter is repeated')
    if (value !== '') form.set(name, value)
  }
  return form
}

/**
 * The token of `Authorization: Bearer <token>` (RFC 6750 section 2.1); `undefined` where there is no such header or it
 * has another scheme. Refuses a Bearer header that is malformed with 400 `invalid_request` (section 3.1).
 */
export function readBearer(headers: Headers): string | undefined {
  const value = headers.get('Authorization')
  if (value === null || !/^bearer(\s|$)/i.test(value)) return undefined
  const token = value.slice('bearer'.length).trim()
  if (/^[\w\-.~+/]+=*$/.test(token)) return token
  throw challenge(400, 'invalid_request', 'The Authorization header is not Bearer followed by one token')
}

/** Cookies by name, as a `Cookie` header has them; the first of a name wins. */
export function readCookies(header: string | null): Readonly<Record<string, string>> {
  const cookies: Record<string, string> = {}
  for (const pair of (header ?? '').split(';')) {
    const [name = '', ...value] = pair.split('=')
    if (name.trim() !== '') cookies[name.trim()] ??= value.join('=').trim()
  }
  return cookies
}

/** A member that is a non-empty string; `undefined` for anything absent. Refuses another type. */
export function readString(
  record: Readonly<Record<string, unknown>>,
  ...names: string[]
): string | undefined {
  for (const name of names) {
    const value = record[name]
    if (value === undefined || value === null || value === '') continue
    if (typeof value === 'string') return value
    throw refuse(400, 'invalid_request', `'${name}' is not a string`)
  }
  return undefined
}
