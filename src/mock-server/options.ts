/** All defaults of the mock auth server, once; validates and completes the options of the caller. */
import { type MockStore, memoryStore } from './store.js'
import type { MockAuthChanges, MockAuthOptions, MockAuthSettings, MockFailure, MockUser } from './types.js'

/** Options after defaults; fixed for the life of the server. */
export interface CompleteOptions {
  /** Without a trailing slash. */
  readonly baseUrl: string
  /** The path of `baseUrl`, without a trailing slash: `''` or `'/auth'`. */
  readonly basePath: string
  readonly users: ReadonlyMap<string, MockUser>
  readonly clientId: string | undefined
  readonly clock: { now(): number }
  readonly store: MockStore
  readonly settings: MockAuthSettings
}

const defaultSettings: MockAuthSettings = Object.freeze({
  accessTokenLifetime: 300_000,
  refreshTokenLifetime: 86_400_000,
  rotation: true,
  reuseDetection: true,
  graceWindow: 0,
  transport: 'body',
  refreshMethod: 'POST',
  csrf: false,
  renewal: 'client',
})

const defaultUsers: Readonly<Record<string, MockUser>> = Object.freeze({
  ada: {
    password: 'lovelace',
    scope: 'orders:read orders:write',
    claims: { name: 'Ada Lovelace', roles: ['admin'] },
  },
  grace: { password: 'hopper', scope: 'orders:read', claims: { name: 'Grace Hopper', roles: ['user'] } },
})

/** Completes the options of `mockAuth`. Throws a `TypeError` that names the option. */
export function completeOptions(options: MockAuthOptions): CompleteOptions {
  if (typeof options !== 'object' || options === null)
    throw misuse('options', 'an object with a baseUrl', options)
  const baseUrl = completeBaseUrl(options.baseUrl)
  const { clientId, clock, store } = options
  if (clientId !== undefined && (typeof clientId !== 'string' || clientId === '')) {
    throw misuse('clientId', 'a non-empty string', clientId)
  }
  if (clock !== undefined && typeof clock?.now !== 'function') {
    throw misuse('clock', 'an object with now(), which gives epoch milliseconds', clock)
  }
  if (store !== undefined && typeof store?.save !== 'function') {
    throw misuse('store', 'an object with state and save()', store)
  }
  return {
    baseUrl,
    basePath: new URL(baseUrl === '' ? '/' : baseUrl, 'http://localhost').pathname.replace(/\/$/, ''),
    users: completeUsers(options.users),
    clientId,
    clock: clock ?? { now: () => Date.now() },
    store: store ?? memoryStore(),
    settings: completeSettings(defaultSettings, options),
  }
}

/** The given settings with some changed; validates the result. Throws a `TypeError` that names the setting. */
export function completeSettings(present: MockAuthSettings, changes: MockAuthChanges): MockAuthSettings {
  const settings: MockAuthSettings = {
    accessTokenLifetime: changes.accessTokenLifetime ?? present.accessTokenLifetime,
    refreshTokenLifetime: changes.refreshTokenLifetime ?? present.refreshTokenLifetime,
    rotation: changes.rotation ?? present.rotation,
    reuseDetection: changes.reuseDetection ?? present.reuseDetection,
    graceWindow: changes.graceWindow ?? present.graceWindow,
    transport: changes.transport ?? present.transport,
    refreshMethod: changes.refreshMethod ?? present.refreshMethod,
    csrf: changes.csrf ?? present.csrf,
    renewal: changes.renewal ?? present.renewal,
  }
  for (const name of ['accessTokenLifetime', 'refreshTokenLifetime'] as const) {
    if (!isDuration(settings[name]) || settings[name] === 0) {
      throw misuse(name, 'a number of milliseconds greater than 0', settings[name])
    }
  }
  if (!isDuration(settings.graceWindow)) {
    throw misuse('graceWindow', 'a number of milliseconds, 0 or more', settings.graceWindow)
  }
  for (const name of ['rotation', 'reuseDetection', 'csrf'] as const) {
    if (typeof settings[name] !== 'boolean') throw misuse(name, 'a boolean', settings[name])
  }
  oneOf('transport', ['body', 'header', 'both', 'cookie', 'access', 'cookies', 'headers'], settings.transport)
  oneOf('refreshMethod', ['POST', 'GET'], settings.refreshMethod)
  oneOf('renewal', ['client', 'server'], settings.renewal)
  return Object.freeze(settings)
}

/** Throws a `TypeError` unless the failure is one that can be played. */
export function checkFailure(failure: MockFailure): void {
  const { status = 503, times = 1, retryAfter } = failure
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw misuse('status', 'an HTTP status from 200 to 599', status)
  }
  if (times !== Number.POSITIVE_INFINITY && (!Number.isInteger(times) || times < 1)) {
    throw misuse('times', 'an integer from 1, or Infinity', times)
  }
  if (
    typeof retryAfter === 'number'
      ? !isDuration(retryAfter)
      : !['string', 'undefined'].includes(typeof retryAfter)
  ) {
    throw misuse('retryAfter', 'a number of seconds, 0 or more, or an HTTP date', retryAfter)
  }
}

/** Throws a `TypeError` unless `ms` is a duration. */
export function checkDuration(name: string, ms: number): void {
  if (!isDuration(ms)) throw misuse(name, 'a number of milliseconds, 0 or more', ms)
}

/** Throws a `TypeError` unless the value is one of the listed ones. */
export function oneOf(name: string, values: readonly string[], value: unknown): void {
  if (values.includes(value as string)) return
  throw misuse(name, values.map(known => `'${known}'`).join(', '), value)
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function completeBaseUrl(baseUrl: unknown): string {
  const wanted = "an absolute http(s) URL or a path that begins with '/', without query or fragment"
  if (
    typeof baseUrl !== 'string' ||
    !/^(https?:\/\/[^/?#]+|\/(?!\/))/.test(baseUrl) ||
    /[?#]/.test(baseUrl)
  ) {
    throw misuse('baseUrl', wanted, baseUrl)
  }
  let end = baseUrl.length
  while (baseUrl[end - 1] === '/') end--
  return baseUrl.slice(0, end)
}

function completeUsers(users: MockAuthOptions['users']): ReadonlyMap<string, MockUser> {
  if (users !== undefined && (typeof users !== 'object' || users === null)) {
    throw misuse('users', 'an object of users by name', users)
  }
  const complete = new Map<string, MockUser>()
  for (const [username, user] of Object.entries(users ?? defaultUsers)) {
    const record = typeof user === 'string' ? { password: user } : user
    if (typeof record?.password !== 'string') {
      throw misuse(`users.${username}`, 'a password, or an object with a password', typeof user)
    }
    complete.set(username, record)
  }
  return complete
}

function misuse(name: string, wanted: string, value: unknown): TypeError {
  const shown =
    typeof value === 'string' ? `'${value}'` : typeof value === 'object' ? typeof value : String(value)
  return new TypeError(`mockAuth: '${name}' must be ${wanted}; it is ${shown}`)
}
