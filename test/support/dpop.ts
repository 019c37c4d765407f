/** An auth server and resource servers that verify proofs of possession (RFC 9449), and both clients of a session. */
import { createHash } from 'node:crypto'
import axios from 'axios'
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose'
import {
  type Auth,
  type AuthOptions,
  createAuth,
  type Dpop,
  oauth2Refresh,
  type TokenResponse,
} from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { dpop } from 'tokenflight/dpop'
import { authFetch } from 'tokenflight/fetch'
import { onTestFinished } from 'vitest'
import { type Arrived, type Loopback, loopback } from './axios.js'

/** The claims of a proof, as its server has read them. */
export interface Proof {
  readonly htm: string
  readonly htu: string
  readonly jti: string
  readonly iat: number
  readonly ath?: string
  readonly nonce?: string
  /** Thumbprint of the key that signed it. */
  readonly jkt: string
}

/** A server that verifies the proof of each request. */
export interface ProvedServer extends Loopback {
  readonly proofs: Proof[]
  readonly statuses: number[]
  /** The nonce that a proof must have; undefined: none. */
  nonce: string | undefined
  /** The nonces that the coming answers bring for the request after them; undefined: the present one. */
  readonly next: (string | undefined)[]
  /** The status with which the auth server asks for its nonce: 400 (RFC 9449 section 8), and 401 at some servers. */
  nonceStatus: number
}

export interface DpopWorld {
  readonly issuer: ProvedServer
  readonly resource: ProvedServer
  readonly other: ProvedServer
  /** The access tokens that are good, and the keys that they are bound to. */
  readonly bound: Map<string, string>
  readonly refreshTokens: Map<string, string>
}

const ath = (token: string): string => createHash('sha256').update(token).digest('base64url')

/** Verifies a proof. Throws the reason if it is not valid. */
async function verify(
  server: ProvedServer,
  request: Arrived,
  used: Set<string>,
  token?: string,
): Promise<Proof> {
  const header = request.headers['dpop']
  if (typeof header !== 'string' || header.includes(',')) throw new Error('not one proof')
  const { payload, protectedHeader } = await jwtVerify(header, EmbeddedJWK, {
    typ: 'dpop+jwt',
    algorithms: ['ES256'],
  })
  const { jwk } = protectedHeader
  if (!jwk || 'd' in jwk) throw new Error('no public key')
  const proof = { ...payload, jkt: await calculateJwkThumbprint(jwk) } as unknown as Proof
  if (proof.htm !== request.method) throw new Error('another method')
  if (proof.htu !== server.url + request.url.split('?')[0]) throw new Error('another URL')
  if (Math.abs(Date.now() / 1000 - proof.iat) > 120) throw new Error('not of now')
  if (!proof.jti || used.has(proof.jti)) throw new Error('used before')
  used.add(proof.jti)
  if (proof.ath !== (token && ath(token))) throw new Error('another token')
  server.proofs.push(proof)
  return proof
}

