/** `createAuth`: wires the engine. Read from the bottom: the public members tell the story. */
import { createSteadyClock } from './clock.js'
import { createDesk } from './desk.js'
import { ENGINE } from './engine.js'
import { isPage } from './environment.js'
import { RefreshFailedError, withCause } from './errors.js'
import { CHANGE, createEvents } from './events.js'
import { farewell } from './farewell.js'
import { createFlights } from './flights.js'
import { createGrantMark } from './grant-mark.js'
import { isOfAnother, reconcile } from './held.js'
import { withInitialState } from './initial-state.js'
import { clearLeftovers } from './leftovers.js'
import { isRenewable, resolveOptions } from './options.js'
import { createSchedule } from './schedule.js'
import { createSession } from './session.js'
import { createSiblings } from './siblings.js'
import { nextState } from './state.js'
import { createExclusive } from './tabs.js'
import { readAnswer } from './tokens.js'
import type { Auth, AuthOptions, AuthState, JwtClaims, Tokens } from './types.js'
import { type CoherentStorage, createVault } from './vault.js'
import { abortReason, ignore, isPromise, unlessAborted, within } from './waiting.js'

/** How long `logout()` waits for the server, milliseconds. */
const FAREWELL = 2_000

/**
 * Creates the one object that knows a session. Create it once, outside components; on a server once per request.
 * @throws TypeError that names the option, its unit and the value it got
 */
