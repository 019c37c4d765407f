/** Failed refreshes with clients that keep the body of an answer under a name of their own. */
import { cookieSession, type FailureClass } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { MINUTE, open, pair, pass, refreshStub, settle, useFakeTime, watch } from '../support/core.js'

useFakeTime()

/** The class of a refresh that fails so, and how many requests there were. */
function classOf(failure: unknown): Promise<[kind: FailureClass | undefined, calls: number]> {
  return classOfCall(() => Promise.reject(failure))
}

/** The same for a refresh function, which may resolve to the answer. */
async function classOfCall(
  call: () => Promise<unknown>,
): Promise<[kind: FailureClass | undefined, calls: number]> {
  const refresh = refreshStub(call)
  const { auth, events } = open({ retry: { limit: 1, delay: 0 }, autoRefresh: 'off', refresh })
  await auth.login(pair())
  await pass(5 * MINUTE)
  watch(auth.getAccessToken())
  await pass(MINUTE)
  await settle()
  const isOver = auth.getState().status === 'expired'
  return [isOver ? 'rejected' : events.of('refreshFailed')[0]?.class, refresh.calls.length]
}

const CALLS: Record<FailureClass, number> = { rejected: 1, misconfigured: 1, transient: 2 }

/** Of Angular: the body is in `error`. */
const angular = (status: number, error: unknown, headers = {}) => ({
  ...{ name: 'HttpErrorResponse', ok: false, status, headers: new Headers(headers) },
  error,
})

/** Of openapi-fetch, where it is thrown: the body has been read. */
async function openapi(status: number, error: object): Promise<unknown> {
  const response = Response.json(error, { status })
  await response.text()
  return { error, response }
}

const HTML = { 'Content-Type': 'text/html' }
const HTML_403 = { status: 403, headers: HTML }

describe('the error of a client that keeps the body in `error`', () => {
  it.each<[what: string, create: () => unknown, expected: FailureClass]>([
    ['an HTML page with 401', () => angular(401, '<p>no', HTML), 'transient'],
    ['an HTML page without a type', () => angular(403, '<html>no</html>'), 'transient'],
    ['invalid_client', () => angular(400, { error: 'invalid_client' }), 'misconfigured'],
    ['invalid_grant', () => angular(400, { error: 'invalid_grant' }), 'rejected'],
    ['a text with 401', () => angular(401, 'Unauthorized'), 'rejected'],
    ['no answer', () => angular(0, new Event('error')), 'transient'],
    ['invalid_client, of openapi-fetch', () => openapi(400, { error: 'invalid_client' }), 'misconfigured'],
    ['a dead token, of openapi-fetch', () => openapi(400, { code: 'token_expired' }), 'rejected'],
  ])('is classed by it: %s', async (_, create, expected) => {
    expect(await classOf(await create())).toEqual([expected, CALLS[expected]])
  })
})

/** The members of an `XMLHttpRequest`, as far as they can be read: `responseText` is there for texts alone. */
function xhr(status: number, response: unknown, headers: string, responseType = '') {
  return {
    ...{ status, response, responseType },
    getAllResponseHeaders: () => headers,
    getResponseHeader: () => null,
    get responseText() {
      if (responseType === 'json') throw new DOMException('No text', 'InvalidStateError')
      return response
    },
  }
}

/** Of RxJS: the error has the body in place of the answer. */
function rxjs(status: number, body: unknown, headers = '', responseType = 'json') {
  const request = xhr(status, body, headers, responseType)
  return Object.assign(new Error(`ajax error ${status}`), { xhr: request, status, response: body })
}

/** Of jQuery: the header functions and the body in two forms, without the platform's request. */
function jqXhr(status: number, text: string, headers: string, json?: object) {
  const { getAllResponseHeaders, getResponseHeader } = xhr(status, text, headers)
  const body = { responseText: text, ...(json && { responseJSON: json }) }
  return { status, ...body, getAllResponseHeaders, getResponseHeader }
}

const TYPE_HTML = 'date: today\r\ncontent-type: text/html\r\n'
const TYPE_JSON = 'content-type: application/json\r\n'
const CLIENT = { error: 'invalid_client' }