/** Servers of one service. With `nonces`, both kinds want nonces of their own. */
export async function dpopWorld({ nonces = false, tokenType = 'DPoP' } = {}): Promise<DpopWorld> {
  const used = new Set<string>()
  const bound = new Map<string, string>()
  const refreshTokens = new Map<string, string>()
  let count = 0

  const serve = async (
    name: string,
    answer: (server: ProvedServer, request: Arrived) => Promise<[number, object, Record<string, string>?]>,
  ): Promise<ProvedServer> => {
    const listening = await loopback(async (request, _, outgoing) => {
      const [status, body, headers = {}] = await answer(server, request)
      server.statuses.push(status)
      const next = server.next.shift()
      if (next) server.nonce = next
      const { nonce } = server
      if (nonce) outgoing.setHeader('DPoP-Nonce', nonce)
      outgoing.writeHead(status, { 'Content-Type': 'application/json', ...headers })
      outgoing.end(JSON.stringify(body))
    })
    const server: ProvedServer = Object.assign(listening, {
      proofs: [],
      statuses: [],
      nonce: nonces ? `nonce-of-${name}` : undefined,
      next: [],
      nonceStatus: 400,
    })
    return server
  }

  const issuer = await serve('issuer', async (server, request) => {
    const form = new URLSearchParams(request.body.toString())
    const proof = await verify(server, request, used).catch(error => error as Error)
    if (proof instanceof Error)
      return [400, { error: 'invalid_dpop_proof', error_description: proof.message }]
    if (server.nonce && proof.nonce !== server.nonce) return [server.nonceStatus, { error: 'use_dpop_nonce' }]
    const refreshToken = form.get('refresh_token')
    if (refreshToken) {
      if (refreshTokens.get(refreshToken) !== proof.jkt) return [400, { error: 'invalid_grant' }]
      refreshTokens.delete(refreshToken)
    }
    count++
    const [access_token, refresh_token] = [`at-${count}`, `rt-${count}`]
    bound.set(access_token, proof.jkt)
    refreshTokens.set(refresh_token, proof.jkt)
    return [200, { access_token, refresh_token, token_type: tokenType, expires_in: 300 }]
  })
  const serveResource = (name: string): Promise<ProvedServer> =>
    serve(name, async (server, request) => {
      const refuse = (error: string): [number, object, Record<string, string>] => [
        401,
        { error },
        { 'WWW-Authenticate': `DPoP algs="ES256", error="${error}"` },
      ]
      const token = /^DPoP (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
      if (!token) return [401, {}, { 'WWW-Authenticate': 'DPoP algs="ES256"' }]
      const proof = await verify(server, request, used, token).catch(error => error as Error)
      if (proof instanceof Error) return refuse('invalid_dpop_proof')
      if (server.nonce && proof.nonce !== server.nonce) return refuse('use_dpop_nonce')
      if (bound.get(token) !== proof.jkt) return refuse('invalid_token')
      return [200, { body: request.body.toString() }]
    })
  const [resource, other] = [await serveResource('resource'), await serveResource('other')]
  return { issuer, resource, other, bound, refreshTokens }
}

/** A session in the world, logged in by a request that carries a proof. */
export interface DpopSession {
  readonly auth: Auth
  readonly key: Dpop
  readonly time: { now: number }
  /** Names and contents of all events, in order. */
  readonly events: readonly { readonly type: string }[]
  /** Sends a request with each of its clients; resolves to the status. */
  send(method: string, url: string, body?: unknown): Promise<number>
  /** The `phase` of each step of each request. */
  steps(): string[]
  login(): Promise<void>
}

export type ClientName = 'axios' | 'fetch'
export const clientNames: readonly ClientName[] = ['axios', 'fetch']

export async function dpopSession(
  world: DpopWorld,
  client: ClientName,
  options: Partial<AuthOptions> = {},
): Promise<DpopSession> {
  const key = options.dpop ?? dpop()
  const time = { now: Date.now() }
  const tokenEndpoint = `${world.issuer.url}/token`
  const auth = createAuth({
    clock: { now: () => time.now },
    retry: 0,
    refresh: oauth2Refresh({ tokenEndpoint, clientId: 'spa' }),
    ...options,
    dpop: key,
  })
  onTestFinished(() => auth.dispose())
  const events: { type: string; phase?: string }[] = []
  auth.on('*', event => void events.push(event))
  const allowedOrigins = [world.resource.url, world.other.url]
  const api = axios.create({ proxy: false, validateStatus: null })
  attachAuth(api, auth, { allowedOrigins })
  const fetcher = authFetch(auth, { allowedOrigins })
  const login = async (): Promise<void> => {
    const body = new URLSearchParams({ grant_type: 'authorization_code', code: 'c', client_id: 'spa' })
    const response = await key.fetch(tokenEndpoint, { method: 'POST', body })
    await auth.login((await response.json()) as TokenResponse)
  }
  await login()
  return {
    auth,
    key,
    time,
    events,
    login,
    steps: () => events.filter(({ type }) => type === 'request').map(({ phase }) => `${phase}`),
    async send(method, url, body) {
      if (client === 'axios') return (await api.request({ method, url, data: body })).status
      const isStream = body instanceof ReadableStream
      const init = { method, ...(body !== undefined && { body }), ...(isStream && { duplex: 'half' }) }
      const response = await fetcher(url, init as RequestInit)
      await response.text()
      return response.status
    },
  }
}

/** Everything but the steps of requests. */
export function happened({ events }: Pick<DpopSession, 'events'>): string[] {
  return events.map(({ type }) => type).filter(type => type !== 'request')
}
