/** Sessions whose refresh token is an HttpOnly cookie. */
import { check, isOptionalFunction, ownOptions } from './check.js'
import { isPage } from './environment.js'
import { createGrantMark } from './grant-mark.js'
import { type Share, shareAll } from './sharing.js'
import { markStorage, memoryStorage, plainRecords } from './storage.js'
import { createTombstone } from './tombstone.js'
import type { TokenStorage } from './types.js'
import { ignore } from './waiting.js'

/** The options of `cookieSession`. */
export interface CookieSessionOptions {
  /**
   * `'cookie'`: the access token is an HttpOnly cookie, too. Requests carry no header, and `getAccessToken()` resolves to
   * undefined. `@default 'memory'`
   */
  access?: 'memory' | 'cookie' | undefined
  /** Asked before a restore. `false` means that no user is logged in, and no request is sent. */
  exists?: (() => boolean) | undefined
}

/**
 * The refresh token is an HttpOnly cookie, which no script can read, and a reload restores the session with it. The
 * access token lives in memory, and the tabs share it. Needs `AuthOptions.logout`, since no script can delete the cookie.
 * @throws TypeError that names the option
 */
export function cookieSession(options: CookieSessionOptions = {}): TokenStorage {
  const { access = 'memory', exists } = ownOptions(options, 'cookieSession', { access: 1, exists: 1 })
  check(access === 'memory' || access === 'cookie', 'access', "'memory' or 'cookie'", access)
  check(isOptionalFunction(exists), 'exists', 'a function', exists)
  // No text is stored. Each session keeps its record in its page, also where many sessions share this object.
  return markStorage(
    { getItem: () => null, setItem: ignore, removeItem: ignore },
    {
      records: key => plainRecords(memoryStorage(), key, false),
      cookie: { access, exists },
      share: shareCookie,
    },
  )
}

/** All tabs have the same cookie. Sessions of one server process do not. */
const shareCookie: Share = (host, clock) =>
  isPage()
    ? {
        ...shareAll(host, clock),
        mark: createGrantMark(host.key, host.refreshTimeout, clock),
        tombstone: createTombstone(host.key),
      }
    : undefined
