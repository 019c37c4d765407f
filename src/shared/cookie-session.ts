/** Sessions whose refresh token is an HttpOnly cookie. */
import { check, isOptionalFunction, ownOptions } from '../core/check.js'
import { warn } from '../core/derive.js'
import { isPage } from '../core/environment.js'
import { EMPTY, type SessionRecord } from '../core/record.js'
import type { Engine, Share } from '../core/state.js'
import { markStorage } from '../core/storage.js'
import { readAnswer, readSubject } from '../core/tokens.js'
import type { JwtClaims, TokenStorage } from '../core/types.js'
import { ignore, isPromise } from '../core/waiting.js'
import { nameHiddenToken } from './hidden-token.js'
import { createRefreshMark } from './refresh-mark.js'
import { shareAll } from './share.js'
import { createTombstone } from './tombstone.js'

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
  // Nothing is stored: the page itself has the record of its session.
  return markStorage(
    { getItem: ignore, setItem: ignore, removeItem: ignore },
    {
      cookie: {
        access,
        mayExist: engine => mayExist(engine, exists),
        findRendered,
        nameToken: access === 'cookie' ? nameHiddenToken : undefined,
      },
      share: shareCookie,
    },
  )
}

/** All tabs have the same cookie. Sessions of one server process do not. */
const shareCookie: Share = engine => {
  const { key, refreshTimeout } = engine.settings
  if (!isPage()) return undefined
  return {
    ...shareAll(engine),
    mark: createRefreshMark(key, refreshTimeout, engine.clock),
    tombstone: createTombstone(key),
  }
}

/** Whether there may be a cookie. */
function mayExist(engine: Engine, exists: CookieSessionOptions['exists']): boolean {
  try {
    const answer: unknown = exists?.()
    if (!isPromise(answer)) return answer !== false
    // The warning reports its failure, too.
    answer.then(ignore, ignore)
    warn(engine, 'exists returned a promise in place of a boolean: the cookie decides')
    return true
  } catch (error) {
    warn(engine, 'exists threw', error)
  }
  return true
}

/** The record of a session whose tokens are cookies, as the server that rendered the page knows it. */
function findRendered({ settings, initialState: initial }: Engine): SessionRecord | undefined {
  const savedAt = settings.clock.now()
  const expiresAt = settings.isHidden && initial?.status === 'authenticated' && initial.expiresAt
  // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
  if (!expiresAt || expiresAt <= savedAt) return undefined
  const { accessToken, lifetime } = readAnswer(nameHiddenToken(undefined, { expires_at: expiresAt }), savedAt)
  const generation = savedAt / 1_000
  const subject = readSubject(initial.claims as JwtClaims | undefined)
  const record = {
    ...EMPTY,
    generation,
    version: 1,
    savedAt,
    accessToken,
    expiresAt,
    lifetime: lifetime ?? 0,
  }
  return subject === undefined ? record : { ...record, subject }
}
