/** A token for a request, and the meaning of a 401. `Handle` documents the exported functions. */

import { isRenewable, warn } from './derive.js'
import { isOffline } from './environment.js'
import { RefreshFailedError, SignedOutError } from './errors.js'
import type { Grant } from './grant.js'
import { isOfAnother, isOutdated, isProlonged, toPredecessor, withoutSpent } from './reconcile.js'
import { fly, releaseWaiters } from './refresh.js'
import { renew, save, sync } from './session.js'
import type { Engine, Rejections } from './state.js'
import { readAnswer } from './tokens.js'
import type { TokenResponse } from './types.js'
import { ignore } from './waiting.js'

/**
 * For this long, milliseconds, a 401 for a token that was obtained after another 401 causes no further refresh, unless the
 * token was accepted elsewhere. So an endpoint that always answers 401 causes no storm.
 */
const STORM_PROTECTION = 30_000
/** A token for a body that cannot be sent twice must last this long, milliseconds; at most a tenth of the token's lifetime. */
const ONE_SHOT_MARGIN = 5_000

export const NO_REJECTIONS: Readonly<Rejections> = {
  session: undefined,
  at: Number.NEGATIVE_INFINITY,
  refreshedAt: Number.NEGATIVE_INFINITY,
}

export function acquire(
  engine: Engine,
  began: object | undefined,
  isOneShot?: boolean,
  acceptExpired?: boolean,
): Grant | undefined | Promise<Grant | undefined> {
  const { grant, sleeps } = engine
  if (grant && !sleeps && (!began || began === grant.session)) {
    const now = engine.clock()
    if (now < grant.endsAt) {
      grant.used = true
      if (now < grant.attentionAt) return grant
      refreshAhead(engine, grant)
      if (!isOneShot || !isShort(engine, grant) || !engine.flight) return grant
    } else if (!acceptExpired) return joinSuccessor(grant, () => acquireLater(engine, grant.session))
  } else if (!grant && !began && !engine.loading && !(engine.ended && sleeps)) return undefined
  return acquireLater(engine, began, acceptExpired)
}

export function rejectGrant(
  engine: Engine,
  grant: Grant,
  isAccepted: boolean = grant.accepted,
): Promise<Grant> | undefined {
  const { grant: current, ended } = engine
  // The session has ended while the request was on its way.
  if (!current && ended) return Promise.reject(ended)
  if (grant.session !== current?.session) return undefined
  // The token is not the current one any more: no refresh is needed.
  if (grant !== current) return Promise.resolve(acquire(engine, grant.session) as Grant | Promise<Grant>)
  if (!current.isRejected && judgeRejection(engine, current, isAccepted)) return undefined
  // A rejected grant is dead. Requests that start from now on wait for the next one, or fail at once.
  current.isRejected = true
  current.endsAt = current.attentionAt = Math.min(current.endsAt, engine.clock())
  return joinSuccessor(current, async () => {
    const newPair = pendingNewPair(engine)
    if (newPair) await newPair
    const { settings, serverRenews } = engine
    // A server that renews by itself was given both tokens, so its 401 refuses both: this refresh sends no request.
    const call = !settings.refresh && serverRenews ? () => Promise.reject({ status: 401 }) : settings.refresh
    if (engine.grant === current) await fly(engine, 'rejected', call)
    return acquireLater(engine, current.session)
  })
}

export function doubtEndpoint(engine: Engine, grant: Grant): void {
  noteRejection(engine, grant, { at: engine.clock() })
}

export async function restoreAgain(engine: Engine): Promise<Grant | undefined> {
  await engine.loading
  const { isUndecided } = engine
  if (isUndecided) await fly(engine, 'restore')
  const { grant, found } = engine
  // A login in the meantime is another session than the one that the request may belong to.
  return isUndecided || grant?.session === found ? grant : undefined
}

