/** One request of a refresh. Calls wait for it up to a limit, and a late answer is used all the same. */
import { holdUntil } from './backoff.js'
import { callAlone, findInput, isPresent } from './derive.js'
import { startTimer } from './environment.js'
import { toFailure } from './failure.js'
import { revokeStray } from './logout.js'
import { isKnown, isOfAnother, reconcile, toPredecessor } from './reconcile.js'
import { type RefreshAttempt, recoverLate } from './retry.js'
import { adopt, begin, renew, save } from './session.js'
import type { Engine, Flight } from './state.js'
import { readAnswer, type TokenReading } from './tokens.js'
import type { RefreshContext } from './types.js'
import { ignore, runSoon, within } from './waiting.js'

/** Sends one request, and stores the tokens of its answer. Resolves to whether they are of this session. */
export async function sendRefresh(
  engine: Engine,
  flight: Flight,
  attempt: RefreshAttempt,
  locked: boolean,
): Promise<boolean> {
  const { grant } = flight
  const { refreshToken, asksForNewPair } = findInput(engine) ?? {}
  flight.asksForNewPair = !!asksForNewPair
  if (grant && asksForNewPair) grant.renewalAttempted = true
  const mark = engine.sharing?.mark
  const unmark = mark ? await mark.begin() : ignore
  if (flight.done) {
    unmark()
    // Stryker disable next-line BooleanLiteral: a flight that is over reports nothing
    return false
  }
  // Calls of `refresh()` in this very moment may still share the request.
  void runSoon(() => {
    flight.isSent = true
  })
  const context = {
    reason: flight.reason,
    attempt: attempt.count,
    ...(refreshToken && { refreshToken }),
    ...(grant && !engine.settings.isHidden && { accessToken: grant.accessToken }),
  }
  return callWithLimit(engine, flight, context, { locked, unmark })
}

/**
 * Calls the refresh function. A call that takes longer than the limit rejects, and stays open: its answer is used all the
 * same, unless another request has been sent.
 */
function callWithLimit(
  engine: Engine,
  flight: Flight,
  context: Omit<RefreshContext, 'signal'>,
  { locked, unmark }: { locked: boolean; unmark: () => void },
): Promise<boolean> {
  const { settings, clock, requests, unanswered } = engine
  const limit = settings.refreshTimeout
  const startedAt = clock()
  const requestedAt = settings.clock.now()
  const controller = new AbortController()
  const { signal } = controller
  const close = (): void => {
    unmark()
    unanswered.delete(flight)
  }
  requests.add(controller)
  const stop = startTimer(() => {
    close()
    controller.abort()
  }, 2 * limit)
  const call = callRefresh(engine, flight, { ...context, signal })
  const work = call
    .then(answer => take(engine, flight, answer, requestedAt))
    .finally(() => {
      stop()
      close()
      requests.delete(controller)
    })
  let isLate = false
  work.then(
    isOfSession => {
      if (!isLate) return
      if (isOfSession) emitRefreshed(engine, flight, context.attempt, startedAt)
      flight.deliver()
      engine.publish()
    },
    error => void (isLate && recoverLate(engine, flight, { error, locked })),
  )
  const giveUp = (): Error => {
    isLate = true
    unanswered.add(flight)
    // The answer may still spend the refresh token of this session. A cookie belongs to every session.
    if (settings.cookie || isPresent(engine, flight))
      engine.backoff = holdUntil(engine.backoff, startedAt + 2 * limit, true)
    return new TypeError(
      `The refresh function did not settle within ${limit} ms. If it calls a client that tokenflight is attached to, pass it context.signal or skipAuth`,
    )
  }
  // A storage has a limit of its own: the tokens of an answer in time are good while they are being stored.
  return within(call, limit, giveUp, true).then(() => work)
}

/** Never throws. */
function callRefresh(engine: Engine, { call }: Flight, context: RefreshContext): Promise<unknown> {
  try {
    // Stryker disable next-line OptionalChaining: a call that brings no answer fails as well
    return Promise.resolve(callAlone(engine, context.signal, () => call?.(context)))
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Stores the tokens of an answer. Resolves to whether they belong to the session of the flight. */
async function take(engine: Engine, flight: Flight, answer: unknown, requestedAt: number): Promise<boolean> {
  const { sharing, record, events, clock } = engine
  // An answer shows that the page has not cancelled its requests.
  engine.leavingUntil = 0
  const reading = { ...read(engine, answer), requestedAt }
  const { isReleased } = flight
  if (!isPresent(engine, flight)) {
    revokeStray(engine, reading, flight.generation)
    return false
  }
  if (isReleased && isKnown(engine.grant, reading)) return false
  const { generation } = record
  // Another tab may have logged out, where no channel tells it.
  const over = sharing?.tombstone?.read()
  if (over) adopt(engine, over)
  // Stryker disable ConditionalExpression,BlockStatement,BooleanLiteral: saving finds the same logout, and revokes the tokens
  if (engine.record.generation !== generation) {
    revokeStray(engine, reading, generation)
    return false
  }
  // Stryker restore ConditionalExpression,BlockStatement,BooleanLiteral
  const { grant } = engine
  // The cookie of another user. Tokens without a subject belong to the session that asked for them.
  if (isOfAnother(grant, reading.subject)) begin(engine, reading)
  else renew(engine, grant ? reconcile(grant, reading, isReleased, clock()) : reading)
  // No listener runs inside the lock, or before the flight has settled.
  flight.deliver = events.hold(new Promise(ignore))
  // The session of another user counts at once, as after a login.
  if (flight.done) engine.publish()
  await save(engine)
  revokeStray(engine, reading, generation)
  return true
}

/** @throws TypeError for an answer without usable tokens, which `classify` may look into */
function read({ settings, grant, clock }: Engine, answer: unknown): TokenReading {
  try {
    const previous = toPredecessor(grant, clock())
    return readAnswer(answer as never, settings.clock.now(), previous, !!settings.dpop)
  } catch (error) {
    throw toFailure(error, answer)
  }
}

export function emitRefreshed(
  { events, clock }: Engine,
  { reason }: Flight,
  attempts: number,
  startedAt: number,
): void {
  events.emit('refreshed', { reason, duration: clock() - startedAt, attempts, source: 'network' })
}
