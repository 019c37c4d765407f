/** All defaults, once. Misuse throws a TypeError that names the option, its unit and the received value. */
import { check, isOptionalFunction, ownOptions } from './check.js'
import { systemClock } from './clock.js'
import { type Preset, presetOf } from './preset.js'
import { mapAnswer, nameHiddenToken, withRead } from './read.js'
import type { SessionRecord } from './record.js'
import type { Share } from './sharing.js'
import {
  type CookieRules,
  checkMethods,
  checkStorage,
  memoryStorage,
  openRecords,
  storageKindOf,
} from './storage.js'
import type {
  AuthLock,
  AuthOptions,
  Clock,
  Dpop,
  RefreshFunction,
  RetryOptions,
  Spread,
  TokenResponse,
} from './types.js'
import type { CoherentStorage } from './vault.js'

/** The options, complete. `undefined` never overrides a default and the caller's object is never written to. */
export interface Settings extends Pick<AuthOptions, 'classify' | 'logout' | 'initialState'> {
  readonly name: string
  /** The namespace of everything that the browser keeps by name. */
  readonly key: string
  /** The records of the session in its storage. */
  readonly records: CoherentStorage
  readonly lock: AuthLock | undefined
  readonly dpop: Dpop | undefined
  readonly share: Share | undefined
  /** The refresh token is an HttpOnly cookie. */
  readonly cookie: boolean
  /** The access token is one, too. */
  readonly isHidden: boolean
  /** `false`: there is no cookie, and no request is needed to know that. */
  readonly exists: CookieRules['exists']
  /** A refresh needs no refresh token: it is a cookie, or there is none. */
  readonly tokenless: boolean
  /** Gives tokens in a known spelling. */
  refresh: RefreshFunction | undefined
  /** The tokens of an answer, in a known spelling. */
  readonly read: (answer: unknown) => TokenResponse
  /** The window for a token of this lifetime, both in milliseconds. */
  window(lifetime: number): number
  readonly spread: Spread | undefined
  readonly autoRefresh: NonNullable<AuthOptions['autoRefresh']>
  /** A client is attached whose server renews by itself (`serverRenewal`). */
  served: boolean
  readonly refreshTimeout: number
  readonly limit: number
  readonly delay: number
  readonly maxDelay: number
  readonly clock: Clock
}

/** Whether there is anything to refresh these tokens with, or was. */
export function isRenewable({ refresh, served, tokenless }: Settings, record: SessionRecord): boolean {
  return (!!refresh || served) && (tokenless || !!record.refreshToken)
}

const optionNames: Readonly<Record<keyof AuthOptions, 1>> = {
  refresh: 1,
  read: 1,
  name: 1,
  storage: 1,
  refreshAhead: 1,
  autoRefresh: 1,
  initialState: 1,
  refreshTimeout: 1,
  retry: 1,
  classify: 1,
  logout: 1,
  dpop: 1,
  clock: 1,
}
const retryNames: Readonly<Record<keyof RetryOptions, 1>> = { limit: 1, delay: 1, maxDelay: 1 }

