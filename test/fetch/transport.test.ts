/** Over the wire: the platform's own fetch against real servers, and under msw. */
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { createAuth, refreshRequest } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { mockAuth } from 'tokenflight/msw'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type RunningServer, type ServerOptions, startServer } from '../../demo/server/start.js'
import { API, type Arrived, loopback } from '../support/axios.js'

async function start(options: ServerOptions = {}) {
  const server: RunningServer = await startServer(options)
  onTestFinished(() => server.close())
  const auth = createAuth({ refresh: refreshRequest({ url: `${server.url}/auth/refresh` }) })
  onTestFinished(() => auth.dispose())
  await auth.login(await server.backend.issue('ada'))
  return { server, auth, api: authFetch(auth, { allowedOrigins: [server.url] }), ...server }
}

describe('against the demo server', () => {
  it('a burst of requests with a token that the server has expired is one refresh and no error', async () => {
    const { api, url, backend } = await start()
    backend.expireAccessTokens()
    const answers = await Promise.all(Array.from({ length: 10 }, () => api(`${url}/api/orders`)))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect(await answers[0]?.json()).toMatchObject({
      orders: [{ item: 'Tea' }, { item: 'Difference engine' }],
    })
    expect(backend.stats).toMatchObject({ refreshes: 1, reuses: 0, unauthorized: 10 })
  })

  it('a login through the same client needs skipAuth and nothing else', async () => {
    const { server, backend, url } = await start()
    const auth = createAuth({ refresh: refreshRequest({ url: `${server.url}/auth/refresh` }) })
    const api = authFetch(auth, { allowedOrigins: [url] })
    const login = await api(`${url}/auth/login`, {
      method: 'POST',
      body: JSON.stringify({ username: 'grace', password: 'hopper' }),
      skipAuth: true,
    })
    await auth.login(await login.json())
    expect(await (await api(`${url}/auth/me`)).json()).toMatchObject({ username: 'grace' })
    expect(backend.stats.logins).toBe(1)
    auth.dispose()
  })

  it.each([
    ['in init', (url: string, init: RequestInit): [string | Request, RequestInit?] => [url, init]],
    [
      'in a Request',
      (url: string, init: RequestInit): [string | Request, RequestInit?] => [new Request(url, init)],
    ],
  ])('a replay arrives byte for byte: a body %s', async (_, form) => {
    const { api, url, backend } = await start()
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251)
    const init = {
      method: 'PUT',
      body: bytes,
      headers: { 'Content-Type': 'application/x-engine', 'X-One': '1' },
    }
    const plain = await (await api(...form(`${url}/api/echo?a=b`, init))).json()
    backend.expireAccessTokens()
    const replayed = await (await api(...form(`${url}/api/echo?a=b`, init))).json()
    expect(replayed).toEqual(plain)
    expect(replayed).toMatchObject({ method: 'PUT', path: '/api/echo?a=b', length: 300_000 })
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 1 })
  })

  it('many refused requests with unread bodies do not starve the refresh of connections', async () => {
    const { api, url, backend } = await start()
    for (let round = 0; round < 3; round++) {
      backend.expireAccessTokens()
      const answers = await Promise.all(Array.from({ length: 100 }, () => api(`${url}/api/orders`)))
      await Promise.all(answers.map(answer => answer.text()))
    }
    expect(backend.stats).toMatchObject({ refreshes: 3, unauthorized: 300 })
  })
})

