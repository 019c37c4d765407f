/** `createAuth`: the public members, and the start of the engine. */
import { acquire, NO_REJECTIONS, restoreAgain } from './access.js'
import { CLEAR } from './backoff.js'
import { check, kindOf, ownOptions } from './check.js'
import { createSteadyClock } from './clock.js'
import { createHandle } from './create-handle.js'
import { nextState, warn } from './derive.js'
import { isPage, onWake } from './environment.js'
import { withCause } from './errors.js'
import { CHANGE, checkEvent, checkListener, createEvents } from './events.js'
import type { Grant } from './grant.js'
import { HANDLE } from './handle.js'
import { clearLeftovers } from './leftovers.js'
import { createLogouts, logOut, warnWithoutLogout } from './logout.js'
import { resolveOptions } from './options.js'
import { warnOfPlainHttp } from './plain-http.js'
import { publish, wake } from './plan.js'
import { EMPTY } from './record.js'
import { refreshNow } from './refresh.js'
import { restore } from './restore.js'
import { begin, save } from './session.js'
import type { Engine } from './state.js'
import { createStore, readFirst } from './store.js'
import { readAnswer } from './tokens.js'
import type {
  Auth,
  AuthOptions,
  AuthState,
  GetAccessTokenOptions,
  JwtClaims,
  TokenResponse,
} from './types.js'
import { abortReason, ignore, isPromise, unlessAborted } from './waiting.js'

/**
 * Creates the object of one session. Create it once, outside components; on a server once per request.
 * @throws TypeError that names the option, its unit and the received value
 */
export function createAuth<Claims = JwtClaims, Answer = TokenResponse>(
  options: AuthOptions<Answer> = {},
): Auth<Claims, Answer> {
  const engine = createEngine(options as AuthOptions)
  const { settings, events, sharing, store } = engine
  clearLeftovers(settings.key, settings.records)
  if (isPage()) warnWithoutLogout(engine)
  for (const address of settings.endpoints) if (address) warnOfPlainHttp(engine, address)
  const stopListening = onWake((event, persisted) => wake(engine, event, persisted))
  const first = readFirst(store)

  const auth: Auth<Claims, Answer> = {
    ready: restore(engine, first),
    async login(answer, options = {}) {
      const { remember = true } = ownOptions(options, 'login', { remember: 1 })
      check(typeof remember === 'boolean', 'remember', 'a boolean', kindOf(remember))
      const reading = readAnswer(settings.read(answer), settings.clock.now(), undefined, !!settings.dpop)
      // Listeners learn first about an end that another tab has stored.
      publish(engine)
      const bound = begin(engine, reading, !remember && settings.records.canBeTabOnly)
      const stored = Promise.all([bound, save(engine, true)])
      // Listeners run after the session is stored, so that they may navigate away.
      events.hold(stored)
      publish(engine)
      await stored
      events.flush()
    },
    async logout() {
      publish(engine)
      const { grant, loading } = engine
      // It counts at once, even if a login is still being stored.
      events.hold()
      // The session that is still being read is logged out, too.
      await logOut(engine, grant ? grant.record : loading && first)
      events.flush()
    },
    getAccessToken(request) {
      const began = engine.grant?.session
      const grant = request ? undefined : acquire(engine, began)
      // Stryker disable next-line ConditionalExpression: the slow way brings the same token
      if (grant && !isPromise(grant)) return Promise.resolve(tokenOf(engine, grant))
      return lateToken(engine, began, grant, request)
    },
    refresh: () => refresh(engine),
    getState: () => engine.state as AuthState<Claims>,
    subscribe: listener => events.on(CHANGE, checkListener(listener)),
    on: (event: string, listener: (event: never) => void) =>
      events.on(checkEvent(event), checkListener(listener)),
    dispose() {
      engine.isDisposed = true
      stopListening()
      engine.stopTimer()
      engine.stopWaking?.()
      engine.stopWatching()
      engine.logouts.stopTimer()
      sharing?.peers.close()
    },
  }
  return Object.defineProperty(auth, HANDLE, { value: createHandle(engine) })
}

function createEngine(options: AuthOptions): Engine {
  const settings = resolveOptions(options)
  const events = createEvents()
  const initialState = settings.initialState && nextState(undefined, settings.initialState)
  const engine: Engine = {
    settings,
    clock: createSteadyClock(settings.clock),
    events,
    publish: () => publish(engine),
    record: EMPTY,
    grant: undefined,
    ended: undefined,
    loading: undefined,
    // Stryker disable next-line BooleanLiteral: the restore decides, and so does a login
    isUndecided: false,
    found: undefined,
    seen: new Set(),
    sleeps: 0,
    isFrozen: false,
    isBack: false,
    leavingUntil: 0,
    error: undefined,
    forcing: 0,
    restored: undefined,
    flight: undefined,
    following: undefined,
    backoff: CLEAR,
    onlineAt: 0,
    unanswered: new Set(),
    requests: new Set(),
    signals: new WeakSet(),
    isCalling: false,
    rejections: NO_REJECTIONS,
    logouts: createLogouts(),
    plain: new Set(),
    serverRenews: false,
    initialState,
    state: initialState,
    stopTimer: ignore,
    stopWaking: undefined,
    stopWatching: ignore,
    isDisposed: false,
    sharing: undefined,
    store: undefined as never,
  }
  // Before the channel is opened: `open` refuses a key that another session uses.
  settings.dpop?.open(
    settings.key,
    isPage(),
    settings.records.shared || !!settings.cookie,
    (message, error) => warn(engine, message, error),
  )
  engine.sharing = settings.share?.(engine)
  engine.store = createStore(
    settings.records,
    (message, error) => events.emit('warning', { message, error: withCause(message, error) }),
    engine.sharing?.tombstone,
  )
  return engine
}

/** The token of a call that waits. */
function lateToken(
  engine: Engine,
  began: object | undefined,
  grant: Promise<Grant | undefined> | undefined,
  request: GetAccessTokenOptions | undefined,
): Promise<string | undefined> {
  // A copy without a prototype: a polluted one sets nothing.
  const { signal, forceRefresh }: GetAccessTokenOptions = Object.assign(Object.create(null), request)
  const token = async (): Promise<string | undefined> => {
    if (forceRefresh) await refresh(engine, true)
    const found = await (grant ?? acquire(engine, began))
    if (!found && engine.ended) throw engine.ended
    return tokenOf(engine, found ?? (engine.isUndecided ? await restoreAgain(engine) : undefined))
  }
  return signal?.aborted ? Promise.reject(abortReason(signal)) : unlessAborted(token(), signal)
}

/** `isForced`: for a call that asks for a token. It waits as long as the server demands, and undoes no logout. */
async function refresh(engine: Engine, isForced?: boolean): Promise<void> {
  // The call comes from the refresh function, which would wait for itself. `logout` may call during no refresh.
  if (engine.isCalling && engine.flight) return refreshNow(engine)
  const { generation } = engine.record
  if (engine.loading) await engine.loading
  if (engine.ended) throw engine.ended
  const { record } = engine
  // A logout that came during the wait counts, too.
  const isLoggedOut = record.ended === 'logout' && (isForced || record.generation !== generation)
  if (engine.grant || (engine.settings.cookie && !isLoggedOut)) await refreshNow(engine, isForced)
}

/** No script sees a token that is a cookie. */
function tokenOf({ settings }: Engine, grant: Grant | undefined): string | undefined {
  return settings.isHidden ? undefined : grant?.accessToken
}
