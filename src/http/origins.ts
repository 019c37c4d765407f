/** The origins that may see a token, and the warning where one may not. */

import { check } from '../core/check.js'
import { pageOrigin, parseUrl } from '../core/environment.js'
import type { Handle } from '../core/handle.js'

/** Origins that may see a token at one moment. */
export type Origins = readonly string[]

/** How many origins a client warns about. */
const MOST_WARNINGS = 100

/**
 * The option `allowedOrigins` as a function of the client's base URL: without the option, the origin of that URL, or
 * else of the page, at the moment of the call. Warns of origins that are reached by plain HTTP.
 * @throws TypeError when an entry is not the origin of an HTTP server
 */
export function createOrigins(
  handle: Handle,
  allowed: readonly string[] | undefined,
): (base?: unknown) => Origins {
  const open = (origins: Origins): Origins => {
    for (const origin of origins) handle.warnOfPlainHttp(origin)
    return origins
  }
  if (allowed !== undefined) {
    const origins = Array.isArray(allowed) ? allowed.map(readOrigin) : [undefined]
    check(
      !origins.includes(undefined),
      'allowedOrigins',
      "origins like 'https://api.example.com', without a path or a wildcard",
      allowed,
    )
    open(origins as Origins)
    return () => origins as Origins
  }
  let known: [base: unknown, page: string | undefined, origins: Origins] | undefined
  return base => {
    const page = pageOrigin()
    // Stryker disable next-line ConditionalExpression: a cache
    if (known && known[0] === base && known[1] === page) return known[2]
    // Without a base, so that a relative URL without a page has no origin.
    const origin = parseUrl(`${base}`, page ?? null)?.origin
    const origins = open(origin && origin !== 'null' ? [origin] : [])
    known = [base, page, origins]
    return origins
  }
}

function isHttp({ protocol }: URL): boolean {
  return protocol === 'http:' || protocol === 'https:'
}

function readOrigin(entry: unknown): string | undefined {
  const url = typeof entry === 'string' ? parseUrl(entry, null) : undefined
  const isOrigin = url && isHttp(url) && url.href === `${url.origin}/` && /^[\w[][\w.:\]-]*$/.test(url.host)
  return isOrigin ? url.origin : undefined
}

/** Whether the URL lies at another origin. A `blob:` URL has the origin of its creator, and leads to no server. */
export function isForeign(origins: Origins, url: string, base?: string): boolean {
  return url.startsWith('blob:') || !origins.includes(parseUrl(url, base)?.origin as string)
}

/** Returns a function that warns, once for each origin, that a token was withheld from it. */
export function createWithholding(handle: Handle): (origins: Origins, url: string) => void {
  const warned = new Set<string>()
  return (origins, url) => {
    const target = parseUrl(url)
    // Without a token there is nothing to withhold; without a server nothing to send it to.
    if (!handle.session() || (target ? !isHttp(target) : origins.length)) return
    const origin = `${target?.origin}`
    if (warned.has(origin) || warned.size >= MOST_WARNINGS) return
    warned.add(origin)
    handle.warn(
      origins.length
        ? `No token was sent to ${origin}: it is not an allowed origin. Add it to \`allowedOrigins\`, or say skipAuth`
        : 'No token was sent: no origin is allowed yet. Set the baseURL of the instance, or `allowedOrigins`',
    )
  }
}
