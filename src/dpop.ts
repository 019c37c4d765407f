/**
 * Tokens that are of no use without a key of the browser (DPoP, RFC 9449).
 * @module tokenflight/dpop
 */
import { generateProof } from 'dpop'
import { baseUrl } from './core/environment.js'
import type { Dpop } from './core/types.js'
import { createKeys } from './shared/bound-keys.js'

/**
 * The option `dpop` of `createAuth`, one for each session: an ES256 key pair whose private key no script can read, in
 * IndexedDB for all tabs of the session, and in memory where there is no page or no IndexedDB. It is made when it is first
 * needed, for which the request that logs in goes through `fetch` of the result, and deleted when the session ends.
 */
export function dpop(): Dpop {
  /** By the origin and the kind of server: the nonces of an authorization server are its own. */
  const nonces = new Map<string, string>()
  const { load, ...session } = createKeys()

  const proof: Dpop['proof'] = async (method, address, accessToken) => {
    const url = new URL(address, baseUrl())
    // The method as it leaves.
    const request = new Request(url, { method })
    const pair = await load(accessToken)
    const nonce = nonces.get(url.origin + !!accessToken)
    return generateProof(pair, url.origin + url.pathname, request.method, nonce, accessToken)
  }
  const learn: Dpop['learn'] = (url, { status, headers }, isResource) => {
    const nonce = headers.get('DPoP-Nonce')
    if (!nonce) return false
    nonces.set(new URL(url, baseUrl()).origin + isResource, `${nonce}`)
    return status === 401 && /use_dpop_nonce/.test(`${headers.get('WWW-Authenticate')}`)
  }
  return {
    proof,
    learn,
    async fetch(input, init, send = fetch) {
      const request = input as Partial<Request>
      const { url = String(input), method = 'GET' } = request
      const spare = request.clone?.() ?? input
      const headers = new Headers(init?.headers ?? request.headers)
      const token = /^DPoP +(\S+)$/i.exec(headers.get('Authorization') ?? '')?.[1]
      const attempt = async (target: typeof input): Promise<Response> => {
        headers.set('DPoP', await proof(init?.method ?? method, url, token))
        return send(target, { ...init, headers })
      }
      const response = await attempt(input)
      const isAsked =
        learn(url, response, !!token) ||
        // An authorization server asks in the body, with a 400 (RFC 9449 section 8) or a 401.
        (!token && !response.ok && /use_dpop_nonce/.test(await response.clone().text()))
      return isAsked ? attempt(spare) : response
    },
    ...session,
  }
}
