/** A 401 leads to one refresh and one replay of the same request. */
import axios from 'axios'
import { collectTokens, cookieSession, isSessionExpired } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it } from 'vitest'
import { API, deferred, rejection, respondWith, settle } from '../support/axios.js'
import { stage } from '../support/fetch.js'

const stream = (...chunks: string[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
      controller.close()
    },
  })
const oneShot = (body: BodyInit): RequestInit => ({ method: 'POST', body, duplex: 'half' }) as RequestInit

class BegunForm extends FormData {
  constructor() {
    super()
    this.append('csrf', 'x')
  }
}

/** Its class changes each value that is appended. */
class NestedForm extends FormData {
  override append(name: string, value: string | Blob): void {
    super.append(`data[${name}]`, value as string)
  }
}

describe('a 401', () => {
  it('is never seen: the request is sent again with the new token', async () => {
    const { api, revoke, statuses, tokens, refreshes } = await stage()
    revoke()
    const response = await api(`${API}/orders`)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ ok: true })
    expect(tokens()).toEqual(['at-1', 'at-2'])
    expect(statuses()).toEqual([401, 200])
    expect(refreshes).toMatchObject([{ reason: 'rejected', refreshToken: 'rt-1' }])
  })

  it('of any number of requests is one refresh and one replay for each', async () => {
    const { api, revoke, sent, refreshes } = await stage({ manual: true })
    revoke()
    const answers = Array.from({ length: 50 }, (_, index) => api(`${API}/orders/${index}`))
    await settle()
    refreshes[0]?.answer()
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(50).fill(200))
    expect(refreshes).toHaveLength(1)
    expect(sent).toHaveLength(100)
  })

  it('shares its refresh with axios and with other fetch clients of the session', async () => {
    const { api, auth, network, revoke, refreshes, good, tokens } = await stage({ manual: true })
    const seen: unknown[] = []
    const instance = axios.create({
      baseURL: API,
      adapter: async config => {
        const token = String(config.headers.get('Authorization')).slice(7)
        seen.push(token)
        return respondWith(config, { status: good.has(token) ? 200 : 401 })
      },
    })
    attachAuth(instance, auth)
    const other = authFetch(auth, { allowedOrigins: [API], fetch: network })
    revoke()
    const answers = [api(`${API}/1`), other(`${API}/2`), instance.get('/3')]
    await settle()
    refreshes[0]?.answer()
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(refreshes).toHaveLength(1)
    expect(tokens()).toEqual(['at-1', 'at-1', 'at-2', 'at-2'])
    expect(seen).toEqual(['at-1', 'at-2'])
  })

  it('that comes late, for a token that is no longer the current one, refreshes nothing', async () => {
    const gate = deferred()
    const { api, auth, tokens, refreshes } = await stage({
      respond: async ({ url, token }) => {
        if (!url.endsWith('/slow') || token !== 'at-1') return Response.json({})
        await gate.promise
        return new Response(null, { status: 401 })
      },
    })
    const slow = api(`${API}/slow`)
    await auth.refresh()
    gate.resolve()
    expect((await slow).status).toBe(200)
    expect(tokens()).toEqual(['at-1', 'at-2'])
    expect(refreshes.map(({ reason }) => reason)).toEqual(['manual'])
  })

  it('of the replay reaches the caller, readable, and refreshes nothing more', async () => {
    const { api, tokens, refreshes } = await stage({
      respond: ({ token }) => Response.json({ refused: token }, { status: 401 }),
    })
    const response = await api(`${API}/always-401`)
    expect(response.status).toBe(401)
    expect(await response.json()).toEqual({ refused: 'at-2' })
    await (await api(`${API}/always-401`)).text()
    expect(tokens()).toEqual(['at-1', 'at-2', 'at-2'])
    expect(refreshes).toHaveLength(1)
  })

  it('of the replay is final, even if there is a newer token by then', async () => {
    const { api, auth, tokens } = await stage({
      respond: async ({ token }) => {
        if (token === 'at-2') await auth.refresh()
        return new Response(null, { status: 401 })
      },
    })
    expect((await api(`${API}/always-401`)).status).toBe(401)
    expect(tokens()).toEqual(['at-1', 'at-2'])
  })

  it('of an endpoint that always answers 401 causes no storm, although others accept the token', async () => {
    const { api, refreshes, sent } = await stage({
      respond: ({ url }) =>
        url.endsWith('/always-401') ? new Response(null, { status: 401 }) : Response.json({}),
    })
    for (let round = 0; round < 5; round++) {
      expect((await api(`${API}/always-401`)).status).toBe(401)
      expect((await api(`${API}/orders`)).status).toBe(200)
    }
    expect(refreshes).toHaveLength(1)
    expect(sent).toHaveLength(11)
  })

  it('whose refresh is refused ends in the error of the session', async () => {
    const { api, auth, revoke, sent } = await stage({
      refresh: () => Promise.reject(Object.assign(new Error('no'), { status: 400, error: 'invalid_grant' })),
    })
    revoke()
    expect(isSessionExpired(await rejection(api(`${API}/orders`)))).toBe(true)
    expect(auth.getState().status).toBe('expired')
    expect(sent).toHaveLength(1)
    // The next one is like that of an anonymous visitor.
    expect((await api(`${API}/orders`)).status).toBe(401)
    expect(sent.map(({ token }) => token)).toEqual(['at-1', undefined])
  })

  it('that says insufficient_scope, or a 403, is the caller\u2019s', async () => {
    const { api, refreshes } = await stage({
      respond: ({ url }) =>
        url.endsWith('/403')
          ? new Response(null, { status: 403 })
          : new Response(null, {
              status: 401,
              headers: { 'WWW-Authenticate': 'Bearer error="insufficient_scope"' },
            }),
    })
    expect([(await api(`${API}/401`)).status, (await api(`${API}/403`)).status]).toEqual([401, 403])
    expect(refreshes).toEqual([])
  })

  it('is the response that shouldRefresh chooses', async () => {
    const { api, tokens } = await stage({
      fetch: { shouldRefresh: ({ status, headers }) => status === 419 || headers.has('X-Stale') },
      respond: ({ token, url }) =>
        token === 'at-1'
          ? new Response(null, url.endsWith('/1') ? { status: 419 } : { headers: { 'X-Stale': '1' } })
          : undefined,
    })
    expect((await api(`${API}/1`)).status).toBe(200)
    expect(tokens()).toEqual(['at-1', 'at-2'])
  })

  it('lets go of the body of the first answer before the replay', async () => {
    let cancelled = 0
    const { api, revoke } = await stage({
      respond: ({ token }) =>
        token === 'at-1'
          ? new Response(new ReadableStream({ cancel: () => void cancelled++ }), { status: 401 })
          : undefined,
    })
    revoke()
    expect((await api(`${API}/orders`)).status).toBe(200)
    expect(cancelled).toBe(1)
  })

  it('of an answer without a body, as some platforms have it, is replayed too', async () => {
    const { api } = await stage({
      respond: ({ token }) =>
        token === 'at-1' ? ({ status: 401, headers: new Headers() } as Response) : undefined,
    })
    expect((await api(`${API}/orders`)).status).toBe(200)
  })

  it('from where a redirect led is no answer to the token', async () => {
    const { api, sent, refreshes } = await stage({
      fetch: { renewal: collectTokens(() => ({ access_token: 'stolen' })) },
      respond: () =>
        Object.defineProperties(new Response(null, { status: 401 }), {
          redirected: { value: true },
          url: { value: 'https://evil.example/login' },
        }),
    })
    expect((await api(`${API}/orders`)).status).toBe(401)
    expect(sent).toHaveLength(1)
    expect(refreshes).toEqual([])
    await api(`${API}/orders`)
    expect(sent[1]?.token).toBe('at-1')
  })

  it('after a logout belongs to no session: the request is not sent again', async () => {
    const { api, auth, revoke, sent, refreshes } = await stage({ manual: true })
    revoke()
    const answer = rejection(api(`${API}/orders`))
    await settle()
    await auth.logout()
    refreshes[0]?.answer()
    expect(await answer).toMatchObject({ code: 'ERR_SIGNED_OUT' })
    expect(sent).toHaveLength(1)
  })
})

