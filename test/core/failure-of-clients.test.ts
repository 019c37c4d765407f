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

  it.each<[what: string, create: () => unknown]>([
    ['a Response of another class', () => json(401, { message: 'no session' })],
    ['of axios', () => axiosAnswer(401, { message: 'no session' })],
    ['a redirect, of axios', () => axiosAnswer(302, '')],
  ])('and is no success begins no session with cookies alone: %s', async (_, create) => {
    const refresh = refreshStub(async () => create())
    const { auth } = open({ storage: cookieSession({ access: 'cookie' }), refresh, retry: 0 })
    await auth.ready
    expect([auth.getState().status, refresh.calls.length]).toEqual(['anonymous', 1])
  })

  it.each<[what: string, create: () => unknown]>([
    ['a Response of another class', () => new ForeignResponse(new Response(null, { status: 204 }))],
    ['of axios', () => axiosAnswer(204, '')],
  ])('and is a success begins a session with cookies alone: %s', async (_, create) => {
    const refresh = refreshStub(async () => create())
    const { auth } = open({ storage: cookieSession({ access: 'cookie' }), refresh, retry: 0 })
    await auth.ready
    expect([auth.getState().status, refresh.calls.length]).toEqual(['authenticated', 1])
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
