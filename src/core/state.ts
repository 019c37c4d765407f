/** The state union, derived purely from facts; the same reference until something changed. */
import type { SessionExpiredError } from './errors.js'
import type { Held } from './held.js'
import { isRenewable, type Settings } from './options.js'
import type { AuthState } from './types.js'

/** The facts that a state is derived from. */
interface Facts {
  readonly held: Held | undefined
  readonly ended: SessionExpiredError | undefined
  readonly loading: object | undefined
  readonly undecided: boolean
  readonly error: Error | undefined
}

/** The candidate, frozen, or the previous state when nothing in it differs. */
export function nextState<Claims>(
  previous: AuthState<Claims> | undefined,
  candidate: AuthState<Claims>,
): AuthState<Claims> {
  const before = (previous ?? {}) as Record<string, unknown>
  const entries = Object.entries(candidate).filter(([, value]) => value !== undefined)
  return previous &&
    entries.length === Object.keys(before).length &&
    entries.every(([key, value]) => before[key] === value)
    ? previous
    : (Object.freeze(Object.fromEntries(entries)) as unknown as AuthState<Claims>)
}

/** The state of a session as it is now. */
export function describe(
  settings: Settings,
  { held, ended, error, loading, undecided }: Facts,
  refreshing: boolean,
): AuthState<unknown> {
  if (loading) return { status: 'loading' }
  if (ended) return { status: 'expired', reason: ended.reason, error: ended }
  if (!held) return { status: 'anonymous', error: undecided ? error : undefined } as AuthState<unknown>
  const { claims, tokens } = held
  return {
    status: 'authenticated',
    claims,
    expiresAt: tokens.expiresAt,
    sessionExpiresAt: isRenewable(settings, tokens) ? tokens.refreshExpiresAt : tokens.expiresAt,
    refreshing,
    error,
  } as AuthState<unknown>
}