describe('a replay', () => {
  const form = new FormData()
  form.set('name', 'Ada')
  form.set('file', new Blob(['engine']), 'engine.txt')

  it.each([
    ['text', 'tea', 'tea'],
    ['JSON', JSON.stringify({ item: 'tea' }), '{"item":"tea"}'],
    ['URLSearchParams', new URLSearchParams({ a: '1&2' }), 'a=1%262'],
    ['bytes', new TextEncoder().encode('tea'), 'tea'],
    ['an ArrayBuffer', new TextEncoder().encode('tea').buffer, 'tea'],
    ['a Blob', new Blob(['tea'], { type: 'text/plain' }), 'tea'],
    ['FormData', form, /name="name"\r\n\r\nAda[\s\S]*name="file"; filename="engine.txt"[\s\S]*engine/],
  ])('has the same body of %s, in init and in a Request', async (_, body, expected) => {
    const { api, revoke, sent } = await stage()
    const headers = { 'X-One': '1' }
    const init = { method: 'PATCH', body, headers }
    for (const call of [() => api(`${API}/a?b=c`, init), () => api(new Request(`${API}/a?b=c`, init))]) {
      revoke()
      sent.length = 0
      expect((await call()).status).toBe(200)
      expect(sent).toHaveLength(2)
      for (const { method, url, body: arrived, headers: received } of sent) {
        expect({ method, url, one: received['x-one'] }).toEqual({
          method: 'PATCH',
          url: `${API}/a?b=c`,
          one: '1',
        })
        expect(arrived).toMatch(expected)
      }
      const [first, second] = sent.map(({ headers }) => headers['content-type']?.replace(/boundary=.*/, ''))
      expect(second).toBe(first)
    }
  })

  it('has the same body when a Request streams it', async () => {
    const { api, revoke, sent } = await stage()
    revoke()
    const response = await api(new Request(`${API}/a`, oneShot(stream('one ', 'two ', 'three'))))
    expect(response.status).toBe(200)
    expect(sent.map(({ body }) => body)).toEqual(['one two three', 'one two three'])
  })

  it('stays the same when the caller changes headers and init meanwhile', async () => {
    const { api, revoke, sent, refreshes } = await stage({ manual: true })
    revoke()
    const headers = new Headers({ 'X-One': '1' })
    const init = { method: 'POST', body: 'tea', headers }
    const answer = api(`${API}/a`, init)
    await settle()
    init.body = 'poison'
    init.method = 'DELETE'
    headers.set('X-One', '2')
    refreshes[0]?.answer()
    await answer
    expect(sent.map(({ method, body, headers: received }) => [method, body, received['x-one']])).toEqual([
      ['POST', 'tea', '1'],
      ['POST', 'tea', '1'],
    ])
  })

  it.each([
    ['URLSearchParams', () => new URLSearchParams()],
    ['FormData', () => new FormData()],
    ['form that its own class has begun', () => new BegunForm()],
  ])('sends its %s as it was at the call, although the caller fills it anew', async (_, make) => {
    const { api, pass, sent, refreshes } = await stage({ manual: true })
    pass(10 * 60_000)
    const body = make()
    const calls = ['one', 'two'].map(page => {
      body.set('page', page)
      return api(`${API}/a`, { method: 'POST', body })
    })
    await settle()
    refreshes[0]?.answer()
    await Promise.all(calls)
    expect(sent.map(({ body }) => body.match(/one|two|csrf/g)?.join())).toEqual(
      ['one', 'two'].map(page => (body instanceof BegunForm ? `csrf,${page}` : page)),
    )
  })

  it('sends the fields of a form under the names that its own class gave them', async () => {
    const { api, sent } = await stage()
    const body = new NestedForm()
    body.append('page', 'one')
    await api(`${API}/a`, { method: 'POST', body })
    expect(sent[0]?.body).toContain('name="data[page]"')
  })

  it('sends its form as it was at the call after a wait, where the access token is a cookie', async () => {
    const bodies: unknown[] = []
    const answer = deferred()
    const { api, auth, pass } = await stage({
      login: false,
      refresh: async () => {
        await answer.promise
        return { expires_in: 300 } as never
      },
      auth: { storage: cookieSession({ access: 'cookie' }) },
      fetch: {
        fetch: async (_, init) => {
          bodies.push(`${init?.body}`)
          return new Response('{}')
        },
      },
    })
    await auth.login({ expires_in: 300 } as never)
    pass(10 * 60_000)
    const body = new URLSearchParams()
    const calls = ['one', 'two'].map(page => {
      body.set('page', page)
      return api(`${API}/a`, { method: 'POST', body })
    })
    await settle()
    answer.resolve()
    await Promise.all(calls)
    expect(bodies).toEqual(['page=one', 'page=two'])
  })

  it('passes shared memory on as it is, which the platform refuses', async () => {
    const { api } = await stage()
    const body = new Uint8Array(new SharedArrayBuffer(2)) as unknown as BodyInit
    expect(await rejection(fetch('http://127.0.0.1', { method: 'POST', body }))).toBeInstanceOf(TypeError)
    expect(await rejection(api(`${API}/a`, { method: 'POST', body }))).toBeInstanceOf(TypeError)
  })

  it.each<[string, (bytes: Uint8Array<ArrayBuffer>) => BodyInit]>([
    ['a typed array', bytes => bytes],
    ['a part of a buffer', bytes => new DataView(bytes.buffer, 1, 2)],
    ['a buffer', bytes => bytes.buffer],
  ])(
    'sends the bytes of %s as they were at the call, although the caller uses them anew',
    async (_, view) => {
      const { api, revoke, pass, sent, refreshes } = await stage({ manual: true })
      for (const prepare of [() => pass(10 * 60_000), revoke]) {
        prepare()
        const bytes = new Uint8Array([111, 110, 101])
        const body = view(bytes)
        const expected = await new Response(body).text()
        sent.length = 0
        const answer = api(`${API}/a`, { method: 'POST', body })
        structuredClone(bytes.fill(120), { transfer: [bytes.buffer] })
        await settle()
        refreshes.at(-1)?.answer()
        expect((await answer).status).toBe(200)
        expect(sent.map(({ body }) => body)).toEqual(Array(sent.length).fill(expected))
        expect(sent).toHaveLength(prepare === revoke ? 2 : 1)
      }
    },
  )

  it('leaves the first request unchanged', async () => {
    const { api, revoke, sent } = await stage()
    for (const input of [
      `${API}/a`,
      new Request(`${API}/a`),
      new Request(`${API}/a`, { method: 'POST', body: 'b' }),
    ]) {
      revoke()
      sent.length = 0
      await api(input)
      const [first, second] = sent.map(
        ({ input, init }) => new Headers(init?.headers ?? (input as Request).headers),
      )
      expect(first?.get('Authorization')).not.toBe(second?.get('Authorization'))
    }
  })

  it('has the same signal, credentials and mode', async () => {
    const { api, revoke, sent } = await stage()
    revoke()
    const { signal } = new AbortController()
    const init: RequestInit = {
      signal,
      credentials: 'include',
      mode: 'cors',
      cache: 'no-store',
      keepalive: true,
    }
    await api(`${API}/a`, init)
    expect(sent.map(({ init }) => init)).toMatchObject([init, init])
    revoke()
    await api(new Request(`${API}/a`, init))
    const { credentials, mode, cache, keepalive } = init
    expect(sent.slice(2).map(({ input }) => input)).toMatchObject([
      { credentials, mode, cache, keepalive },
      { credentials, mode, cache, keepalive },
    ])
  })
})

