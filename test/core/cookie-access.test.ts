/** `cookieSession({ access: 'cookie' })`: both tokens are HttpOnly cookies, so no script sees any. */
import {
  type AuthOptions,
  type AuthState,
  cookieSession,
  refreshRequest,
  type TokenResponse,
} from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import * as onAxios from '../support/axios.js'
import {
  HOUR,
  httpError,
  MINUTE,
  open,
  pass,
  refreshStub,
  rejection,
  SECOND,
  settle,
  useFakeTime,
} from '../support/core.js'
import * as onFetch from '../support/fetch.js'

useFakeTime()

const url = 'https://auth.example.test/refresh'
const storage = () => cookieSession({ access: 'cookie' })
const HTML = { 'Content-Type': 'text/html; charset=utf-8' }

describe('a session whose access token is a cookie', () => {
  it('is restored by an answer without a body, and no token is handed out', async () => {
    const sent: RequestInit[] = []
    const send: typeof fetch = async (_, init = {}) => {
      sent.push(init)
      return new Response(null, { status: 204 })
    }
    const { auth } = open({ storage: storage(), refresh: refreshRequest({ url, fetch: send }) as never })
    await auth.ready
    expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: false })
    expect(await auth.getAccessToken()).toBeUndefined()
    expect(sent).toMatchObject([{ credentials: 'include', body: '{}' }])
  })

  it.each<[answer: string, response: () => Response]>([
    ['an empty body', () => new Response('')],
    ['an empty body that Django calls HTML', () => new Response('', { headers: HTML })],
    ['a 204 that Flask calls HTML', () => new Response(null, { status: 204, headers: HTML })],
    ['JSON without tokens', () => Response.json({ ok: true })],
    ['JSON with tokens', () => Response.json({ access_token: 'at', refresh_token: 'rt' })],
    ['null', () => Response.json(null)],
    ['the text that Express sends with a status', () => new Response('OK')],
  ])('is restored by %s', async (_, response) => {
    const { auth } = open({
      storage: storage(),
      refresh: refreshRequest({ url, fetch: async () => response() }) as never,
    })
    await auth.ready
    expect(auth.getState().status).toBe('authenticated')
    expect(JSON.stringify(auth.getState())).not.toContain('at"')
  })

  it('does not begin with a Response of 401 that the function of the application resolves with', async () => {
    const refresh = refreshStub(async () => new Response(null, { status: 401 }) as never)
    const { auth, events } = open({ storage: storage(), refresh, retry: 0 })
    await auth.ready
    expect([auth.getState().status, refresh.calls.length]).toEqual(['anonymous', 1])
    expect(events.names).toEqual([])
  })

  it('names an answer with an error as the cause, and keeps the session', async () => {
    const refresh = refreshStub(async (_, number) => (number === 1 ? {} : { error: 'server_error' }) as never)
    const { auth } = open({ storage: storage(), refresh, retry: 0, autoRefresh: 'off' })
    await auth.ready
    const error = await rejection(auth.refresh())
    expect(error).toMatchObject({
      code: 'ERR_REFRESH_FAILED',
      cause: { message: 'Not a token answer: it is an error' },
    })
    expect(auth.getState().status).toBe('authenticated')
  })

  it('is restored by an answer that the option `read` of the preset reads', async () => {
    const read = async (response: Response) => ({ expires_in: Number(await response.text()) })
    const refresh = refreshRequest({ url, read: read as never, fetch: async () => new Response('300') })
    const { auth } = open({ storage: storage(), refresh: refresh as never })
    await auth.ready
    expect(auth.getState()).toMatchObject({ status: 'authenticated', expiresAt: Date.now() + 5 * MINUTE })
  })

  it.each<[answer: string, response: () => Response, state: object]>([
    ['a 401', () => new Response(null, { status: 401 }), { status: 'anonymous' }],
    ['200 with an error', () => Response.json({ error: 'invalid_grant' }), { status: 'anonymous' }],
    [
      '200 with the errors of GraphQL',
      () => Response.json({ data: null, errors: [{ message: 'Unauthenticated' }] }),
      { status: 'anonymous' },
    ],
    [
      'the page of a wrong address',
      () => new Response('<!doctype html>', { headers: { 'Content-Type': 'text/html' } }),
      { status: 'anonymous', error: { code: 'ERR_REFRESH_FAILED' } },
    ],
  ])('does not begin with %s', async (_, response, state) => {
    const { auth } = open({
      storage: storage(),
      retry: 0,
      refresh: refreshRequest({ url, fetch: async () => response() }) as never,
    })
    await auth.ready
    expect(auth.getState()).toMatchObject(state)
  })

  it('begins with a login whose answer has no token, and is refreshed ahead if the answer tells the expiry', async () => {
    const refresh = refreshStub(async (_, number) =>
      number === 1 ? Promise.reject(httpError(401)) : { expiresIn: 300 },
    )
    const { auth } = open({ storage: storage(), refresh, autoRefresh: 'always' })
    await auth.ready
    await auth.login({ expiresIn: 300 })
    expect(auth.getState()).toMatchObject({ status: 'authenticated', expiresAt: Date.now() + 5 * MINUTE })
    await auth.getAccessToken()
    await pass(5 * MINUTE)
    expect(refresh.reasons).toEqual(['restore', 'ahead'])
  })

  it('takes its expiry and its claims from the state that the server rendered, without a request', async () => {
    const initialState: AuthState = {
      status: 'authenticated',
      claims: { sub: 'ada' },
      expiresAt: Date.now() + 5 * MINUTE,
      refreshing: false,
    }
    const refresh = refreshStub(async () => ({ expiresIn: 300 }))
    const { auth, events } = open({ storage: storage(), refresh, autoRefresh: 'always', initialState })
    await auth.ready
    expect(auth.getState()).toMatchObject({ claims: { sub: 'ada' }, expiresAt: Date.now() + 5 * MINUTE })
    expect([refresh.calls.length, events.names]).toEqual([0, []])
    await auth.getAccessToken()
    await pass(5 * MINUTE)
    expect(refresh.reasons).toEqual(['ahead'])
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
  })

  it('takes its expiry from the state that the server rendered without the option `read`, which maps answers', async () => {
    const initialState: AuthState = {
      status: 'authenticated',
      claims: { sub: 'ada' },
      expiresAt: Date.now() + 5 * MINUTE,
      refreshing: false,
    }
    const read = ({ data }: { data: { ttl: number } }) => ({ expires_in: data.ttl }) as TokenResponse
    const refresh = refreshStub(async () => ({ data: { ttl: 600 } }) as never)
    const { auth, events } = open({ storage: storage(), read, refresh, initialState })
    await auth.ready
    expect(auth.getState()).toMatchObject({ claims: { sub: 'ada' }, expiresAt: Date.now() + 5 * MINUTE })
    expect([refresh.calls.length, events.names]).toEqual([0, []])
    await auth.refresh()
    expect(auth.getState()).toMatchObject({ expiresAt: Date.now() + 10 * MINUTE })
    expect(refresh.reasons).toEqual(['manual'])
  })

  it('asks the server if the state that it rendered has no expiry, or one that has passed', async () => {
    for (const expiresAt of [undefined, Date.now() - SECOND]) {
      const initialState = {
        status: 'authenticated',
        claims: { sub: 'ada' },
        expiresAt,
        refreshing: false,
      } as const
      const refresh = refreshStub(async () => undefined)
      const { auth } = open({ storage: storage(), refresh, initialState: initialState as AuthState })
      await auth.ready
      expect(refresh.reasons).toEqual(['restore'])
      expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
    }
  })

  it('tells the end of the session if the answer names it', async () => {
    const { auth, refresh } = open({ storage: storage(), refresh: refreshStub() })
    await settle()
    refresh.last.answer({ expires_in: 300, refresh_expires_in: 3600 })
    await auth.ready
    expect(auth.getState()).toMatchObject({ sessionExpiresAt: Date.now() + HOUR })
  })

  it('gives neither the refresh function nor the logout function anything that looks like a token', async () => {
    const contexts: object[] = []
    const { auth, refresh } = open({
      storage: storage(),
      refresh: refreshStub(async () => ({})),
      logout: async context => void contexts.push(context),
    })
    await auth.ready
    await auth.refresh()
    await auth.logout()
    expect(refresh.reasons).toEqual(['restore', 'manual'])
    for (const context of [...refresh.calls, ...contexts]) expect(context).not.toHaveProperty('accessToken')
    expect(contexts).toHaveLength(1)
  })

  it('is refreshed by hand, and ends when the server refuses', async () => {
    const refresh = refreshStub(async (_, number) =>
      number < 3 ? undefined : Promise.reject(httpError(401)),
    )
    const { auth, events } = open({ storage: storage(), refresh })
    await auth.ready
    await auth.refresh()
    await auth.refresh().catch(() => {})
    await settle()
    expect(refresh.reasons).toEqual(['restore', 'manual', 'manual'])
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_rejected' }])
  })
})

