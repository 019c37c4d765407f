/**
 * Cookie mode: a mark for the refresh in progress. Its page may go away, and the request continues without it (`keepalive`).
 * Until the answer arrives, the cookie may be spent already.
 */
import type { RefreshMark } from '../core/state.js'
import { atMost, ignore, pause } from '../core/waiting.js'
import { transact } from './indexed-db.js'

/** A page waits this long for the refresh of a page that has gone away, milliseconds. */
const LONGEST = 2_000
/** How often the page looks whether that refresh has ended, milliseconds. */
const LOOK = 50
/** How long the database may take, milliseconds. */
const LIMIT = 1_000
/** Key of the mark in the database of the session. */
const KEY = 'grant'

interface Mark {
  readonly id: number
  /** When the request was sent, epoch milliseconds; 0: it has ended. */
  readonly sentAt: number
}

/**
 * @param duration how long a refresh may take, milliseconds; an older mark belongs to a page that went away long ago
 * @param clock steady
 */
export function createRefreshMark(name: string, duration: number, clock: () => number): RefreshMark {
  const own = new Set<number>()
  const isOpen = async (): Promise<boolean> => {
    // Stryker disable next-line ObjectLiteral: the age of no instant is between no two numbers
    const { id, sentAt } = (await atMost(access(name), LIMIT)) ?? { id: 0, sentAt: 0 }
    const age = Date.now() - sentAt
    // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
    return age >= 0 && age < duration && !own.has(id)
  }
  return {
    async wait() {
      const since = clock()
      // Stryker disable next-line EqualityOperator: one millisecond more or less changes nothing
      while (clock() - since < LONGEST && (await isOpen())) await pause(LOOK)
    },
    async begin() {
      const id = Math.random()
      own.add(id)
      await atMost(
        access(name, () => ({ id, sentAt: Date.now() })),
        LIMIT,
      )
      return () => {
        own.delete(id)
        // Stryker disable next-line OptionalChaining,ObjectLiteral: an error here is ignored, and an empty mark is not open
        void access(name, stored => (stored?.id === id ? { id, sentAt: 0 } : undefined)).catch(ignore)
      }
    },
  }
}

/** Reads the mark and writes the result of `update`: in the database, or in `localStorage` without a database. */
function access(
  name: string,
  update?: (stored: Mark | undefined) => Mark | undefined,
): Promise<Mark | undefined> {
  return transact<Mark>(name, KEY, update).catch(() => {
    const entry = `${name}:${KEY}`
    const stored: Mark | undefined = JSON.parse(localStorage.getItem(entry) ?? 'null') ?? undefined
    const next = update?.(stored)
    if (next) localStorage.setItem(entry, JSON.stringify(next))
    return next ?? stored
  })
}
