/** `createAuth`: wires the engine. Read from the bottom: the public members tell the story. */

import { check, ownOptions } from './check.js'
import { createSteadyClock } from './clock.js'
import { createDesk } from './desk.js'
import { ENGINE } from './engine.js'
import { isPage } from './environment.js'
import { RefreshFailedError, withCause } from './errors.js'
import { CHANGE, checkEvent, checkListener, createEvents } from './events.js'
import { credentialsOf } from './flight.js'
import { createFlights } from './flights.js'
import { type Held, isOfAnother, reconcile } from './held.js'
import { withInitialState } from './initial-state.js'
import { clearLeftovers } from './leftovers.js'
import { createServerNotifier } from './notify-server.js'
import { resolveOptions } from './options.js'
import { restore } from './restore.js'
import { createSchedule } from './schedule.js'
import { createSession } from './session.js'
import { describe, nextState } from './state.js'
import { readAnswer } from './tokens.js'
import type { Auth, AuthOptions, AuthState, JwtClaims, TokenResponse } from './types.js'
import { createVault } from './vault.js'
import { abortReason, ignore, isPromise, unlessAborted } from './waiting.js'

/**
 * Creates the one object that knows a session. Create it once, outside components; on a server once per request.
 * @throws TypeError that names the option, its unit and the value it got
 */
