/** Tells the server about a logout: at once, and again until the server was reached or a day has passed. */
import { callAlone, warn } from './derive.js'
import { hasWindow, isPage, startTimer, whenActivated } from './environment.js'
import { classifyFailure, isRefusal } from './failure.js'
import { next, type SessionRecord, withoutHoles } from './record.js'
import { end, save, sync } from './session.js'
import type { Engine, LogoutNotice, Logouts } from './state.js'
import type { Credentials } from './types.js'
import { atMost, ignore, isPromise, within } from './waiting.js'

/** `logout()` waits this long for the server, milliseconds. */
const WAIT = 2_000
/** The server is told again for this long, milliseconds. */
const DAY = 86_400_000
/** Upper ends of the first and of the longest delay between two attempts, milliseconds. */
const FIRST_DELAY = 1_000
const LONGEST_DELAY = 300_000

type MaybeTokens = { [Name in keyof Credentials]?: string | undefined } | null | undefined

export function createLogouts(): Logouts {
  return {
    notices: new Set(),
    generations: new Set(),
    refreshTokens: new Set(),
    failures: 0,
    stopTimer: ignore,
  }
}

/** Ends the session, and tells the server about its tokens. `known`: the tokens, which may still be read. */
export async function logOut(
  engine: Engine,
  known: Promise<SessionRecord | null> | MaybeTokens | false,
): Promise<void> {
  if (!isPage()) warnWithoutLogout(engine)
  engine.logouts.generations.add(engine.record.generation)
  const notice = isPromise(known) ? undefined : createNotice(engine, known || undefined)
  const stored = end(engine, 'logout', undefined, untold(engine))
  if (notice) notice.since = engine.record.savedAt
  engine.publish()
  const late = engine.settings.logout && isPromise(known) && known.then(tokens => tellLate(engine, tokens))
  const telling = notice ? tell(engine, notice) : late
  if (telling) await atMost(telling, WAIT)
  await stored
}

/** Tokens of a session that is not the current one have arrived. The server is told if that session ended by logout. */
export function revokeStray(engine: Engine, tokens: NonNullable<MaybeTokens>, generation: number): void {
  const { record, settings, logouts } = engine
  const isOver = record.ended === 'logout' || (!settings.cookie && logouts.generations.has(generation))
  const isNew =
    settings.tokenless || (!!tokens.refreshToken && !logouts.refreshTokens.has(tokens.refreshToken))
  if (isOver && isNew) void tellLate(engine, tokens)
}

/** Repeats the calls that failed in an earlier page. A logout of this page may have replaced their record. */
export function resumeLogouts(engine: Engine, { revoke, savedAt }: SessionRecord): void {
  if (!revoke) return
  for (const tokens of revoke) createNotice(engine, tokens, savedAt)
  const { size } = engine.logouts.notices
  if (!size || revoke !== engine.record.revoke) storeUntold(engine)
  if (size) void tellAgain(engine)
}

/** A session has begun. Its cookie has replaced the one of the session before. */
export function dropCookieLogouts(engine: Engine): void {
  if (engine.settings.cookie) clear(engine)
}

/** A tab with an older copy of the record has stored tokens again that this tab has told the server about. */
export function dropTold(engine: Engine): void {
  const { record, logouts } = engine
  const isTold = ({ refreshToken }: Credentials): unknown =>
    refreshToken &&
    logouts.refreshTokens.has(refreshToken) &&
    ![...logouts.notices].some(({ tokens }) => tokens.refreshToken === refreshToken)
  if (record.revoke?.some(isTold)) storeUntold(engine)
}

/** Another attempt for each call that has not reached the server. */
export async function tellAgain(engine: Engine): Promise<void> {
  const { logouts, settings } = engine
  logouts.stopTimer()
  // A page that is being prerendered sends nothing.
  await whenActivated()
  await sync(engine)
  engine.publish()
  const { ended, savedAt, revoke } = engine.record
  for (const notice of logouts.notices) {
    if (notice.call || engine.isDisposed) continue
    const { since, until, tokens } = notice
    // Another tab has told the server, or a login has replaced the cookie.
    const isSettled =
      ended === 'logout' && savedAt === since
        ? !revoke?.some(({ refreshToken }) => refreshToken === tokens.refreshToken)
        : settings.cookie
    if (isSettled || engine.clock() >= until) finish(engine, notice)
    else void tell(engine, notice)
  }
}

