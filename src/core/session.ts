/** How a login, new tokens, the record of another tab and the end of a session change the facts. */
import { isOfVisit } from './derive.js'
import { SessionExpiredError, SignedOutError } from './errors.js'
import { type Grant, prolong } from './grant.js'
import { isOfAnother } from './reconcile.js'
import {
  between,
  EMPTY,
  foundGeneration,
  generationAfter,
  isNewer,
  type SessionRecord,
  subjectOf,
  withoutHoles,
} from './record.js'
import type { Engine } from './state.js'
import { commit, readStored } from './store.js'
import { isOlder, SKEW, type TokenReading } from './tokens.js'
import type { Credentials } from './types.js'
import {
  dismiss,
  forgetFailures,
  grantContext,
  learnBackoff,
  setGrant,
  settle,
  writeRecord,
} from './update.js'

type EndReason = NonNullable<SessionRecord['ended']>

/** A session starts, and replaces any other. `tabOnly`: it ends with this tab. Call `save` next. Resolves when its key is stored. */
export function begin(engine: Engine, reading: TokenReading, tabOnly?: boolean): unknown {
  const generation = generationAfter(engine.record, engine.settings.clock.now())
  writeRecord(engine, reading, generation, tabOnly ? { tabOnly } : {})
  engine.ended = undefined
  dismiss(engine, new SignedOutError())
  setGrant(engine, false)
  engine.events.emit('login', {})
  return engine.settings.dpop?.use(generation, true)
}

/** New tokens of the session, or the first ones of a cookie session. Call `save` next. */
export function renew(engine: Engine, reading: TokenReading): void {
  const { grant, record, flight, settings, events } = engine
  if (grant) writeRecord(engine, reading, record.generation, {})
  else writeRecord(engine, reading, foundGeneration(record, settings.clock.now()), { version: 1 })
  engine.ended = undefined
  if (!grant && flight?.reason !== 'restore') events.emit('login', {})
  const next = setGrant(engine, flight?.reason === 'rejected')
  if (!grant) engine.found = next.session
  forgetFailures(engine)
}

/** Adopts a newer record of another tab, or of an earlier page (`isRestored`). The lock may be held: it delivers no event. */
export function adopt(engine: Engine, stored: SessionRecord, isRestored = false): void {
  const { grant, record, loading, flight, settings, events } = engine
  // The restore of another page failed: the cookie is the same.
  if (engine.isUndecided && stored.retryAt && !stored.generation) learnBackoff(engine, stored)
  // A stamp whose record was lost gives no information.
  if (engine.forcing || !isNewer(stored, record) || !(stored.accessToken || stored.ended)) return
  const isSame = stored.generation === record.generation && !isOfAnother(grant, subjectOf(stored))
  engine.record = stored
  if (stored.ended) {
    // Without a session there is nothing to end. A logout clears the end of the session before.
    if (!record.ended || (!isSame && stored.ended === 'logout')) close(engine, stored.ended, undefined, 'tab')
    return
  }
  engine.ended = undefined
  if (!isSame) engine.grant = undefined
  if (isSame && grant && grant.accessToken === stored.accessToken) {
    if (prolong(grant, stored, grantContext(engine, stored, grant.fromRejection, grant))) settle(engine)
  } else if (isSame && grant && isOlder(`${stored.accessToken}`, grant.accessToken, SKEW)) {
    outbid(engine, grant, stored)
  } else {
    const reason = flight?.reason ?? 'ahead'
    if (!isSame) void settings.dpop?.use(stored.generation)
    if (!isSame && record.generation) dismiss(engine, new SignedOutError())
    const next = setGrant(engine, isSame && reason === 'rejected')
    if (engine.isUndecided && (isRestored || isOfVisit(engine, stored))) engine.found = next.session
    forgetFailures(engine)
    if (isSame) events.emit('refreshed', { reason, duration: 0, attempts: 0, source: 'tab' })
    else if (!loading && !isRestored) events.emit('login', {})
    // A token that was stored long ago may be dead: then the refresh continues with the new record.
    // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
    if (engine.clock() < next.endsAt) settle(engine)
  }
  learnBackoff(engine, stored)
}

/**
 * The session ends: by logout at once, otherwise when that is stored. The event comes with the change of the state.
 * @param revoke the tokens that the server does not know to be over
 */
