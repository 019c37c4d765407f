import axios from 'axios'
import { createAuth, oauth2Refresh, oauth2Revoke } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { dpop } from 'tokenflight/dpop'
import { authFetch } from 'tokenflight/fetch'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { recordEvents } from '../support/core.js'
import { clientId, lifetimes, logIn, type OidcServer, startOidcServer } from './oidc.js'

const BURST = 20
let server: OidcServer

beforeAll(async () => {
  server = await startOidcServer({ isBound: true })
})
afterAll(() => server.close())
// Both sides read Date.now; everything else, the network above all, takes its time.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'performance'] }))
afterEach(() => {
  vi.useRealTimers()
  server.grants.length = 0
  server.visits.length = 0
})

const pass = (seconds: number) => vi.advanceTimersByTime((seconds + 1) * 1000)

/** A session whose login, refreshes and requests carry proofs. */
async function open() {
  const { issuer } = server
  const key = dpop()
  const auth = createAuth({
    dpop: key,
    retry: 0,
    refresh: oauth2Refresh({ tokenEndpoint: `${issuer}/token`, clientId }),
    logout: oauth2Revoke({ endpoint: `${issuer}/token/revocation`, clientId }),
  })
  onTestFinished(() => auth.dispose())
  const events = recordEvents(auth)
  const api = axios.create({ baseURL: issuer })
  attachAuth(api, auth)
  const fetcher = authFetch(auth, { allowedOrigins: [issuer] })
  const tokens = await logIn(issuer, 'ada', key.fetch)
  await auth.login(tokens)
  const visit = async (number: number): Promise<unknown> =>
    number % 2 ? (await api.get('/me')).data : (await fetcher(`${issuer}/me`)).json()
  const burst = () => Promise.all(Array.from({ length: BURST }, (_, number) => visit(number)))
  return { auth, key, events, tokens, burst, fetcher }
}

describe('oidc-provider with tokens that must be bound to a key, and nonces in their proofs', () => {
  it('hands out such a token, and takes it from both clients', async () => {
    const { tokens, burst } = await open()
    expect(tokens).toMatchObject({ token_type: 'DPoP' })
    expect(await burst()).toEqual(Array(BURST).fill({ sub: 'ada' }))
    expect(server.grants).toEqual([])
  })

  it('is kept fresh through six expiries while its nonces change: one grant for each, no event but `refreshed`', async () => {
    const { auth, burst, events, tokens } = await open()
    for (let round = 1; round <= 6; round++) {
      pass(lifetimes.accessToken)
      expect(await burst()).toEqual(Array(BURST).fill({ sub: 'ada' }))
      expect(server.grants.filter(({ outcome }) => outcome === 'ok')).toHaveLength(round)
    }
    const outcomes = new Set(server.grants.map(({ outcome }) => outcome))
    expect([...outcomes].filter(outcome => outcome !== 'ok' && outcome !== 'use_dpop_nonce')).toEqual([])
    const spent = server.grants
      .filter(({ outcome }) => outcome === 'ok')
      .map(({ refreshToken }) => refreshToken)
    expect(spent[0]).toBe(tokens.refresh_token)
    expect(new Set(spent).size).toBe(6)
    expect(new Set(events.names)).toEqual(new Set(['login', 'refreshed']))
    expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: false })
  })

  it('refreshes once after an hour in which its nonces were forgotten', async () => {
    const { burst, events, auth, tokens } = await open()
    await burst()
    await auth.login({ ...tokens, expires_in: 86_400 })
    pass(lifetimes.accessToken * 20)
    expect(await burst()).toEqual(Array(BURST).fill({ sub: 'ada' }))
    expect(server.grants.filter(({ outcome }) => outcome === 'ok')).toHaveLength(1)
    expect(events.of('refreshed')).toMatchObject([{ reason: 'rejected' }])
    expect(events.names).not.toContain('challenge')
  })

  it('refuses both tokens to a thief who has another key, and none', async () => {
    const { tokens, burst } = await open()
    const thief = dpop()
    createAuth({ dpop: thief })
    const { issuer } = server
    const { access_token: token, refresh_token } = tokens
    expect((await fetch(`${issuer}/me`, { headers: { Authorization: `Bearer ${token}` } })).status).toBe(401)
    const headers = { Authorization: `DPoP ${token}` }
    expect((await thief.fetch(`${issuer}/me`, { headers })).status).toBe(401)
    const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, refresh_token })
    const answer = await thief.fetch(`${issuer}/token`, { method: 'POST', body })
    expect(answer.status).toBe(400)
    expect(await burst()).toEqual(Array(BURST).fill({ sub: 'ada' }))
  })

  it('is notified of a logout, after which the key is another one', async () => {
    const { auth, key, burst, events } = await open()
    await burst()
    await auth.logout()
    expect(events.of('warning')).toEqual([])
    await auth.login(await logIn(server.issuer, 'ada', key.fetch))
    expect(await burst()).toEqual(Array(BURST).fill({ sub: 'ada' }))
  })
})
