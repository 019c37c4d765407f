/** Each snippet of docs/backends.md against answers as the documentation of its back end has them. */
import { readdirSync, readFileSync } from 'node:fs'
import axios from 'axios'
import type { Auth, AuthEvents } from 'tokenflight'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { connect as connectSanctum } from '../../examples/backends/laravel-sanctum.js'
import { connect as connectDevise } from '../../examples/backends/rails-devise-token-auth.js'
import { fetchKeepsCookies } from '../support/axios.js'
import { MINUTE, opaque, recordEvents, track, useFakeTime } from '../support/core.js'
import { AMAZON, type Answer, type BackEnd, backEnds, FORM, JSON_TYPE } from './back-ends.js'

// These tests have no database: a snippet that stores its session keeps it in memory.
vi.mock('tokenflight', async load => {
  const real = await load<typeof import('tokenflight')>()
  return { ...real, indexedDBStorage: real.memoryStorage }
})

useFakeTime()

const SERVER = 'https://api.example.com'

// The network of these tests is `fetch`. The files of a worker share axios: the next one gets it as it was.
const { adapter } = axios.defaults
beforeAll(() => {
  axios.defaults.adapter = 'fetch'
})
afterAll(() => {
  Object.assign(axios.defaults, { adapter })
})

/** One request as it reached the server. */
interface Sent {
  method: string
  url: string
  headers: Record<string, string>
  body: unknown
  credentials: string
}

const toResponse = ({ status = 200, body, headers = {} }: Answer): Response =>
  new Response(body === undefined ? null : JSON.stringify(body), {
    status,
    headers: { ...(body !== undefined && { 'Content-Type': JSON_TYPE }), ...headers },
  })

/** Puts a server in the place of the network. Returns all requests in their order. */
function serve(answer: (request: Sent) => Answer): Sent[] {
  const log: Sent[] = []
  vi.stubGlobal('fetch', async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init)
    const text = await request.text()
    const isForm = request.headers.get('Content-Type')?.startsWith(FORM)
    const sent = {
      method: request.method,
      url: request.url,
      headers: Object.fromEntries(request.headers),
      body: isForm ? Object.fromEntries(new URLSearchParams(text)) : text && JSON.parse(text),
      credentials: request.credentials,
    }
    log.push(sent)
    return toResponse(answer(sent))
  })
  return log
}

/** A session of the back end that has just begun. */
async function begin(backEnd: BackEnd, dead = backEnd.dead[0] ?? {}) {
  const state = { isAlive: false, access: '', refresh: '' }
  const accepted = new Set<string>()
  const mint = (): void => {
    state.access = backEnd.mint(backEnd.lifetime)
    if (backEnd.rotates || !state.refresh) state.refresh = opaque('rt')
    accepted.add(state.access)
  }
  const { url, method = 'POST' } = backEnd.refresh('', '')
  const isRefresh = (sent: Sent): boolean => sent.url === url && sent.method === method
  const isAllowed = ({ credentials, headers }: Sent): boolean =>
    backEnd.isHidden
      ? (credentials === 'include' || !fetchKeepsCookies) && accepted.has(state.access)
      : accepted.has(headers['authorization']?.replace('Bearer ', '') ?? '')
  const log = serve(sent => {
    if (!isRefresh(sent))
      return isAllowed(sent) ? { body: { ok: true } } : { status: 401, ...backEnd.refused }
    if (!state.isAlive) return dead
    mint()
    return backEnd.answer(state.access, state.refresh)
  })
  const { api, auth } = backEnd.connect(SERVER)
  track(auth)
  await auth.ready
  const events = recordEvents(auth)
  mint()
  state.isAlive = true
  await (backEnd.login ? auth.login(backEnd.login(state.access, state.refresh) as never) : auth.refresh())
  log.length = 0
  return {
    auth,
    state,
    accepted,
    events,
    burst: () => Promise.allSettled(Array.from({ length: 5 }, (_, id) => api.get(`/orders/${id}`))),
    clear: () => void log.splice(0),
    refreshes: () => log.filter(isRefresh),
    /** The tokens of the other requests. */
    tokens: () =>
      log
        .filter(sent => !isRefresh(sent))
        .map(({ headers }) => headers['authorization']?.replace('Bearer ', '')),
  }
}

/** The next event of that kind. */
function next<Name extends keyof AuthEvents>(auth: Pick<Auth, 'on'>, name: Name): Promise<AuthEvents[Name]> {
  return new Promise(resolve => {
    const off = auth.on(name, event => {
      off()
      resolve(event)
    })
  })
}

const five = <T>(value: T): T[] => Array(5).fill(value)
const succeeded = five(expect.objectContaining({ status: 'fulfilled' }))
const over = five({
  status: 'rejected',
  reason: expect.objectContaining({ code: 'ERR_SESSION_EXPIRED', reason: 'refresh_rejected' }),
})