export async function end(
  engine: Engine,
  why: EndReason,
  cause?: unknown,
  revoke?: readonly Credentials[],
): Promise<void> {
  const { grant, record, settings } = engine
  const savedAt = settings.clock.now()
  const generation = generationAfter(record, savedAt)
  engine.record = withoutHoles({ ...EMPTY, generation, savedAt, ended: why, revoke })
  if (why === 'logout') close(engine, why)
  await save(engine, why === 'logout')
  // A newer session, here or in the storage, may have come first.
  if (grant && engine.grant === grant) close(engine, why, cause)
  engine.publish()
}

/** Stores the back-off for the other tabs. `retrying`: this page tries again at that instant, epoch milliseconds. */
export async function storeBackoff(engine: Engine, at?: number, retrying = false): Promise<void> {
  const { grant, record, settings, backoff } = engine
  const { records, cookie, clock } = settings
  if (!(grant ? records.shared || cookie : engine.isUndecided)) return
  const backoffAt = clock.now()
  engine.record = {
    ...record,
    failures: backoff.failures,
    retryAt: at ?? backoffAt,
    backoffAt,
    retryStrict: backoff.strict,
    retryOpen: backoff.open,
    retrying,
  }
  if (!grant) return announce(engine)
  engine.record = grant.record = { ...engine.record, version: between(record.version) }
  await save(engine)
}

/**
 * Stores the record and tells the other tabs. A newer record in the storage is adopted, or replaced with `force`: a login
 * and a logout win over earlier records.
 */
export async function save(engine: Engine, force?: boolean): Promise<void> {
  if (force) engine.forcing++
  const winner = await commit(engine.store, engine.record, force).finally(() => force && engine.forcing--)
  const { grant, record } = engine
  if (!winner || !isNewer(winner, record)) return announce(engine)
  // A page that froze in its login finds the same session, refreshed by another.
  if (!force || winner.generation === record.generation) return adopt(engine, winner)
  engine.record = { ...record, generation: generationAfter(winner, 0) }
  if (grant) setGrant(engine, grant.fromRejection, record.generation)
  return save(engine, true)
}

/** Reads the newest record again. A page that slept asks the other tabs, where no storage knows. */
export async function sync(engine: Engine): Promise<void> {
  const { settings, sharing, store, clock } = engine
  // A page that slept again in the meantime reads once more.
  for (let before = -1; before !== engine.sleeps; ) {
    before = engine.sleeps
    // Without an answer, only the cookie can tell whose session this is by now.
    // Stryker disable next-line OptionalChaining: only a session that is shared sleeps
    if (!settings.records.shared && before && !(await sharing?.peers.ask()) && engine.isBack && engine.grant)
      engine.grant.endsAt = clock()
    const stored = await readStored(store)
    if (!stored) continue
    if (!isNewer(engine.record, stored)) adopt(engine, stored)
    else if (engine.restored !== stored.version) {
      // A tab that knew an old copy wrote late.
      engine.restored = stored.version
      await save(engine)
    }
  }
  engine.sleeps = 0
  engine.isBack = false
}

/** No user is logged in any more. One event tells the application. */
function close(engine: Engine, why: EndReason, cause?: unknown, source: 'local' | 'tab' = 'local'): void {
  const { grant, events, settings } = engine
  engine.grant = engine.ended = undefined
  settings.dpop?.forget(source === 'local', grant?.accessToken)
  if (why === 'logout' || !grant) {
    dismiss(engine, new SignedOutError())
    if (grant) events.emit('logout', { source })
  } else {
    engine.ended = new SessionExpiredError(why, cause)
    dismiss(engine, engine.ended)
    events.emit('sessionExpired', { reason: why, error: engine.ended })
  }
}

function announce({ sharing, settings }: Engine): void {
  const tell = (): void => sharing?.peers.announce()
  tell()
  // A tab that reads at once may see the old record.
  void settings.records.settled?.()?.then(tell)
}

/** Keeps the access token of a session in which another tab has stored an older one. */
function outbid(engine: Engine, grant: Grant, stored: SessionRecord): void {
  const { accessToken, expiresAt, lifetime } = grant.record
  const version = between(stored.version)
  engine.record = grant.record = withoutHoles({ ...stored, accessToken, expiresAt, lifetime, version })
  void save(engine)
}
