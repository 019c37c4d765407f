/** Where the record lives: memory, or Web Storage with a ledger in IndexedDB. */
import { createLedger } from './indexed-db.js'
import { isNewer, isTwin, parseRecord } from './record.js'
import type { TokenStorage, Tokens } from './types.js'
import type { CoherentStorage } from './vault.js'
import { ignore, pause, within } from './waiting.js'

/** How long a `localStorage` write of another tab may take to be seen, and how often it is looked for, milliseconds. */
const SEEN_WITHIN = 500
const LOOK = 5
/** Without a ledger a write may take so long to be seen by other tabs, milliseconds. */
const SETTLE = 20
/** How long the ledger may take, milliseconds. */
const LEDGER = 1_000

/** Tokens live as long as the page. The default, and the safest against theft. */
export function memoryStorage(): TokenStorage {
  let record: Tokens | null = null
  return {
    get: () => record,
    set(tokens) {
      record = tokens
    },
    remove() {
      record = null
    },
  }
}

/** What `webStorage` takes besides the storage. */
export interface WebStorageOptions {
  /** The entry that holds the record. `@default` the `name` of the `Auth` */
  key?: string | undefined
}

/**
 * Tokens live in `localStorage` (all tabs, across reloads) or `sessionStorage` (one tab). Any script of the origin
 * can read them. Where there is no such storage memory carries on, and a `warning` says so.
 */
export function webStorage(storage?: Storage, { key }: WebStorageOptions = {}): TokenStorage {
  let named = key ?? 'tokenflight'
  let database = named
  const area = (): Storage => storage ?? localStorage
  let shared = true
  let settled: Promise<void> | undefined
  try {
    shared = !storage || storage !== sessionStorage
  } catch {
    // No `sessionStorage`, so it is none.
  }
  const ledger = createLedger(
    () => database,
    () => `ledger:${named}`,
  )
  const get = (): Tokens | null => {
    const text = area().getItem(named)
    try {
      return parseRecord(JSON.parse(String(text)))
    } catch {
      return null
    }
  }
  const set = (tokens: Tokens): void => area().setItem(named, JSON.stringify(tokens))

  /** Reads until the record is seen that the ledger speaks of. */
  const load = async (): Promise<Tokens | null> => {
    const last = await patiently(ledger.last)
    for (let waited = 0; ; waited += LOOK) {
      const record = get()
      if (!last || (record && !isNewer(last, record)) || waited >= SEEN_WITHIN) return record
      // The end of a session needs no more than its stamp.
      if (last.ended) return last
      await pause(LOOK)
    }
  }
  const plain: TokenStorage = { shared, get, set, remove: () => area().removeItem(named) }
  const open = (name: string): void => {
    named = key ?? name
    database = name
  }
  if (!shared) return Object.assign(plain, { open })
  const coherent: CoherentStorage = {
    ...plain,
    open,
    load,
    async commit(tokens) {
      /** What is there already and newer: perhaps an end whose stamp was lost with its page. */
      const newer = (): Tokens | undefined => {
        const present = get()
        return present && isNewer(present, tokens) ? present : undefined
      }
      /** The same without a twin: of two grants of one refresh token the last counts, whatever a dead page has left. */
      const later = (): Tokens | undefined => {
        const present = newer()
        return present?.accessToken && isTwin(present, tokens) ? undefined : present
      }
      // An end must depend neither on a database nor on the page living on.
      if (!tokens.accessToken && !newer()) set(tokens)
      settled = undefined
      const stamp = await patiently(() => ledger.note(tokens, () => void (later() ?? set(tokens))))
      if (stamp) return isNewer(stamp, tokens) ? ((await load()) ?? stamp) : (later() ?? tokens)
      const present = newer()
      if (present) return present
      set(tokens)
      settled = pause(SETTLE)
      return tokens
    },
    settled: () => settled,
  }
  return coherent
}

/** What the ledger says; undefined where there is none, or where its database does not answer. */
function patiently<T>(ask: () => Promise<T>): Promise<T | undefined> {
  return within(ask(), LEDGER, () => new Error()).catch(ignore)
}
