/** Who is logged in: the record, the tokens in hand, and how each event changes them. */
import type { CoolDown } from './cool-down.js'
import { type AuthError, SessionExpiredError, SignedOutError } from './errors.js'
import type { Events } from './events.js'
import { type Held, type HoldOptions, hold, isOfAnother, prolong, remember, restOfRefresh } from './held.js'
import { isRenewable, type Settings } from './options.js'
import {
  between,
  EMPTY,
  foundGeneration,
  generationAfter,
  isNewer,
  type SessionRecord,
  subjectOf,
  toRecord,
  withoutHoles,
} from './record.js'
import { isOlder, SKEW, type TokenReading } from './tokens.js'
import type { Credentials, RefreshReason } from './types.js'
import type { Vault } from './vault.js'

type End = NonNullable<SessionRecord['ended']>

export interface Session {
  /** The newest record seen; before the first session it is older than any other. */
  record: SessionRecord
  /** The tokens in hand; undefined: nobody is logged in. */
  held: Held | undefined
  /** Why the last session ended, if it did not end by logout. */
  ended: SessionExpiredError | undefined
  /** While a stored or cookie session is being restored. */
  loading: Promise<void> | undefined
  /** Cookie mode: no refresh has said yet whether there is a session. */
  undecided: boolean
  /** The session that was found, by its cookie or in a sibling, when none was known. */
  found: object | undefined
  /** Greater than 0: the page slept, and storage must be read before the next token. Counts how often. */
  stale: number
  /** Cookie mode: the page comes back from the back/forward cache, and may have missed the end of its session. */
  isBack: boolean
  /** The last transient or misconfigured failure. */
  error: Error | undefined
  /** The access tokens that the page has had, in this session and in those before it, oldest first. */
  seen: ReadonlySet<string>

  /** A session begins, in place of any other; `tabOnly`: it ends with this tab. */
  begin(reading: TokenReading, tabOnly?: boolean): void
  /** New tokens for the present session, or the first ones of a cookie's. */
  renew(reading: TokenReading): void
  /** Takes over what a sibling, or an earlier page (`restored`), has stored. Runs no listener: it may run inside the lock. */
  adopt(stored: SessionRecord, restored?: boolean): void
  /** The session ends here, by logout or for good. Stores that first; `revoke`: what the server does not know yet. */
  end(why: End, cause?: unknown, revoke?: readonly Credentials[]): Promise<void>
  /** A refresh failed; the siblings shall know, and whether it may be tried again until then. */
  cool(coolDown: CoolDown, retryAt: number | undefined, retrying?: boolean): Promise<void>
  /** Stores the record and tells the siblings. What is newer there is adopted, or outbid where `insist` says so. */
  commit(insist?: boolean): Promise<void>
  /** Reads storage again where siblings write to it; a page that slept asks them where they do not. */
  recall(): Promise<void>
}

export interface SessionHost {
  readonly settings: Settings
  readonly clock: () => number
  readonly events: Events
  readonly vault: Vault
  /** Tells the siblings that the record has changed. */
  announce(): void
  /** Asks the siblings, where no storage knows, and waits a moment for one that knows more. Whether any answered. */
  ask(): Promise<boolean>
  /** The reason of the refresh under way, if there is one. */
  flying(): RefreshReason | undefined
  /** Settles the refresh under way. */
  settle(error?: AuthError): void
  /** Aborts the refresh requests under way. */
  abort(): void
  coolDown(): CoolDown
}

