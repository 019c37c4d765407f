/** The restore: adopts the session that an earlier page has stored, or asks for it by its cookie. */

import { isRenewable } from './derive.js'
import { resumeLogouts } from './logout.js'
import type { SessionRecord } from './record.js'
import { fly } from './refresh.js'
import { adopt } from './session.js'
import type { Engine } from './state.js'
import { ignore, isPromise } from './waiting.js'

/**
 * Restores the session. The result never rejects. A session in a synchronous storage is there at once.
 * @param first the record in the storage
 */
export function restore(
  engine: Engine,
  first: Promise<SessionRecord | null> | SessionRecord | null,
): Promise<void> {
  let done: () => void = ignore
  const loading = new Promise<void>(resolve => {
    done = resolve
  })
  // Marked as loading before it runs: its own refresh must not wait for itself.
  engine.loading = loading
  const restoring = resume(engine, first)
  if (engine.grant || !(engine.isUndecided || isPromise(first))) engine.loading = undefined
  engine.publish()
  return restoring
    .catch(error => engine.events.emit('warning', { message: 'The restore failed', error }))
    .then(() => {
      engine.loading = undefined
      engine.publish()
      done()
    })
}

async function resume(
  engine: Engine,
  first: Promise<SessionRecord | null> | SessionRecord | null,
): Promise<void> {
  const { settings, clock } = engine
  const stored = isPromise(first) ? await first : first
  // A login or logout came first.
  const isLate = !!engine.record.generation
  if (stored && !isLate) adopt(engine, stored)
  if (stored) resumeLogouts(engine, stored)
  if (isLate) return
  // A logout lasts until the next login.
  const isLoggedOut = engine.record.ended === 'logout'
  const { cookie } = settings
  engine.isUndecided = !!cookie && !engine.grant && !isLoggedOut && cookie.mayExist(engine)
  // Stryker disable next-line OptionalChaining: only a session with a cookie can be undecided
  const known = engine.isUndecided && cookie?.findRendered(engine)
  if (known) adopt(engine, known, true)
  if (engine.isUndecided) {
    await fly(engine, 'restore').catch(error => {
      // A login may have come first.
      if (engine.isUndecided) engine.error = error
    })
    return
  }
  const { grant } = engine
  if (!grant || clock() < grant.endsAt) return
  // A token that can be renewed waits for the first request.
  if (isRenewable(engine, grant.record) && clock() < grant.refreshEndsAt) return
  await fly(engine, 'expired').catch(ignore)
}
