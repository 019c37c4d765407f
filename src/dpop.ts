/**
 * Tokens that are of no use without a key of the browser (DPoP, RFC 9449).
 * @module tokenflight/dpop
 */
import { generateKeyPair, generateProof } from 'dpop'
import { check } from './core/check.js'
import type { Dpop } from './core/types.js'
import { type BoundKey, type KeyStore, openKeys } from './shared/bound-keys.js'

/**
 * The option `dpop` of `createAuth`, one for each session: an ES256 key pair whose private key no script can read, in
 * IndexedDB for all tabs of the session, and in memory where there is no page or no IndexedDB. It is made when it is first
 * needed, for which the request that logs in goes through `fetch` of the result, and deleted when the session ends.
 */
export function dpop(): Dpop {
  /** By the origin and the kind of server: the nonces of an authorization server are its own. */
  const nonces = new Map<string, string>()
  const { load, open, use, forget } = createKeys()

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
    use,
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

/** The keys of the present session and of those that have ended here. */
function createKeys(): Pick<Dpop, 'open' | 'use' | 'forget'> & {
  readonly load: (accessToken?: string) => Promise<BoundKey>
} {
  let name: string | undefined
  let keys: KeyStore
  let session: number | undefined
  let current: Promise<BoundKey> | undefined
  /** The key of the last proof without a token: tokens that come are bound to it. */
  let asked: BoundKey | undefined
  /** Deletes the key of the session before, and resolves to it. */
  let clearing: Promise<BoundKey | undefined> | undefined
  /** The keys by the last tokens of their sessions, which the server may yet have to be told about; undefined: by any. */
  const over = new Map<string | undefined, typeof clearing>()

  const find = async (): Promise<BoundKey> => {
    check(name, 'dpop', 'given to createAuth before its first use', name)
    check(globalThis.crypto?.subtle, 'dpop', 'used in a secure context', 'no crypto.subtle')
    const of = session
    return keys.store({ id: Math.random(), pair: await generateKeyPair('ES256') }, of, clearing, true)
  }
  return {
    async load(accessToken) {
      const known = accessToken && (await (over.get(accessToken) ?? current ?? over.get(undefined)))
      if (known) return known
      current ??= find().catch(error => {
        current = undefined
        throw error
      })
      const key = await current
      if (!accessToken) asked = key
      return key
    },
    open(database, isStored, isShared, warn) {
      check(!name || name === database, 'dpop', 'a dpop() of its own for each session', database)
      name = database
      keys = openKeys(database, isStored, isShared, warn)
    },
    use(next, isNew) {
      const [known, before] = [current, session]
      session = next
      current = undefined
      over.delete(undefined)
      if (!isNew || !asked) return undefined
      // With another id it outlives the end of the session before, in whichever tab.
      current = keys.store({ ...asked, id: Math.random() }, session, clearing)
      if (known) clearing = keys.clear(known, before, current)
      return current
    },
    forget(isOver, accessToken) {
      const [known, before] = [current, session]
      session = current = undefined
      over.delete(undefined)
      if (!isOver) return
      clearing = keys.clear(known, before, clearing)
      over.set(accessToken, known ?? clearing).set(undefined, known ?? clearing)
    },
  }
}
