/** `createAuth`: one session, its tokens and its flights. Read from the bottom: the public members tell the story. */
import { createSteadyClock } from './clock.js'
import { ENGINE, type Engine, type Ticket } from './engine.js'
import { isBrowser, isOffline } from './environment.js'
import { type AuthError, RefreshFailedError, SessionExpiredError, SignedOutError } from './errors.js'
import { CHANGE, createEvents } from './events.js'
import { createFlights } from './flight.js'
import { type Held, hold } from './held.js'
import { resolveOptions } from './options.js'
import { isNewer, next, parseRecord } from './record.js'
import { createSchedule } from './schedule.js'
import { nextState } from './state.js'
import { createExclusive, openChannel } from './tabs.js'
import { decodeToken, readAnswer, type TokenReading } from './tokens.js'
import type {
  Auth,
  AuthOptions,
  AuthState,
  JwtClaims,
  RefreshReason,
  SessionEndReason,
  Tokens,
} from './types.js'
import { createVault } from './vault.js'
import { ignore, pause, unlessAborted, within } from './waiting.js'

/** How long a token that a refresh brought, and that nothing accepted yet, starts no other refresh, milliseconds. */
const UNPROVEN = 30_000
/** How long news of a sibling's grant may take on the channel, milliseconds. */
const NEWS = 50
/** How long `logout()` waits for the server, milliseconds. */
const FAREWELL = 2_000
/** How long before the end of a session it is announced, milliseconds; at most a quarter of the lifetime. */
const NOTICE = 60_000

/**
 * Creates the one object that knows a session. Create it once, outside components; on a server once per request.
 * @throws TypeError that names the option, its unit and the value it got
 */
