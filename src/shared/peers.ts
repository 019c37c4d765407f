/** The messages between the tabs of one session. No refresh token ever travels here. */
import { dropTold } from '../core/logout.js'
import { isNewer, parseRecord } from '../core/record.js'
import { adopt, sync } from '../core/session.js'
import type { Engine, Peers } from '../core/state.js'
import { ignore, pause } from '../core/waiting.js'
import { openChannel } from './channel.js'

/** The answer of another tab may take this long, milliseconds. */
const ANSWER_TIMEOUT = 50
/** A message may take this long, milliseconds. */
const DELIVERY_TIME = 10

/** With a storage, a message announces a change. Without one, it is the record. */
interface Message {
  record?: unknown
  changed?: unknown
  /** Another tab asks for a record that is newer than this generation. */
  wanted?: unknown
}

export function createPeers(engine: Engine): Peers {
  const { key, records } = engine.settings
  const isStored = records.shared
  let hear: () => void = ignore
  let isAlone = true
  let isAnswered: boolean

  const channel = openChannel(key, message => {
    const { record, wanted, changed } = (message ?? {}) as Message
    isAlone = false
    if (isStored) {
      // A frozen page must not open a transaction, which would block the other tabs.
      if (engine.isFrozen) engine.sleeps++
      else if (changed)
        void sync(engine)
          .then(() => dropTold(engine))
          .then(engine.publish)
      return
    }
    const news = parseRecord(record)
    if (news) {
      isAnswered = true
      // An answer without a newer record does not end the wait.
      if (isNewer(news, engine.record)) hear()
      adopt(engine, news)
      engine.publish()
    } else if (typeof wanted === 'number' && isNewsTo(engine, wanted)) channel.post({ record: engine.record })
  })
  return {
    announce: () => channel.post(isStored ? { changed: true } : { record: engine.record }),
    async ask() {
      const heard = new Promise<void>(resolve => {
        hear = resolve
      })
      isAnswered = false
      channel.post({ wanted: engine.record.generation })
      await Promise.race([pause(ANSWER_TIMEOUT), heard])
      return isAnswered
    },
    async linger() {
      if (!isStored && !isAlone) await pause(DELIVERY_TIME)
    },
    close: channel.close,
  }
}

/**
 * Whether a tab that asks gets the record: a token or a back-off that lasts, or an end if the tab knows an older session. A
 * page that opens asks the server about an end instead: its cookie may be of a newer login.
 */
function isNewsTo({ grant, backoff, clock, record }: Engine, generation: number): boolean {
  // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
  const isBackingOff = clock() < backoff.until
  return !!grant || isBackingOff || (generation > 0 && generation < record.generation)
}
