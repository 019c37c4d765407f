/** Tells the server about a logout: at once, and again until it was reached or a day has passed. */
import { hasWindow, isPage, startTimer, whenActivated } from './environment.js'
import { classifyFailure } from './failure.js'
import type { Settings } from './options.js'
import { next, type SessionRecord, withoutHoles } from './record.js'
import type { Session } from './session.js'
import type { Credentials } from './types.js'
import { ignore, isPromise, within } from './waiting.js'

/** How long `logout()` waits for the server, milliseconds. */
const PATIENCE = 2_000
/** How long the server is told again, milliseconds. */
const DAY = 86_400_000
/** The upper ends of the first and of the longest pause between two attempts, milliseconds. */
const FIRST = 1_000
const LONGEST = 300_000

/** A session that the server does not know to be over. */
interface Notice {
  readonly tokens: Credentials
  /** When its logout took place, epoch milliseconds. */
  since: number
  /** Of the call under way. */
  call: AbortController | undefined
}

type MaybeTokens = { [Name in keyof Credentials]?: string | undefined } | null | undefined

export interface ServerNotifier {
  /** Ends the session by logout, and tells the server about its tokens; these may still be read. */
  logout(known: Promise<SessionRecord | null> | MaybeTokens): Promise<void>
  /** Tokens of a session that is not the present one have arrived. Tells the server if it ended by logout. */
  stray(tokens: NonNullable<MaybeTokens>, generation: number): void
  /** Repeats the calls that failed in an earlier page. */
  resume(): void
  /** A session has begun. Its cookie has replaced the one of the session before. */
  renewed(): void
  /** The network is back. */
  online(): void
  stop(): void
}

export interface NotifierHost {
  readonly settings: Settings
  readonly session: Session
  warn(message: string, error?: unknown): void
  /** Publishes the state, sets the timer, delivers events. */
  conclude(): void
}

export function createServerNotifier({ settings, session, warn, conclude }: NotifierHost): ServerNotifier {
  const { logout, cookie, isHidden, tokenless, refreshTimeout, autoRefresh } = settings
  const wall = (): number => settings.clock.now()
  const notices = new Set<Notice>()
  /** Generations that ended by logout here, and refresh tokens that the server is told about. */
  const over = new Set<number>()
  const told = new Set<string | undefined>()
  let failures = 0
  let isStopped = false
  let cancel: () => void = ignore

  /** The tokens that the tombstone keeps for the next page; in cookie mode it keeps none. */
  const owed = (revoke: readonly Credentials[] = []): readonly Credentials[] | undefined => {
    const others = revoke.filter(({ refreshToken }) => !told.has(refreshToken))
    const all = [...others, ...[...notices].map(({ tokens }) => (cookie ? {} : tokens))]
    return all.length ? all : undefined
  }
  const keep = (): void => {
    const { record } = session
    if (record.ended !== 'logout') return
    session.record = withoutHoles({ ...record, version: next(record.version), revoke: owed(record.revoke) })
    void session.commit()
  }
  const clear = (): void => {
    cancel()
    for (const { call } of notices) call?.abort()
    notices.clear()
    failures = 0
  }
  const note = (tokens: MaybeTokens): Notice | undefined => {
    const { accessToken, refreshToken } = tokens ?? {}
    if (!logout || (!accessToken && !cookie)) return undefined
    // One cookie, one notice.
    if (cookie) clear()
    const { generation, ended, savedAt } = session.record
    over.add(generation)
    told.add(refreshToken)
    const since = ended === 'logout' ? savedAt : wall()
    // In place of a token that no script sees, the engine has a name of its own.
    const known = withoutHoles(isHidden ? {} : { accessToken, refreshToken })
    const notice = { tokens: known, since, call: undefined }
    notices.add(notice)
    return notice
  }
  const finish = (notice: Notice): void => {
    if (notices.delete(notice)) keep()
    if (!notices.size) clear()
  }
  /** Resolves after one attempt. Never rejects. */
  const tell = async (notice: Notice): Promise<void> => {
    const call = new AbortController()
    notice.call = call
    const calling = async (): Promise<void> => {
      const answer = await logout?.({ ...notice.tokens, signal: call.signal })
      // `fetch` resolves with a failure, too.
      if ((answer as Response | undefined)?.ok === false) throw answer
    }
    try {
      await within(calling(), refreshTimeout, () => {
        call.abort()
        return new Error(`no answer within ${refreshTimeout} ms`)
      })
    } catch (error) {
      const kind = await classifyFailure(error, { isProven: false, isRestore: false }, undefined, ignore)
      if (!notices.has(notice)) return
      if (!failures++) warn('logout did not reach the server; the session ended here all the same', error)
      if (kind === 'transient' && wall() - notice.since < DAY) return plan()
    } finally {
      notice.call = undefined
    }
    finish(notice)
  }
  const late = async (tokens: MaybeTokens): Promise<void> => {
    const notice = note(tokens)
    if (!notice) return
    keep()
    await tell(notice)
  }
  const again = async (): Promise<void> => {
    cancel()
    // A page that no user visits yet tells nothing.
    await whenActivated()
    await session.recall()
    conclude()
    const { ended, savedAt, revoke } = session.record
    for (const notice of notices) {
      if (notice.call || isStopped) continue
      // Another tab has told the server, or a login has replaced the cookie.
      const isSettled =
        ended === 'logout' && savedAt === notice.since
          ? !revoke?.some(({ refreshToken }) => refreshToken === notice.tokens.refreshToken)
          : cookie
      if (isSettled || wall() - notice.since >= DAY) finish(notice)
      else void tell(notice)
    }
  }
  /** Without a window there are no timers; then the next start tells the server. */
  const plan = (): void => {
    cancel()
    if (isStopped || !(hasWindow() || autoRefresh === 'always')) return
    const longest = Math.min(LONGEST, FIRST * 2 ** (failures - 1))
    cancel = startTimer(() => void again(), longest * (0.5 + Math.random() / 2))
  }
  const warnIf = (isDue: boolean): void => {
    if (isDue && cookie && !logout)
      warn('Cookie mode needs `logout`: no script can delete the cookie, so the server must')
  }

  warnIf(isPage())
  return {
    async logout(known) {
      warnIf(!isPage())
      const notice = isPromise(known) ? undefined : note(known)
      const stored = session.end('logout', undefined, owed())
      if (notice) notice.since = session.record.savedAt
      conclude()
      const telling = notice ? tell(notice) : logout && isPromise(known) && known.then(late)
      if (telling) await within(telling, PATIENCE, Error).catch(ignore)
      await stored
    },
    stray(tokens, generation) {
      const isOver = session.record.ended === 'logout' || (!cookie && over.has(generation))
      const isNew = tokenless || (!!tokens.refreshToken && !told.has(tokens.refreshToken))
      if (isOver && isNew) void late(tokens)
    },
    resume() {
      const { ended, revoke } = session.record
      if (ended !== 'logout' || !revoke) return
      for (const tokens of revoke) note(tokens)
      if (notices.size) void again()
      else keep()
    },
    renewed() {
      if (cookie) clear()
    },
    online() {
      if (notices.size) void again()
    },
    stop() {
      isStopped = true
      cancel()
    },
  }
}
