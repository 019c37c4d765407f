import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeProtectedHeader } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { connect } from '../../examples/server-styles/logout.js'
import { useServers } from '../mock-server/client.js'
import { BURST, burst as burstOf, MINUTE, useScene } from './scene.js'

const setScene = useScene(connect)
const startAgain = useServers()

describe('server style 10: logout at the server', () => {
  it('invalidates both tokens there, and the server refuses both afterwards', async () => {
    const { api, auth, backend, client, events, login } = await setScene()
    const { accessToken = '', refreshToken = '' } = (await login()) as Record<string, string>
    expect((await client.orders(accessToken)).status).toBe(200)
    await auth.logout()
    expect(backend.stats.logouts).toBe(1)
    expect((await client.orders(accessToken)).status).toBe(401)
    expect(await client.refresh(refreshToken)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
    expect(events.names).toEqual(['login', 'logout'])
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    // Anonymous from here on: a request leaves without a token, and its 401 is its own.
    await expect(api.get('/api/orders')).rejects.toMatchObject({ response: { status: 401 } })
    expect(backend.stats.refreshes).toBe(0)
  })

  it('invalidates the tokens of after many refreshes just so', async () => {
    const { auth, backend, burst, client, login, pass } = await setScene()
    await login()
    for (let round = 0; round < 3; round++) {
      pass(5 * MINUTE)
      await burst()
    }
    const accessToken = (await auth.getAccessToken()) ?? ''
    await auth.logout()
    expect(backend.stats).toMatchObject({ refreshes: 3, logouts: 1 })
    expect((await client.orders(accessToken)).status).toBe(401)
  })

  it('ends the session of one login, not of another', async () => {
    const { auth, client, login } = await setScene()
    await login()
    const other = await client.login()
    await auth.logout()
    expect((await client.orders(other.accessToken)).status).toBe(200)
    expect((await client.refresh(other.refreshToken)).status).toBe(200)
  })

  it('logs out here although the server is gone, and warns', async () => {
    const { auth, events, login, server } = await setScene()
    await login()
    await server.close()
    await auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual(['login', 'logout', 'warning'])
    server.close = async () => {}
  })
})

describe('server style 10: each token for its own use', () => {
  it('ends a session whose access token is really a refresh token with the first 401', async () => {
    const { api, auth, backend, client, events } = await setScene()
    const { refreshToken } = await client.login()
    await auth.login({ accessToken: refreshToken })
    await expect(api.get('/api/orders')).rejects.toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'no_refresh_token' }])
    expect(backend.stats).toMatchObject({ unauthorized: 1, refreshes: 0 })
    const raw = await client.orders(refreshToken)
    expect(raw.headers.get('WWW-Authenticate')).toContain('A refresh token is no access token')
  })

  it('heals an access token that is really a refresh token where there is a good one too', async () => {
    const { api, auth, backend, client } = await setScene()
    const { refreshToken } = await client.login()
    await auth.login({ accessToken: refreshToken, refreshToken })
    expect((await api.get('/api/orders')).status).toBe(200)
    expect(backend.stats).toMatchObject({ unauthorized: 1, refreshes: 1 })
  })

  it('ends a session whose refresh token is really an access token', async () => {
    const { api, auth, backend, client, events } = await setScene()
    const { accessToken } = await client.login()
    await auth.login({ accessToken, refreshToken: accessToken })
    expect((await api.get('/api/orders')).status).toBe(200)
    backend.expireAccessTokens()
    await expect(api.get('/api/orders')).rejects.toMatchObject({ reason: 'refresh_rejected' })
    expect(events.of('sessionExpired')).toHaveLength(1)
    expect(backend.stats).toMatchObject({ rejected: 1, refreshes: 0 })
  })
})

describe('server style 10: signing keys rolled by kid while sessions live', () => {
  const kidOf = async ({ auth }: Awaited<ReturnType<typeof setScene>>) =>
    decodeProtectedHeader((await auth.getAccessToken()) ?? '').kid

  it('costs each session one refresh when the old access tokens are refused', async () => {
    const scene = await setScene()
    const { backend, burst, connect, events, login } = scene
    await login()
    const other = connect()
    await other.auth.login(await backend.issue('ada'))
    const kids = new Set([await kidOf(scene)])
    for (let roll = 1; roll <= 3; roll++) {
      backend.rotateKeys()
      await Promise.all([burst(), burstOf(other.api)])
      expect(backend.stats).toMatchObject({
        refreshes: 2 * roll,
        unauthorized: 2 * BURST * roll,
        rejected: 0,
        reuses: 0,
      })
      kids.add(await kidOf(scene))
    }
    expect(kids.size).toBe(4)
    expect([...events.names, ...other.events.names]).not.toContain('sessionExpired')
  })

  it('costs nothing when the old ones stay good until they expire', async () => {
    const scene = await setScene()
    const { backend, burst, login, pass } = scene
    await login()
    const before = await kidOf(scene)
    backend.rotateKeys({ keep: 'all' })
    await burst()
    expect(backend.stats).toMatchObject({ refreshes: 0, unauthorized: 0 })
    pass(5 * MINUTE)
    await burst()
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 0 })
    expect(await kidOf(scene)).not.toBe(before)
  })

  it('ends the session once when the old refresh tokens are refused too', async () => {
    const { api, backend, events, login } = await setScene()
    await login()
    backend.rotateKeys({ keep: 'none' })
    const outcomes = await Promise.allSettled(Array.from({ length: BURST }, () => api.get('/api/orders')))
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ reason: { code: 'ERR_SESSION_EXPIRED', reason: 'refresh_rejected' } })
    }
    expect(events.of('sessionExpired')).toHaveLength(1)
    expect(backend.stats).toMatchObject({ rejected: 1, unauthorized: BURST })
  })
})

describe('a server that restarts', () => {
  it.each([
    ['with an access token that is good', 0],
    ['with one that expired meanwhile', 5 * MINUTE],
  ])('logs no user out, %s', async (_how, downtime) => {
    const directory = await mkdtemp(join(tmpdir(), 'tokenflight-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    const dataFile = join(directory, 'data.json')
    const { api, auth, burst, events, login, now, pass, server } = await setScene({ dataFile })
    const { accessToken = '', refreshToken = '' } = (await login()) as Record<string, string>
    pass(5 * MINUTE)
    await burst()
    await server.close()
    server.close = async () => {}
    pass(downtime)
    await expect(api.get('/api/orders')).rejects.toMatchObject({
      code: downtime ? 'ERR_REFRESH_FAILED' : expect.stringMatching(/^ECONN/),
    })
    // The next call comes after the back-off of the failure.
    pass(MINUTE)

    const again = await startAgain({ dataFile, port: server.port, clock: { now } })
    await burst()
    expect(again.server.backend.stats).toMatchObject({ logins: 0, rejected: 0, unauthorized: 0 })
    pass(5 * MINUTE)
    await burst()
    expect(events.names).not.toContain('sessionExpired')
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
    const kept = await readFile(dataFile, 'utf8')
    for (const token of [accessToken, refreshToken]) expect(kept).not.toContain(token)
  })

  it('knows after the restart who has logged out', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tokenflight-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    const dataFile = join(directory, 'data.json')
    const { auth, connect, login, now, server } = await setScene({ dataFile })
    const tokens = await login()
    await auth.logout()
    await server.close()
    server.close = async () => {}
    await startAgain({ dataFile, port: server.port, clock: { now } })
    const thief = connect()
    await thief.auth.login(tokens)
    await expect(thief.api.get('/api/orders')).rejects.toMatchObject({ reason: 'refresh_rejected' })
  })
})
