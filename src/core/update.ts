/** The steps that every change of a session is made of. */
import { CLEAR, fromRecord } from './backoff.js'
import { isRenewable } from './derive.js'
import type { AuthError } from './errors.js'
import { createGrant, type Grant, type GrantContext, remember } from './grant.js'
import { restOfRefresh } from './reconcile.js'
import type { SessionRecord } from './record.js'
import type { Engine } from './state.js'
import { toRecord } from './to-record.js'
import type { TokenReading } from './tokens.js'

/** A usable token is in: earlier failures no longer matter. */
export function forgetFailures(engine: Engine): void {
  engine.backoff = CLEAR
  engine.error = undefined
  engine.isUndecided = false
}

/** Adopts the back-off of a record. */
export function learnBackoff(engine: Engine, record: SessionRecord): void {
  const wall = engine.settings.clock.now()
  const now = engine.clock()
  const backoff = fromRecord(engine.backoff, record, now, wall)
  // Another tab may store a failure from before the network came back only after that.
  // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
  const isPast = !backoff.strict && now + (record.backoffAt ?? wall) - wall < engine.onlineAt
  engine.backoff = isPast ? { ...backoff, until: 0 } : backoff
}

/** Settles the flight. A manual refresh wants tokens that were requested after its call. */
export function settle({ flight, record }: Engine, error?: AuthError): void {
  const { requestedAt = Number.POSITIVE_INFINITY } = record
  if (error || requestedAt >= (flight?.since ?? 0)) flight?.settle(error)
}

/** The calls that wait learn that their session is over. */
export function dismiss(engine: Engine, error: AuthError): void {
  settle(engine, error)
  // The answer would set the cookie of a session that is over.
  if (engine.settings.cookie) for (const request of engine.requests) request.abort()
  forgetFailures(engine)
  engine.loading = undefined
}

/** Makes the record of a token answer: after the current one, or of a new session with these members. */
export function writeRecord(
  engine: Engine,
  reading: TokenReading,
  generation: number,
  start: Partial<SessionRecord>,
): void {
  const { record, settings, grant, clock, events } = engine
  engine.record = toRecord(reading, {
    generation,
    base: generation === record.generation ? record : start,
    remaining: restOfRefresh(grant, clock()),
    savedAt: settings.clock.now(),
    cookie: !!settings.cookie,
  })
  for (const message of reading.warnings) events.emit('warning', { message })
}

/** Replaces the current grant by the one of the record. `generation`: the session that it continues. */
export function setGrant(
  engine: Engine,
  fromRejection: boolean,
  generation: number = engine.record.generation,
): Grant {
  const { grant, record } = engine
  const previous = grant?.record.generation === generation ? grant : undefined
  const next = createGrant(record, grantContext(engine, record, fromRejection, previous))
  engine.grant = next
  engine.seen = remember(engine.seen, next.accessToken)
  return next
}

export function grantContext(
  engine: Engine,
  record: SessionRecord,
  fromRejection: boolean,
  previous: Grant | undefined,
): GrantContext {
  const { settings, clock, events } = engine
  return {
    now: clock(),
    wall: settings.clock.now(),
    isRenewable: isRenewable(engine, record),
    fromRejection,
    window: lifetime => settings.window(lifetime, message => events.emit('warning', { message })),
    spread: settings.spread,
    previous,
  }
}
