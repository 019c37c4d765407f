import axios from 'axios'
import { type Auth, createAuth, memoryStorage, oauth2Refresh } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { next } from '../server-styles/scene.js'
import { decodeStored, recordEvents } from '../support/core.js'
import { clientId, lifetimes, logIn, type OidcServer, startOidcServer } from './oidc.js'

const BURST = 20
/** For how long the server takes a token past its end, in seconds. */
const tolerance = 20
let server: OidcServer
const opened: Auth[] = []

beforeAll(async () => {
  server = await startOidcServer()
})
afterAll(() => server.close())
// `oidc-provider` and tokenflight both read Date.now; everything else, the network above all, takes its time.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'performance'] }))
afterEach(() => {
  for (const auth of opened.splice(0)) auth.dispose()
  vi.useRealTimers()
  server.grants.length = 0
  server.visits.length = 0
})

/** A test passes each end by a second, because servers count whole seconds. */
const pass = (seconds: number) => vi.advanceTimersByTime((seconds + 1) * 1000)

/** A client that is logged in by a real authorization code. */
async function open() {
  const { issuer } = server
  const api = axios.create({ baseURL: issuer })
  const storage = memoryStorage()
  const auth = createAuth({
    storage,
    retry: 0,
    refresh: oauth2Refresh({ tokenEndpoint: `${issuer}/token`, clientId }),
    // RFC 7009: the refresh token, and with it the whole grant.
    logout: ({ refreshToken, signal }) =>
      fetch(`${issuer}/token/revocation`, {
        method: 'POST',
        body: new URLSearchParams({ client_id: clientId, token: refreshToken ?? '' }),
        signal,
      }),
  })
  opened.push(auth)
  attachAuth(api, auth)
  const tokens = await logIn(issuer)
  await auth.login(tokens)
  const burst = () => Promise.allSettled(Array.from({ length: BURST }, () => api.get('/me')))
  return { api, auth, burst, storage, tokens, events: recordEvents(auth) }
}

/** The answer of the token endpoint to a client that holds the token. */
const spend = async (refreshToken: string) => {
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: clientId,
    refresh_token: refreshToken,
  })
  const response = await fetch(`${server.issuer}/token`, { method: 'POST', body })
  return { status: response.status, ...((await response.json()) as { error?: string }) }
}
const visit = async (accessToken: string) =>
  (await fetch(`${server.issuer}/me`, { headers: { Authorization: `Bearer ${accessToken}` } })).status

const answers = (outcomes: PromiseSettledResult<{ data: unknown }>[]) =>
  outcomes.map(outcome => (outcome.status === 'fulfilled' ? outcome.value.data : outcome.reason))
const all = (value: unknown) => Array(BURST).fill(value)

describe('oidc-provider, a certified OpenID Connect server with refresh-token rotation', () => {
  it('hands out tokens for an authorization code with PKCE, which its resource accepts', async () => {
    const { auth, burst, tokens } = await open()
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: lifetimes.accessToken })
    expect(answers(await burst())).toEqual(all({ sub: 'ada' }))
    // Its access tokens are opaque: the lifetime is expires_in.
    expect(auth.getState()).toMatchObject({ status: 'authenticated', expiresAt: Date.now() + 60_000 })
    expect(server.grants).toEqual([])
  })

  it('is kept fresh through six expiries, with one refresh for each burst and no 401', async () => {
    const { auth, burst, events, tokens } = await open()
    for (let round = 1; round <= 6; round++) {
      pass(lifetimes.accessToken)
      expect(answers(await burst())).toEqual(all({ sub: 'ada' }))
      expect(server.grants).toHaveLength(round)
    }
    expect(server.grants.map(({ outcome }) => outcome)).toEqual(Array(6).fill('ok'))
    const spent = server.grants.map(({ refreshToken }) => refreshToken)
    expect(spent[0]).toBe(tokens.refresh_token)
    expect(new Set(spent).size).toBe(6)
    expect(server.visits).toEqual(Array(6 * BURST).fill(200))
    expect(events.of('refreshed').map(({ reason }) => reason)).toEqual(Array(6).fill('expired'))
    expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: false })
  })

  it('is refreshed ahead, behind a burst that leaves at once', async () => {
    const { auth, burst, events } = await open()
    for (let round = 1; round <= 3; round++) {
      pass(lifetimes.accessToken - 5)
      const refreshed = next(auth, 'refreshed')
      expect(answers(await burst())).toEqual(all({ sub: 'ada' }))
      expect(await refreshed).toMatchObject({ reason: 'ahead' })
      expect(server.grants).toHaveLength(round)
    }
    expect(server.visits).toEqual(Array(3 * BURST).fill(200))
    expect(events.names).not.toContain('refreshFailed')
  })

  it('is refreshed once for a burst of 401s that the client could not foresee', async () => {
    const { auth, burst, events, tokens } = await open()
    // A proxy on the way has told the client too long a lifetime.
    await auth.login({ ...tokens, expires_in: 3_600 })
    await burst()
    server.visits.length = 0
    pass(lifetimes.accessToken + tolerance)
    expect(answers(await burst())).toEqual(all({ sub: 'ada' }))
    expect(server.grants.map(({ outcome }) => outcome)).toEqual(['ok'])
    expect(server.visits).toEqual([...all(401), ...all(200)])
    expect(events.of('refreshed')).toMatchObject([{ reason: 'rejected' }])
  })

  it('detects the reuse of a spent refresh token and revokes the grant: the session ends once', async () => {
    const { api, auth, burst, events, tokens } = await open()
    pass(lifetimes.accessToken)
    await burst()
    const stolen = tokens.refresh_token
    expect(await spend(stolen)).toMatchObject({ status: 400, error: 'invalid_grant' })
    server.grants.length = 0
    server.visits.length = 0

    for (const error of answers(await burst())) {
      expect(error).toMatchObject({ code: 'ERR_SESSION_EXPIRED', reason: 'refresh_rejected' })
    }
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_rejected' }])
    expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'refresh_rejected' })
    expect(server.grants).toMatchObject([{ status: 400, outcome: 'invalid_grant' }])
    expect(server.visits).toEqual(all(401))
    // A request after the end is one of an anonymous visitor.
    await expect(api.get('/me')).rejects.toMatchObject({ response: { status: 401 } })
    expect(server.visits).toEqual([...all(401), 401])

    await auth.login(await logIn(server.issuer))
    expect((await api.get('/me')).data).toEqual({ sub: 'ada' })
  })

  it('is notified of a logout by RFC 7009, and refuses both tokens afterwards', async () => {
    const { auth, burst, events, storage } = await open()
    pass(lifetimes.accessToken)
    await burst()
    const { accessToken = '', refreshToken = '' } =
      decodeStored(await storage.getItem('tokenflight:default')) ?? {}
    expect(await visit(accessToken)).toBe(200)
    await auth.logout()
    expect(events.names).toContain('logout')
    expect(events.of('warning')).toEqual([])
    expect(await visit(accessToken)).toBe(401)
    expect(await spend(refreshToken)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  it('ends the session by its own word when the refresh token is over', async () => {
    const { api, events } = await open()
    pass(lifetimes.refreshToken)
    await expect(api.get('/me')).rejects.toMatchObject({
      code: 'ERR_SESSION_EXPIRED',
      reason: 'refresh_rejected',
    })
    expect(events.of('sessionExpired')).toHaveLength(1)
    expect(server.grants).toMatchObject([{ outcome: 'invalid_grant' }])
  })
})
