/** The restore: takes over the session that an earlier page has left, or asks for it by its cookie. */
import type { Flights } from './flights.js'
import { isRenewable, type Settings } from './options.js'
import { EMPTY, type SessionRecord } from './record.js'
import type { Session } from './session.js'
import { readAnswer } from './tokens.js'
import type { AuthState } from './types.js'
import { ignore, isPromise } from './waiting.js'

export interface RestoreHost {
  readonly settings: Settings
  readonly clock: () => number
  readonly session: Session
  readonly flights: Flights
  /** The state that the server rendered. */
  readonly initial: AuthState<unknown> | undefined
  /** Goes on with the logouts that an earlier page could not tell the server about. */
  resume(): void
  warn(message: string, error?: unknown): void
}

/** @param first the record in the storage */
export async function restore(
  { settings, clock, session, flights, initial, resume, warn }: RestoreHost,
  first: Promise<SessionRecord | null> | SessionRecord | null,
): Promise<void> {
  const stored = isPromise(first) ? await first : first
  // A login or logout came first.
  if (session.record.generation) return
  if (stored) session.adopt(stored, true)
  resume()
  const { held, record } = session
  // A logout lasts until the next login.
  session.undecided = settings.cookie && !held && record.ended !== 'logout' && exists(settings, warn)
  const known = session.undecided && recordOf(initial, settings)
  if (known) session.adopt(known, true)
  const isOver =
    held && clock() >= held.endsAt && !(isRenewable(settings, held.tokens) && clock() < held.refreshEndsAt)
  if (session.undecided) {
    await flights.fly('restore').catch(error => {
      // A login may have come first.
      if (session.undecided) session.error = error
    })
  } else if (isOver) await flights.fly('expired').catch(ignore)
}

/** Whether there may be a cookie. */
function exists(settings: Settings, warn: RestoreHost['warn']): boolean {
  try {
    const answer: unknown = settings.exists?.()
    if (!isPromise(answer)) return answer !== false
    // The warning tells of its failure, too.
    answer.then(ignore, ignore)
    warn('exists returned a promise in place of a boolean: the cookie decides')
    return true
  } catch (error) {
    warn('exists threw', error)
  }
  return true
}

/** The record of a session whose tokens are cookies, as the server that rendered the page knows it. */
function recordOf(initial: AuthState<unknown> | undefined, settings: Settings): SessionRecord | undefined {
  const savedAt = settings.clock.now()
  const expiresAt = settings.isHidden && initial?.status === 'authenticated' && initial.expiresAt
  if (!expiresAt || expiresAt <= savedAt) return undefined
  const { accessToken, lifetime } = readAnswer(settings.read({ expires_at: expiresAt }), savedAt)
  const generation = savedAt / 1_000
  return { ...EMPTY, generation, version: 1, savedAt, accessToken, expiresAt, lifetime: lifetime ?? 0 }
}