describe('over real HTTP', () => {
  async function session(server: { url: string }, ...more: string[]) {
    let count = 1
    const auth = createAuth({
      retry: 0,
      refresh: async () => ({ access_token: `at-${++count}`, refresh_token: 'rt', expires_in: 300 }),
    })
    onTestFinished(() => auth.dispose())
    await auth.login({ access_token: 'at-1', refresh_token: 'rt-1', expires_in: 300 })
    return authFetch(auth, { allowedOrigins: [server.url, ...more] })
  }
  const streaming = (chunks: number): RequestInit =>
    ({
      method: 'POST',
      duplex: 'half',
      body: new ReadableStream({
        pull(controller) {
          if (chunks-- > 0) controller.enqueue(new Uint8Array(1_000).fill(chunks % 256))
          else controller.close()
        },
      }),
    }) as RequestInit
  const lengths = (arrived: Arrived[]) => arrived.map(({ token, body }) => [token, body.length])

  it('a stream in init is sent once, whole; a stream in a Request twice, whole both times', async () => {
    const server = await loopback(({ token }, _, outgoing) => {
      outgoing.writeHead(token === 'at-1' ? 401 : 200).end('done')
    })
    const api = await session(server)
    expect((await api(new Request(`${server.url}/a`, streaming(50)))).status).toBe(200)
    expect(lengths(server.arrived)).toEqual([
      ['at-1', 50_000],
      ['at-2', 50_000],
    ])
    const other = await session(server)
    server.arrived.length = 0
    expect((await other(`${server.url}/a`, streaming(50))).status).toBe(401)
    expect(lengths(server.arrived)).toEqual([['at-1', 50_000]])
  })

  it('a redirect to another origin takes no Authorization along, and its 401 starts nothing', async () => {
    const evil = await loopback((_, __, outgoing) => void outgoing.writeHead(401).end())
    const server = await loopback(
      (_, __, outgoing) => void outgoing.writeHead(302, { Location: evil.url }).end(),
    )
    const api = await session(server)
    const response = await api(`${server.url}/a`)
    expect(response).toMatchObject({ status: 401, redirected: true, url: `${evil.url}/` })
    expect(server.arrived.map(({ token }) => token)).toEqual(['at-1'])
    expect(evil.arrived.map(({ token }) => token)).toEqual([undefined])
  })

  it('a redirect within the origin keeps the token, and its 401 is replayed from the start', async () => {
    const server = await loopback(({ url, token }, _, outgoing) => {
      if (url === '/a') outgoing.writeHead(307, { Location: '/b' }).end()
      else outgoing.writeHead(token === 'at-1' ? 401 : 200).end()
    })
    const api = await session(server)
    expect((await api(`${server.url}/a`, { method: 'POST', body: 'tea' })).status).toBe(200)
    expect(server.arrived.map(({ url, token, body }) => [url, token, String(body)])).toEqual([
      ['/a', 'at-1', 'tea'],
      ['/b', 'at-1', 'tea'],
      ['/a', 'at-2', 'tea'],
      ['/b', 'at-2', 'tea'],
    ])
  })

  it('redirect: manual and error are left to fetch', async () => {
    const server = await loopback((_, __, outgoing) => void outgoing.writeHead(302, { Location: '/b' }).end())
    const api = await session(server)
    expect((await api(`${server.url}/a`, { redirect: 'manual' })).status).toBe(302)
    await expect(api(`${server.url}/a`, { redirect: 'error' })).rejects.toThrow(TypeError)
  })

  it('aborting an answer that is being read is left to fetch', async () => {
    const server = await loopback((_, __, outgoing) => void outgoing.writeHead(200).write('half'))
    const api = await session(server)
    const controller = new AbortController()
    const response = await api(`${server.url}/a`, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(response.text()).rejects.toThrow()
  })
})

describe('under msw', () => {
  it('it is the patched fetch that sends', async () => {
    const backend = mockAuth({ baseUrl: `${API}/auth` })
    const server = setupServer(
      ...backend.handlers,
      http.post(
        `${API}/orders`,
        backend.protect(async ({ request }) => HttpResponse.json(await request.json())),
      ),
    )
    server.listen({ onUnhandledRequest: 'error' })
    onTestFinished(() => server.close())
    const auth = createAuth({ refresh: refreshRequest({ url: `${API}/auth/refresh` }) })
    onTestFinished(() => auth.dispose())
    const api = authFetch(auth, { allowedOrigins: [API] })
    await auth.login(await backend.issue('ada'))
    backend.expireAccessTokens()
    const body = JSON.stringify({ item: 'tea' })
    expect(await (await api(`${API}/orders`, { method: 'POST', body })).json()).toEqual({ item: 'tea' })
    backend.expireAccessTokens()
    expect(await (await api(new Request(`${API}/orders`, { method: 'POST', body }))).json()).toEqual({
      item: 'tea',
    })
    expect(backend.stats).toMatchObject({ refreshes: 2, unauthorized: 2 })
  })
})
