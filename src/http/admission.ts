/** Which requests of axios get a token. */
import { attempt } from '../core/environment.js'
import type { Handle } from '../core/handle.js'
import { carries, carriesInUrl } from './body.js'
import { readings, type Target, urlOf } from './config.js'
import type { HttpRules } from './options.js'
import type { Origins } from './origins.js'
import { isSkippedByCaller } from './skip.js'

/** The parts of a request's config that count. */
interface Config extends Target {
  readonly skipAuth?: boolean | undefined
  /** Credentials of a gateway, which become an `Authorization` header. */
  readonly auth?: unknown
  readonly data?: unknown
  readonly headers: { get(name: string): unknown; delete(names: string[]): unknown }
}

export interface Admission<Request> {
  /**
   * Whether a request gets a token: to an allowed origin, not skipped, without credentials of its own, not the refresh. Takes
   * off the headers that the token replaces.
   */
  admit(config: Request, origins: Origins): boolean
  /** Whether a request has credentials of its own. A header with a token of the session does not count. */
  hasOwnCredentials(config: Request): boolean
}

/** @param complete returns the URL with its query */
export function createAdmission<Request extends Config, Response>(
  handle: Handle,
  rules: HttpRules<Request, Response>,
  complete: (config: Request, url: string) => string,
): Admission<Request> {
  const { header } = rules
  /** The headers that the token replaces. Undefined: the request keeps its own credentials. */
  const leftOvers = ({ headers, auth }: Request): readonly string[] | undefined =>
    auth && header.isCredentials() ? undefined : header.leftOvers(headers)

  return {
    admit(config, origins) {
      const { headers, data } = config
      if (isSkippedByCaller(config) || rules.isOver()) return false
      const left = leftOvers(config)
      const token = handle.flightToken()
      const isRefresh =
        token &&
        (carries(data, token) ||
          carries(Object.values(headers).join(), token) ||
          attempt(() => carriesInUrl(complete(config, urlOf(config)), token)))
      if (!left || isRefresh) return false
      // The version and the adapter decide which of these URLs is sent.
      const isAllowed = readings(config).every(url =>
        rules.allows(
          origins,
          url,
          () => config,
          () => complete(config, url),
        ),
      )
      if (isAllowed && left.length) headers.delete([...left])
      return isAllowed
    },
    hasOwnCredentials: config => !leftOvers(config),
  }
}
