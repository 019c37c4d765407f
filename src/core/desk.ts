/** Handing out tokens: at once where one is good, after a refresh where it must be. */
import type { Engine, Ticket } from './engine.js'
import { isOffline } from './environment.js'
import { RefreshFailedError, SignedOutError, withCause } from './errors.js'
import type { Events } from './events.js'
import type { Flights } from './flights.js'
import { type Held, isOfAnother, isOutdated, toPredecessor, withoutSpent } from './held.js'
import { isRenewable, type Settings } from './options.js'
import type { Session } from './session.js'
import { readAnswer } from './tokens.js'
import type { TokenResponse } from './types.js'
import { ignore } from './waiting.js'

/**
 * How long a 401 for a token that a 401 brought starts no other refresh, milliseconds. It starts one where the token was
 * accepted elsewhere.
 */
const UNPROVEN = 30_000
/** How long a token must last that leaves with a body that cannot be sent twice; at most a tenth of its lifetime. */
const MARGIN = 5_000

/** Endpoints that refuse every token, as far as one session has met any. Instants are on the steady clock. */
interface Doubt {
  readonly session: object | undefined
  /** When such an endpoint last refused a token. */
  readonly at: number
  /** When it last started a refresh all the same. */
  readonly refreshedAt: number
}

const NO_DOUBT: Readonly<Doubt> = {
  session: undefined,
  at: Number.NEGATIVE_INFINITY,
  refreshedAt: Number.NEGATIVE_INFINITY,
}

export interface DeskHost {
  readonly settings: Settings
  readonly clock: () => number
  readonly events: Events
  readonly session: Session
  readonly flights: Flights
  /** Publishes the state, sets the timer, delivers events. */
  conclude(): void
  isDisposed(): boolean
}