/** No script can delete the cookie, so without `logout` the user is logged in again after a reload. */
export function warnWithoutLogout(engine: Engine): void {
  const { cookie, logout } = engine.settings
  if (cookie && !logout)
    warn(engine, 'Cookie mode needs `logout`: no script can delete the cookie, so the server must')
}

function createNotice(engine: Engine, given: MaybeTokens, at?: number): LogoutNotice | undefined {
  const { settings, logouts, record, clock } = engine
  const { accessToken, refreshToken } = given ?? {}
  if (!settings.logout || (!accessToken && !settings.cookie)) return undefined
  // One cookie, one notice.
  if (settings.cookie) clear(engine)
  logouts.refreshTokens.add(refreshToken)
  // The access token that no script sees has only a name, which the server does not know.
  const tokens = withoutHoles(settings.isHidden ? {} : { accessToken, refreshToken })
  const since = at ?? (record.ended === 'logout' ? record.savedAt : settings.clock.now())
  const notice = { tokens, since, until: clock() + DAY + since - settings.clock.now(), call: undefined }
  logouts.notices.add(notice)
  return notice
}

/** The tokens that the tombstone keeps for the next page. In cookie mode it keeps none. */
function untold(
  { logouts, settings }: Engine,
  revoke: readonly Credentials[] = [],
): readonly Credentials[] | undefined {
  const others = revoke.filter(({ refreshToken }) => !logouts.refreshTokens.has(refreshToken))
  const own = [...logouts.notices].map(({ tokens }) => (settings.cookie ? {} : tokens))
  const all = [...others, ...own]
  return all.length ? all : undefined
}

function storeUntold(engine: Engine): void {
  const { record } = engine
  if (record.ended !== 'logout') return
  const revoke = untold(engine, record.revoke)
  engine.record = withoutHoles({ ...record, version: next(record.version), revoke })
  void save(engine)
}

function clear({ logouts }: Engine): void {
  logouts.stopTimer()
  for (const { call } of logouts.notices) call?.abort()
  logouts.notices.clear()
  logouts.failures = 0
}

function finish(engine: Engine, notice: LogoutNotice): void {
  const { notices } = engine.logouts
  if (notices.delete(notice)) storeUntold(engine)
  if (!notices.size) clear(engine)
}

/** Resolves after one attempt. Never rejects. */
async function tell(engine: Engine, notice: LogoutNotice): Promise<void> {
  const { settings, logouts } = engine
  const call = new AbortController()
  notice.call = call
  const { signal } = call
  const send = async (): Promise<void> => {
    // Stryker disable next-line OptionalChaining: a call is made only where there is such a function
    const answer = await callAlone(engine, signal, () => settings.logout?.({ ...notice.tokens, signal }))
    // `fetch` resolves with a failure, too, and so does axios with `validateStatus`.
    if (isRefusal(answer) || (answer as Response | undefined)?.ok === false) throw answer
  }
  try {
    await within(send(), settings.refreshTimeout, () => {
      call.abort()
      return new Error(`no answer within ${settings.refreshTimeout} ms`)
    })
  } catch (error) {
    const kind = await classifyFailure(error, {}, undefined, ignore)
    if (!logouts.notices.has(notice)) return
    if (!logouts.failures++)
      warn(engine, 'logout did not reach the server; the session ended here all the same', error)
    if (kind === 'transient') return plan(engine)
  } finally {
    notice.call = undefined
  }
  finish(engine, notice)
}

async function tellLate(engine: Engine, tokens: MaybeTokens): Promise<void> {
  const notice = createNotice(engine, tokens)
  if (!notice) return
  storeUntold(engine)
  await tell(engine, notice)
}

/** Without a window there are no timers. Then the next start tells the server. */
function plan(engine: Engine): void {
  const { logouts, settings, isDisposed } = engine
  logouts.stopTimer()
  if (isDisposed || !(hasWindow() || settings.autoRefresh === 'always')) return
  const longest = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (logouts.failures - 1))
  logouts.stopTimer = startTimer(() => void tellAgain(engine), longest * (0.5 + Math.random() / 2))
}
