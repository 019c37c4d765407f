/**
 * Tokens that are of no use without a key of the browser (DPoP, RFC 9449).
 * @module tokenflight/dpop
 */
import { generateKeyPair, generateProof, type KeyPair } from 'dpop'
import { check } from './core/check.js'
import type { Dpop } from './core/types.js'
import { ignore, within } from './core/waiting.js'
import { transact } from './shared/indexed-db.js'

/** Key of the key pair in the database of the session. */
const ROW = 'dpop'
/** Time limit of one transaction, milliseconds. */
const LIMIT = 2_000

interface StoredKey {
  /** Tells it from the key of a later session. */
  readonly id: number
  readonly pair: KeyPair
}

/**
 * The option `dpop` of `createAuth`, one for each session: an ES256 key pair whose private key no script can read, in
 * IndexedDB for all tabs of the session, and in memory where there is no page or no IndexedDB. It is made when it is first
 * needed, for which the request that logs in goes through `fetch` of the result, and deleted when the session ends.
 */
export function dpop(): Dpop {
  /** By the origin and the kind of server: the nonces of an authorization server are its own. */
  const nonces = new Map<string, string>()
  const { load, open, forget } = createKeys()

  const proof: Dpop['proof'] = async (method, address, accessToken) => {
    const { htu, htm, place } = read(address, method, !!accessToken)
    const { pair } = await load(accessToken)
    return generateProof(pair, htu, htm, nonces.get(place), accessToken)
  }
  const learn: Dpop['learn'] = (url, { status, headers }, isResource) => {
    const nonce = headers.get('DPoP-Nonce')
    if (nonce) nonces.set(read(url, 'GET', isResource).place, `${nonce}`)
    return !!nonce && status === 401 && /use_dpop_nonce/.test(`${headers.get('WWW-Authenticate')}`)
  }
  return {
    proof,
    learn,
    async fetch(input, init, send = fetch) {
      const request = (input as Partial<Request>).url ? (input as Request) : undefined
      const url = request?.url ?? String(input)
      const method = init?.method ?? request?.method ?? 'GET'
      const spare = request?.clone()
      const headers = new Headers(init?.headers ?? request?.headers)
      const token = /^DPoP +(\S+)$/i.exec(headers.get('Authorization') ?? '')?.[1]
      const attempt = async (target: typeof input): Promise<Response> => {
        headers.set('DPoP', await proof(method, url, token))
        return send(target, { ...init, headers })
      }
      const response = await attempt(input)
      const isAsked =
        learn(url, response, !!token) ||
        // An authorization server asks in the body, with a 400 (RFC 9449 section 8) or a 401.
        (!token && !response.ok && /use_dpop_nonce/.test(await response.clone().text()))
      return isAsked ? attempt(spare ?? input) : response
    },
    open,
    forget,
  }
}

/** The address with the base of the page, and the method as it leaves. */
function read(
  address: string,
  method: string,
  isResource: boolean,
): { readonly htu: string; readonly htm: string; readonly place: string } {
  const request = new Request(address, { method })
  const { origin, pathname } = new URL(request.url)
  return { htu: origin + pathname, htm: request.method, place: origin + isResource }
}

/** The key of the present session: one for all its tabs. */
function createKeys(): Pick<Dpop, 'open' | 'forget'> & {
  readonly load: (accessToken?: string) => Promise<StoredKey>
} {
  let database: string | undefined
  /** Whether other tabs use the key, too. */
  let isShared = false
  let warn: (message: string, error?: unknown) => void
  let current: Promise<StoredKey> | undefined
  /** Deletes the key of the session before, and resolves to it. */
  let clearing: Promise<StoredKey | undefined> | undefined
  /** The keys by the last tokens of their sessions, which the server may yet have to be told about; undefined: by any. */
  const over = new Map<string | undefined, typeof clearing>()

  const row = (update: (stored: StoredKey | undefined) => StoredKey | null | undefined) =>
    within(transact<StoredKey>(`${database}`, ROW, update), LIMIT, Error)
  const find = async (): Promise<StoredKey> => {
    check(database, 'dpop', 'given to createAuth before its first use', database)
    check(globalThis.crypto?.subtle, 'dpop', 'used in a secure context', 'no crypto.subtle')
    const made: StoredKey = { id: Math.random(), pair: await generateKeyPair('ES256') }
    await clearing
    try {
      // The key of the tab that came first is the key of the session.
      return (isShared && (await row(stored => (stored ? undefined : made)))) || made
    } catch (error) {
      isShared = false
      warn('The key could not be stored', error)
      return made
    }
  }
  return {
    async load(accessToken) {
      const ended =
        accessToken && (await (over.get(accessToken) ?? (current ? undefined : over.get(undefined))))
      if (ended) return ended
      current ??= find().catch(error => {
        current = undefined
        throw error
      })
      return current
    },
    open(name, isStored, notify) {
      check(!database || database === name, 'dpop', 'a dpop() of its own for each session', name)
      database = name
      isShared = isStored
      warn = notify
    },
    forget(isOver, accessToken) {
      const known = current
      if (isOver || isShared) current = undefined
      if (!isOver) return void over.delete(undefined)
      const before = clearing
      const clear = async (): Promise<StoredKey | undefined> => {
        await before
        let key = (await known?.catch(ignore)) ?? undefined
        const remove = (stored: StoredKey | undefined): null | undefined => {
          key ??= stored
          // The next session may have begun in another tab.
          return stored && stored.id === key?.id ? null : undefined
        }
        if (isShared) await row(remove).catch(error => warn('The key could not be deleted', error))
        return key
      }
      clearing = clear()
      for (const token of [accessToken, undefined]) over.set(token, known ?? clearing)
    },
  }
}