export function createAuth<Claims = JwtClaims>(options: AuthOptions = {}): Auth<Claims> {
  const settings = resolveOptions(options)
  const { cookie, storage, key } = settings
  const wall = (): number => settings.clock.now()
  const clock = createSteadyClock(settings.clock)
  const events = createEvents()
  const vault = createVault(storage, key, (message, error) =>
    events.emit('warning', { message, error: withCause(message, error) }),
  )
  /** Whether siblings spend the same refresh token. Cookie sessions of one server process are no siblings. */
  const shared = storage.shared === true || (cookie && (isPage() || !!settings.lock))
  clearLeftovers(key, storage, shared)
  const written = (): Promise<void> | undefined => (storage as CoherentStorage).settled?.()
  let isDisposed = false
  const initial = settings.initialState && nextState(undefined, settings.initialState as AuthState<Claims>)
  let state = initial

  /** The end of every operation: state, timer, and then the listeners. */
  const conclude = (): void => {
    const before = state
    state = nextState(before, withInitialState(session.describe() as AuthState<Claims>, initial))
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
    settle: error => flights.current()?.settle(error),
    abort: () => flights.abort(),
    coolDown: () => flights.coolDown,
  })

  const flights = createFlights({
    settings,
    clock,
    events,
    shared,
    mark: shared && cookie ? createGrantMark(key, settings.refreshTimeout, clock) : undefined,
    conclude,
    exclusive: shared
      ? createExclusive(key, settings.lock, settings.refreshTimeout, clock)
      : callback => callback(false),
    held: () => session.held,
    generation: () => session.record.generation,
    async recall(waited) {
      // The answer of the one that we waited for may still be on its way.
      if (!storage.shared && (waited > 5 || session.undecided)) await siblings?.ask()
      await session.recall()
    },
    credentials(reason) {
      const { held } = session
      if (!settings.refresh && !settings.served) return undefined
      if (!held) return cookie && settings.refresh ? {} : undefined
      const now = clock()
      const { refreshToken } = held.tokens
      if (now < held.refreshEndsAt) return settings.tokenless || refreshToken ? { refreshToken } : undefined
      // Its end was noticed while the access token is good: a new pair may be had for that.
      return (settings.tokenless || refreshToken) && now < held.endsAt && reason !== 'rejected'
        ? {}
        : undefined
    },
    async take(reading, isLate) {
      const { held } = session
      // The cookie of another user. Tokens without a subject belong to the session that asked for them.
      if (isOfAnother(held, reading.subject)) session.begin(reading)
      else session.renew(held ? reconcile(held, reading, isLate, clock()) : reading)
      await session.commit()
    },
    async refused(flight, cause) {
      const { held } = session
      const now = clock()
      session.undecided = false
      if (!held) return
      // Nothing to refresh with, but the access token is good: the session lives as long as that.
      if (cause !== undefined || now >= held.endsAt || flight.reason === 'rejected') {
        const end = now >= held.refreshEndsAt ? 'refresh_token_expired' : 'no_refresh_token'
        await session.end(cause === undefined ? end : 'refresh_rejected', cause)
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
  const schedule = createSchedule({ settings, clock, events, session, flights, shared, conclude })

  const siblings = shared
    ? createSiblings({
        name: key,
        isStored: !!storage.shared,
        clock,
        session,
        flights,
        isFrozen: schedule.frozen,
        conclude,
      })
    : undefined

  /** Takes over what an earlier page left. A session that is over ends, a cookie is asked for. */
  const restore = async (first: Promise<Tokens | null> | Tokens | null): Promise<void> => {
    const stored = isPromise(first) ? await first : first
    // A login or logout came first.
    if (session.record.generation) return
    if (stored) session.adopt(stored, true)
    const { held } = session
    session.undecided = cookie && !held
    const isOver =
      held && clock() >= held.endsAt && !(isRenewable(settings, held.tokens) && clock() < held.refreshEndsAt)
    if (session.undecided) {
      await flights.fly('restore').catch(error => {
        // A login may have come first.
        if (session.undecided) session.error = error
      })
    } else if (isOver) await flights.fly('expired').catch(ignore)
  }
  const first = vault.first()
  let done: () => void = ignore
  // Marked as loading before it runs: what it starts must not wait for itself.
  const loading = new Promise<void>(resolve => {
    done = resolve
  })
  session.loading = cookie || isPromise(first) ? loading : undefined
  const restoring = restore(first)
  if (session.held) session.loading = undefined
  const failed = (error: unknown): void => events.emit('warning', { message: 'The restore failed', error })
  const ready = restoring.catch(failed).then(() => {
    session.loading = undefined
    conclude()
    done()
  })
  conclude()

  const refresh = async (): Promise<void> => {
    if (session.loading) await session.loading
    if (session.ended) throw session.ended
    if (session.held || cookie) await flights.fly('manual')
  }

  const auth: Auth<Claims> = {
    ready,
    async login(tokens) {
      session.begin(readAnswer(tokens, wall()))
      const stored = session.commit(true)
      conclude()
      await stored
      events.flush()
    },
    async logout() {
      const { held, loading } = session
      const stored = session.end('logout')
      conclude()
      // Whoever is still being read is logged out, too.
      const known = held ? held.tokens : loading && first
      if (settings.logout)
        await within(farewell(settings, known, desk.warn), FAREWELL, () => new Error()).catch(ignore)
      await stored
      events.flush()
    },
    getAccessToken(request) {
      const began = desk.session()
      const ticket = request ? undefined : desk.acquire(began)
      if (ticket && !isPromise(ticket)) return Promise.resolve(ticket.accessToken)
      const { signal, forceRefresh } = request ?? {}
      const token = async (): Promise<string | undefined> => {
        if (forceRefresh) await refresh()
        const found = await (ticket ?? desk.acquire(began))
        if (!found && session.ended) throw session.ended
        return (found ?? (session.undecided ? await desk.restore() : undefined))?.accessToken
      }
      return signal?.aborted ? Promise.reject(abortReason(signal)) : unlessAborted(token(), signal)
    },
    refresh,
    getState: () => state as AuthState<Claims>,
    subscribe: listener => events.on(CHANGE, listener),
    on: (event: string, listener: (event: never) => void) => events.on(event, listener),
    dispose() {
      isDisposed = true
      schedule.stop()
      flights.stop()
      siblings?.close()
    },
  }
  return Object.defineProperty(auth, ENGINE, { value: { ...desk, initialState: initial } })
}
