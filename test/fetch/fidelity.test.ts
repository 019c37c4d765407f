/** A request keeps everything that its caller gave it: its objects, its class, its dispatcher, the case of its headers. */
import { cookieSession, createAuth } from 'tokenflight'
import { type AuthFetch, type AuthFetchOptions, authFetch } from 'tokenflight/fetch'
import * as undici from 'undici'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { API, deferred, loopback, settle } from '../support/axios.js'
import { type Stage, type StageOptions, stage } from '../support/fetch.js'

const DEAD = 10 * 60_000
const WINDOW = 4.5 * 60_000

type Input = Parameters<AuthFetch>
type Lib = { fetch: typeof fetch; Request: typeof Request; Headers: typeof Headers }

/** The `fetch` of the platform, and that of the package undici, whose classes are others. */
const libraries: Record<string, Lib> = {
  'the platform': { fetch, Request, Headers },
  'the package undici': undici as unknown as Lib,
}

/** A request class of an application: a field, an accessor, and a symbol. */
const TRACE = Symbol('trace')
class Traced extends Request {
  attempts = 3;
  [TRACE] = 'span-1'
  get label(): string {
    return `${this.method} ${this.attempts}`
  }
}

/** One that keeps a private field, and so clones by itself. */
class Private extends Request {
  #tenant: string
  constructor(input: string | Request, init: RequestInit | undefined, tenant: string) {
    super(input, init)
    this.#tenant = tenant
  }
  override clone(): Private {
    return new Private(super.clone(), undefined, this.#tenant)
  }
  get tenant(): string {
    return this.#tenant
  }
}

/** A class that undici's own is the base of. */
class Dispatched extends (undici.Request as unknown as typeof Request) {
  note = 'kept'
}

/** An agent that counts the requests that go through it. */
class Counter extends undici.Agent {
  paths: string[] = []
  override dispatch(...parameters: Parameters<undici.Agent['dispatch']>): boolean {
    this.paths.push(parameters[0].path)
    return super.dispatch(...parameters)
  }
}

function counting(): Counter {
  const agent = new Counter()
  onTestFinished(() => agent.destroy())
  return agent
}

/** A server that refuses `at-1`, and a session that holds it. */
async function wire(options: AuthFetchOptions = {}, isLoggedIn = true) {
  const names: string[][] = []
  const server = await loopback(({ token }, incoming, outgoing) => {
    names.push(incoming.rawHeaders.filter((_, index) => index % 2 === 0))
    outgoing.writeHead(token === 'at-1' ? 401 : 200).end()
  })
  let count = 1
  const time = { now: 1_760_000_000_000 }
  const auth = createAuth({
    retry: 0,
    clock: { now: () => time.now },
    refresh: async () => ({ access_token: `at-${++count}`, refresh_token: 'rt-2', expires_in: 300 }),
  })
  onTestFinished(() => auth.dispose())
  if (isLoggedIn) await auth.login({ access_token: 'at-1', refresh_token: 'rt-1', expires_in: 300 })
  const api = authFetch(auth, { allowedOrigins: [server.url], ...options })
  return { ...server, api, names, time, tokens: () => server.arrived.map(({ token }) => token) }
}

/** A session, and a `fetch` that keeps the objects that it is given. */
async function spied(options: StageOptions = {}) {
  const calls: Input[] = []
  const staged: Stage = await stage({
    ...options,
    fetch: {
      ...options.fetch,
      fetch: async (input, init) => {
        calls.push([input, init])
        const token = (input as Request).headers?.get('Authorization')?.slice('Bearer '.length)
        return new Response('{}', { status: !token || staged.good.has(token) ? 200 : 401 })
      },
    },
  })
  return { ...staged, calls }
}

describe('without a token to add, the very objects of the caller are sent', () => {
  const inputs: [string, () => Input][] = [
    ['a text', () => [`${API}/a`]],
    [
      'a URL and an init',
      () => [new URL(`${API}/a`), { method: 'PUT', body: 'tea', headers: { 'X-UP': '1' } }],
    ],
    ['a Request with a body', () => [new Request(`${API}/a`, { method: 'POST', body: 'tea' })]],
    ['a Request and a Request in place of init', () => [new Request(`${API}/a`), new Request(`${API}/b`)]],
    ['a subclass of Request', () => [new Traced(`${API}/a`, { method: 'POST', body: '{}' })]],
    ['a subclass with a private field', () => [new Private(`${API}/a`, undefined, 'one')]],
    ['a Request of undici', () => [new undici.Request(`${API}/a`, { dispatcher: counting() }) as never]],
  ]
  const cases: [string, () => Promise<Awaited<ReturnType<typeof spied>>>, RequestInit?][] = [
    ['while the visitor is anonymous', () => spied({ login: false })],
    [
      'after a logout',
      async () => {
        const one = await spied()
        await one.auth.logout()
        return one
      },
    ],
    [
      'after the session was disposed of',
      async () => {
        const one = await spied()
        one.auth.dispose()
        return one
      },
    ],
    ['to another origin', () => spied({ fetch: { allowedOrigins: ['https://other.test'] } })],
    ['where skip matches', () => spied({ fetch: { skip: [() => true] } })],
    [
      'while the restore of a cookie fails',
      async () => {
        const refresh = () => Promise.reject(new TypeError('Failed to fetch'))
        const one = await spied({ login: false, refresh, auth: { storage: cookieSession() } })
        await one.auth.ready
        return one
      },
    ],
    [
      'in a session whose access token is a cookie',
      async () => {
        const one = await spied({ login: false, auth: { storage: cookieSession({ access: 'cookie' }) } })
        await one.auth.login({ expires_in: 300 } as never)
        expect(one.auth.getState().status).toBe('authenticated')
        return one
      },
    ],
    [
      'after the wait for a storage that held nothing',
      () => {
        const storage = { getItem: async () => null, setItem() {}, removeItem() {} }
        return spied({ login: false, auth: { storage } })
      },
    ],
  ]
  for (const [when, open] of cases)
    it.each(inputs)(`${when}: %s`, async (_, make) => {
      const { api, calls } = await open()
      const [input, init] = make()
      await api(input, init)
      expect(calls).toHaveLength(1)
      expect(calls[0]?.[0]).toBe(input)
      expect(calls[0]?.[1]).toBe(init)
      // The body is the caller's own, too: none of it was read.
      if (input instanceof Request && input.body) expect(input.bodyUsed).toBe(false)
    })

  it('a request with skipAuth, or with an Authorization of its own, passes unchanged during a session', async () => {
    const { api, calls } = await spied()
    const request = new Request(`${API}/a`, { headers: { Authorization: 'Basic eDp5' } })
    const init = { skipAuth: true }
    await api(request)
    await api(`${API}/b`, init)
    expect(calls[0]?.[0]).toBe(request)
    expect(calls[1]?.[1]).toBe(init)
  })
})

it('takes a Request in place of init, as fetch does, with a token, too', async () => {
  const { api, calls } = await spied()
  await api(`${API}/a`, new Request(`${API}/b`, { method: 'POST', body: 'tea' }) as RequestInit)
  const [sent] = calls[0] ?? []
  const { url, method, headers } = sent as Request
  expect([url, method, headers.get('Authorization')]).toEqual([`${API}/a`, 'POST', 'Bearer at-1'])
  expect(await (sent as Request).text()).toBe('tea')
})

it('keeps the members of init whose names are symbols', async () => {
  const { api, calls } = await spied()
  const mark = Symbol('mark')
  await api(`${API}/a`, { [mark]: 1 } as RequestInit)
  expect(Reflect.get(calls[0]?.[1] as object, mark)).toBe(1)
})

describe('a dispatcher', () => {
  const makers: [string, Lib, (url: string, dispatcher: Counter) => Input][] = Object.entries(
    libraries,
  ).flatMap(([name, lib]) => {
    const { Request } = lib
    return (
      [
        ['in a Request', (url, dispatcher) => [new Request(url, { dispatcher } as object)]],
        [
          'in a Request with a body',
          (url, dispatcher) => [new Request(url, { dispatcher, method: 'POST', body: 'tea' } as object)],
        ],
        [
          'in a Request beside an init',
          (url, dispatcher) => [new Request(url, { dispatcher } as object), { headers: { 'X-One': '1' } }],
        ],
        [
          'in the init of a Request',
          (url, dispatcher) => [new Request(url), { method: 'POST', body: 'tea', dispatcher } as object],
        ],
        ['in init', (url, dispatcher) => [url, { dispatcher } as object]],
        [
          'in a frozen init that inherits it',
          (url, dispatcher) => [url, Object.freeze(Object.create({ dispatcher }))],
        ],
      ] as [string, (url: string, dispatcher: Counter) => Input][]
    ).map(([where, make]): [string, Lib, (url: string, dispatcher: Counter) => Input] => [
      `of ${name}, ${where}`,
      lib,
      make,
    ])
  })

  it.each(makers)('%s is used while no user is logged in', async (_, lib, make) => {
    const { api, url, tokens } = await wire({ fetch: lib.fetch }, false)
    const dispatcher = counting()
    expect((await api(...make(`${url}/a`, dispatcher))).status).toBe(200)
    expect([dispatcher.paths, tokens()]).toEqual([['/a'], [undefined]])
  })

  it.each(makers)('%s is used by the request and by its replay', async (_, lib, make) => {
    const { api, url, tokens } = await wire({ fetch: lib.fetch })
    const dispatcher = counting()
    expect((await api(...make(`${url}/a`, dispatcher))).status).toBe(200)
    expect([dispatcher.paths, tokens()]).toEqual([
      ['/a', '/a'],
      ['at-1', 'at-2'],
    ])
  })

  it.each(makers)('%s is used after a wait for the token', async (_, lib, make) => {
    const { api, url, tokens, time } = await wire({ fetch: lib.fetch })
    time.now += DEAD
    const dispatcher = counting()
    expect((await api(...make(`${url}/a`, dispatcher))).status).toBe(200)
    expect([dispatcher.paths, tokens()]).toEqual([['/a'], ['at-2']])
  })
})

describe('a Request of a class of the application', () => {
  const inits: [string, RequestInit | undefined][] = [
    ['alone', undefined],
    ['beside an init', { headers: { 'X-One': '1' } }],
  ]

  it.each(inits)('arrives as one, and its replay too: %s', async (_, init) => {
    const { api, calls, revoke } = await spied()
    revoke()
    const request = Object.assign(new Traced(`${API}/a`, { method: 'POST', body: 'tea' }), { later: true })
    expect((await api(request, init)).status).toBe(200)
    expect(calls).toHaveLength(2)
    for (const [sent] of calls) {
      expect(sent).toBeInstanceOf(Traced)
      expect(sent).toMatchObject({ attempts: 3, [TRACE]: 'span-1', label: 'POST 3', later: true })
    }
    expect(await Promise.all(calls.map(([sent]) => (sent as Request).text()))).toEqual(['tea', 'tea'])
    expect([request.headers.has('Authorization'), request.bodyUsed]).toEqual([false, true])
  })

  it('whose clone throws is sent, and sent again, as one of the platform would be', async () => {
    class Odd extends Request {
      override clone(): Request {
        throw new TypeError('odd')
      }
    }
    const { api, calls, revoke } = await spied()
    revoke()
    expect((await api(new Odd(`${API}/a`, { method: 'POST', body: 'tea' }))).status).toBe(200)
    expect(await Promise.all(calls.map(([sent]) => (sent as Request).text()))).toEqual(['tea', 'tea'])
  })

  it('keeps its body where init has another one', async () => {
    const { api, calls } = await spied()
    const request = new Request(`${API}/a`, { method: 'POST', body: 'tea' })
    expect((await api(request, { body: 'milk' })).status).toBe(200)
    const [sent] = calls[0] ?? []
    expect(await (sent as Request).text()).toBe('milk')
    expect(await request.text()).toBe('tea')
  })

  it('leaves no copy of its body behind where the wait for the session shows that it needs none', async () => {
    const cancelled: unknown[] = []
    class Watched extends Request {
      override clone(): Request {
        const copy = super.clone()
        vi.spyOn(copy.body as ReadableStream, 'cancel').mockImplementation(
          async () => void cancelled.push(copy),
        )
        return copy
      }
    }
    const gate = deferred<null>()
    const storage = { getItem: () => gate.promise, setItem() {}, removeItem() {} }
    const { api, calls } = await spied({ login: false, auth: { storage } })
    const request = new Watched(`${API}/a`, { method: 'POST', body: 'tea' })
    const answer = api(request)
    expect(calls).toEqual([])
    gate.resolve(null)
    await answer
    expect(calls[0]?.[0]).toBe(request)
    expect(cancelled).toHaveLength(1)
  })

  it('that clones by itself keeps its private field, and so does its replay', async () => {
    const { api, calls, revoke } = await spied()
    revoke()
    await api(new Private(`${API}/a`, { method: 'POST', body: 'tea' }, 'one'))
    expect(calls.map(([sent]) => (sent as Private).tenant)).toEqual(['one', 'one'])
    expect(await Promise.all(calls.map(([sent]) => (sent as Request).text()))).toEqual(['tea', 'tea'])
  })

  it('is kept after a wait for the token', async () => {
    const { api, calls, pass } = await spied()
    pass(DEAD)
    const requests = [
      new Traced(`${API}/a`, { method: 'POST', body: 'tea' }),
      new Private(`${API}/b`, undefined, 'two'),
      new Dispatched(`${API}/c`),
    ]
    await Promise.all(requests.map(request => api(request)))
    for (const request of requests) {
      const copy = calls.map(([sent]) => sent as Request).find(({ url }) => url === request.url)
      expect(copy?.constructor).toBe(request.constructor)
      expect(copy?.headers.get('Authorization')).toBe('Bearer at-2')
      for (const name of ['label', 'tenant', 'note'])
        expect(Reflect.get(copy ?? {}, name)).toBe(Reflect.get(request, name))
    }
  })

  it('takes a class of init that has accessors in place of members', async () => {
    class Init {
      get method(): string {
        return 'PUT'
      }
      get headers(): Record<string, string> {
        return { 'X-One': '1' }
      }
    }
    const { api, sent } = await stage()
    await api(`${API}/a`, new Init())
    expect(sent).toMatchObject([{ method: 'PUT', token: 'at-1', headers: { 'x-one': '1' } }])
  })
})

describe('a Request of undici', () => {
  it.each<[string, (url: string) => Input]>([
    ['with a text', url => [new undici.Request(url, { method: 'POST', body: 'tea' }) as never]],
    ['with bytes', url => [new undici.Request(url, { method: 'PUT', body: Buffer.from('tea') }) as never]],
    ['beside an init', url => [new undici.Request(url) as never, { method: 'POST', body: 'tea' }]],
    ['of a subclass', url => [new Dispatched(url, { method: 'POST', body: 'tea' })]],
    [
      'with a stream',
      url => {
        const body = new Blob(['tea']).stream() as never
        return [new undici.Request(url, { method: 'POST', body, duplex: 'half' }) as never]
      },
    ],
  ])('%s is sent by its own fetch, and sent again', async (_, make) => {
    const { api, url, arrived } = await wire({ fetch: libraries['the package undici']?.fetch })
    expect((await api(...make(`${url}/a`))).status).toBe(200)
    expect(arrived.map(({ token, body }) => [token, String(body)])).toEqual([
      ['at-1', 'tea'],
      ['at-2', 'tea'],
    ])
  })
})

describe('the names of headers reach the server as they are written', () => {
  const forms: [string, Lib, (url: string, names: Record<string, string>) => Input][] = Object.entries(
    libraries,
  ).flatMap(([name, lib]) => [
    [`an object, ${name}`, lib, (url, headers) => [url, { headers }]],
    [`a list, ${name}`, lib, (url, headers) => [url, { headers: Object.entries(headers) }]],
    [`Headers, ${name}`, lib, (url, headers) => [url, { headers: new lib.Headers(headers) }]],
    [`a Request, ${name}`, lib, (url, headers) => [new lib.Request(url, { headers })]],
    [`the init of a Request, ${name}`, lib, (url, headers) => [new lib.Request(url), { headers }]],
  ])
  const written = { 'X-UPPER': '1', SOAPAction: '"x"', 'x-lower': '2' }

  it.each(forms)(
    'keep their case in %s: at first, on the replay, and after a wait',
    async (_, { fetch }, make) => {
      const header = (token: string) => ({ 'X-API-TOKEN': token, Authorization: `Bearer ${token}` })
      const { api, url, names, time } = await wire({ fetch, header })
      await api(...make(url, written))
      time.now += DEAD
      await api(...make(url, written))
      expect(names).toHaveLength(3)
      for (const each of names)
        expect(each).toEqual(
          expect.arrayContaining(['X-UPPER', 'SOAPAction', 'x-lower', 'X-API-TOKEN', 'Authorization']),
        )
    },
  )

  it.each(forms)(
    'in %s: one that differs in case is replaced, not sent twice',
    async (_, { fetch }, make) => {
      const header = { name: 'X-Token', format: (token: string) => `Bearer ${token}` }
      const { api, url, names } = await wire({ fetch, header })
      // Left over from an earlier attempt, as in a request that is sent again.
      await api(...make(url, { 'X-TOKEN': 'Bearer at-1', append: '1' }))
      expect(names.map(each => each.filter(name => /^x-token$/i.test(name)).length)).toEqual([1])
      expect(names[0]).toContain('append')
    },
  )
})

describe('a Request whose body streams, while a refresh is under way', () => {
  const streams: [string, (body: ReadableStream) => Request][] = [
    'application/json',
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
  ].map(type => [
    type,
    body =>
      new Request(`${API}/upload`, {
        method: 'POST',
        body,
        duplex: 'half',
        headers: { 'Content-Type': type },
      } as RequestInit),
  ])

  /** A body that stays open until it is closed. */
  const open = () => {
    const { promise, resolve } = deferred()
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode('head '))
        await promise
        controller.enqueue(new TextEncoder().encode('tail'))
        controller.close()
      },
    })
    return { body, close: resolve }
  }

  it.each(streams)('leaves at once inside the window: %s', async (_, make) => {
    const { api, auth, calls, pass, refreshes } = await spied({ manual: true })
    pass(WINDOW)
    await auth.getAccessToken()
    expect(refreshes).toHaveLength(1)
    const { body, close } = open()
    const answer = api(make(body))
    await settle()
    const [sent] = calls[0] ?? []
    expect((sent as Request).headers.get('Authorization')).toBe('Bearer at-1')
    close()
    expect(await (sent as Request).text()).toBe('head tail')
    expect((await answer).status).toBe(200)
  })

  it.each(streams)('leaves with the new token where the present one is dead: %s', async (_, make) => {
    const { api, auth, calls, pass, refreshes } = await spied({ manual: true })
    pass(DEAD)
    const other = auth.getAccessToken()
    const { body, close } = open()
    const answer = api(make(body))
    await settle()
    expect(calls).toEqual([])
    refreshes[0]?.answer()
    expect((await answer).status).toBe(200)
    await other
    const [sent] = calls[0] ?? []
    expect((sent as Request).headers.get('Authorization')).toBe('Bearer at-2')
    close()
    expect(await (sent as Request).text()).toBe('head tail')
  })

  it('reaches a server that answers before the body has ended', async () => {
    const { api, auth, pass, calls } = await spied({ manual: true })
    pass(WINDOW)
    await auth.getAccessToken()
    const { body } = open()
    const init = { method: 'POST', body, duplex: 'half', headers: { 'Content-Type': 'text/plain' } } as object
    const request = new undici.Request(`${API}/upload`, init as undici.RequestInit)
    expect((await api(request as never)).status).toBe(200)
    expect(calls).toHaveLength(1)
    const [sent] = calls[0] ?? []
    expect((sent as Request).headers.get('Authorization')).toBe('Bearer at-1')
  })

  it('is replayed where a server rejects the token before the body has ended', async () => {
    const { api, auth, pass, revoke, calls, refreshes } = await spied({ manual: true })
    pass(WINDOW)
    await auth.getAccessToken()
    revoke()
    const { body } = open()
    const init = { method: 'POST', body, duplex: 'half', headers: { 'Content-Type': 'text/plain' } } as object
    const answer = api(new Request(`${API}/upload`, init))
    refreshes[0]?.answer()
    expect((await answer).status).toBe(200)
    expect(calls.map(([sent]) => (sent as Request).headers.get('Authorization'))).toEqual([
      'Bearer at-1',
      'Bearer at-2',
    ])
  })

  const json = { 'Content-Type': 'application/json' }
  const bytes = { 'Content-Type': 'application/octet-stream' }
  /** A Request that carries the refresh token in two parts of a stream. */
  const refreshCall = () => {
    const body = new Blob(['{"refreshToken":', '"rt-1"}']).stream() as never
    return new Request(`${API}/refresh`, { method: 'POST', body, duplex: 'half', headers: json } as object)
  }

  it('is the refresh where it carries the refresh token: inside the window its 401 is its own', async () => {
    const { api, auth, pass, revoke, calls, refreshes } = await spied({ manual: true })
    pass(WINDOW)
    await auth.getAccessToken()
    revoke()
    expect((await api(refreshCall())).status).toBe(401)
    expect([calls.length, refreshes.length]).toEqual([1, 1])
  })

  it.each<[string, () => [Request, RequestInit?]]>([
    [
      'does not carry the refresh token',
      () => [new Request(`${API}/a`, { method: 'POST', body: '{"a":1}', headers: json })],
    ],
    [
      'carries it in a body that init replaces',
      () => [
        new Request(`${API}/a`, { method: 'POST', body: '{"rt":"rt-1"}', headers: json }),
        { body: '{"a":1}' },
      ],
    ],
    [
      'carries it in bytes of another type',
      () => [new Request(`${API}/a`, { method: 'POST', body: '{"rt":"rt-1"}', headers: bytes })],
    ],
  ])('is replayed after a 401 inside the window where it %s', async (_, make) => {
    const { api, auth, pass, revoke, calls, refreshes } = await spied({ manual: true })
    pass(WINDOW)
    await auth.getAccessToken()
    revoke()
    const answer = api(...make())
    await settle()
    refreshes[0]?.answer()
    expect([(await answer).status, calls.length, refreshes.length]).toEqual([200, 2, 1])
  })

  it('is the refresh where it carries the refresh token: with a dead token it waits not for itself', async () => {
    const { api, auth, pass, calls, refreshes } = await spied({ manual: true })
    pass(DEAD)
    const other = auth.getAccessToken()
    await settle()
    const request = refreshCall()
    await api(request)
    expect(calls[0]?.[0]).toBe(request)
    refreshes[0]?.answer()
    expect(await other).toBe('at-2')
    expect([calls.length, refreshes.length]).toEqual([1, 1])
  })
})
