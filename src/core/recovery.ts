/** What a failed attempt comes to: another one, a cool-down or the end of the session; and what siblings hear of it. */
import type { CoolDown } from './cool-down.js'
import { isOffline } from './environment.js'
import { RefreshFailedError, withCause } from './errors.js'
import { classifyFailure, explain, readRetryAfter } from './failure.js'
import { type Flight, type FlightHost, isPresent } from './flight.js'
import type { FailureClass } from './types.js'
import { pause } from './waiting.js'

/** Without a lock a sibling's answer may still be on its way to the storage, milliseconds. */
const SIBLING = 1_000
/** How long siblings wait, beyond the next attempt, for what a failure comes to, milliseconds. */
const DECISION = 250

/** One attempt of a flight. */
export interface Turn {
  /** From 1. */
  readonly count: number
  /** The pause before another one, milliseconds: exponential, full jitter. */
  readonly delay: number
  /** The failures in a row before this flight began to wait for a sibling; without limit if it does not. */
  readonly failures: number
}

export interface Recovery {
  draw(count: number): Turn
  /** Tells the siblings that an attempt has failed, before the lock is theirs. */
  share(flight: Flight, turn: Turn, locked: boolean, error: unknown): Promise<void>
  /** Resolves to whether another attempt shall follow. */
  recover(flight: Flight, turn: Turn, locked: boolean, error: unknown): Promise<boolean>
  /** A call that nobody waits for any more has failed after all. */
  late(flight: Flight, locked: boolean, error: unknown): Promise<void>
}

export function createRecovery(host: FlightHost, coolDown: CoolDown, isStopped: () => boolean): Recovery {
  const { settings, clock } = host
  const { emit } = host.events

  /** How long the server asks us to wait, milliseconds. */
  const readWait = (error: unknown): number => readRetryAfter(error, settings.clock.now())
  const classify = (flight: Flight, error: unknown): Promise<FailureClass> => {
    const { held } = flight
    // The version counts the answers of the endpoint: a login is the first.
    const circumstances = { isProven: !!held && held.tokens.version >= 2, isRestore: !held }
    return classifyFailure(error, circumstances, settings.classify, cause => {
      const message = 'classify failed; the default class counts'
      emit('warning', { message, error: withCause(message, cause) })
    })
  }
  /** Whether no attempt follows this one, whatever its failure means. */
  const isLast = (flight: Flight, count: number, wait: number): boolean =>
    flight.done ||
    isStopped() ||
    // The hint is no reason to try nothing, but one to try once.
    isOffline() ||
    // After a failure one probe goes first, alone.
    coolDown.failures > 0 ||
    (coolDown.isStrict() && !wait) ||
    // A request that is the refresh is sent once.
    count > (flight.refresh === settings.refresh ? settings.limit : 0) ||
    wait > settings.maxDelay

  /** The server refused the refresh token: the end of the session, unless a sibling has a newer one. */
  const reject = async (flight: Flight, locked: boolean, error: unknown): Promise<void> => {
    if (host.shared) {
      if (!locked) await pause(SIBLING)
      await host.recall(0)
    }
    // The session has got other tokens meanwhile: what was refused is not what it has.
    if (!isPresent(host, flight) || flight.isFreed) return
    // Siblings that wait for a session as well ask for themselves, and at once: no end is stored of which they hear.
    if (!flight.held) await host.cool(settings.clock.now())
    await host.refused(flight, error)
  }
  const fail = (flight: Flight, cause: unknown, failure: FailureClass, count: number): void => {
    coolDown.fail()
    const retryAt = coolDown.retryAt()
    const error = new RefreshFailedError(
      `Refresh failed (${failure}, attempts: ${count})${explain(cause)}`,
      count,
      retryAt,
      cause,
    )
    emit('refreshFailed', { error, class: failure, attempts: count, retryAt })
    host.failed(error)
    flight.settle(error)
  }

  return {
    draw: count => ({
      count,
      delay: Math.random() * Math.min(settings.maxDelay, settings.delay * 2 ** (count - 1)),
      failures: Number.POSITIVE_INFINITY,
    }),
    async share(flight, { count, delay }, locked, error) {
      // Its own session; a cookie is everybody's, whatever this flight was for.
      if (!settings.cookie && !isPresent(host, flight)) return
      const wait = readWait(error)
      if (wait) coolDown.hold(clock() + wait)
      const isOver = isLast(flight, count, wait)
      // What it means is not known yet: no function of the application runs inside the lock.
      if (isOver && coolDown.isStrict()) await host.cool(coolDown.retryAt())
      else if (locked && !flight.done && !flight.isQuestion) {
        const rest = isOver ? 0 : Math.max(wait, delay)
        await host.cool(Math.round(settings.clock.now() + rest + DECISION), true)
      }
    },
    async recover(flight, { count, delay }, locked, error) {
      const failure = await classify(flight, error)
      if (flight.isQuestion) {
        // Without a refresh token it was a question, and the server said no.
        const failed = new RefreshFailedError(
          'No new tokens for the access token, see cause',
          count,
          undefined,
          error,
        )
        emit('refreshFailed', { error: failed, class: failure, attempts: count })
        if (failure !== 'rejected') host.failed(failed)
        flight.settle(failed)
      } else if (failure === 'rejected') await reject(flight, locked, error)
      else {
        const wait = readWait(error)
        const isOver = failure !== 'transient' || isLast(flight, count, wait)
        if (!isOver) await pause(Math.max(wait && wait + 1, delay))
        if (!isOver && !isStopped() && !isOffline()) return true
        if (!flight.done) fail(flight, error, failure, count)
      }
      return false
    },
    async late(flight, locked, error) {
      if (!isPresent(host, flight)) return
      // Nothing is open any more, so our own patience alone counts.
      coolDown.relent()
      const wait = readWait(error)
      if (wait) {
        coolDown.hold(clock() + wait)
        void host.cool(coolDown.retryAt())
      }
      if (!flight.isQuestion && (await classify(flight, error)) === 'rejected')
        await reject(flight, locked, error)
      host.conclude()
    },
  }
}
