/** The refresh function through the same authFetch, and servers that hand out tokens by themselves. */
import type { RefreshContext, TokenResponse } from 'tokenflight'
import type { AuthFetch } from 'tokenflight/fetch'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { API, rejection } from '../support/axios.js'
import { type Stage, stage } from '../support/fetch.js'

const DEAD = 10 * 60_000
const url = `${API}/auth/refresh`

/** Answers the refresh endpoint, and everything else with whether the token is good. */
const backend = (good: Set<string>) => (request: { url: string; token: string | undefined }) => {
  if (!request.url.endsWith('/refresh')) return undefined
  good.add('at-new')
  return Response.json({ access_token: 'at-new', refresh_token: 'rt-new', expires_in: 300 })
}

type Refresh = (api: AuthFetch, context: RefreshContext) => Promise<Response>

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
    expect(one.sent.map(({ url, token }) => [url, token])).toEqual([
      [url, undefined],
      [`${API}/1`, 'at-new'],
      [`${API}/2`, 'at-new'],
    ])
  })

  it('while a request of the application with a body of its own, in a Request, waits', async () => {
    const { api, pass, sent, refreshes } = await stage({ manual: true })
    pass(DEAD)
    const first = api(`${API}/1`)
    const second = api(new Request(`${API}/2`, { method: 'POST', body: 'no token here' }))
    await later()
    refreshes[0]?.answer()
    expect((await Promise.all([first, second])).map(({ status }) => status)).toEqual([200, 200])
    expect(sent.map(({ token }) => token)).toEqual(['at-2', 'at-2'])
  })

  it('and what is none of that is told to say so, after the timeout', async () => {
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
      fetch: { collect },
      respond: ({ token }) =>
        new Response(null, token === 'at-1' ? { headers: { 'X-Access-Token': 'at-fresh' } } : {}),
    })
    await api(`${API}/1`)
    await api(`${API}/2`)
    expect(tokens()).toEqual(['at-1', 'at-fresh'])
  })

  it('is heard on a replay', async () => {
    const { api, tokens } = await stage({
      fetch: { collect },
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
    const { api, sent } = await stage({ fetch: { collect, renewal: 'server', refreshTokenHeader: 'X-RT' } })
    await api(`${API}/1`)
    await api(new Request(`${API}/2`))
    expect(sent.map(({ headers }) => [headers['authorization'], headers['x-rt']])).toEqual([
      ['Bearer at-1', 'rt-1'],
      ['Bearer at-1', 'rt-1'],
    ])
  })

  it('may confuse collect and shouldRefresh: that is a warning, and the status counts', async () => {
    const { api, warnings, tokens, revoke } = await stage({
      fetch: {
        collect: () => {
          throw new Error('collect')
        },
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