const clients: Record<
  string,
  (
    auth: AuthOptions,
    status: (call: number) => number,
  ) => Promise<{
    get(path: string): Promise<number>
    sent: { headers: Record<string, unknown> }[]
  }>
> = {
  async axios(auth, status) {
    const stage = await onAxios.stage({
      auth,
      login: false,
      manual: true,
      respond: () => ({ status: status(stage.sent.length) }),
    })
    await stage.auth.ready
    const get = async (path: string) => (await stage.api.get(path, { validateStatus: () => true })).status
    return { get, sent: stage.sent }
  },
  async fetch(auth, status) {
    const stage = await onFetch.stage({
      auth,
      login: false,
      manual: true,
      respond: () => new Response('{}', { status: status(stage.sent.length) }),
    })
    await stage.auth.ready
    const get = async (path: string) => (await stage.api(`${onAxios.API}${path}`)).status
    return { get, sent: stage.sent as never }
  },
}

describe.each(Object.entries(clients))(
  'a request of %s in a session whose access token is a cookie',
  (_, open) => {
    it('carries no header of ours, and a 401 leads to one refresh and one replay', async () => {
      const refresh = refreshStub(async () => undefined)
      const { get, sent } = await open({ storage: storage(), refresh: refresh as never }, call =>
        call === 1 ? 401 : 200,
      )
      expect(await get('/orders')).toBe(200)
      expect(refresh.reasons).toEqual(['restore', 'rejected'])
      expect(sent).toHaveLength(2)
      for (const { headers } of sent)
        expect(Object.keys(headers).map(name => name.toLowerCase())).not.toContain('authorization')
    })

    it('shares one refresh with the other requests that get a 401', async () => {
      const refresh = refreshStub(async () => undefined)
      const { get, sent } = await open({ storage: storage(), refresh: refresh as never }, call =>
        call <= 10 ? 401 : 200,
      )
      const statuses = await Promise.all(Array.from({ length: 10 }, () => get('/orders')))
      expect(new Set(statuses)).toEqual(new Set([200]))
      expect([refresh.calls.length, sent.length]).toEqual([2, 20])
    })

    it('gets the 401 of a replay that is rejected again', async () => {
      const refresh = refreshStub(async () => undefined)
      const { get } = await open({ storage: storage(), refresh: refresh as never }, () => 401)
      expect(await get('/orders')).toBe(401)
      expect(refresh.calls).toHaveLength(2)
    })
  },
)

