/** The state union, derived purely from facts; the same reference until something changed. */
import type { AuthState } from './types.js'

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
