/** Helpers of the tests of the core: tokens, a refresh function that answers when told, a record of events. */
import { inspect } from 'node:util'
import {
  type Auth,
  type AuthEvents,
  type AuthLock,
  type AuthOptions,
  createAuth,
  type RefreshContext,
  sharedStorage,
  type TokenResponse,
  type TokenStorage,
} from 'tokenflight'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { markStorage, openRecords, storageKindOf } from '../../src/core/storage.js'
import { deferred } from './deferred.js'

export { type Deferred, deferred } from './deferred.js'

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
/** The default of the option `refreshTimeout`: change both together. */
export const REFRESH_TIMEOUT = 10 * SECOND
/** When the fake clock starts. */
export const START = Date.UTC(2026, 0, 15, 12)

const minted = new Set<string>()
const opened = new Set<{ dispose(): void }>()
let count = 0

/** Fake time for each test of the file; the sessions of a test are disposed after it. */
export function useFakeTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({ now: START })
    count = 0
    minted.clear()
  })
  afterEach(() => {
    for (const auth of opened) auth.dispose()
    opened.clear()
    // A mock of a timer would otherwise bring the fake timer back after this.
    vi.restoreAllMocks()
    vi.useRealTimers()
  })
}

/** Lets that much time pass, and runs the timers that are due in it. */
export async function pass(milliseconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds)
}

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  await pass(0)
}

/** Sets the device's wall clock forward or back; timers and the monotonic clock do not notice. */
export function jumpWall(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds)
}

