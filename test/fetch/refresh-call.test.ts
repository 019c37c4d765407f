/** The refresh function through the same authFetch, and servers that hand out tokens by themselves. */
import {
  type AuthOptions,
  collectTokens,
  isSessionExpired,
  type RefreshContext,
  serverRenewal,
  type TokenResponse,
} from 'tokenflight'
import type { AuthFetch } from 'tokenflight/fetch'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { API, deferred, rejection, settle } from '../support/axios.js'
import { cell, withLock } from '../support/core.js'
import { type Sent, type Stage, stage } from '../support/fetch.js'

const DEAD = 10 * 60_000
const url = `${API}/auth/refresh`

/** Answers the refresh endpoint, and everything else with whether the token is good. */
const backend = (good: Set<string>) => (request: { url: string; token: string | undefined }) => {
  if (!request.url.startsWith(url)) return undefined
  good.add('at-new')
  return Response.json({ access_token: 'at-new', refresh_token: 'rt-new', expires_in: 300 })
}

type Refresh = (api: AuthFetch, context: RefreshContext) => Promise<Response>

const streamed = () => ({ method: 'POST', body: new Response('one two').body, duplex: 'half' }) as RequestInit

const later = () => Promise.resolve()

afterEach(() => void vi.useRealTimers())

describe('a refresh function that calls the same authFetch waits not for itself', () => {
  it.each<[string, Refresh]>([
    ['called at once', api => api(url, { method: 'POST' })],
    ['called at once with a Request', api => api(new Request(url, { method: 'POST' }))],
    [
      'later, with the signal of its context',
      async (api, { signal }) => {
        await later()
        return api(url, { method: 'POST', signal })
      },
    ],
    [
      'later, with the refresh token in a JSON body',
      async (api, { refreshToken }) => {
        await later()
        return api(url, { method: 'POST', body: JSON.stringify({ refreshToken }) })
      },
    ],
    [
      'later, with the refresh token in a form',
      async (api, { refreshToken = '' }) => {
        await later()
        return api(url, { method: 'POST', body: new URLSearchParams({ refresh_token: refreshToken }) })
      },
    ],
    [
      'later, with the refresh token in a header',
      async (api, { refreshToken = '' }) => {
        await later()
        return api(url, { method: 'POST', headers: new Headers({ 'X-Refresh': refreshToken }) })
      },
    ],
    [
      'later, with the refresh token in the query',
      async (api, { refreshToken = '' }) => {
        await later()
        return api(`${url}?a=b&refresh_token=${encodeURIComponent(refreshToken)}`, { method: 'POST' })
      },
    ],
    [
      'later, with the refresh token in the body of a Request',
      async (api, { refreshToken, signal }) => {
        await later()
        return api(new Request(url, { method: 'POST', body: JSON.stringify({ refreshToken }), signal }))
      },
    ],
    [
      'later, with the refresh token in a header of a Request',
      async (api, { refreshToken = '' }) => {
        await later()
        return api(new Request(url, { method: 'POST', headers: { 'X-Refresh': refreshToken } }))
      },
    ],
    [
      'later, with skipAuth',
      async api => {
        await later()
        return api(url, { method: 'POST', skipAuth: true })
      },
    ],
  ])('%s', async (_, call) => {
    const stages: Stage[] = []
    const good = new Set<string>()
    const one = await stage({
      refresh: async context =>
        (await call((stages[0] as Stage).api, context)).json() as Promise<TokenResponse>,
      respond: request =>
        backend(good)(request) ?? Response.json({}, { status: good.has(request.token ?? '') ? 200 : 401 }),
    })
    stages.push(one)
    one.pass(DEAD)
    const answers = await Promise.all([one.api(`${API}/1`), one.api(new Request(`${API}/2`))])
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(one.sent.map(({ url, token }) => [url.replace(/\?.*/, ''), token])).toEqual([
      [url, undefined],
      [`${API}/1`, 'at-new'],
      [`${API}/2`, 'at-new'],
    ])
  })

  it.each([
    ['query', '?refresh_token='],
    ['path', '/'],
  ])('later, with a refresh token in the %s that is base64, not encoded', async (_, before) => {
    const stages: Stage[] = []
    const good = new Set<string>()
    const one = await stage({
      refresh: async ({ refreshToken }) => {
        await later()
        return (await (stages[0] as Stage).api(url + before + refreshToken)).json() as Promise<TokenResponse>
      },
      respond: request => backend(good)(request) ?? Response.json({}, { status: 200 }),
    })
    stages.push(one)
    await one.auth.login({ access_token: 'at-old', refresh_token: 'cmVmcmVzaA==', expires_in: 300 })
    one.pass(DEAD)
    await one.api(`${API}/1`)
    expect(one.tokens()).toEqual([undefined, 'at-new'])
  })

  it('lets a request of the application with a body of its own, in a Request, wait', async () => {
    const { api, pass, sent, refreshes } = await stage({ manual: true })
    pass(DEAD)
    const first = api(`${API}/1`)
    const second = api(new Request(`${API}/2`, { method: 'POST', body: 'no token here' }))
    await vi.waitFor(() => expect(refreshes).toHaveLength(1))
    refreshes[0]?.answer()
    expect((await Promise.all([first, second])).map(({ status }) => status)).toEqual([200, 200])
    expect(sent.map(({ token }) => token)).toEqual(['at-2', 'at-2'])
  })

  it.each<[what: string, isRefresh: boolean, input: RequestInit]>([
    ['JSON', true, { body: '{"refresh":"r1"}' }],
    ['a form', true, { body: new URLSearchParams({ refresh_token: 'r1' }) }],
    ['Bearer in a header', true, { headers: { 'X-Refresh': 'Bearer r1' } }],
    ['the cookie header of a server', true, { headers: [['X-Cookie', 'a=r12; refresh=r1; b=2']] }],
    ['JSON with a longer word', false, { body: '{"order":"r12"}' }],
    ['a form with a longer word', false, { body: new URLSearchParams({ order: 'r12' }) }],
    ['a header with a longer word', false, { headers: { 'X-Order': 'order1' } }],
  ])('by a short refresh token in no longer word: %s, %s', async (_, isRefresh, init) => {
    const own = { method: 'POST', ...init }
    for (const send of [
      (api: AuthFetch) => api(`${API}/x`, own),
      (api: AuthFetch) => api(new Request(`${API}/x`, own)),
    ]) {
      const { api, auth, sent, pass, refreshes } = await stage({
        login: false,
        manual: true,
        respond: () => Response.json({}),
      })
      await auth.login({ access_token: 'at-short', refresh_token: 'r1', expires_in: 300 })
      pass(DEAD)
      const first = api(`${API}/orders`)
      await settle()
      const call = send(api)
      await settle()
      expect(sent.map(({ url, token }) => [url.slice(-2), token])).toEqual(
        isRefresh ? [['/x', undefined]] : [],
      )
      refreshes[0]?.answer()
      await Promise.all([first, call])
      expect(sent.find(({ url }) => url.endsWith('/x'))?.token).toBe(isRefresh ? undefined : 'at-1')
      expect([sent.length, refreshes.length]).toEqual([2, 1])
    }
  })

  it('and an unrecognised call fails after the timeout, with the marks that it may carry', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const stages: Stage[] = []
    const one = await stage({
      auth: { refreshTimeout: 5_000 },
      refresh: async () => {
        await later()
        return (await (stages[0] as Stage).api(url)).json() as Promise<TokenResponse>
      },
    })
    stages.push(one)
    one.pass(DEAD)
    const rejected = rejection<Error>(one.api(`${API}/1`))
    await vi.advanceTimersByTimeAsync(5_000)
    const error = await rejected
    expect(error).toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    expect(String((error.cause as Error | undefined)?.message ?? error.message)).toMatch(/skipAuth/)
  })
})

