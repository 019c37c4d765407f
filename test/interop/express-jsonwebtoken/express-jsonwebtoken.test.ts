import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../../examples/backends/express-jsonwebtoken.js'
import { createBrowser, visit } from '../../server-styles/browser.js'
import { next } from '../../server-styles/scene.js'
import { recordEvents } from '../../support/core.js'
import { createApp } from './app.js'

const BURST = 20
const SECOND = 1_000
const MINUTE = 60 * SECOND
const cleanUps: (() => unknown)[] = []

// `jsonwebtoken` and tokenflight both read the clocks; everything else takes its time.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'performance'] }))
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
  vi.useRealTimers()
})

/** A test passes each end by a second, because servers count whole seconds. */
const pass = (milliseconds: number) => vi.advanceTimersByTime(milliseconds + SECOND)

/** Starts the server, which knows nothing of tokenflight, and keeps a list of its answers. */
async function startApp() {
  const answers: string[] = []
  const app = createApp()
  const server = createServer((request, response) => {
    const { method, url } = request
    response.once('finish', () => answers.push(`${method} ${url} ${response.statusCode}`))
    app(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUps.push(async () => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const browser = createBrowser()
  visit(browser, url)
  return { answers, browser, url, count: (answer: string) => answers.filter(one => one === answer).length }
}

/** The page, as docs/backends.md connects it. */
function openPage(url: string) {
  const { api, auth } = connect(url)
  api.defaults.adapter = 'fetch'

  cleanUps.push(() => auth.dispose())
  const login = async (password = 'lovelace') => {
    const { data } = await api.post('/auth/login', { email: 'ada@example.com', password })
    await auth.login(data)
  }
  return { api, auth, login, events: recordEvents(auth) }
}

const read = (api: ReturnType<typeof openPage>['api']) =>
  Promise.allSettled(Array.from({ length: BURST }, () => api.get('/posts')))
const statuses = (outcomes: Awaited<ReturnType<typeof read>>) =>
  outcomes.map(outcome => (outcome.status === 'fulfilled' ? outcome.value.status : outcome.reason.code))
const all = (value: unknown) => Array(BURST).fill(value)

describe('a naive Express server with jsonwebtoken and cookies', () => {
  it('answers as such servers do: a message, no challenge, no lifetime', async () => {
    const { url } = await startApp()
    const answer = await fetch(`${url}/api/posts`, { headers: { Authorization: 'Bearer eyJ.eyJ.x' } })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('WWW-Authenticate')).toBeNull()
    expect(await answer.json()).toEqual({ message: expect.any(String) })
  })

  it('is kept fresh through many expiries, each burst by one refresh and without a 401', async () => {
    const { answers, count, url } = await startApp()
    const { api, auth, events, login } = openPage(url)
    await auth.ready
    await login()
    answers.length = 0
    for (let round = 1; round <= 6; round++) {
      pass(15 * MINUTE)
      expect(statuses(await read(api))).toEqual(all(200))
      expect((await api.post('/posts', { title: `Note ${round}` })).data).toMatchObject({ id: round })
      expect(count('POST /api/auth/refresh 200')).toBe(round)
    }
    expect(answers.filter(answer => answer.endsWith('401'))).toEqual([])
    expect(events.of('refreshed').map(({ reason }) => reason)).toEqual(Array(6).fill('expired'))
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { email: 'ada@example.com' } })
  })

  it('is refreshed ahead, once, behind requests that leave at once', async () => {
    const { count, url } = await startApp()
    const { api, auth, login } = openPage(url)
    await auth.ready
    await login()
    pass(14.5 * MINUTE)
    const refreshed = next(auth, 'refreshed')
    expect(statuses(await read(api))).toEqual(all(200))
    expect(await refreshed).toMatchObject({ reason: 'ahead' })
    expect(count('POST /api/auth/refresh 200')).toBe(1)
  })

  it('is refreshed once for a burst of 401s that say `jwt expired` and nothing else', async () => {
    const { count, url } = await startApp()
    const { api, auth, events } = openPage(url)
    await auth.ready
    const { data } = await api.post('/auth/login', { email: 'ada@example.com', password: 'lovelace' })
    // The answer was held up on its way, so the page counts from too late on.
    pass(20 * MINUTE)
    await auth.login(data)
    expect(statuses(await read(api))).toEqual(all(200))
    expect(events.of('refreshed')).toMatchObject([{ reason: 'rejected' }])
    expect(count('GET /api/posts 401')).toBe(BURST)
    expect(count('POST /api/auth/refresh 200')).toBe(1)
    expect(count('GET /api/posts 200')).toBe(BURST)
  })

  it('restores the session on reload, and is anonymous where no session exists', async () => {
    const { browser, url } = await startApp()
    const first = openPage(url)
    await first.auth.ready
    expect(first.auth.getState()).toEqual({ status: 'anonymous' })
    await first.login()
    expect(await browser.jar.getCookieString(`${url}/api/auth/refresh`)).toContain('refreshToken=')
    expect(document.cookie).toBe('')
    first.auth.dispose()
    const { api, auth, events } = openPage(url)
    expect(statuses(await read(api))).toEqual(all(200))
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { email: 'ada@example.com' } })
    expect(events.of('refreshed')).toMatchObject([{ reason: 'restore' }])
  })

  it('ends the session once when its 403 says that the refresh token is no good any more', async () => {
    const { count, url } = await startApp()
    const { api, auth, events, login } = openPage(url)
    await auth.ready
    await login()
    await api.post('/auth/logout-everywhere')
    pass(15 * MINUTE)
    expect(statuses(await read(api))).toEqual(all('ERR_SESSION_EXPIRED'))
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_rejected' }])
    expect(count('POST /api/auth/refresh 403')).toBe(1)
    await login()
    expect(statuses(await read(api))).toEqual(all(200))
  })

  it('lets a wrong password be just that, and logs out for good', async () => {
    const { count, url } = await startApp()
    const { api, auth, login } = openPage(url)
    await auth.ready
    await expect(login('byron')).rejects.toMatchObject({
      response: { status: 401, data: { message: 'Invalid credentials' } },
    })
    await login()
    await auth.logout()
    expect(count('POST /api/auth/logout 200')).toBe(1)
    await expect(api.get('/posts')).rejects.toMatchObject({
      response: { status: 401, data: { message: 'No token provided' } },
    })
    const reloaded = openPage(url)
    await reloaded.auth.ready
    expect(reloaded.auth.getState()).toEqual({ status: 'anonymous' })
  })
})
