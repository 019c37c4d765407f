/** All defaults, once. Misuse throws a TypeError that names the option, its unit and the received value. */
import { check, isOptionalFunction, ownOptions } from './check.js'
import { systemClock } from './clock.js'
import { type Preset, presetOf } from './preset.js'
import { mapAnswer, withRead } from './read.js'
import type { Settings } from './state.js'
import { checkMethods, checkStorage, memoryStorage, openRecords, storageKindOf } from './storage.js'
import type { AuthOptions, Clock, RetryOptions, Spread, TokenResponse, TokenStorage } from './types.js'
import { ignore, isPromise } from './waiting.js'

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
  const { name = 'default', autoRefresh = 'active', refreshTimeout = 10_000 } = options
  const { storage = memoryStorage(), clock = systemClock, refreshAhead, initialState } = options
  // A copy by spreading would inherit the members of a polluted prototype.
  const complete = Object.assign(options, { name, autoRefresh, refreshTimeout, storage, clock })
  checkOptions(complete)
  const spread = isSpread(refreshAhead) ? refreshAhead : undefined
  const window = spread ? undefined : (refreshAhead as Exclude<typeof refreshAhead, Spread>)
  const { classify, logout } = options
  const key = `tokenflight:${name}`
  return {
    ...{ classify, logout, initialState, name, key, autoRefresh, refreshTimeout, clock, spread },
    ...resolveRetry(options.retry),
    ...resolveTokens(complete),
    records: openRecords(storage, key),
    window: (lifetime, warn) => windowOf(window, lifetime, warn),
  }
}

type Complete = AuthOptions & { readonly storage: TokenStorage; readonly clock: Clock }

/** How tokens are obtained, read and kept. */
function resolveTokens(
  options: Complete,
): Pick<
  Settings,
  'cookie' | 'lock' | 'share' | 'endpoints' | 'isHidden' | 'tokenless' | 'dpop' | 'read' | 'refresh'
> {
  const { refresh, dpop, read: given } = options
  const { cookie, lock, share } = storageKindOf(options.storage)
  const nameToken = cookie?.nameToken
  const preset = presetOf(refresh)
  checkPlace(preset, !!cookie)
  const isFit = !dpop || !nameToken
  check(isFit, 'storage', 'one whose access token dpop() can see', "cookieSession({ access: 'cookie' })")
  // A token that no script sees needs no place in an answer.
  const read = (answer: unknown): TokenResponse => (nameToken ?? mapAnswer)(given, answer)
  const adapted = preset?.adapt({ isCookie: !!cookie, nameToken, read: given, dpop })
  return {
    ...{ cookie, lock, share, dpop, read },
    endpoints: [preset?.address, presetOf(options.logout)?.address],
    isHidden: !!nameToken,
    tokenless: !!cookie || !!preset?.renewsAccess,
    refresh: adapted ?? (refresh && withRead(refresh, read)),
  }
}

function resolveRetry(retry: AuthOptions['retry']): Pick<Settings, 'limit' | 'delay' | 'maxDelay'> {
  const isGroup = retry && typeof retry === 'object'
  const given = isGroup
    ? ownOptions(retry, 'retry', retryNames)
    : { limit: retry, delay: undefined, maxDelay: undefined }
  const { limit = 2, delay = 500, maxDelay = 8_000 } = given
  for (const [option, value] of Object.entries({ 'retry.delay': delay, 'retry.maxDelay': maxDelay }))
    check(isDuration(value), option, 'a non-negative number of milliseconds', value)
  check(isDuration(limit) && limit % 1 === 0, 'retry.limit', 'a non-negative whole number of attempts', limit)
  return { limit, delay, maxDelay }
}

function checkOptions(options: Complete): void {
  const { name, autoRefresh, refreshTimeout, storage, clock, refreshAhead, initialState, dpop } = options
  const isPositive = isDuration(refreshTimeout) && refreshTimeout !== 0
  check(isPositive, 'refreshTimeout', 'a positive number of milliseconds', refreshTimeout)
  check(
    refreshAhead === undefined ||
      typeof refreshAhead === 'function' ||
      isSpread(refreshAhead) ||
      isDuration(refreshAhead),
    'refreshAhead',
    'a non-negative number of milliseconds, a function or spread()',
    refreshAhead,
  )
  for (const option of ['refresh', 'read', 'classify', 'logout'] as const)
    check(isOptionalFunction(options[option]), option, 'a function', options[option])
  const isName = typeof name === 'string' && name && !name.startsWith('-')
  check(isName, 'name', 'a non-empty string that does not start with "-"', name)
  const isMode = isOneOf(autoRefresh, ['active', 'always', 'off'])
  check(isMode, 'autoRefresh', "'active', 'always' or 'off'", autoRefresh)
  const states = ['loading', 'anonymous', 'authenticated', 'expired']
  const isState = initialState === undefined || isOneOf(initialState?.status, states)
  check(isState, 'initialState', 'a state, as `auth.getState()` returns it', initialState)
  checkStorage(storage)
  checkMethods('clock', clock, clock?.monotonic === undefined ? ['now'] : ['now', 'monotonic'])
  if (dpop !== undefined) checkMethods('dpop', dpop, ['fetch', 'proof', 'learn', 'open', 'use', 'forget'])
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

/** The window for a lifetime. If the function throws, the default applies, so that no tokens are lost. */
function windowOf(
  refreshAhead: number | ((lifetime: number) => number) | undefined,
  lifetime: number,
  warn: ((message: string) => void) | undefined,
): number {
  let window: number | undefined
  try {
    window = typeof refreshAhead === 'function' ? refreshAhead(lifetime) : refreshAhead
  } catch {
    // The same as leaving it out.
  }
  if (isPromise(window)) {
    window.then(ignore, ignore)
    warn?.('refreshAhead returned a promise in place of a number: the default applies')
    window = undefined
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