describe.each(Object.entries(backEnds))('%s', (_, backEnd) => {
  const shown = (token: string) => (backEnd.isHidden ? undefined : token)

  /** The documented request, as it must arrive. */
  const documented = (access: string, refresh: string) => {
    const sent = backEnd.refresh(access, refresh)
    const { url, method = 'POST', json, form, headers, credentials } = sent
    const type = sent.type ?? (form ? FORM : method === 'GET' ? undefined : JSON_TYPE)
    return {
      method,
      url,
      body: form ?? json ?? '',
      credentials: credentials ?? 'same-origin',
      type,
      authorization: undefined,
      ...headers,
    }
  }
  const arrived = ({ headers, ...rest }: Sent, names: string[]) => ({
    ...rest,
    type: headers['content-type']?.split(';')[0],
    ...Object.fromEntries(['authorization', ...names].map(name => [name, headers[name]])),
  })

  it('has its login accepted, and its API gets the token', async () => {
    const { auth, burst, events, refreshes, state, tokens } = await begin(backEnd)
    expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: false })
    expect(await burst()).toEqual(succeeded)
    expect(tokens()).toEqual(five(shown(state.access)))
    expect(refreshes()).toEqual([])
    expect(events.of('warning')).toEqual([])
  })

  it('gets the documented request once for each end of a token, and the new token is used', async () => {
    const { accepted, auth, burst, clear, events, refreshes, state, tokens } = await begin(backEnd)
    for (let round = 0; round < 3; round++) {
      const { access, refresh } = state
      vi.advanceTimersByTime(backEnd.lifetime * (backEnd.isAheadOnly ? 0.6 : 1))
      if (!backEnd.isAheadOnly) accepted.delete(access)
      const refreshed = next(auth, 'refreshed')
      expect(await burst()).toEqual(succeeded)
      expect(await refreshed).toMatchObject({
        reason: backEnd.isAheadOnly ? 'ahead' : 'expired',
        attempts: 1,
      })
      const expected = documented(access, refresh)
      const names = Object.keys(backEnd.refresh('', '').headers ?? {})
      expect(refreshes().map(sent => arrived(sent, names))).toEqual([expected])
      expect(state.access).not.toBe(access)
      clear()
      expect(await burst()).toEqual(succeeded)
      expect(tokens()).toEqual(five(shown(state.access)))
      expect(refreshes()).toEqual([])
    }
    expect(events.names).not.toContain('sessionExpired')
    expect(events.of('warning')).toEqual([])
  })

  // PocketBase has no 401 for an ended token.
  if (backEnd.refused) {
    it('refreshes once for a burst that its API answers with 401', async () => {
      const { accepted, burst, events, refreshes, state } = await begin(backEnd)
      accepted.delete(state.access)
      expect(await burst()).toEqual(succeeded)
      expect(refreshes()).toHaveLength(1)
      expect(events.of('challenge')).toEqual([])
    })
  }

  it.each(backEnd.dead)('ends the session once when a refresh is answered %j', async dead => {
    const { accepted, auth, burst, events, refreshes, state } = await begin(backEnd, dead)
    state.isAlive = false
    accepted.clear()
    vi.advanceTimersByTime(backEnd.lifetime)
    expect(await burst()).toEqual(over)
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_rejected' }])
    expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'refresh_rejected' })
    expect(refreshes()).toHaveLength(1)
  })
})

describe('Amazon Cognito, API of user pools', () => {
  it('keeps the session where it has too many requests, which it says with a 400', async () => {
    const pools = backEnds['Amazon Cognito, API of user pools'] as BackEnd
    const busy = {
      status: 400,
      headers: { 'Content-Type': AMAZON },
      body: { __type: 'TooManyRequestsException', message: 'Rate exceeded' },
    }
    const { auth, accepted, burst, events, state } = await begin(pools, busy)
    state.isAlive = false
    accepted.clear()
    vi.advanceTimersByTime(pools.lifetime)
    const outcomes = burst()
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(await outcomes).toEqual(
      five({ status: 'rejected', reason: expect.objectContaining({ code: 'ERR_REFRESH_FAILED' }) }),
    )
    expect(events.names).not.toContain('sessionExpired')
    state.isAlive = true
    await auth.refresh()
    expect(await burst()).toEqual(succeeded)
  })
})