describe('a body that can be read only once', () => {
  it.each([
    ['a web stream', () => stream('one ', 'two')],
    [
      'an iterator',
      async function* () {
        yield new TextEncoder().encode('one ')
        yield new TextEncoder().encode('two')
      },
    ],
  ])(
    'is sent once, whole, and its 401 is the caller\u2019s, while the refresh prepares the next call: %s',
    async (_, body) => {
      const { api, revoke, sent, refreshes } = await stage()
      revoke()
      const response = await api(`${API}/upload`, oneShot(body() as never))
      expect(response.status).toBe(401)
      expect(await response.json()).toEqual({ ok: true })
      expect(sent).toMatchObject([{ body: 'one two', token: 'at-1' }])
      expect(refreshes).toHaveLength(1)
      expect((await api(`${API}/upload`, oneShot(body() as never))).status).toBe(200)
      expect(sent[1]).toMatchObject({ body: 'one two', token: 'at-2' })
    },
  )

  it('in the init of a Request is sent once, whole', async () => {
    const { api, revoke, sent } = await stage()
    revoke()
    const response = await api(new Request(`${API}/upload`), oneShot(stream('one ', 'two')))
    expect(response.status).toBe(401)
    expect(sent).toMatchObject([{ body: 'one two', token: 'at-1' }])
  })

  it('disturbs no request when the refresh behind its 401 fails', async () => {
    const { api, revoke, refreshes } = await stage({ manual: true })
    revoke()
    expect((await api(`${API}/upload`, oneShot(stream('one')))).status).toBe(401)
    refreshes[0]?.fail(new Error('network'))
    await settle()
  })

  it('waits for a token that lasts, where the present one is about to end', async () => {
    const { api, pass, sent, refreshes } = await stage({ manual: true })
    pass(5 * 60_000 - 4_000)
    const upload = api(`${API}/upload`, oneShot(stream('one ', 'two')))
    await api(`${API}/orders`)
    expect(sent).toMatchObject([{ url: `${API}/orders`, token: 'at-1' }])
    refreshes[0]?.answer()
    expect((await upload).status).toBe(200)
    expect(sent[1]).toMatchObject({ url: `${API}/upload`, body: 'one two', token: 'at-2' })
  })
})
