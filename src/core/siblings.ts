/** What the tabs of one session tell each other, and ask. No refresh token ever travels here. */
import { isNewer, parseRecord, type SessionRecord } from './record.js'
import { openChannel } from './tabs.js'
import { ignore, pause } from './waiting.js'

/** How long a sibling's answer may take, milliseconds. */
const ANSWER = 50
/** How long a message may be on its way, milliseconds. */
const DELIVERY = 10

export interface Siblings {
  /** The record has changed. */
  announce(): void
  /** Asks for a newer record and waits a moment for it. Resolves to whether any sibling has answered. */
  ask(): Promise<boolean>
  /** Waits until what was said has arrived, where nothing but the messages tells it, and there is anybody. */
  linger(): Promise<void>
  close(): void
}

/** The parts of a session that siblings see and change. */
export interface SharedSession {
  readonly record: SessionRecord
  readonly held: object | undefined
  stale: number
  adopt(stored: SessionRecord): void
  recall(): Promise<void>
}

export interface SiblingsHost {
  readonly name: string
  /** Whether there is a storage that says what siblings have done; else the messages do. */
  readonly isStored: boolean
  readonly session: SharedSession
  /** Whether a back-off is under way. */
  isBackingOff(): boolean
  isFrozen(): boolean
  conclude(): void
}

/** A message. With a storage it says that there is something to read, without one it is the record. */
interface News {
  record?: unknown
  changed?: unknown
  /** The generation that somebody knows who would like to know more. */
  wanted?: unknown
}

export function createSiblings(host: SiblingsHost): Siblings {
  const { isStored, session, conclude } = host
  let hear: () => void = ignore
  let isAlone = true
  let isAnswered = false

  /**
   * Whether whoever asks shall hear our record: a token or a cool-down that lasts; an end, if he knows of an older
   * session. A page that opens asks the server instead: its cookie may be of a newer login.
   */
  const isNewsTo = (generation: number): boolean =>
    !!session.held || host.isBackingOff() || (generation > 0 && generation < session.record.generation)

  const channel = openChannel(host.name, message => {
    const { record, wanted, changed } = (message ?? {}) as News
    isAlone = false
    if (isStored) {
      // A frozen page must not open a transaction, which would block the others.
      if (host.isFrozen()) session.stale++
      else if (changed) void session.recall().then(conclude)
      return
    }
    const news = parseRecord(record)
    if (news) {
      isAnswered = true
      // A sibling that knows no more than we do ends no wait.
      if (isNewer(news, session.record)) hear()
      session.adopt(news)
      conclude()
    } else if (typeof wanted === 'number' && isNewsTo(wanted)) channel.post({ record: session.record })
  })
  return {
    announce: () => channel.post(isStored ? { changed: true } : { record: session.record }),
    async ask() {
      const heard = new Promise<void>(resolve => {
        hear = resolve
      })
      isAnswered = false
      channel.post({ wanted: session.record.generation })
      await Promise.race([pause(ANSWER), heard])
      return isAnswered
    },
    async linger() {
      if (!isStored && !isAlone) await pause(DELIVERY)
    },
    close: channel.close,
  }
}