/** An unsigned JWT. */
export function jwt(claims: Record<string, unknown>): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.c2ln`
  minted.add(token)
  return token
}

/** An opaque token, known to the leak scan. */
export function opaque(prefix = 'opaque'): string {
  const token = `${prefix}-secret-${++count}`
  minted.add(token)
  return token
}

export interface AccessOptions {
  sub?: string
  /** Milliseconds. */
  lifetime?: number
  /** Of the server's clock, epoch milliseconds. */
  issuedAt?: number
}

/** An access token with `iat` and `exp`. */
export function accessToken({
  sub = 'ada',
  lifetime = 5 * MINUTE,
  issuedAt = Date.now(),
}: AccessOptions = {}): string {
  return jwt({ sub, jti: ++count, iat: issuedAt / 1000, exp: (issuedAt + lifetime) / 1000 })
}

/** A token answer with a new pair. */
export function pair(options: AccessOptions = {}): { access_token: string; refresh_token: string } {
  return { access_token: accessToken(options), refresh_token: opaque('rt') }
}

/** A token answer without a refresh token. */
export function alone(options: AccessOptions = {}): { access_token: string } {
  return { access_token: accessToken(options) }
}

export interface Call extends RefreshContext {
  /** Answers it. */
  answer<T extends TokenResponse>(tokens?: T): T
  /** Makes it reject. */
  fail(error: unknown): void
  settled: boolean
}

export interface RefreshStub {
  (context: RefreshContext): Promise<TokenResponse>
  readonly calls: Call[]
  /** The latest call. */
  readonly last: Call
  /** The reasons that it was called for, in order. */
  readonly reasons: string[]
  /** The refresh tokens that it was called with, in order. */
  readonly spent: (string | undefined)[]
}

/** A refresh function that records its calls. It answers with the result of `auto`, or when the test calls `answer`. */
export function refreshStub(auto?: (context: RefreshContext, number: number) => unknown): RefreshStub {
  const calls: Call[] = []
  const refresh = (context: RefreshContext): Promise<TokenResponse> => {
    const { promise, resolve, reject } = deferred<TokenResponse>()
    const call: Call = {
      ...context,
      settled: false,
      answer(tokens = pair() as never) {
        call.settled = true
        resolve(tokens)
        return tokens
      },
      fail(error) {
        call.settled = true
        reject(error)
      },
    }
    calls.push(call)
    if (!auto) return promise
    call.settled = true
    return auto(context, calls.length) as Promise<TokenResponse>
  }
  return Object.defineProperties(refresh, {
    calls: { value: calls },
    last: { get: () => calls.at(-1) },
    reasons: { get: () => calls.map(call => call.reason) },
    spent: { get: () => calls.map(call => call.refreshToken) },
  }) as unknown as RefreshStub
}

type Recorded = { [Name in keyof AuthEvents]: [name: Name, event: AuthEvents[Name]] }[keyof AuthEvents]

export interface EventLog {
  readonly all: Recorded[]
  /** The names of the events, in order. */
  readonly names: string[]
  /** The events of one kind, in order. */
  of<Name extends keyof AuthEvents>(name: Name): AuthEvents[Name][]
  /** The state's status after each change. */
  readonly statuses: string[]
}

export const EVENTS = [
  'login',
  'refreshed',
  'refreshFailed',
  'sessionExpiring',
  'sessionExpired',
  'logout',
  'challenge',
  'warning',
] as const

/** Records every event and every change of state. */
export function recordEvents<Claims>(auth: Auth<Claims, never>): EventLog {
  const all: Recorded[] = []
  const statuses: string[] = []
  for (const name of EVENTS) auth.on(name, event => void all.push([name, event] as Recorded))
  auth.subscribe(() => void statuses.push(auth.getState().status))
  return {
    all,
    statuses,
    get names() {
      return all.map(([name]) => name)
    },
    of: name => all.filter(([of]) => of === name).map(([, event]) => event) as never[],
  }
}

export interface Opened {
  auth: Auth
  refresh: RefreshStub
  events: EventLog
}

/** An `Auth` whose refresh function is under control, and that is disposed after the test. */
export function open<Answer = TokenResponse>({
  refresh = refreshStub(),
  lock,
  storage,
  ...options
}: AuthOptions<Answer> & { refresh?: RefreshStub; lock?: AuthLock | undefined } = {}): Opened {
  const kept = storage && lock ? withLock(storage, lock) : storage
  const auth = track(createAuth({ ...options, ...(kept && { storage: kept }), refresh })) as Auth
  return { auth, refresh, events: recordEvents(auth) }
}

/** The storage with a lock of its own, as `sharedStorage` has one. */
export function withLock(storage: TokenStorage, lock: AuthLock): TokenStorage {
  return markStorage(
    {
      getItem: key => storage.getItem(key),
      setItem: (key, value) => storage.setItem(key, value),
      removeItem: key => storage.removeItem(key),
    },
    { ...storageKindOf(storage), lock },
  )
}

/** Disposes it after the test. */
export function track<A extends { dispose(): void }>(auth: A): A {
  opened.add(auth)
  return auth
}

/** The outcome of a promise by now: its value, its error, or `pending`. */
export interface Outcome<T> {
  status: 'pending' | 'fulfilled' | 'rejected'
  value?: T
  error?: unknown
}

/** Watches a promise without waiting for it. */
export function watch<T>(promise: Promise<T>): Outcome<T> {
  const outcome: Outcome<T> = { status: 'pending' }
  promise.then(
    value => Object.assign(outcome, { status: 'fulfilled', value }),
    error => Object.assign(outcome, { status: 'rejected', error }),
  )
  return outcome
}

/** The error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise
  } catch (error) {
    return error as Error & Record<string, unknown>
  }
  throw new Error('It was expected to reject')
}

/** A failure as HTTP clients throw it. */
export function httpError(status: number, data?: unknown, headers: Record<string, string> = {}): Error {
  return Object.assign(new Error(`Request failed with status code ${status}`), {
    response: { status, data, headers },
  })
}

/** The answer of the server to a refresh token that is spent, revoked or expired. */
export function invalidGrant(): Error {
  return httpError(400, { error: 'invalid_grant' })
}

/** The record that a session leaves in a storage. */
export interface Stored {
  format?: number
  generation: number
  version: number
  savedAt: number
  accessToken?: string
  refreshToken?: string
  expiresAt?: number
  lifetime?: number
  refreshExpiresAt?: number
  refreshLifetime?: number
  scope?: string
  subject?: string
  ended?: string
  revoke?: readonly { readonly accessToken?: string; readonly refreshToken?: string }[]
  failures?: number
  retryAt?: number
  backoffAt?: number
  retryStrict?: boolean
  retryOpen?: boolean
  requestedAt?: number
  retrying?: boolean
}

/** The text that a storage holds of a record. The only place in the tests that knows the format. */
export function encodeStored(record: unknown): string {
  return JSON.stringify(record, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
}

/** The record in the text of a storage. */
export function decodeStored(text: unknown): Stored | null {
  return typeof text === 'string' ? JSON.parse(text) : null
}

/** A storage whose methods speak of records. */
export interface RecordStorage {
  get(): unknown
  set(record: Stored): unknown
  remove(): unknown
  /** Several pages share it. */
  readonly shared?: boolean
}

/** The storage as `createAuth` takes it. */
export function recordStorage(records: RecordStorage, lock?: AuthLock): TokenStorage {
  const then = (value: unknown, map: (value: unknown) => unknown): unknown =>
    value instanceof Promise ? value.then(map) : map(value)
  const encode = (record: unknown): unknown =>
    record && typeof record === 'object' ? encodeStored(record) : record
  const storage: TokenStorage = {
    getItem: () => then(records.get(), encode) as string,
    setItem: (_, text) => records.set(decodeStored(text) as Stored),
    removeItem: () => records.remove(),
  }
  return records.shared || lock ? sharedStorage(storage, lock ? { lock } : {}) : storage
}

/** Whether several pages share the storage. */
export function isShared(storage: TokenStorage): boolean {
  return openRecords(storage, 'tokenflight:default').shared
}

/** A storage over one variable, which tests read and set. */
export interface Cell extends TokenStorage {
  record: Stored | null
  readonly writes: (Stored | null)[]
  readonly shared: boolean
}

export function cell(initial: Stored | null = null, { shared = false, asynchronous = false } = {}): Cell {
  const writes: (Stored | null)[] = []
  const state = { record: initial }
  const storage = recordStorage({
    shared,
    get: () => (asynchronous ? Promise.resolve(state.record) : state.record),
    set(record) {
      state.record = record
      writes.push(record)
      return asynchronous ? Promise.resolve() : undefined
    },
    remove() {
      state.record = null
      writes.push(null)
      return asynchronous ? Promise.resolve() : undefined
    },
  })
  return Object.defineProperties(storage, {
    record: {
      get: () => state.record,
      set(record: Stored | null) {
        state.record = record
      },
    },
    writes: { value: writes },
    shared: { value: shared },
  }) as Cell
}

/** The record of a session in a storage, as an earlier page wrote it. */
export function storedRecord(overrides: Partial<Stored> & { ago?: number } = {}): Stored {
  const { ago = 0, ...rest } = overrides
  const savedAt = Date.now() - ago
  const lifetime = rest.lifetime ?? 5 * MINUTE
  return {
    generation: 1.5,
    version: 1.5,
    accessToken: accessToken({ lifetime, issuedAt: savedAt }),
    refreshToken: opaque('rt'),
    savedAt,
    lifetime,
    expiresAt: savedAt + lifetime,
    ...rest,
  }
}

/** Everything that can be seen of a value: properties of every kind, JSON, and the output of Node. */
export function expectNoToken(value: unknown): void {
  const text = [inspect(value, { depth: 9, showHidden: false }), JSON.stringify(value), String(value)].join(
    '\n',
  )
  for (const token of minted) {
    expect(text).not.toContain(token)
    // Nor the middle of it, should it be cut.
    const middle = token.length >> 1
    if (token.length > 60) expect(text).not.toContain(token.slice(middle, middle + 20))
  }
  scan(value, new Set())
}

function scan(value: unknown, seen: Set<unknown>): void {
  if (typeof value === 'string') {
    for (const token of minted) expect(value).not.toContain(token)
  }
  if (!value || typeof value !== 'object' || seen.has(value)) return
  seen.add(value)
  for (const key of Object.keys(value)) scan((value as Record<string, unknown>)[key], seen)
}

/** The part of the engine that HTTP entries use, without any HTTP. */
export interface EngineView {
  session(): object | undefined
  acquire(
    session: object | undefined,
    lasting?: boolean,
    dead?: boolean,
  ): TicketView | undefined | Promise<TicketView | undefined>
  rejectGrant(ticket: TicketView): Promise<TicketView | undefined> | undefined
  collect(tokens: TokenResponse, ticket: TicketView): void
  serverRenews(): void
  current(): TicketView | undefined
  isExpired(ticket: TicketView): boolean
  refreshWith(send: () => Promise<TokenResponse>): Promise<void>
  isRefresh(signal?: unknown): boolean
  flightToken(): string | undefined
  warn(message: string, error?: unknown): void
}

export interface TicketView {
  readonly accessToken: string
  accepted: boolean
}

export function engineView(auth: object): EngineView {
  return (auth as Record<symbol, EngineView>)[Symbol.for('tokenflight.engine')]!
}

/** Asks for a refresh, lets the test end it, and waits for its consequences. */
export async function refreshTo(auth: Auth, end: () => unknown): Promise<void> {
  watch(auth.refresh())
  await settle()
  end()
  await settle()
}
