/** The values that are derived from the facts of a session. */
import { withCause } from './errors.js'
import type { SessionRecord } from './record.js'
import type { Engine, Flight } from './state.js'
import type { AuthState } from './types.js'

/** Emits a warning, and delivers it now. */
export function warn({ events }: Engine, message: string, error?: unknown): void {
  events.emitNow('warning', { message, ...(error !== undefined && { error: withCause(message, error) }) })
}

/**
 * Calls the refresh function, or `logout`, whose requests get no token: by the time of a logout that is told again, another
 * user may be logged in.
 */
export function callAlone<T>(engine: Engine, signal: AbortSignal, call: () => T): T {
  const { isCalling } = engine
  engine.signals.add(signal)
  engine.isCalling = true
  try {
    return call()
  } finally {
    engine.isCalling = isCalling
  }
}

/** Whether there is a way to refresh these tokens, or there was one. */
export function isRenewable({ settings, serverRenews }: Engine, record: SessionRecord): boolean {
  return (!!settings.refresh || serverRenews) && (settings.tokenless || !!record.refreshToken)
}

/** Whether nothing has replaced the grant that the flight set out to replace. */
export function isPresent({ grant, record }: Engine, flight: Flight): boolean {
  return grant === flight.grant && record.generation === flight.generation
}

/**
 * Whether the session may be the one that the page was opened in. The first version of a record is a login: it must have come
 * before the navigation, with which the monotonic clock of a page begins.
 */
export function isOfVisit({ settings }: Engine, { version, savedAt }: SessionRecord): boolean {
  const { clock } = settings
  const now = clock.now()
  return version >= 2 || savedAt < now - (clock.monotonic?.() ?? now)
}

/** When the back-off ends, epoch milliseconds. */
export function retryAt({ settings, backoff, clock }: Engine): number {
  return Math.round(settings.clock.now() + backoff.until - clock())
}

/** Whether a flight should wait for the announced retry of another tab. */
export function isPeerRetrying({ backoff, clock, isDisposed }: Engine): boolean {
  return backoff.retrying && clock() < backoff.until && !isDisposed
}

/** The tokens that a refresh sends. */
export interface RefreshInput {
  readonly refreshToken?: string | undefined
  /** The refresh token looks expired while the access token is good: the server is asked for a new pair. */
  readonly asksForNewPair?: boolean
}

/** The input of a refresh of the current grant. Undefined: no refresh is possible. */
export function findInput({ settings, serverRenews, grant, clock }: Engine): RefreshInput | undefined {
  const { refresh, cookie, tokenless } = settings
  if (!refresh && !serverRenews) return undefined
  if (!grant) return cookie && refresh ? {} : undefined
  const { refreshToken } = grant.record
  if (!tokenless && !refreshToken) return undefined
  const now = clock()
  const asksForNewPair = now >= grant.refreshEndsAt && now < grant.endsAt
  return asksForNewPair ? { asksForNewPair } : { refreshToken }
}

/** The public state of the facts, before the state that the server rendered covers it. */
export function describe(engine: Engine): AuthState<unknown> {
  const { grant, ended, loading, isUndecided, error, flight } = engine
  if (loading) return { status: 'loading' }
  if (ended) return { status: 'expired', reason: ended.reason, error: ended }
  if (!grant) return { status: 'anonymous', error: isUndecided ? error : undefined } as AuthState<unknown>
  const { claims, record } = grant
  return {
    status: 'authenticated',
    claims,
    expiresAt: record.expiresAt,
    sessionExpiresAt: isRenewable(engine, record) ? record.refreshExpiresAt : record.expiresAt,
    refreshing: !!flight,
    error,
  } as AuthState<unknown>
}

/** The candidate, frozen, or the previous state when nothing in it differs. */
export function nextState(
  previous: AuthState<unknown> | undefined,
  candidate: AuthState<unknown>,
): AuthState<unknown> {
  const before = (previous ?? {}) as Record<string, unknown>
  const entries = Object.entries(candidate).filter(([, value]) => value !== undefined)
  return previous &&
    entries.length === Object.keys(before).length &&
    entries.every(([key, value]) => before[key] === value)
    ? previous
    : (Object.freeze(Object.fromEntries(entries)) as unknown as AuthState<unknown>)
}