describe('the error of a client of XMLHttpRequest', () => {
  it.each<[what: string, create: () => unknown, expected: FailureClass]>([
    ['a page with 403, of RxJS', () => rxjs(403, '<p>no', TYPE_HTML, 'text'), 'transient'],
    ['a page with 403 in place of JSON, of RxJS', () => rxjs(403, null, TYPE_HTML), 'transient'],
    ['a page with 404 in place of JSON, of RxJS', () => rxjs(404, null), 'misconfigured'],
    ['invalid_client, of RxJS', () => rxjs(400, CLIENT, TYPE_JSON), 'misconfigured'],
    ['invalid_grant, of RxJS', () => rxjs(400, { error: 'invalid_grant' }, TYPE_JSON), 'rejected'],
    ['a body with a status, of RxJS', () => rxjs(400, { status: 503, ...CLIENT }), 'misconfigured'],
    ['no answer, of RxJS', () => rxjs(0, null), 'transient'],
    ['a status without a request', () => ({ status: 401, xhr: null }), 'rejected'],
    ['a page with 403, of jQuery', () => jqXhr(403, '<p>no', TYPE_HTML), 'transient'],
    ['invalid_client, of jQuery', () => jqXhr(400, '{…}', TYPE_JSON, CLIENT), 'misconfigured'],
    ['invalid_client as a text, of jQuery', () => jqXhr(400, JSON.stringify(CLIENT), ''), 'misconfigured'],
    ['a dead token, of jQuery', () => jqXhr(400, '{"code":1}', TYPE_JSON, { code: 1 }), 'rejected'],
    ['a page with 401, of the request', () => xhr(401, '<p>no', TYPE_HTML), 'transient'],
    ['invalid_client, of the request', () => xhr(400, CLIENT, TYPE_JSON, 'json'), 'misconfigured'],
    ['a page, its text alone', () => ({ status: 403, response: '<html>no' }), 'transient'],
  ])('is classed by its body and its headers: %s', async (_, create, expected) => {
    expect(await classOf(create())).toEqual([expected, CALLS[expected]])
  })

  it.each<[what: string, create: (headers: string) => unknown]>([
    ['of RxJS', headers => rxjs(503, { a: 1 }, headers)],
    ['of jQuery', headers => jqXhr(503, '', headers)],
    ['of the request', headers => xhr(503, '', headers)],
    ['with its headers as a text', headers => ({ status: 503, headers })],
  ])('has its Retry-After respected, and shows its headers to classify: %s', async (_, create) => {
    const classify = vi.fn()
    const failure = create('X-Trace: a: b\r\nretry-after: 120\r\n')
    const refresh = refreshStub(() => Promise.reject(failure))
    const { auth, events } = open({ classify, refresh })
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    const { status, headers } = classify.mock.calls[0]?.[0] ?? {}
    expect([status, [...headers]]).toEqual([
      503,
      [
        ['retry-after', '120'],
        ['x-trace', 'a: b'],
      ],
    ])
    expect(events.of('refreshFailed')).toMatchObject([{ attempts: 1, retryAt: Date.now() + 2 * MINUTE }])
    expect(events.of('warning')).toEqual([])
    expect(refresh.calls).toHaveLength(1)
  })

  it.each([7, true, [], () => ''])('with %o in place of headers reaches classify, too', async headers => {
    const classify = vi.fn(() => 'rejected' as const)
    const refresh = refreshStub(() => Promise.reject({ status: 418, headers }))
    const { auth, events } = open({ classify, refresh })
    await auth.login(pair())
    watch(auth.refresh())
    await settle()
    expect([auth.getState().status, classify.mock.calls.length]).toEqual(['expired', 1])
    expect(events.of('warning')).toEqual([])
  })
})

/** Of node-fetch or undici: a `Response` that is no instance of the global class. */
class ForeignResponse {
  readonly #response: Response
  constructor(response: Response) {
    this.#response = response
  }
  get ok() {
    return this.#response.ok
  }
  get status() {
    return this.#response.status
  }
  get headers() {
    return this.#response.headers
  }
  get bodyUsed() {
    return this.#response.bodyUsed
  }
  clone() {
    return new ForeignResponse(this.#response.clone())
  }
  text() {
    return this.#response.text()
  }
}

/** Of axios, which resolves for every status with `validateStatus: null`. */
const axiosAnswer = (status: number, data: unknown) => ({
  ...{ status, statusText: '', headers: {}, config: {}, data },
})

describe('a refresh function that resolves to the whole answer', () => {
  const json = (status: number, body: object) => new ForeignResponse(Response.json(body, { status }))
  const dead = { error: 'invalid_grant' }
  it.each<[what: string, create: () => unknown, expected: FailureClass]>([
    ['401', () => json(401, dead), 'rejected'],
    ['400 with invalid_client', () => json(400, { error: 'invalid_client' }), 'misconfigured'],
    ['503', () => json(503, { message: 'busy' }), 'transient'],
    ['403 with an HTML page', () => new ForeignResponse(new Response('<p>', HTML_403)), 'transient'],
    ['200 without tokens', () => json(200, { ok: true }), 'misconfigured'],
    ['401, of axios', () => axiosAnswer(401, dead), 'rejected'],
    ['503, of axios', () => axiosAnswer(503, { message: 'busy' }), 'transient'],
    ['200 with invalid_grant, of axios', () => axiosAnswer(200, dead), 'rejected'],
  ])('is classed by its status and its body: %s', async (_, create, expected) => {
    expect(await classOfCall(async () => create())).toEqual([expected, CALLS[expected]])
  })

  it.each<[what: string, create: () => unknown, status: string]>([
    ['401, a Response of another class', () => json(401, { message: 'no session' }), 'anonymous'],
    ['401 of axios', () => axiosAnswer(401, { message: 'no session' }), 'anonymous'],
    ['302 of axios', () => axiosAnswer(302, ''), 'anonymous'],
    [
      '204, a Response of another class',
      () => new ForeignResponse(new Response(null, { status: 204 })),
      'authenticated',
    ],
    ['204 of axios', () => axiosAnswer(204, ''), 'authenticated'],
  ])('begins a session with cookies alone by its status: %s', async (_, create, status) => {
    const refresh = refreshStub(async () => create())
    const { auth } = open({ storage: cookieSession({ access: 'cookie' }), refresh, retry: 0 })
    await auth.ready
    expect([auth.getState().status, refresh.calls.length]).toEqual([status, 1])
  })

  it.each<[what: string, answer: unknown]>([
    ['a status of 401', new Response(null, { status: 401 })],
    ['an error', { error: 'invalid_grant' }],
  ])('that has %s is refused before `read` maps it', async (_, answer) => {
    const read = vi.fn(() => ({ expires_in: 300 }) as never)
    const refresh = refreshStub(async () => answer)
    const storage = cookieSession({ access: 'cookie' })
    const { auth } = open({ storage, read, refresh, retry: 0 })
    await auth.ready
    expect([auth.getState().status, refresh.calls.length]).toEqual(['anonymous', 1])
    expect(read).not.toHaveBeenCalled()
  })
})