export function createAuth<Claims = JwtClaims, Answer = TokenResponse>(
  options: AuthOptions<Answer> = {},
): Auth<Claims, Answer> {
  const settings = resolveOptions(options)
  const { cookie, records, key } = settings
  const wall = (): number => settings.clock.now()
  const clock = createSteadyClock(settings.clock)
  const events = createEvents()
  /** Undefined: no other page or process can see this session. */
  const sharing = settings.share?.(settings, clock)
  const { tombstone } = sharing ?? {}
  const vault = createVault(
    records,
    (message, error) => events.emit('warning', { message, error: withCause(message, error) }),
    tombstone,
  )
  clearLeftovers(key, records, sharing)
  const written = (): Promise<void> | undefined => records.settled?.()
  let isDisposed = false
  const initial = settings.initialState && nextState(undefined, settings.initialState as AuthState<Claims>)
  let state = initial

  /** The end of every operation: state, timer, and then the listeners. */
  const conclude = (): void => {
    const before = state
    if (session.held) notifier.renewed()
    const { found, held } = session
    const isInitial = settings.isHidden && !!found && found === held?.session
    const present = describe(settings, session, !!flights.current()) as AuthState<Claims>
    state = nextState(before, withInitialState(present, initial, isInitial))
    if (before && state !== before) events.change()
    schedule.plan()
    events.flush()
  }

  const session = createSession({
    settings,
    clock,
    events,
    vault,
    announce() {
      siblings?.announce()
      // A tab that reads at once may see the old record.
      void written()?.then(() => siblings?.announce())
    },
    ask: async () => (await siblings?.ask()) ?? false,
    flying: () => flights.current()?.reason,
    settle(error) {
      const flight = flights.current()
      const { requestedAt = Number.POSITIVE_INFINITY } = session.record
      // A manual refresh wants tokens that were requested after its call.
      if (error || requestedAt >= (flight?.since ?? 0)) flight?.settle(error)
    },
    abort: () => flights.abort(),
    coolDown: () => flights.coolDown,
  })

  const flights = createFlights({
    settings,
    clock,
    events,
    shared: !!sharing,
    mark: sharing?.mark,
    conclude,
    exclusive: sharing?.exclusive ?? (callback => callback(false)),
    held: () => session.held,
    generation: () => session.record.generation,
    async recall(waited) {
      // The answer of the one that we waited for may still be on its way.
      if (!records.shared && (waited > 5 || session.undecided)) await siblings?.ask()
      await session.recall()
    },
    credentials: () => credentialsOf(settings, session.held, clock()),
    async take(reading, isLate) {
      const { generation } = session.record
      // Another tab may have logged out meanwhile, and no channel told it.
      const over = tombstone?.read()
      if (over) session.adopt(over)
      if (session.record.generation !== generation) return notifier.stray(reading, generation)
      const { held } = session
      // The cookie of another user. Tokens without a subject belong to the session that asked for them.
      if (isOfAnother(held, reading.subject)) session.begin(reading)
      else session.renew(held ? reconcile(held, reading, isLate, clock()) : reading)
      const stored = session.commit()
      events.hold(stored)
      await stored
      if (session.record.ended) notifier.stray(reading, generation)
    },
    stray: (reading, generation) => notifier.stray(reading, generation),
    async refused(flight, cause) {
      const { held } = session
      const now = clock()
      session.undecided = false
      if (!held) return
      // Nothing to refresh with, but the access token is good: the session lives as long as that.
      if (cause !== undefined || now >= held.endsAt || flight.reason === 'rejected') {
        const end = cause === undefined ? 'no_refresh_token' : 'refresh_rejected'
        await session.end(now >= held.refreshEndsAt ? 'refresh_token_expired' : end, cause)
        conclude()
      } else flight.settle(new RefreshFailedError('There is no refresh token', 0))
    },
    cool: (retryAt, retrying) => session.cool(flights.coolDown, retryAt, retrying),
    async linger(locked) {
      if (locked) await written()
      await siblings?.linger()
    },
    failed(error) {
      session.error = error
      if (error.retryAt !== undefined) void session.cool(flights.coolDown, error.retryAt).then(events.flush)
    },
  })

  const desk = createDesk({
    settings,
    clock,
    events,
    session,
    flights,
    conclude,
    isDisposed: () => isDisposed,
  })
  const { warn } = desk
  settings.dpop?.open(key, isPage(), warn)
  const notifier = createServerNotifier({ settings, session, warn, conclude })
  const schedule = createSchedule({
    settings,
    clock,
    events,
    session,
    flights,
    shared: !!sharing,
    conclude,
    online: notifier.online,
  })
  const siblings = sharing?.connect({
    name: key,
    isStored: records.shared,
    session,
    isBackingOff: () => clock() < flights.coolDown.until,
    isFrozen: schedule.frozen,
    conclude,
  })

  const first = vault.first()
  let done: () => void = ignore
  // Marked as loading before it runs: what it starts must not wait for itself.
  const loading = new Promise<void>(resolve => {
    done = resolve
  })
  session.loading = cookie || isPromise(first) ? loading : undefined
  const { resume } = notifier
  const restoring = restore({ settings, clock, session, flights, initial, resume, warn }, first)
  if (session.held || !(session.undecided || isPromise(first))) session.loading = undefined
  const failed = (error: unknown): void => events.emit('warning', { message: 'The restore failed', error })
  const ready = restoring.catch(failed).then(() => {
    session.loading = undefined
    conclude()
    done()
  })
  conclude()

  const refresh = async (isPatient?: boolean): Promise<void> => {
    if (flights.calling()) return flights.demand()
    if (session.loading) await session.loading
    if (session.ended) throw session.ended
    if (session.held || cookie) await flights.demand(isPatient)
  }

  /** No script sees a token that is a cookie. */
  const tokenOf = (ticket: Held | undefined): string | undefined =>
    settings.isHidden ? undefined : ticket?.accessToken

  const auth: Auth<Claims, Answer> = {
    ready,
    async login(answer, options = {}) {
      const { remember = true } = ownOptions(options, 'login', { remember: 1 })
      check(typeof remember === 'boolean', 'remember', 'a boolean', remember)
      session.begin(
        readAnswer(settings.read(answer), wall(), undefined, !!settings.dpop),
        !remember && records.canBeTabOnly,
      )
      const stored = session.commit(true)
      // A listener may leave the page.
      events.hold(stored)
      conclude()
      await stored
      events.flush()
    },
    async logout() {
      const { held, loading } = session
      // A session that is still being read is logged out, too.
      const known = held ? held.tokens : loading && first
      // It happens at once, even if a login is still being stored.
      events.hold()
      await notifier.logout(known)
      events.flush()
    },
    getAccessToken(request) {
      const began = desk.session()
      const ticket = request ? undefined : desk.acquire(began)
      if (ticket && !isPromise(ticket)) return Promise.resolve(tokenOf(ticket))
      const { signal, forceRefresh } = request ?? {}
      const token = async (): Promise<string | undefined> => {
        if (forceRefresh) await refresh(true)
        const found = await (ticket ?? desk.acquire(began))
        if (!found && session.ended) throw session.ended
        return tokenOf(found ?? (session.undecided ? await desk.restore() : undefined))
      }
      return signal?.aborted ? Promise.reject(abortReason(signal)) : unlessAborted(token(), signal)
    },
    refresh: () => refresh(),
    getState: () => state as AuthState<Claims>,
    subscribe: listener => events.on(CHANGE, checkListener(listener)),
    on: (event: string, listener: (event: never) => void) =>
      events.on(checkEvent(event), checkListener(listener)),
    dispose() {
      isDisposed = true
      schedule.stop()
      flights.stop()
      notifier.stop()
      siblings?.close()
    },
  }
  return Object.defineProperty(auth, ENGINE, { value: { ...desk, initialState: initial } })
}