describe('a server that hands out tokens on ordinary answers', () => {
  const collect = ({ headers }: Response): TokenResponse | undefined => {
    const accessToken = headers.get('X-Access-Token')
    return accessToken ? { accessToken } : undefined
  }

  it('is heard: the next request carries them', async () => {
    const { api, tokens } = await stage({
      fetch: { renewal: collectTokens(collect) },
      respond: ({ token }) =>
        new Response(null, token === 'at-1' ? { headers: { 'X-Access-Token': 'at-fresh' } } : {}),
    })
    await api(`${API}/1`)
    await api(`${API}/2`)
    expect(tokens()).toEqual(['at-1', 'at-fresh'])
  })

  it('is heard on a replay', async () => {
    const { api, tokens } = await stage({
      fetch: { renewal: collectTokens(collect) },
      respond: ({ token }) =>
        token === 'at-1'
          ? new Response(null, { status: 401 })
          : new Response(null, token === 'at-2' ? { headers: { 'X-Access-Token': 'at-fresh' } } : {}),
    })
    await api(`${API}/1`)
    await api(`${API}/2`)
    expect(tokens()).toEqual(['at-1', 'at-2', 'at-fresh'])
  })

  it('gets both tokens on every request where it renews by itself', async () => {
    const { api, sent } = await stage({
      fetch: { renewal: serverRenewal({ collect, refreshTokenHeader: 'X-RT' }) },
    })
    await api(`${API}/1`)
    await api(new Request(`${API}/2`))
    expect(sent.map(({ headers }) => [headers['authorization'], headers['x-rt']])).toEqual([
      ['Bearer at-1', 'rt-1'],
      ['Bearer at-1', 'rt-1'],
    ])
  })

  describe('while the access token is dead', () => {
    const renewing = (
      answer: (request: Sent) => Response | Promise<Response> | undefined,
      auth: AuthOptions = {},
    ) =>
      stage({
        fetch: { renewal: serverRenewal({ collect }) },
        // There is no endpoint to refresh at.
        auth: { refresh: undefined, ...auth },
        respond: request =>
          answer(request) ?? new Response(null, { status: request.token === 'at-fresh' ? 200 : 401 }),
      })
    const handOut = ({ token, headers }: Sent) =>
      token === 'at-1' && headers['x-refresh-token'] === 'rt-1'
        ? new Response(null, { headers: { 'X-Access-Token': 'at-fresh' } })
        : undefined

    it('one request goes first with both tokens, and the others leave with the tokens of its answer', async () => {
      const { api, pass, tokens } = await renewing(handOut)
      pass(DEAD)
      const answers = await Promise.all([
        api(`${API}/1`, { method: 'POST', body: 'tea' }),
        api(new Request(`${API}/2`, { method: 'POST', body: 'milk' })),
        api(`${API}/3`),
      ])
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
      expect(tokens()).toEqual(['at-1', 'at-fresh', 'at-fresh'])
    })

    it('the session ends once when the server refuses both', async () => {
      const { api, auth, pass, sent } = await renewing(() => undefined)
      pass(DEAD)
      const errors = await Promise.all([rejection(api(`${API}/1`)), rejection(api(`${API}/2`))])
      expect(errors.map(isSessionExpired)).toEqual([true, true])
      expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'refresh_rejected' })
      expect(sent).toHaveLength(1)
    })

    it('where a redirect led to refuses nothing', async () => {
      const { api, auth, pass } = await renewing(() =>
        Object.defineProperties(new Response(null, { status: 401 }), {
          redirected: { value: true },
          url: { value: 'https://evil.example/login' },
        }),
      )
      pass(DEAD)
      expect((await api(`${API}/1`)).status).toBe(401)
      expect(auth.getState().status).toBe('authenticated')
    })

    it('a stream is sent once, whole', async () => {
      const { api, pass, sent } = await renewing(handOut)
      pass(DEAD)
      const body = new Response('one two').body
      expect((await api(`${API}/1`, { method: 'POST', body, duplex: 'half' } as RequestInit)).status).toBe(
        200,
      )
      expect(sent).toMatchObject([{ body: 'one two', token: 'at-1' }])
    })

    describe('a request that waits for a lock before it goes first', () => {
      const locked = () => {
        const gate = deferred()
        const storage = cell(null, { shared: true, asynchronous: true })
        const lock = {
          async request<T>(_name: string, _options: object, run: (lock: object) => Promise<T>): Promise<T> {
            await gate.promise
            return run({})
          },
        }
        return { gate, options: { storage: withLock(storage, lock) } }
      }

      it.each<[string, () => [string | Request, RequestInit?]]>([
        ['in init', () => [`${API}/1`, streamed()]],
        ['in a Request', () => [new Request(`${API}/1`, streamed())]],
        ['in a Request beside an init', () => [new Request(`${API}/1`, streamed()), { redirect: 'error' }]],
      ])('is sent with its stream, whole: %s', async (_, call) => {
        const { gate, options } = locked()
        const { api, pass, sent } = await renewing(handOut, options)
        pass(DEAD)
        const answer = api(...call())
        await settle()
        gate.resolve()
        expect((await answer).status).toBe(200)
        expect(sent).toMatchObject([{ body: 'one two', token: 'at-1' }])
      })

      it('is not sent after it was aborted, and the next one goes first', async () => {
        const { gate, options } = locked()
        const { api, pass, tokens } = await renewing(handOut, options)
        pass(DEAD)
        const controller = new AbortController()
        const aborted = rejection(api(`${API}/1`, { signal: controller.signal }))
        await settle()
        const other = api(`${API}/2`)
        await settle()
        controller.abort()
        expect(await aborted).toBe(controller.signal.reason)
        gate.resolve()
        expect((await other).status).toBe(200)
        expect(tokens()).toEqual(['at-1'])
      })
    })

    it('aborting while another request goes first rejects at once', async () => {
      const gate = deferred()
      const { api, pass, sent } = await renewing(async request => {
        await gate.promise
        return handOut(request) ?? new Response()
      })
      pass(DEAD)
      const first = api(`${API}/1`)
      const controller = new AbortController()
      const second = rejection(api(`${API}/2`, { signal: controller.signal }))
      await settle()
      controller.abort()
      expect(await second).toBe(controller.signal.reason)
      gate.resolve()
      expect((await first).status).toBe(200)
      expect(sent).toHaveLength(1)
    })
  })

  it('may confuse collect and shouldRefresh: that is a warning, and the status counts', async () => {
    const { api, warnings, tokens, revoke } = await stage({
      fetch: {
        renewal: collectTokens(() => {
          throw new Error('collect')
        }),
        shouldRefresh: () => {
          throw new Error('shouldRefresh')
        },
      },
    })
    revoke()
    expect((await api(`${API}/1`)).status).toBe(200)
    expect(tokens()).toEqual(['at-1', 'at-2'])
    expect(warnings.length).toBeGreaterThan(0)
  })
})