describe('Laravel Sanctum with cookies', () => {
  const paths = (log: Sent[]) => log.map(({ method, url }) => `${method} ${url.slice(SERVER.length)}`)

  async function logIn() {
    const state = { isAlive: false, hasCsrf: false }
    const log = serve(({ method, url }) => {
      if (url === `${SERVER}/sanctum/csrf-cookie`) {
        state.hasCsrf = true
        return { status: 204 }
      }
      if (method === 'POST' && !state.hasCsrf)
        return { status: 419, body: { message: 'CSRF token mismatch.' } }
      if (url === `${SERVER}/login`) state.isAlive = true
      return state.isAlive
        ? { body: { id: 1, name: 'Ada' } }
        : { status: 401, body: { message: 'Unauthenticated.' } }
    })
    const { api, auth } = connectSanctum(SERVER)
    track(auth)
    await auth.ready
    const atStart = auth.getState()
    await api.get('/sanctum/csrf-cookie')
    await api.post('/login', { email: 'ada@example.com', password: 'lovelace' })
    await auth.login({})
    log.length = 0
    return { api, auth, atStart, events: recordEvents(auth), log, state }
  }

  it('is anonymous without a session cookie, and logged in after the login', async () => {
    const { api, atStart, auth, log } = await logIn()
    expect(atStart).toEqual({ status: 'anonymous' })
    expect(auth.getState().status).toBe('authenticated')
    expect((await api.get('/api/orders')).status).toBe(200)
    const credentials = fetchKeepsCookies ? 'include' : 'same-origin'
    expect(log).toMatchObject([{ url: `${SERVER}/api/orders`, credentials }])
    expect(log[0]?.headers).not.toHaveProperty('authorization')
  })

  it('gets a new CSRF cookie once for a burst of 419s, and each request is sent again', async () => {
    const { api, events, log, state } = await logIn()
    state.hasCsrf = false
    const outcomes = await Promise.allSettled(five(0).map((_, id) => api.post('/api/orders', { id })))
    expect(outcomes).toEqual(succeeded)
    expect(paths(log)).toEqual([
      ...five('POST /api/orders'),
      'GET /sanctum/csrf-cookie',
      'GET /api/user',
      ...five('POST /api/orders'),
    ])
    expect(events.names).toEqual(['refreshed'])
  })

  it('ends the session once when the session cookie has ended', async () => {
    const { api, auth, events, log, state } = await logIn()
    state.isAlive = false
    expect(await Promise.allSettled(five(0).map(() => api.get('/api/orders')))).toEqual(over)
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_rejected' }])
    expect(auth.getState().status).toBe('expired')
    expect(paths(log).slice(5)).toEqual(['GET /sanctum/csrf-cookie', 'GET /api/user'])
  })
})

describe('Rails with devise_token_auth', () => {
  async function logIn() {
    const state = { count: 0, isAlive: true, isBatch: false }
    const expiry = `${Date.now() / 1000 + 14 * 86_400}`
    const owner = { client: 'browser-1', uid: 'ada@example.com' }
    const log = serve(() => {
      if (!state.isAlive)
        return { status: 401, body: { errors: ['You need to sign in or sign up before continuing.'] } }
      const token = state.isBatch ? ' ' : `token-${++state.count}`
      return {
        body: { data: { id: 1 } },
        headers: { 'access-token': token, 'token-type': 'Bearer', expiry, ...owner },
      }
    })
    const { api, auth } = connectDevise(SERVER)
    track(auth)
    await auth.login(await api.post('/auth/sign_in', { email: 'ada@example.com', password: 'lovelace' }))
    log.length = 0
    const sent = () => log.map(({ headers }) => [headers['access-token'], headers['client'], headers['uid']])
    return { api, auth, events: recordEvents(auth), sent, state }
  }

  it('gets its three headers, and each request has the token of the answer before it', async () => {
    const { api, auth, events, sent } = await logIn()
    for (let id = 0; id < 3; id++) await api.get(`/orders/${id}`)
    expect(sent()).toEqual([1, 2, 3].map(number => [`token-${number}`, 'browser-1', 'ada@example.com']))
    expect(auth.getState()).toMatchObject({
      status: 'authenticated',
      expiresAt: Date.now() + 14 * 86_400_000,
    })
    expect(events.of('warning')).toEqual([])
  })

  it('keeps the token when a batch request is answered without one', async () => {
    const { api, sent, state } = await logIn()
    state.isBatch = true
    for (let id = 0; id < 3; id++) await api.get(`/orders/${id}`)
    expect(sent().map(([token]) => token)).toEqual(['token-1', 'token-1', 'token-1'])
  })

  it('ends the session once when the token is refused', async () => {
    const { api, auth, events, state } = await logIn()
    state.isAlive = false
    const outcomes = await Promise.allSettled(five(0).map(() => api.get('/orders')))
    expect(outcomes).toEqual(
      five({ status: 'rejected', reason: expect.objectContaining({ code: 'ERR_SESSION_EXPIRED' }) }),
    )
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'no_refresh_token' }])
    expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'no_refresh_token' })
  })
})

describe('docs/backends.md', () => {
  const root = new URL('../../', import.meta.url)
  const [overview = '', ...sections] = readFileSync(new URL('docs/backends.md', root), 'utf8').split('\n## ')

  it('has a section for each snippet, in the order of its table', () => {
    const names = sections.map(section => /<!-- examples\/backends\/(\S+) -->/.exec(section)?.[1])
    expect([...names].sort()).toEqual(readdirSync(new URL('examples/backends', root)).sort())
    const rows = [...overview.matchAll(/^\| \[(.+?)\]/gm)].map(([, title]) => title)
    expect(rows).toEqual(sections.map(section => section.split('\n')[0]))
  })

  it.each(sections.map(section => [section.split('\n')[0], section]))(
    'tells of %s how a session ends, rotates and is renewed',
    (_, section) => {
      for (const subject of ['Dead refresh token', 'Rotation', 'Renewal'])
        expect(section).toMatch(new RegExp(`^- ${subject}: \\S`, 'm'))
    },
  )
})