export function createDesk(host: DeskHost): Engine {
  const { settings, clock, events, session, flights, conclude } = host
  /** A good token is in hand; whatever else it needs happens behind the request. */
  const attend = (held: Held): void => {
    const isWanted = isRenewable(settings, held.tokens) && !held.asked && !flights.current()
    if (isWanted && !isOffline() && clock() >= flights.coolDown.until) flights.fly('ahead').catch(ignore)
  }
  const isShort = (held: Held): boolean =>
    held.endsAt - clock() < Math.min(MARGIN, (held.tokens.lifetime ?? 0) / 10)

  let doubt = NO_DOUBT
  const remember = (held: Held, change: Partial<Doubt>): void => {
    doubt = { ...(doubt.session === held.session ? doubt : NO_DOUBT), ...change, session: held.session }
  }
  /** Whether a 401 says more about the endpoint than about the token. */
  const isDoubtful = (held: Held): boolean => {
    const now = clock()
    const { at, refreshedAt } = doubt.session === held.session ? doubt : NO_DOUBT
    const isRecent = (instant: number): boolean => now - instant < UNPROVEN
    const isUnproven = held.brought && !held.proven && isRecent(held.arrivedAt)
    if (isUnproven || (isRecent(at) && isRecent(refreshedAt))) {
      remember(held, { at: now })
      return true
    }
    if (isRecent(at)) remember(held, { refreshedAt: now })
    return false
  }

  /** A question for a new pair is no refresh: who needs one waits it out. */
  const question = (): Promise<void> | undefined => {
    const flight = flights.current()
    return flight?.isQuestion ? flight.promise.catch(ignore) : undefined
  }

  /** Waits for what a token needs: the restore, a read of the storage, a refresh. */
  const wait = async (began: object | undefined, dead?: boolean): Promise<Ticket | undefined> => {
    const { ended } = session
    await session.loading
    if (session.stale) {
      await session.recall()
      conclude()
    }
    const { held } = session
    const mine = began ?? held?.session
    const isDead = (): boolean => session.held?.session === mine && clock() >= (session.held?.endsAt ?? 0)
    if (held && held.session === mine) {
      held.used = true
      const asking = question()
      if (asking) await asking
      if (dead && isDead()) return held
      if (isDead()) {
        await flights.fly(held.rejected ? 'rejected' : 'expired')
        if (isDead()) throw new RefreshFailedError('The new token ended before it could be used', 0)
      } else if (isShort(held)) {
        // Better a new one, but this one is still good.
        await flights.current()?.promise.catch(error => {
          if (clock() >= held.endsAt) throw error
        })
      }
    }
    // A request that is made after the end is like one of an anonymous visitor.
    if (session.ended && (began || session.ended !== ended)) throw session.ended
    if (mine !== session.held?.session) throw new SignedOutError()
    return session.held
  }

  /** Everybody who waits for what follows these tokens waits as one. Inside it only `wait`, which joins nothing. */
  const succeed = (held: Held, begin: () => Promise<Ticket | undefined>): Promise<Ticket> => {
    held.successor ??= begin().finally(() => {
      held.successor = undefined
    })
    // A call of a session gets a token of it, or an error.
    return held.successor as Promise<Ticket>
  }

  const acquire = (
    began: object | undefined,
    lasting?: boolean,
    dead?: boolean,
  ): Ticket | undefined | Promise<Ticket | undefined> => {
    const { held, stale } = session
    if (held && !stale && (!began || began === held.session)) {
      const now = clock()
      if (now < held.endsAt) {
        held.used = true
        if (now < held.attentionAt) return held
        attend(held)
        if (!lasting || !isShort(held) || !flights.current()) return held
      } else if (!dead) return succeed(held, () => wait(held.session))
    } else if (!held && !began && !session.loading && !(session.ended && stale)) return undefined
    return wait(began, dead)
  }
  const warn = (message: string, error?: unknown): void => {
    events.emit('warning', { message, ...(error !== undefined && { error: withCause(message, error) }) })
    events.flush()
  }

  return {
    session: () => session.held?.session,
    acquire,
    rejected(ticket) {
      const { held, ended } = session
      // Its session has ended while it was on its way.
      if (!held && ended) return Promise.reject(ended)
      if (ticket.session !== held?.session) return undefined
      if (ticket !== held) return Promise.resolve(acquire(ticket.session) as Ticket | Promise<Ticket>)
      if (!held.rejected && isDoubtful(held)) return undefined
      held.rejected = true
      held.endsAt = held.attentionAt = Math.min(held.endsAt, clock())
      return succeed(held, async () => {
        const asking = question()
        if (asking) await asking
        // A server that renews by itself was given both tokens.
        const refuse =
          !settings.refresh && settings.served ? () => Promise.reject({ status: 401 }) : settings.refresh
        if (session.held === held) await flights.fly('rejected', refuse)
        return wait(held.session)
      })
    },
    doubt: ticket => remember(ticket, { at: clock() }),
    isUndecided: () => session.undecided,
    async restore() {
      await session.loading
      const { undecided } = session
      if (undecided) await flights.fly('restore')
      const { held, found } = session
      // A login meanwhile is another session than the one that the request may belong to.
      return undecided || held?.session === found ? held : undefined
    },
    collect(answer, ticket) {
      const { held } = session
      if (!held || ticket.session !== held.session) return undefined
      try {
        const reading = readAnswer(
          answer,
          settings.clock.now(),
          toPredecessor(held, clock()),
          !!settings.dpop,
        )
        const { accessToken, subject } = reading
        // A burst brings the same tokens many times, and a cache brings earlier ones, perhaps of another user.
        if (session.seen.has(accessToken) || isOutdated(held, accessToken)) return undefined
        if (isOfAnother(held, subject))
          return void warn('collect returned the tokens of another user; they were dropped')
        session.renew(withoutSpent(held, reading))
      } catch (error) {
        return void warn('collect returned no token answer', error)
      }
      const flight = flights.current()
      const reason = flight?.reason ?? 'ahead'
      events.emit('refreshed', { reason, duration: 0, attempts: flight ? 1 : 0, source: 'network' })
      const stored = session.commit().then(conclude)
      events.hold(stored)
      flights.release(held, stored)
      conclude()
      return stored
    },
    serve() {
      settings.served = true
    },
    lend: () => session.held,
    isDead: ticket => clock() >= ticket.endsAt,
    isDisposed: host.isDisposed,
    carry: send =>
      flights.fly('expired', async context => {
        const answer = await send(context)
        // A flight that is over takes no answer, and no failure either.
        if (!answer) flights.current()?.settle()
        return answer as TokenResponse
      }),
    refreshing: signal => flights.calling() || (!!signal && flights.owns(signal)),
    flightToken: () => flights.current()?.held?.tokens.refreshToken,
    warn,
    challenge(event) {
      events.emit('challenge', event)
      events.flush()
    },
    watched: events.watched,
    report(event) {
      events.emit('request', { ...event, at: settings.clock.now() })
      events.flush()
    },
    settings,
    expire() {
      if (session.held) session.held.endsAt = 0
      conclude()
    },
  }
}
