/** The keys that tokens are bound to: that of the present session, and those of sessions that have ended here. */
import { check } from '../core/check.js'
import type { Dpop } from '../core/types.js'
import { ignore, within } from '../core/waiting.js'
import { transact } from './indexed-db.js'

/** Time limit of one transaction, milliseconds. */
const LIMIT = 2_000

interface BoundKey {
  /** Tells it from the key of a later session. */
  readonly id: number
  readonly pair: CryptoKeyPair
}

/** The keys of the present session and of those that have ended here. */
export function createKeys(): Pick<Dpop, 'open' | 'use' | 'forget'> & {
  /** The key of a proof: with an access token, that of its session. */
  load(accessToken?: string): Promise<CryptoKeyPair>
} {
  const { open, store, clear } = createStore()
  let session: number | undefined
  let current: Promise<BoundKey> | undefined
  /** The key of the last proof without a token: tokens that come are bound to it. */
  let asked: CryptoKeyPair | undefined
  /** The key of the session that has ended last, while there is no other one. */
  let ended: Promise<BoundKey | undefined> | undefined
  /** By the last tokens of their sessions, which the server may yet have to be told about. */
  const over = new Map<string | undefined, typeof ended>()

  return {
    async load(accessToken) {
      const known = accessToken && (await (over.get(accessToken) ?? current ?? ended))
      if (known) return known.pair
      current ??= store(session).catch(error => {
        current = undefined
        throw error
      })
      const { pair } = await current
      if (!accessToken) asked = pair
      return pair
    },
    open,
    use(next, isNew) {
      const known = current
      const before = session
      session = next
      current = ended = undefined
      if (!isNew || !asked) return undefined
      current = store(next, asked)
      if (known) void clear(before, known)
      return current
    },
    forget(isOver, accessToken) {
      const known = current
      const before = session
      session = current = ended = undefined
      if (!isOver) return
      const cleared = clear(before, known)
      ended = known ?? cleared
      over.set(accessToken, ended)
    },
  }
}

/** The keys in the database. Each change waits for the one before. */
function createStore(): Pick<Dpop, 'open'> & {
  /** Stores the key of a session: the one that is given, else the one that is there, else a new one. Resolves to it. */
  store(of: number | undefined, given?: CryptoKeyPair): Promise<BoundKey>
  /** Deletes the key of a session, and resolves to it. */
  clear(of: number | undefined, known: Promise<BoundKey> | undefined): Promise<BoundKey | undefined>
} {
  let name: string | undefined
  let isStored: boolean
  let isShared: boolean
  let warn: Parameters<Dpop['open']>[3]
  let last: Promise<unknown> = Promise.resolve()

  const inTurn = <T>(change: () => Promise<T>): Promise<T> => {
    last = last.then(change, change)
    return last as Promise<T>
  }
  const update = async (
    of: number | undefined,
    change: (stored: BoundKey | undefined) => BoundKey | null | undefined,
  ): Promise<BoundKey | undefined> => {
    // The key of a tab has no place before its login. Its place is used again: a tab may be closed without a logout.
    const place = isShared ? 'dpop' : of && `dpop:${`${of}`.slice(-5)}`
    return isStored && place ? within(transact(name as string, place, change), LIMIT, Error) : undefined
  }
  return {
    open(database, stored, shared, onFailure) {
      check(!name || name === database, 'dpop', 'one for each session', database)
      name = database
      isStored = stored
      isShared = shared
      warn = onFailure
    },
    store: (of, given) =>
      inTurn(async () => {
        check(name, 'dpop', 'given to createAuth', name)
        // With an id of its own it outlives the end of the session before, in whichever tab.
        const made = { id: Math.random(), pair: given ?? (await makePair()) }
        try {
          return (await update(of, stored => (given || !stored ? made : undefined))) ?? made
        } catch (error) {
          isStored = false
          warn('The key could not be stored', error)
          return made
        }
      }),
    clear: (of, known) =>
      inTurn(async () => {
        let key = await known?.catch(ignore)
        await update(of, stored => {
          key ??= stored
          // The next session may have begun in another tab.
          return stored?.id === key?.id ? null : undefined
        }).catch(error => warn('The key could not be deleted', error))
        return key
      }),
  }
}

/** For ES256. No script can read the private key. */
async function makePair(): Promise<CryptoKeyPair> {
  check(globalThis.crypto?.subtle, 'dpop', 'used in a secure context', 'no crypto.subtle')
  return crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
}