export function resolveOptions<Answer>(given: AuthOptions<Answer>): Settings {
  const options = ownOptions(given as AuthOptions, 'createAuth', optionNames)
  const { name = 'default', autoRefresh = 'active', initialState, refreshTimeout = 10_000 } = options
  const { storage = memoryStorage(), refreshAhead, retry, dpop, clock = systemClock } = options
  const {
    limit = 2,
    delay = 500,
    maxDelay = 8_000,
  } = retry && typeof retry === 'object'
    ? ownOptions(retry, 'retry', retryNames)
    : { limit: retry, delay: undefined, maxDelay: undefined }
  for (const [option, value] of Object.entries({ 'retry.delay': delay, 'retry.maxDelay': maxDelay })) {
    check(isDuration(value), option, 'a non-negative number of milliseconds', value)
  }
  check(
    isDuration(refreshTimeout) && refreshTimeout > 0,
    'refreshTimeout',
    'a positive number of milliseconds',
    refreshTimeout,
  )
  check(isDuration(limit) && limit % 1 === 0, 'retry.limit', 'a non-negative whole number of attempts', limit)
  const spread = isSpread(refreshAhead) ? refreshAhead : undefined
  check(
    refreshAhead === undefined || typeof refreshAhead === 'function' || spread || isDuration(refreshAhead),
    'refreshAhead',
    'a non-negative number of milliseconds, a function or spread()',
    refreshAhead,
  )
  for (const option of ['refresh', 'read', 'classify', 'logout'] as const) {
    check(isOptionalFunction(options[option]), option, 'a function', options[option])
  }
  check(
    typeof name === 'string' && name && !name.startsWith('-'),
    'name',
    'a non-empty string that does not start with "-"',
    name,
  )
  check(
    isOneOf(autoRefresh, ['active', 'always', 'off']),
    'autoRefresh',
    "'active', 'always' or 'off'",
    autoRefresh,
  )
  check(
    initialState === undefined ||
      isOneOf(initialState?.status, ['loading', 'anonymous', 'authenticated', 'expired']),
    'initialState',
    'a state, as `auth.getState()` returns it',
    initialState,
  )
  checkStorage(storage)
  checkMethods('clock', clock, clock?.monotonic === undefined ? ['now'] : ['now', 'monotonic'])
  const preset = presetOf(options.refresh)
  const { cookie, lock, share } = storageKindOf(storage)
  checkPlace(preset, !!cookie)
  const key = `tokenflight:${name}`
  const isHidden = cookie?.access === 'cookie'
  if (dpop !== undefined) {
    checkMethods('dpop', dpop, ['fetch', 'proof', 'learn', 'open', 'forget'])
    check(
      !isHidden,
      'storage',
      'one whose access token dpop() can see',
      "cookieSession({ access: 'cookie' })",
    )
  }
  // A token that no script sees needs no place in an answer.
  const read = (answer: unknown): TokenResponse =>
    (isHidden ? nameHiddenToken : mapAnswer)(options.read, answer)
  const { refresh } = options
  return {
    classify: options.classify,
    logout: options.logout,
    initialState,
    name,
    key,
    records: openRecords(storage, key),
    lock,
    dpop,
    share,
    cookie: !!cookie,
    isHidden,
    exists: cookie?.exists,
    tokenless: !!cookie || !!preset?.renewsAccess,
    refresh: preset
      ? preset.adapt({ isCookie: !!cookie, isHidden, read: options.read, dpop })
      : refresh && (isHidden || options.read)
        ? withRead(refresh, read)
        : refresh,
    read,
    window: lifetime =>
      windowOf(spread ? undefined : (refreshAhead as Exclude<typeof refreshAhead, Spread>), lifetime),
    spread,
    autoRefresh,
    served: false,
    refreshTimeout,
    limit,
    delay,
    maxDelay,
    clock,
  }
}

/** @throws TypeError when the request sends the refresh token from another place than the one where it is */
function checkPlace(preset: Preset | undefined, isCookie: boolean): void {
  check(
    !preset?.place || (preset.place === 'cookie') === isCookie,
    'storage',
    preset?.place === 'cookie'
      ? "cookieSession(), since `send: 'cookie'` leaves the refresh token to the browser"
      : 'a storage that keeps the refresh token, since the refresh request sends it',
    isCookie ? 'cookieSession()' : 'another storage',
  )
}

function isSpread(value: unknown): value is Spread {
  const { first, again } = (value ?? {}) as Partial<Spread>
  return typeof first === 'function' && typeof again === 'function'
}

/** The window for a lifetime. A function that throws has the default: tokens must not be lost to it. */
function windowOf(
  refreshAhead: number | ((lifetime: number) => number) | undefined,
  lifetime: number,
): number {
  let window: number | undefined
  try {
    window = typeof refreshAhead === 'function' ? refreshAhead(lifetime) : refreshAhead
  } catch {
    // As if it were not given.
  }
  return window === undefined
    ? Math.min(60_000, lifetime / 4)
    : Math.min(Math.max(Number(window) || 0, 0), lifetime / 2)
}

function isDuration(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY
}

function isOneOf(value: string | undefined, words: readonly string[]): boolean {
  return words.includes(value as string)
}