describe('exists', () => {
  it.each(['memory', 'cookie'] as const)(
    'that returns false makes the session anonymous without a request: access %s',
    async access => {
      const exists = vi.fn(() => false)
      const { auth, refresh } = open({ storage: cookieSession({ access, exists }) })
      expect(auth.getState()).toEqual({ status: 'anonymous' })
      await auth.ready
      await pass(HOUR)
      expect(await auth.getAccessToken()).toBeUndefined()
      expect([exists.mock.calls.length, refresh.calls.length]).toEqual([1, 0])
    },
  )

  it('that returns true lets the cookie decide', async () => {
    const refresh = refreshStub(() => Promise.reject(httpError(401)))
    const { auth } = open({ storage: cookieSession({ exists: () => true }), refresh })
    await auth.ready
    expect([auth.getState().status, refresh.reasons]).toEqual(['anonymous', ['restore']])
  })

  it.each<[what: string, exists: () => unknown]>([
    ['false', async () => false],
    ['an error', () => Promise.reject(new Error('bug'))],
  ])('that returns a promise of %s lets the cookie decide, with a warning', async (_, exists) => {
    const refresh = refreshStub(() => Promise.reject(httpError(401)))
    const { auth, events } = open({ storage: cookieSession({ exists: exists as never }), refresh })
    await auth.ready
    expect(refresh.calls).toHaveLength(1)
    expect(events.of('warning')).toMatchObject([
      { message: expect.stringMatching(/exists returned a promise/) },
    ])
  })

  it('that throws lets the cookie decide, with a warning', async () => {
    const refresh = refreshStub(() => Promise.reject(httpError(401)))
    const exists = () => {
      throw new Error('no cookie jar')
    }
    const { auth, events } = open({ storage: cookieSession({ exists }), refresh })
    await auth.ready
    expect(refresh.reasons).toEqual(['restore'])
    expect(events.of('warning')).toMatchObject([{ message: 'exists threw' }])
  })
})

it.each<[option: string, make: () => unknown, message: RegExp]>([
  [
    'access',
    () => cookieSession({ access: 'header' as never }),
    /`access` must be 'memory' or 'cookie', got header/,
  ],
  ['exists', () => cookieSession({ exists: true as never }), /`exists` must be a function, got true/],
  ['acces', () => cookieSession({ acces: 'cookie' } as never), /cookieSession has no option `acces`/],
])('cookieSession refuses a wrong %s', (_, make, message) => {
  expect(make).toThrow(TypeError)
  expect(make).toThrow(message)
})
