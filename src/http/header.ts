/** The headers that the access token travels in. */

import { check, isHeaderName, kindOf, ownOptions } from '../core/check.js'
import type { Handle } from '../core/handle.js'
import { ignore, isPromise } from '../core/waiting.js'

/** How the access token travels: the name and the format of one header, or a function that gives all headers. */
export type HeaderOption =
  | {
      name: string
      /** Makes the header's value from a token. */
      format: (token: string) => string
    }
  | ((token: string) => Record<string, string>)

export interface TokenHeaders {
  /** The name of the one header; undefined if a function returns the headers. */
  readonly name: string | undefined
  /** @throws TypeError, without any token, when the application's function does not return headers */
  make(token: string): Record<string, string>
  /**
   * Those of the headers that a request has already, left over with a token of this session: they are replaced.
   * Undefined: the request has credentials of its own.
   */
  leftOvers(headers: { get(name: string): unknown }): readonly string[] | undefined
  /** Whether one of them is `Authorization`. */
  isCredentials(): boolean
}

/** @throws TypeError when the option is neither an object nor a function */
export function createTokenHeaders(handle: Handle, header: HeaderOption | undefined): TokenHeaders {
  const { isHidden } = handle.settings
  const maker =
    header === undefined || isHidden
      ? standard(handle)
      : typeof header === 'function'
        ? several(header)
        : one(header)
  const { name, make } = maker
  const always = name ? [name] : undefined
  /** The headers of a function depend on the token. Without a token, no header is added. */
  const names = (): string[] => {
    if (always) return always
    const current = handle.current()
    // Stryker disable next-line ArrayDeclaration: no request has a header of that name
    return current ? Object.keys(make(current.accessToken)) : []
  }
  return {
    ...maker,
    leftOvers(headers) {
      const present = names().filter(each => exists(headers.get(each)))
      if (!present.length) return present
      const current = handle.current()
      // Stryker disable next-line ArrayDeclaration: no token has that value
      const tokens = current ? [current.accessToken, ...current.earlier] : []
      const isOurs = (token: string): boolean => {
        const made = make(token)
        return present.every(each => plain(headers.get(each)) === plain(made[each]))
      }
      return tokens.some(isOurs) ? present : undefined
    },
    isCredentials: () => !isHidden && names().some(each => each.toLowerCase() === 'authorization'),
  }
}

/** `Headers` answers null for a header that is missing. */
function exists(value: unknown): boolean {
  return value !== undefined && value !== null
}

/** A value as it arrives, whose scheme may be in any case (RFC 9110 section 11.1), for comparison. */
function plain(value: unknown): string {
  const text = String(value).trim()
  // Stryker disable next-line MethodExpression,Regex: both sides alike, without white space in front
  return text.replace(/^(\S+)\s+/, (_, scheme: string) => `${scheme.toLowerCase()} `)
}

type Maker = Pick<TokenHeaders, 'name' | 'make'>

function standard({ settings }: Handle): Maker {
  const scheme = settings.dpop ? 'DPoP' : 'Bearer'
  return {
    name: 'Authorization',
    // An access token that is a cookie needs no header.
    make: (token): Record<string, string> =>
      settings.isHidden ? {} : { Authorization: `${scheme} ${token}` },
  }
}

function one(header: Exclude<HeaderOption, (token: string) => unknown>): Maker {
  const isObject = header && typeof header === 'object'
  const { name, format } = isObject
    ? ownOptions(header, 'header', { name: 1, format: 1 })
    : ({} as typeof header)
  const isValid = isHeaderName(name) && typeof format === 'function'
  check(isValid, 'header', 'a name and a function, or a function', name ?? header)
  return { name, make: token => ({ [name]: readText(format(token), 'header.format') }) }
}

function several(header: (token: string) => Record<string, string>): Maker {
  return {
    name: undefined,
    make(token) {
      const headers: unknown = header(token)
      const entries = headers && typeof headers === 'object' ? Object.entries(headers) : []
      if (!entries.length || !entries.every(([name]) => isHeaderName(name)))
        refuse('header', 'header names', headers)
      return Object.fromEntries(entries.map(([name, value]) => [name, readText(value, 'header')]))
    },
  }
}

function readText(value: unknown, option: string): string {
  if (typeof value !== 'string') refuse(option, option === 'header' ? 'strings' : 'a string', value)
  // The platform's own error for a line break shows the whole text.
  if (/[\r\n]/.test((value as string).trim())) refuse(option, 'text without line breaks', value)
  return value as string
}

/** Reports the type of the value alone: the value may hold the token. */
function refuse(option: string, expected: string, value: unknown): never {
  // This error reports that failure, too.
  if (isPromise(value)) value.then(ignore, ignore)
  throw new TypeError(`tokenflight: \`${option}\` must return ${expected}, got ${kindOf(value)}`)
}