export function createAuth<Claims = JwtClaims>(options: AuthOptions = {}): Auth<Claims> {
  const settings = resolveOptions(options)
  const { cookie, storage, name } = settings
  const wall = (): number => settings.clock.now()
  const clock = createSteadyClock(settings.clock)
  const events = createEvents()
  const { emit } = events
  /** Whether siblings exist that spend the same refresh token. A server's cookie sessions are not siblings. */
  const shared = storage.shared === true || (cookie && (isBrowser() || settings.lock !== undefined))
  const vault = createVault(storage, (message, error) => emit('warning', { message, error }))

  /** The newest record seen; before the first session it is older than any other. */
  let record: Tokens = { generation: 0, version: 0, savedAt: 0 }
  let held: Held | undefined
  let ended: SessionExpiredError | undefined
  /** Restoring; until then nobody knows whether somebody is logged in. */
  let loading: Promise<void> | undefined
  /** Cookie mode: no refresh has said yet whether there is a session. */
  let undecided = cookie
  /** The page slept: a read of the storage that must come before the next token. */
  let behindStorage = false
  let frozen = false
  let lastError: Error | undefined
  let state: AuthState<Claims> | undefined

  const describe = (): AuthState<Claims> => {
    if (loading) return { status: 'loading' }
    if (ended) return { status: 'expired', reason: ended.reason, error: ended }
    if (!held) return { status: 'anonymous', ...(undecided && lastError && { error: lastError }) }
    const { claims, tokens } = held
    const sessionExpiresAt = renewable(held) ? tokens.refreshExpiresAt : tokens.expiresAt
    return {
      status: 'authenticated',
      claims: claims as Claims,
      expiresAt: tokens.expiresAt,
      sessionExpiresAt,
      refreshing: !!flights.current(),
      error: lastError,
    } as AuthState<Claims>
  }
  const publish = (): void => {
    const before = state
    state = nextState(state, describe())
    if (before && state !== before) events.change()
  }
  /** The end of every operation: state, timer, and then the listeners. */
  const conclude = (): void => {
    publish()
    schedule.plan()
    events.flush()
  }

  /** Whether there is anything to refresh these tokens with, or was. */
  const renewable = ({ tokens }: Held): boolean => !!settings.refresh && (cookie || !!tokens.refreshToken)

  const keep = (brought: boolean): void => {
    held = hold(record, {
      now: clock(),
      wall: wall(),
      renewable: !!settings.refresh && (cookie || !!record.refreshToken),
      brought,
      window: settings.window,
      spread: settings.spread && record.version < 2,
      previous: held?.generation === record.generation ? held : undefined,
    })
  }
  /** Everything that waits learns that its session is over. */
  const dismiss = (error: AuthError): void => {
    flights.current()?.settle(error)
    if (cookie) flights.abort()
    renewed()
  }

  /** What a token answer makes of the record. */
  const write = (reading: TokenReading, base: Tokens, generation: number): void => {
    const savedAt = wall()
    const keepsRefresh =
      !reading.refreshToken && reading.refreshLifetime === undefined && held?.generation === generation
    const refreshLifetime = keepsRefresh ? base.refreshLifetime : reading.refreshLifetime
    const remaining = keepsRefresh && held ? held.refreshEndsAt - clock() : refreshLifetime
    const refreshToken = cookie
      ? undefined
      : (reading.refreshToken ?? (held?.generation === generation ? base.refreshToken : undefined))
    const fields = {
      accessToken: reading.accessToken,
      refreshToken,
      expiresAt: reading.lifetime && Math.round(savedAt + reading.lifetime),
      lifetime: reading.lifetime,
      refreshExpiresAt: Number.isFinite(remaining) ? Math.round(savedAt + (remaining as number)) : undefined,
      refreshLifetime,
      scope: reading.scope ?? (held?.generation === generation ? base.scope : undefined),
    }
    record = {
      generation,
      version: next(generation === base.generation ? base.version : 0),
      savedAt,
      ...(Object.fromEntries(
        Object.entries(fields).filter(([, value]) => value !== undefined),
      ) as Partial<Tokens>),
    }
    if (reading.warning) emit('warning', { message: reading.warning })
  }
  /** Stores the record and tells the siblings. What is newer there is adopted, or outbid where `insist` says so. */
  const commit = async (insist = false): Promise<void> => {
    const winner = await vault.commit(record)
    if (winner && isNewer(winner, record)) {
      if (!insist) return adopt(winner)
      record = { ...record, generation: next(winner.generation) }
      if (held) keep(false)
      return commit(true)
    }
    announce()
  }
  const announce = (): void => channel?.post(storage.shared ? { generation: record.generation } : { record })

  /** Takes over what a sibling, or an earlier page, has stored. Must not run listeners: it may run inside the lock. */
  const adopt = (stored: Tokens): void => {
    if (!isNewer(stored, record)) return
    const before = held
    const sameSession = stored.generation === record.generation
    record = stored
    if (!stored.accessToken) {
      over(stored.ended ?? 'logout', 'tab', before)
      return
    }
    ended = undefined
    if (!sameSession) dismiss(new SignedOutError())
    const { coolDown } = flights
    if (before && sameSession && before.accessToken === stored.accessToken) before.tokens = stored
    else {
      keep(sameSession)
      const reason = flights.current()?.reason ?? 'ahead'
      if (sameSession) emit('refreshed', { reason, duration: 0, attempts: 0, source: 'tab' })
      else if (!loading) emit('login', {})
      renewed()
      flights.current()?.settle()
    }
    coolDown.failures = Math.max(coolDown.failures, stored.failures ?? 0)
    coolDown.until = stored.retryAt ? clock() + stored.retryAt - Math.max(wall(), stored.savedAt) : 0
    coolDown.strict = stored.retryStrict === true
  }
  const recall = async (): Promise<void> => {
    behindStorage = false
    if (!storage.shared) return
    const stored = await vault.read()
    if (stored) adopt(stored)
  }

  /** Nobody is logged in any more. */
  const over = (
    why: 'logout' | SessionEndReason,
    source: 'local' | 'tab',
    before = held,
    cause?: unknown,
  ): void => {
    held = undefined
    if (why === 'logout') {
      ended = undefined
      dismiss(new SignedOutError())
      if (before) emit('logout', { source })
    } else if (before) {
      ended = new SessionExpiredError(why, cause)
      dismiss(ended)
      emit('sessionExpired', { reason: why, error: ended })
    } else dismiss(new SignedOutError())
  }
  const bury = (why: 'logout' | SessionEndReason): void => {
    record = { generation: next(record.generation), version: 0, savedAt: wall(), ended: why }
  }
  /** What a refresh leaves behind when it has worked. */
  const renewed = (): void => {
    flights.coolDown.until = flights.coolDown.failures = 0
    flights.coolDown.strict = false
    lastError = undefined
    undecided = false
  }
  const begin = (reading: TokenReading): void => {
    write(reading, record, next(record.generation))
    ended = undefined
    dismiss(new SignedOutError())
    keep(false)
    emit('login', {})
  }

  const flights = createFlights({
    settings,
    clock,
    emit,
    shared,
    exclusive: shared
      ? createExclusive(name, settings.lock, settings.refreshTimeout)
      : callback => callback(false),
    held: () => held,
    generation: () => record.generation,
    async recall(waited) {
      // Without a shared storage the answer of the one we waited for is still on its way.
      if (!storage.shared && (waited > 5 || loading)) {
        channel?.post({})
        const told = new Promise<void>(resolve => {
          news = resolve
        })
        await Promise.race([pause(NEWS), told])
      }
      await recall()
    },
    credentials(reason) {
      if (!settings.refresh) return undefined
      if (!held) return cookie ? {} : undefined
      const now = clock()
      const { refreshToken } = held.tokens
      if (now < held.refreshEndsAt) return cookie || refreshToken ? { refreshToken } : undefined
      return refreshToken && now < held.endsAt && reason !== 'rejected' ? {} : undefined
    },
    async take(reading, flight) {
      const subject = held?.claims?.sub
      if (held && subject !== undefined && subject !== decodeToken(reading.accessToken)?.sub) begin(reading)
      else {
        write(reading, record, held ? record.generation : next(record.generation))
        if (!held && flight.reason !== 'restore') emit('login', {})
        keep(true)
        renewed()
      }
      publish()
      await commit()
    },
    refused(flight, cause) {
      if (!held) {
        undecided = false
        return
      }
      const now = clock()
      // Nothing to refresh with, but the access token is good: the session lives as long as that.
      if (cause === undefined && now < held.endsAt && flight.reason !== 'rejected') {
        if (flight.reason === 'manual') flight.settle(new RefreshFailedError('There is no refresh token', 0))
        return
      }
      const expired = now >= held.refreshEndsAt ? 'refresh_token_expired' : 'no_refresh_token'
      return finish(cause === undefined ? expired : 'refresh_rejected', cause)
    },
    failed(error) {
      lastError = error
      if (!storage.shared || !held) return
      const { failures, strict } = flights.coolDown
      const { retryAt = wall() } = error
      record = {
        ...record,
        version: next(record.version),
        savedAt: wall(),
        failures,
        retryAt,
        retryStrict: strict,
      }
      held.tokens = record
      void commit()
    },
    refreshed: () => conclude(),
  })

  const schedule = createSchedule({
    settings,
    clock,
    held: () => held,
    renewable,
    end(current) {
      const { lifetime, refreshLifetime = Number.POSITIVE_INFINITY } = current.tokens
      const alone = !renewable(current)
      const at = alone ? current.endsAt : current.refreshEndsAt
      const notice = Math.min(NOTICE, (alone ? (lifetime ?? 0) : refreshLifetime) / 4)
      return {
        at,
        announceAt: current.announced ? Number.POSITIVE_INFINITY : at - notice,
        overAt: alone ? at : Math.max(at, current.endsAt),
      }
    },
    coolUntil: () => flights.coolDown.until,
    flying: () => !!flights.current(),
    announce() {
      if (!held) return
      held.announced = true
      const expiresAt = renewable(held) ? held.tokens.refreshExpiresAt : held.tokens.expiresAt
      if (expiresAt !== undefined) emit('sessionExpiring', { expiresAt })
      events.flush()
    },
    renew: () => void fly(held && clock() < held.endsAt ? 'ahead' : 'expired').catch(ignore),
    woken(event, persisted) {
      if (event === 'freeze' || event === 'resume' || persisted) behindStorage = shared
      frozen = event === 'freeze'
      if (frozen) return
      if (behindStorage) void recall().then(conclude)
      if (event === 'online') {
        if (!flights.coolDown.strict) flights.coolDown.until = 0
        if (undecided && !loading) void fly('restore').catch(ignore)
      }
    },
  })

  let news = (): void => {}
  const channel = shared
    ? openChannel(name, message => {
        const { record: theirs, generation } = (message ?? {}) as { record?: unknown; generation?: unknown }
        if (storage.shared) {
          behindStorage ||= frozen
          if (generation && !frozen) void recall().then(conclude)
        } else if (!theirs) {
          if (held && clock() < held.endsAt) announce()
        } else {
          const stored = parseRecord(theirs)
          if (stored) adopt(stored)
          news()
          conclude()
        }
      })
    : undefined

  const fly = (reason: RefreshReason): Promise<void> => flights.fly(reason)

  /** The session is over: stored first, then said once. */
  const finish = async (why: SessionEndReason, cause?: unknown): Promise<void> => {
    const before = held
    bury(why)
    await commit()
    if (held !== before) return
    over(why, 'local', before, cause)
    conclude()
  }

  /** A good token is in hand; whatever else it needs happens behind the request. */
  const attend = (current: Held): void => {
    const isPossible = renewable(current) && !current.asked && !flights.current()
    if (isPossible && !isOffline() && clock() >= flights.coolDown.until) void fly('ahead').catch(ignore)
  }
  const lacksMargin = (current: Held): boolean =>
    current.endsAt - clock() < Math.min(5_000, (current.tokens.lifetime ?? 0) / 10)

  const acquire = (
    session: number | undefined,
    lasting?: boolean,
  ): Ticket | undefined | Promise<Ticket | undefined> => {
    if (held && !behindStorage && (session === undefined || session === held.generation)) {
      const now = clock()
      if (now < held.endsAt) {
        held.used = true
        if (now < held.attentionAt) return held
        attend(held)
        if (!lasting || !lacksMargin(held) || !flights.current()) return held
      }
    }
    return wait(session)
  }
  /** Waits for what a token needs: the restore, a read of the storage, a refresh. */
  const wait = async (session: number | undefined): Promise<Ticket | undefined> => {
    if (loading) await loading
    if (behindStorage) {
      await recall()
      conclude()
    }
    const began = session ?? held?.generation
    if (held && held.generation === began) {
      const { endsAt } = held
      held.used = true
      if (clock() >= endsAt) await fly('expired')
      else if (lacksMargin(held)) {
        // Better a new one, but this one is still good.
        await flights.current()?.promise.catch(error => {
          if (clock() >= endsAt) throw error
        })
      }
    } else if (!held && session === undefined && undecided) {
      await fly('restore')
      return held
    }
    if (ended) throw ended
    if (began !== held?.generation) throw new SignedOutError()
    return held
  }

  const engine: Engine = {
    session: () => held?.generation,
    acquire,
    rejected(ticket) {
      if (ended && ticket.generation < record.generation) return Promise.reject(ended)
      if (ticket.generation !== held?.generation) return undefined
      if (ticket !== held) return (async () => acquire(ticket.generation))()
      if (ticket.brought && !ticket.proven && clock() - ticket.arrivedAt < UNPROVEN) return undefined
      return fly('rejected').then(() => acquire(ticket.generation))
    },
    collect(tokens, ticket) {
      if (ticket.generation !== held?.generation) return
      try {
        write(readAnswer(tokens, wall()), record, record.generation)
      } catch (error) {
        return engine.warn('collect returned no token answer', error)
      }
      keep(true)
      renewed()
      emit('refreshed', { reason: 'ahead', duration: 0, attempts: 0, source: 'network' })
      void commit()
      conclude()
    },
    refreshing: signal => flights.calling() || (!!signal && flights.owns(signal)),
    flightToken: () => flights.current()?.held?.tokens.refreshToken,
    warn(message, error) {
      emit('warning', { message, error })
      events.flush()
    },
  }

  const refresh = async (): Promise<void> => {
    if (loading) await loading
    if (ended) throw ended
    if (held || cookie) await fly('manual')
  }

  /** Tells the server that the session is over, best effort. */
  const farewell = async (tokens: { refreshToken?: string; accessToken?: string }): Promise<void> => {
    const controller = new AbortController()
    const call = async (): Promise<unknown> => settings.logout?.({ ...tokens, signal: controller.signal })
    try {
      await within(call(), settings.refreshTimeout, () => {
        controller.abort()
        return new Error(`no answer within ${settings.refreshTimeout} ms`)
      })
    } catch (error) {
      engine.warn('logout did not reach the server; the session ended here all the same', error)
    }
  }

  /** Takes over what an earlier page left; a cookie is asked for. */
  const restore = async (first: Promise<Tokens | null> | Tokens | null): Promise<void> => {
    const stored = first && 'then' in first ? await first : first
    if (record.generation) return
    if (stored) adopt(stored)
    undecided = cookie && !held
    const isOver =
      held && clock() >= held.endsAt && !(settings.refresh && clock() < held.refreshEndsAt && renewable(held))
    if (undecided || isOver) {
      await fly(undecided ? 'restore' : 'expired').catch(error => {
        if (undecided) lastError = error
      })
    }
  }
  const first = vault.first()
  const restoring = restore(first)
  if (undecided || (first && 'then' in first)) {
    loading = restoring.finally(() => {
      loading = undefined
      conclude()
    })
  }
  const ready = loading ?? Promise.resolve()
  conclude()

  return Object.defineProperty(
    {
      ready,
      async login(tokens) {
        begin(readAnswer(tokens, wall()))
        loading = undefined
        const stored = commit(true)
        conclude()
        await stored
      },
      async logout() {
        const { accessToken, refreshToken } = held?.tokens ?? {}
        const tokens = { ...(accessToken && { accessToken }), ...(refreshToken && { refreshToken }) }
        const isKnown = !!held || cookie
        bury('logout')
        const stored = commit(true)
        over('logout', 'local')
        loading = undefined
        conclude()
        if (isKnown && settings.logout) await Promise.race([farewell(tokens), pause(FAREWELL)])
        await stored
      },
      getAccessToken(request) {
        const session = held?.generation
        if (!request) return Promise.resolve(acquire(session)).then(ticket => ticket?.accessToken)
        const { signal, forceRefresh } = request
        const token = async (): Promise<string | undefined> => {
          if (forceRefresh) await refresh()
          return (await acquire(session))?.accessToken
        }
        return unlessAborted(token(), signal)
      },
      refresh,
      getState: () => state as AuthState<Claims>,
      subscribe: listener => events.on(CHANGE, listener),
      on: (event, listener) => events.on(event, listener),
      dispose() {
        schedule.stop()
        channel?.close()
        events.clear()
      },
    } satisfies Auth<Claims>,
    ENGINE,
    { value: engine },
  )
}