export function collect(engine: Engine, answer: TokenResponse, grant: Grant): Promise<void> | undefined {
  const { grant: current, settings, clock, events, flight } = engine
  if (!current || grant.session !== current.session) return undefined
  try {
    const previous = toPredecessor(current, clock())
    const reading = readAnswer(answer, settings.clock.now(), previous, !!settings.dpop)
    // A burst brings the same tokens many times, and a cache brings earlier ones, perhaps of another user.
    const isKnown = engine.seen.has(reading.accessToken) || isOutdated(current, reading.accessToken)
    if (isKnown && !isProlonged(current, reading, clock())) return undefined
    if (isOfAnother(current, reading.subject))
      return void warn(engine, 'collect returned the tokens of another user; they were dropped')
    renew(engine, withoutSpent(current, reading))
  } catch (error) {
    return void warn(engine, 'collect returned no token answer', error)
  }
  const reason = flight?.reason ?? 'ahead'
  events.emit('refreshed', { reason, duration: 0, attempts: flight ? 1 : 0, source: 'network' })
  const stored = save(engine).then(engine.publish)
  events.hold(stored)
  releaseWaiters(engine, current, stored)
  engine.publish()
  return stored
}

/** The one slow path: waits for the restore, for the storage, for a refresh. */
async function acquireLater(
  engine: Engine,
  began: object | undefined,
  acceptExpired?: boolean,
): Promise<Grant | undefined> {
  const { ended } = engine
  await engine.loading
  if (engine.sleeps) {
    await sync(engine)
    engine.publish()
  }
  const { grant } = engine
  const session = began ?? grant?.session
  const isDead = (): boolean =>
    engine.grant?.session === session && engine.clock() >= (engine.grant as Grant).endsAt
  if (grant && grant.session === session) {
    grant.used = true
    const newPair = pendingNewPair(engine)
    // Stryker disable next-line ConditionalExpression: one turn more changes nothing
    if (newPair) await newPair
    if (acceptExpired && isDead()) return grant
    if (isDead()) {
      await fly(engine, grant.isRejected ? 'rejected' : 'expired')
      if (isDead()) throw new RefreshFailedError('The new token ended before it could be used', 0)
    } else if (isShort(engine, grant)) {
      // A new token would be better, but this one is still good.
      await engine.flight?.promise.catch(error => {
        if (engine.clock() >= grant.endsAt) throw error
      })
    }
  }
  // A request that is made after the end is like one of an anonymous visitor.
  if (engine.ended && (began || engine.ended !== ended)) throw engine.ended
  if (session !== engine.grant?.session) throw new SignedOutError()
  return engine.grant
}

/** A usable token is in hand. Its refresh happens behind the request. */
function refreshAhead(engine: Engine, grant: Grant): void {
  const isDue = isRenewable(engine, grant.record) && !grant.renewalAttempted && !engine.flight
  // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
  if (isDue && !isOffline() && engine.clock() >= engine.backoff.until) fly(engine, 'ahead').catch(ignore)
}

/** A request for a new pair is no refresh. A call that needs a refresh waits until that request is answered. */
function pendingNewPair({ flight }: Engine): Promise<void> | undefined {
  return flight?.asksForNewPair ? flight.promise.catch(ignore) : undefined
}

function isShort({ clock }: Engine, { endsAt, record }: Grant): boolean {
  return endsAt - clock() < Math.min(ONE_SHOT_MARGIN, (record.lifetime ?? 0) / 10)
}

/** All calls that wait for the next grant share one promise. `begin` must not call `acquire`: it would wait for itself. */
function joinSuccessor(grant: Grant, begin: () => Promise<Grant | undefined>): Promise<Grant> {
  grant.successor ??= begin().finally(() => {
    grant.successor = undefined
  })
  // A call of a session gets a token of it, or an error.
  return grant.successor as Promise<Grant>
}

/** Notes a 401, and returns whether the endpoint is its likely cause, not the token. */
function judgeRejection(engine: Engine, grant: Grant, isAccepted: boolean): boolean {
  const now = engine.clock()
  const { at, refreshedAt } = rejectionsOf(engine, grant)
  const isRecent = (instant: number): boolean => now - instant < STORM_PROTECTION
  const isUnproven = grant.fromRejection && !isAccepted && isRecent(grant.arrivedAt)
  if (isUnproven || (isRecent(at) && isRecent(refreshedAt))) {
    noteRejection(engine, grant, { at: now })
    return true
  }
  if (isRecent(at)) noteRejection(engine, grant, { refreshedAt: now })
  return false
}

function rejectionsOf({ rejections }: Engine, { session }: Grant): Readonly<Rejections> {
  return rejections.session === session ? rejections : NO_REJECTIONS
}

function noteRejection(engine: Engine, grant: Grant, change: Partial<Rejections>): void {
  engine.rejections = { ...rejectionsOf(engine, grant), ...change, session: grant.session }
}
