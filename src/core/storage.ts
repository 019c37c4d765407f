/** Where the record lives: memory, or Web Storage with a ledger in IndexedDB. */
import { isPage } from './environment.js'
import { createLedger } from './indexed-db.js'
import { isForeign, isNewer, isTwin, parseRecord } from './record.js'
import type { TokenStorage, Tokens } from './types.js'
import { type CoherentStorage, DEFAULT_NAME, NO_PAGE, TOO_NEW } from './vault.js'
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
  /** The entry that holds the record. `@default` `tokenflight:<name>` with the `name` of the `Auth` */
  key?: string | undefined
}

/**
 * Tokens live in `localStorage` (all tabs, across reloads) or `sessionStorage` (one tab). Any script of the origin
 * can read them. Where there is no such storage memory carries on, and a `warning` says so; nor is there one without a
 * page, since the `localStorage` of a server process is that of all its users.
 */
export function webStorage(storage?: Storage, { key }: WebStorageOptions = {}): TokenStorage {
  let settled: Promise<void> | undefined
  let database = DEFAULT_NAME
  let named = key ?? database
  const isSession = isGlobal(storage, 'sessionStorage')
  const isMissing = !isPage() && (!storage || isSession || isGlobal(storage, 'localStorage'))
  const area = (): Storage => {
    if (isMissing) throw new Error(NO_PAGE)
    return storage ?? localStorage
  }
  const shared = !isMissing && !isSession
  const ledger = createLedger(
    () => database,
    () => `ledger:${named}`,
  )
  const read = (): unknown => {
    const text = area().getItem(named)
    try {
      return JSON.parse(String(text))
    } catch {
      return null
    }
  }
  const get = (): Tokens | null => parseRecord(read())
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
  const plain: CoherentStorage = {
    shared,
    get,
    set,
    remove: () => area().removeItem(named),
    isAt: (other, entry) => entry === named && other === area(),
  }
  const open = (name: string): void => {
    named = key ?? name
    database = name
  }
  /** What another version has stored is left alone, unless a user's act replaces it. */
  const respect = (insist: boolean | undefined): void => {
    if (!insist && isForeign(read())) throw new Error(TOO_NEW)
  }
  if (!shared) {
    const commit: CoherentStorage['commit'] = async (tokens, insist) => {
      respect(insist)
      if (tokens.accessToken) set(tokens)
      else area().removeItem(named)
    }
    return Object.assign(plain, { open, commit })
  }
  const coherent: CoherentStorage = {
    ...plain,
    open,
    load,
    async commit(tokens, insist) {
      respect(insist)
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

/** Whether the storage is that global, where there is one. */
function isGlobal(storage: Storage | undefined, name: 'localStorage' | 'sessionStorage'): boolean {
  try {
    return !!storage && storage === globalThis[name]
  } catch {
    // It is forbidden, so it is not this one.
    return false
  }
}

/** What the ledger says; undefined where there is none, or where its database does not answer. */
function patiently<T>(ask: () => Promise<T>): Promise<T | undefined> {
  return within(ask(), LEDGER, () => new Error()).catch(ignore)
}
