import type { TokenResponse } from 'tokenflight'
import { cookieSession } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { API, deferred, rejection, settle } from '../support/axios.js'
import { type StageOptions, stage } from '../support/fetch.js'
import { down, found, type RestoreAnswer, refused, restoreStub } from '../support/visitor.js'

interface Visit {
  answer?: RestoreAnswer
  isRestored?: boolean
  stage?: StageOptions
}

/** The visitor of a page in cookie mode. The auth server gives `answer`, the API takes `cookie-at`. */
async function visit({ answer = down, isRestored = true, ...options }: Visit = {}) {
  const { refresh, ...server } = restoreStub(answer)
  const opened = await stage({
    login: false,
    auth: { storage: cookieSession(), retry: 0, refresh },
    respond: ({ url, token }) =>
      url.includes('/public') || token === 'cookie-at' ? Response.json({ ok: true }) : undefined,
    ...options.stage,
  })
  if (isRestored) await opened.auth.ready
  return { ...opened, ...server }
}

const status = async (response: Promise<Response>): Promise<number> => (await response).status

describe('a visitor without a cookie', () => {
  it.each([
    ['400 with nothing', 400, undefined],
    ['400 invalid_request', 400, { error: 'invalid_request' }],
    ['403', 403, { message: 'no cookie' }],
  ])(
    'sees public pages where the refresh endpoint answers %s, which is asked once',
    async (_, code, data) => {
      const { api, auth, sent, refreshes } = await visit({ answer: refused(code, data) })
      expect(auth.getState()).toEqual({ status: 'anonymous' })
      const answers = await Promise.all(Array.from({ length: 20 }, () => status(api(`${API}/public`))))
      expect(answers).toEqual(Array(20).fill(200))
      expect(await status(api(`${API}/me`))).toBe(401)
      expect(sent.every(({ token }) => token === undefined)).toBe(true)
      expect(refreshes).toHaveLength(1)
    },
  )
})

describe('a visitor while the auth server is down', () => {
  it.each([
    ['no network', down],
    ['a 503', refused(503)],
  ])('sees public pages with %s, and no request waits or asks for tokens', async (_, answer) => {
    const { api, sent, refreshes } = await visit({ answer })
    const answers = await Promise.all(Array.from({ length: 20 }, () => status(api(`${API}/public`))))
    expect(answers).toEqual(Array(20).fill(200))
    expect(sent.map(({ token }) => token)).toEqual(Array(20).fill(undefined))
    expect(refreshes).toHaveLength(1)
  })

  it('sees them, too, when the requests started during the restore', async () => {
    const { promise, reject } = deferred<TokenResponse>()
    const { api, refreshes } = await visit({ answer: () => promise, isRestored: false })
    const asked = [api(`${API}/public`), api(`${API}/public`)]
    await settle()
    reject(new TypeError('Failed to fetch'))
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200])
    expect(refreshes).toHaveLength(1)
  })

  it('gets the 401 of a protected page, and the back-off keeps it from asking for tokens each time', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const { api, refreshes, pass } = await visit()
    for (let time = 0; time < 20; time++) expect(await status(api(`${API}/me`))).toBe(401)
    expect(refreshes).toHaveLength(1)
    pass(1_000)
    expect(await status(api(`${API}/me`))).toBe(401)
    expect(refreshes.map(({ reason }) => reason)).toEqual(['restore', 'restore'])
  })

  it.each<[string, (number: number) => [string | Request, RequestInit?]]>([
    ['an init', number => [`${API}/orders`, { method: 'POST', body: `${number}` }]],
    ['a Request', number => [new Request(`${API}/orders`, { method: 'POST', body: `${number}` })]],
  ])(
    'is logged in again by the first 401 after the server is back, each call of %s replayed once',
    async (_, call) => {
      const { api, auth, set, pass, refreshes, tokens, sent } = await visit()
      set(found)
      pass(2_000)
      const numbers = [1, 2, 3, 4, 5]
      expect(await Promise.all(numbers.map(number => status(api(...call(number)))))).toEqual(
        Array(5).fill(200),
      )
      expect(refreshes.map(({ reason }) => reason)).toEqual(['restore', 'restore'])
      expect(tokens()).toEqual([...Array(5).fill(undefined), ...Array(5).fill('cookie-at')])
      expect(sent.map(({ body }) => Number(body)).sort()).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
      expect(auth.getState().status).toBe('authenticated')
    },
  )

  it('gets the 401 of a request that a login overtook: it may belong to no user or to another one', async () => {
    const late = deferred()
    const { api, auth, tokens, refreshes } = await visit({
      stage: {
        respond: async () => {
          await late.promise
          return new Response(null, { status: 401 })
        },
      },
    })
    const asked = api(`${API}/me`)
    await settle()
    await auth.login({ access_token: 'login-at', expires_in: 300 })
    late.resolve()
    expect(await status(asked)).toBe(401)
    expect(tokens()).toEqual([undefined])
    expect(refreshes).toHaveLength(1)
  })

  it('has a stream sent once, and the restore prepares the next call', async () => {
    const { api, set, pass, refreshes, tokens } = await visit()
    set(found)
    pass(2_000)
    const body = new ReadableStream({ start: controller => controller.close() })
    expect(await status(api(`${API}/upload`, { method: 'POST', body, duplex: 'half' } as RequestInit))).toBe(
      401,
    )
    await settle()
    expect(refreshes).toHaveLength(2)
    expect(await status(api(`${API}/me`))).toBe(200)
    expect(tokens()).toEqual([undefined, 'cookie-at'])
  })

  it.each<[string, object]>([
    ['skips the login', { skipAuth: true }],
    ['brings credentials of its own', { headers: { Authorization: 'Basic eDp5' } }],
  ])('gets the 401 of a request that %s', async (_, init) => {
    const { api, set, pass, refreshes, sent } = await visit()
    set(found)
    pass(2_000)
    expect(await status(api(`${API}/me`, init))).toBe(401)
    expect([refreshes.length, sent.length]).toEqual([1, 1])
  })

  it('can abort a request that waits for the restore', async () => {
    const { api, set, pass } = await visit()
    const { promise } = deferred<TokenResponse>()
    set(() => promise)
    pass(2_000)
    const controller = new AbortController()
    const asked = rejection<Error>(api(`${API}/me`, { signal: controller.signal }))
    await settle()
    controller.abort()
    expect((await asked).name).toBe('AbortError')
  })
})
