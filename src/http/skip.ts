/** The requests that need no login. */

import { check } from '../core/check.js'
import { parseUrl } from '../core/environment.js'
import type { Handle } from '../core/handle.js'
import { ignore, isPromise } from '../core/waiting.js'

/** One rule of `HttpOptions.skip`. */
export type Skip<Request> = string | RegExp | ((request: Request) => boolean)

/** Whether a request to the URL is skipped. `describe` and `complete` as in `HttpRules.allows`. */
export type IsSkipped<Request> = (
  target: URL,
  describe: (target: URL) => Request,
  complete: (() => string) | undefined,
) => boolean

/** Whether the caller set `skipAuth` for this request itself. Inherited members are not read: a polluted prototype sets none. */
export function isSkippedByCaller(options: SkipAuth | undefined): boolean {
  return !!options?.skipAuth && Object.keys(options).includes('skipAuth')
}

interface SkipAuth {
  readonly skipAuth?: boolean | undefined
}

/**
 * The option `skip` as one function; undefined where there is nothing to skip.
 * @throws TypeError when a rule is not valid, or is a path that matches no request
 */
export function createSkip<Request>(
  handle: Handle,
  skip: Skip<Request> | readonly Skip<Request>[],
): IsSkipped<Request> | undefined {
  const rules = Array.isArray(skip) ? (skip as readonly Skip<Request>[]) : [skip as Skip<Request>]
  check(rules.every(isSkip), 'skip', "paths like '/login', RegExps or functions", skip)
  // A path is written as a URL writes it.
  const each = rules.map(rule =>
    typeof rule === 'string' ? (parseUrl(`http://h${rule}`) as URL).pathname : rule,
  )
  return each.length
    ? (target, describe, complete) =>
        each.some(rule => {
          if (typeof rule === 'string') return isBelow(target.pathname, rule)
          if (typeof rule !== 'function')
            return (parseUrl(complete?.() ?? target.href) as URL).href.search(rule) >= 0
          const answer: unknown = rule(describe(target))
          if (!isPromise(answer)) return answer
          // The warning reports its failure, too.
          answer.then(ignore, ignore)
          handle.warn('skip returned a promise in place of a boolean: the request is not skipped')
          return false
        })
    : undefined
}

/** A path that holds a wildcard, a parameter, a query or a host would match no request. */
function isSkip(rule: unknown): boolean {
  return typeof rule === 'string'
    ? /^\/(?![/\\])/.test(rule) && !/[*?#{}]|\/:/.test(rule)
    : typeof rule === 'function' || rule instanceof RegExp
}

/** Whether the path is the other or below it, by whole segments. */
function isBelow(pathname: string, prefix: string): boolean {
  return pathname === prefix || pathname.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
}