export function createSession(host: SessionHost): Session {
  const { settings, clock, vault } = host
  const { cookie, records } = settings
  const { emit } = host.events
  const wall = (): number => settings.clock.now()

  const holding = (record: SessionRecord, brought: boolean, previous: Held | undefined): HoldOptions => ({
    now: clock(),
    wall: wall(),
    renewable: isRenewable(settings, record),
    brought,
    window: settings.window,
    spread: settings.spread,
    previous,
  })
  const keep = (brought: boolean, before = session.record.generation): void => {
    const { held, record } = session
    session.held = hold(
      record,
      holding(record, brought, held?.tokens.generation === before ? held : undefined),
    )
    session.seen = remember(session.seen, record.accessToken)
  }
  /** A good token is in: what failures left behind is gone. */
  const recover = (): void => {
    host.coolDown().clear()
    session.error = undefined
    session.undecided = false
  }

  /** Everything that waits learns that its session is over. */
  const dismiss = (error: AuthError): void => {
    host.settle(error)
    if (cookie) host.abort()
    recover()
    session.loading = undefined
  }
  /** The record that a token answer makes, after the present one, or of a new session that starts like this. */
  const write = (reading: TokenReading, generation: number, start: Partial<SessionRecord>): void => {
    const base = generation === session.record.generation ? session.record : start
    const remaining = restOfRefresh(session.held, clock())
    session.record = toRecord(reading, { generation, base, remaining, savedAt: wall(), cookie })
    for (const message of reading.warnings) emit('warning', { message })
  }
  /** Keeps the access token of a session in which a sibling has stored an older one, and tells the siblings. */
  const outbid = (held: Held, stored: SessionRecord): void => {
    const { accessToken, expiresAt, lifetime } = held.tokens
    const version = between(stored.version)
    session.record = held.tokens = withoutHoles({ ...stored, accessToken, expiresAt, lifetime, version })
    void session.commit()
  }
  /** Nobody is logged in any more: every waiter is told, and one event says so. */
  const close = (why: End, cause?: unknown, source: 'local' | 'tab' = 'local'): void => {
    const before = session.held
    session.held = session.ended = undefined
    settings.dpop?.forget(source === 'local')
    if (why === 'logout' || !before) {
      dismiss(new SignedOutError())
      if (before) emit('logout', { source })
    } else {
      const error = new SessionExpiredError(why, cause)
      session.ended = error
      dismiss(error)
      emit('sessionExpired', { reason: why, error })
    }
  }

  /** Logins and logouts that are being stored: what was read before them ends none of them. */
  let insisting = 0
  /** What was brought back: once, for where nothing can be written that would never end. */
  let restored: SessionRecord | undefined

  const session: Session = {
    record: EMPTY,
    held: undefined,
    ended: undefined,
    loading: undefined,
    undecided: cookie,
    found: undefined,
    stale: 0,
    isBack: false,
    error: undefined,
    seen: new Set(),

    begin(reading, tabOnly) {
      write(reading, generationAfter(session.record, wall()), tabOnly ? { tabOnly } : {})
      session.ended = undefined
      dismiss(new SignedOutError())
      keep(false)
      emit('login', {})
    },
    renew(reading) {
      const { held, record } = session
      write(reading, held ? record.generation : foundGeneration(record, wall()), held ? {} : { version: 1 })
      session.ended = undefined
      if (!held && host.flying() !== 'restore') emit('login', {})
      keep(host.flying() === 'rejected')
      if (!held) session.found = session.held?.session
      recover()
    },
    adopt(stored, restored) {
      const { held, record, loading } = session
      // Another page's restore failed: the cookie is the same.
      if (session.undecided && stored.retryAt && !stored.generation) host.coolDown().learn(stored)
      // The mere stamp of a record that was lost says nothing.
      if (insisting || !isNewer(stored, record) || !(stored.accessToken || stored.ended)) return
      const isSame = stored.generation === record.generation && !isOfAnother(held, subjectOf(stored))
      session.record = stored
      // Its end is known; the server may have been told meanwhile.
      if (stored.ended) return isSame && record.ended ? undefined : close(stored.ended, undefined, 'tab')
      session.ended = undefined
      if (!isSame) {
        session.held = undefined
        settings.dpop?.forget(false)
      }
      if (isSame && held && held.accessToken === stored.accessToken) {
        if (prolong(held, stored, holding(stored, held.brought, held))) host.settle()
      } else if (isSame && held && isOlder(`${stored.accessToken}`, held.accessToken, SKEW))
        outbid(held, stored)
      else {
        const reason = host.flying() ?? 'ahead'
        if (!isSame && record.generation) dismiss(new SignedOutError())
        keep(isSame && reason === 'rejected')
        if (session.undecided) session.found = session.held?.session
        recover()
        if (isSame) emit('refreshed', { reason, duration: 0, attempts: 0, source: 'tab' })
        else if (!loading && !restored) emit('login', {})
        // What was stored long ago may be dead by now: then the refresh goes on, with what came with it.
        if (clock() < (session.held as Held).endsAt) host.settle()
      }
      host.coolDown().learn(stored)
    },
    async end(why, cause, revoke) {
      const { held } = session
      const generation = generationAfter(session.record, wall())
      session.record = withoutHoles({ ...EMPTY, generation, savedAt: wall(), ended: why, revoke })
      if (why === 'logout') close(why)
      await session.commit(why === 'logout')
      // A newer session, here or stored, may have come first.
      if (held && session.held === held) close(why, cause)
    },
    async cool({ failures, strict, open }, retryAt = wall(), retrying = false) {
      const { held, record } = session
      if (!(held ? records.shared || cookie : session.undecided)) return
      const kind = { retryStrict: strict, retryOpen: open, retrying }
      const cooled = { ...record, failures, retryAt, ...kind, cooledAt: wall() }
      session.record = cooled
      if (!held) return host.announce()
      session.record = held.tokens = { ...cooled, version: between(record.version) }
      await session.commit()
    },
    async commit(insist) {
      if (insist) insisting++
      const winner = await vault.commit(session.record, insist).finally(() => insist && insisting--)
      if (!winner || !isNewer(winner, session.record)) return host.announce()
      if (!insist) return session.adopt(winner)
      const { held, record } = session
      session.record = { ...record, generation: generationAfter(winner, 0) }
      if (held) keep(held.brought, record.generation)
      return session.commit(true)
    },
    async recall() {
      // What was read before the page slept again says nothing.
      for (let before = -1; before !== session.stale; ) {
        before = session.stale
        // If none of them answers, nothing but the cookie can tell whose session this is by now.
        if (!records.shared && before && !(await host.ask()) && session.isBack && session.held)
          session.held.endsAt = clock()
        const stored = await vault.read()
        // A late write of a tab that saw an old copy: what is newer here comes back.
        if (stored && !isNewer(session.record, stored)) session.adopt(stored)
        else if (stored && restored !== session.record) {
          restored = session.record
          await session.commit()
        }
      }
      Object.assign(session, { stale: 0, isBack: false })
    },
  }
  return session
}
