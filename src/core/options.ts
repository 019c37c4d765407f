/** All defaults, once; misuse throws a TypeError that names the option, its unit and the value it got. */
import { check, isOptionalFunction } from './check.js'
import { systemClock } from './clock.js'
import { memoryStorage } from './storage.js'
import type { AuthOptions, Clock, RefreshFunction, TokenStorage, Tokens } from './types.js'

/** Marks a refresh function that needs no refresh token: it renews the access token itself. */
const RENEWS_ACCESS: unique symbol = Symbol.for('tokenflight.renews-access') as never

export function markRenewal(refresh: RefreshFunction): RefreshFunction {
  return Object.defineProperty(refresh, RENEWS_ACCESS, { value: true })
}

/** The options, complete. `undefined` never overrides a default and the caller's object is never written to. */
export interface Settings
  extends Pick<AuthOptions, 'refresh' | 'classify' | 'logout' | 'lock' | 'initialState'> {
  readonly name: string
  /** The name of the storage key, the database, the lock and the channel: none of them is the application's own. */
  readonly key: string
  readonly storage: TokenStorage
  readonly cookie: boolean
  /** A refresh needs no refresh token that the page knows. */
  readonly tokenless: boolean
  /** The window for a lifetime, both in milliseconds. */
  readonly window: (lifetime: number) => number
  readonly background: 'active' | 'always' | 'off'
  readonly spread: boolean
  /** A client is attached whose server renews by itself (`renewal: 'server'`). */
  served: boolean
  readonly refreshTimeout: number
  readonly limit: number
  readonly delay: number
  readonly maxDelay: number
  readonly clock: Clock
}

/** Whether there is anything to refresh these tokens with, or was. */
export function isRenewable({ refresh, served, tokenless }: Settings, tokens: Tokens): boolean {
  return (!!refresh || served) && (tokenless || !!tokens.refreshToken)
}

export function resolveOptions(options: AuthOptions): Settings {
  check(options && typeof options === 'object', 'options', 'an object', options)
  const {
    name = 'default',
    storage = memoryStorage(),
    refreshTokenIn = 'storage',
    background = 'active',
    initialState,
  } = options
  const { refreshAhead, spread = false, refreshTimeout = 10_000, retry, clock = systemClock } = options
  const {
    limit = 2,
    delay = 500,
    maxDelay = 8_000,
  } = retry && typeof retry === 'object' ? retry : { limit: retry as number | undefined }
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
  check(
    refreshAhead === undefined || typeof refreshAhead === 'function' || isDuration(refreshAhead),
    'refreshAhead',
    'a non-negative number of milliseconds or a function',
    refreshAhead,
  )
  for (const option of ['refresh', 'classify', 'logout'] as const) {
    check(isOptionalFunction(options[option]), option, 'a function', options[option])
  }
  check(
    typeof name === 'string' && name && !name.startsWith('-'),
    'name',
    'a non-empty string that does not start with "-"',
    name,
  )
  check(
    isOneOf(refreshTokenIn, ['storage', 'cookie']),
    'refreshTokenIn',
    "'storage' or 'cookie'",
    refreshTokenIn,
  )
  check(
    isOneOf(background, ['active', 'always', 'off']),
    'background',
    "'active', 'always' or 'off'",
    background,
  )
  check(typeof spread === 'boolean', 'spread', 'a boolean', spread)
  check(
    initialState === undefined ||
      isOneOf(initialState?.status, ['loading', 'anonymous', 'authenticated', 'expired']),
    'initialState',
    'a state, as `auth.getState()` returns it',
    initialState,
  )
  checkMethods('storage', storage, ['get', 'set', 'remove'])
  const { shared } = storage
  check(shared === undefined || typeof shared === 'boolean', 'storage.shared', 'a boolean', shared)
  checkMethods('clock', clock, clock?.monotonic === undefined ? ['now'] : ['now', 'monotonic'])
  if (options.lock !== undefined) checkMethods('lock', options.lock, ['request'])
  const cookie = refreshTokenIn === 'cookie'
  return {
    ...options,
    name,
    key: `tokenflight:${name}`,
    storage,
    cookie,
    tokenless: cookie || !!(options.refresh && RENEWS_ACCESS in options.refresh),
    background,
    spread,
    served: false,
    refreshTimeout,
    limit,
    delay,
    maxDelay,
    clock,
    window: lifetime => windowOf(refreshAhead, lifetime),
  }
}

/** The window for a lifetime. A function that throws has the default: tokens must not be lost to it. */
function windowOf(refreshAhead: AuthOptions['refreshAhead'], lifetime: number): number {
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

function checkMethods(option: string, value: object, methods: readonly string[]): void {
  for (const method of methods) {
    const member = (value as Record<string, unknown> | null)?.[method]
    const got = value && typeof value === 'object' ? member : value
    check(typeof member === 'function', `${option}.${method}`, 'a function', got)
  }
}
