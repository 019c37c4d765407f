/** The signing keys: ES256, generated when first needed, rolled by `kid`. */
import { type CryptoKey, exportJWK, generateKeyPair, importJWK } from 'jose'
import type { MockState, StoredKey } from './store.js'

/** The one signature algorithm of the mock: in Node, browsers and workers alike, and with public keys to publish. */
export const signatureAlgorithm = 'ES256'

/** The keys of one state. */
export interface KeyRing {
  /** The key that signs; generated at the first call. */
  signing(): Promise<{ readonly kid: string; readonly key: CryptoKey }>
  /** The public key of that `kid` and its uses; `undefined` for an unknown key. */
  verifying(kid: string): Promise<{ readonly key: CryptoKey; readonly role: StoredKey['role'] } | undefined>
  /** Retires every key; the next signature has a new one. */
  rotate(keep: 'refresh' | 'all' | 'none'): void
  /** The public keys with which access tokens can be verified, as a JWK Set has them (RFC 7517 section 5). */
  published(): Promise<JsonWebKey[]>
}

/** The key ring of a state. */
export function createKeyRing(state: MockState): KeyRing {
  const imported = new Map<string, Promise<CryptoKey>>()
  let generating: Promise<StoredKey> | undefined

  const load = (name: string, jwk: JsonWebKey): Promise<CryptoKey> => {
    const known = imported.get(name)
    if (known) return known
    const loading = importJWK(jwk, signatureAlgorithm) as Promise<CryptoKey>
    imported.set(name, loading)
    return loading
  }

  const active = async (): Promise<StoredKey> => {
    const present = state.keys.find(key => key.role === 'active')
    if (present) return present
    generating ??= generateKey()
    const mine = generating
    const key = await mine
    // The keys were rotated during the generation: all calls now wait for another key.
    if (generating !== mine) return active()
    if (!state.keys.includes(key)) state.keys.push(key)
    return key
  }

  return {
    async signing() {
      const { kid, jwk } = await active()
      return { kid, key: await load(`private ${kid}`, jwk) }
    },
    async verifying(kid) {
      const stored = state.keys.find(key => key.kid === kid)
      if (!stored) return undefined
      return { key: await load(`public ${kid}`, publicPart(stored)), role: stored.role }
    },
    rotate(keep) {
      generating = undefined
      if (keep === 'none') state.keys = []
      for (const key of state.keys) {
        if (key.role === 'active' || keep === 'refresh') key.role = keep === 'all' ? 'all' : 'refresh'
      }
    },
    async published() {
      await active()
      return state.keys.filter(key => key.role !== 'refresh').map(publicPart)
    },
  }
}

async function generateKey(): Promise<StoredKey> {
  const { privateKey } = await generateKeyPair(signatureAlgorithm, { extractable: true })
  return { kid: crypto.randomUUID().slice(0, 8), jwk: await exportJWK(privateKey), role: 'active' }
}

function publicPart({ kid, jwk }: StoredKey): JsonWebKey & { readonly kid: string } {
  const { d: _private, ...rest } = jwk
  return { ...rest, kid, alg: signatureAlgorithm, use: 'sig' }
}
