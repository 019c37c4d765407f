import { inspect } from 'node:util'
import { AxiosError, AxiosHeaders } from 'axios'
import { createAuth, type FailureClass, type RefreshFailure, refreshRequest } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import {
  DAY,
  httpError,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  rejection,
  START,
  track,
  useFakeTime,
} from '../support/core.js'

useFakeTime()

/** The outcome of one failed refresh with a dead access token. */
async function classOf(
  failure: unknown,
  options: Parameters<typeof open>[0] = {},
): Promise<{ class: FailureClass; calls: number; error: Error & Record<string, unknown> }> {
  const refresh = refreshStub(() => Promise.reject(failure))
  const { auth, events } = open({ retry: { limit: 1, delay: 0 }, ...options, refresh })
  await auth.login(pair())
  await pass(5 * MINUTE)
  const asked = rejection(auth.getAccessToken())
  await pass(MINUTE)
  const error = await asked
  const { status } = auth.getState()
  if (error.code === 'ERR_SESSION_EXPIRED') {
    expect(status).toBe('expired')
    expect(error.reason).toBe('refresh_rejected')
    expect(events.of('sessionExpired')).toHaveLength(1)
    return { class: 'rejected', calls: refresh.calls.length, error }
  }
  expect(error.code).toBe('ERR_REFRESH_FAILED')
  expect(status).toBe('authenticated')
  expect(events.of('sessionExpired')).toHaveLength(0)
  const { class: kind } = events.of('refreshFailed')[0]!
  return { class: kind, calls: refresh.calls.length, error }
}

const CALLS: Record<FailureClass, number> = { rejected: 1, misconfigured: 1, transient: 2 }

type Shape = (status: number, data: unknown) => unknown

const SHAPES: Record<string, Shape> = {
  'an axios error': (status, data) =>
    new AxiosError(
      `Request failed with status code ${status}`,
      AxiosError.ERR_BAD_REQUEST,
      undefined,
      undefined,
      {
        status,
        data,
        statusText: '',
        headers: new AxiosHeaders(),
        config: { headers: new AxiosHeaders() },
      },
    ),
  'an axios error whose body was not parsed': (status, data) =>
    new AxiosError(`Request failed with status code ${status}`, undefined, undefined, undefined, {
      status,
      data: JSON.stringify(data),
      statusText: '',
      headers: new AxiosHeaders(),
      config: { headers: new AxiosHeaders() },
    }),
  'an error with a response': httpError,
  'an error with a status and data': (status, data) => Object.assign(new Error('failed'), { status, data }),
  'a plain object with a response': (status, data) => ({ response: { status, data } }),
  'a plain object with a status': (status, data) => ({ status, ...(data as object) }),
  'an error with a statusCode': (status, data) =>
    Object.assign(new Error('failed'), { statusCode: status, ...(data as object) }),
}

const OUTCOMES: [status: number, data: unknown, expected: FailureClass][] = [
  // The JSON error decides first.
  [400, { error: 'invalid_grant' }, 'rejected'],
  [401, { error: 'invalid_grant' }, 'rejected'],
  [403, { error: 'invalid_grant' }, 'rejected'],
  [400, { error: 'invalid_request' }, 'misconfigured'],
  [400, { error: 'invalid_client' }, 'misconfigured'],
  [401, { error: 'invalid_client' }, 'misconfigured'],
  [400, { error: 'unauthorized_client' }, 'misconfigured'],
  [401, { error: 'unauthorized_client' }, 'rejected'],
  [401, { error: 'invalid_request' }, 'rejected'],
  [401, { error: 'invalid_scope' }, 'rejected'],
  [400, { error: 'unsupported_grant_type' }, 'misconfigured'],
  [400, { error: 'invalid_scope' }, 'misconfigured'],
  [403, { error: 'invalid_scope' }, 'misconfigured'],
  // The status, without an OAuth code.
  [401, {}, 'rejected'],
  [403, {}, 'rejected'],
  [400, {}, 'rejected'],
  [404, {}, 'misconfigured'],
  [405, {}, 'misconfigured'],
  [409, {}, 'misconfigured'],
  [410, {}, 'rejected'],
  [413, {}, 'misconfigured'],
  [422, {}, 'rejected'],
  [440, {}, 'rejected'],
  [498, {}, 'rejected'],
  [408, {}, 'transient'],
  [425, {}, 'transient'],
  [429, {}, 'transient'],
  [500, {}, 'transient'],
  [502, {}, 'transient'],
  [503, {}, 'transient'],
  [504, {}, 'transient'],
  [599, {}, 'transient'],
  // The text that frameworks put under `error` is no OAuth code.
  [401, { statusCode: 401, message: 'jwt expired', error: 'Unauthorized' }, 'rejected'],
  [403, { statusCode: 403, message: 'Forbidden resource', error: 'Forbidden' }, 'rejected'],
  [400, { statusCode: 400, message: ['refreshToken must be a string'], error: 'Bad Request' }, 'rejected'],
  [404, { statusCode: 404, message: 'Cannot POST /refresh', error: 'Not Found' }, 'misconfigured'],
  [429, { statusCode: 429, error: 'Too Many Requests' }, 'transient'],
  [500, { statusCode: 500, error: 'Internal Server Error' }, 'transient'],
  [503, { error: 'temporarily_unavailable' }, 'transient'],
  [500, { error: 'server_error' }, 'transient'],
  [401, { error: { code: 'TOKEN_EXPIRED' } }, 'rejected'],
  [401, { error: null }, 'rejected'],
  [401, { error: ['invalid_client'] }, 'rejected'],
  // Dead refresh tokens, as servers report them.
  [400, { code: 'refresh_token_not_found' }, 'rejected'],
  [400, { error: { message: 'TOKEN_EXPIRED' } }, 'rejected'],
  [400, { __type: 'NotAuthorizedException' }, 'rejected'],
  [422, { msg: 'Signature has expired' }, 'rejected'],
  [400, { title: 'One or more validation errors occurred.', status: 400, errors: {} }, 'rejected'],
  [403, { code: 'token_not_valid' }, 'rejected'],
  // A success that holds an error and no tokens is treated as a 400.
  [200, { error: 'invalid_grant' }, 'rejected'],
  [200, { error: 'bad_refresh_token', error_description: 'expired' }, 'rejected'],
  [200, { ok: false, error: 'invalid_refresh_token' }, 'rejected'],
  [200, { error: { code: 'TOKEN_EXPIRED' } }, 'rejected'],
  [200, { error: 'invalid_client' }, 'misconfigured'],
  [200, { error: null, data: {} }, 'misconfigured'],
  // A busy server is no refusal, with any status.
  [400, { error: 'temporarily_unavailable' }, 'transient'],
  [400, { error: 'server_error' }, 'transient'],
  [401, { error: 'use_dpop_nonce' }, 'transient'],
  [200, { error: 'temporarily_unavailable' }, 'transient'],
  // Texts that only resemble a code.
  [503, { error: 'not_invalid_client' }, 'transient'],
  [503, { error: 'invalid_client_metadata' }, 'transient'],
]

describe.each(Object.entries(SHAPES))('%s', (_, shape) => {
  it.each(OUTCOMES)('with %i and %j is %s', async (status, data, expected) => {
    const outcome = await classOf(shape(status, data))
    expect(outcome.class).toBe(expected)
    expect(outcome.calls).toBe(CALLS[expected])
  })
})

describe('a thrown Response', () => {
  it.each<[number, FailureClass]>([
    [301, 'misconfigured'],
    [400, 'rejected'],
    [401, 'rejected'],
    [403, 'rejected'],
    [404, 'misconfigured'],
    [408, 'transient'],
    [429, 'transient'],
    [500, 'transient'],
    [503, 'transient'],
  ])('with %i and a text is %s', async (status, expected) => {
    const outcome = await classOf(new Response('no', { status }))
    expect(outcome).toMatchObject({ class: expected, calls: CALLS[expected] })
  })
})

describe('a thrown Response with a JSON body', () => {
  it.each<[number, string, FailureClass]>([
    [400, 'invalid_grant', 'rejected'],
    [400, 'invalid_client', 'misconfigured'],
    [401, 'invalid_client', 'misconfigured'],
    [403, 'invalid_scope', 'misconfigured'],
  ])('of %i and %s is %s', async (status, error, expected) => {
    const outcome = await classOf(Response.json({ error }, { status }))
    expect(outcome).toMatchObject({ class: expected, calls: CALLS[expected] })
  })

  it('that has already been read is classed by its status', async () => {
    const response = Response.json({ error: 'invalid_grant' }, { status: 401 })
    await response.text()
    expect((await classOf(response)).class).toBe('rejected')
  })
})

describe('a refresh function that returns no tokens', () => {
  it.each<[string, unknown, FailureClass]>([
    ['an OAuth error', { error: 'invalid_grant' }, 'rejected'],
    ['an OAuth error as text', '{"error":"invalid_grant"}', 'rejected'],
    ['the error of GitHub', { error: 'bad_refresh_token', error_description: 'expired' }, 'rejected'],
    ['the error of Slack', { ok: false, error: 'invalid_refresh_token' }, 'rejected'],
    ['an error object', { error: { message: 'TOKEN_EXPIRED' } }, 'rejected'],
    ['a flag and a message', { error: true, message: 'expired' }, 'rejected'],
    ['an error of the client', { error: 'invalid_client' }, 'misconfigured'],
    ['the errors of GraphQL', { data: null, errors: [{ message: 'jwt expired' }] }, 'misconfigured'],
    ['tokens of another shape', { data: { token: 'opaque' } }, 'misconfigured'],
    ['an empty object', {}, 'misconfigured'],
    ['an empty list', [], 'misconfigured'],
    ['null', null, 'misconfigured'],
    ['an error that it caught', { data: null, error: new TypeError('Failed to fetch') }, 'misconfigured'],
    ['an empty access token', { access_token: '' }, 'misconfigured'],
    ['undefined', undefined, 'transient'],
    ['a page of a captive portal', '<!doctype html><title>Welcome</title>', 'transient'],
    ['a text', 'OK', 'transient'],
    ['the Response of a refusal', new Response('{}', { status: 401 }), 'rejected'],
    ['the Response of a broken server', new Response('', { status: 503 }), 'transient'],
    ['the Response that holds the tokens', Response.json({ access_token: 'opaque' }), 'misconfigured'],
  ])('but %s fails as the answer deserves', async (_, answer, expected) => {
    const refresh = refreshStub(async () => answer)
    const { auth, events } = open({ retry: { limit: 1, delay: 0 }, refresh })
    await auth.login(pair())
    const failing = rejection(auth.refresh())
    await pass(MINUTE)
    expect((await failing).code).toBe(expected === 'rejected' ? 'ERR_SESSION_EXPIRED' : 'ERR_REFRESH_FAILED')
    expect(events.of('refreshFailed').map(event => event.class)).toEqual(
      expected === 'rejected' ? [] : [expected],
    )
    expect(refresh.calls).toHaveLength(CALLS[expected])
  })
})

describe('an error without a status', () => {
  it.each<[string, unknown, FailureClass]>([
    ['of fetch without a network', new TypeError('Failed to fetch'), 'transient'],
    ['of axios without a network', new AxiosError('Network Error', AxiosError.ERR_NETWORK), 'transient'],
    [
      'of an axios timeout',
      new AxiosError('timeout of 1000ms exceeded', AxiosError.ECONNABORTED),
      'transient',
    ],
    ['of Node', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }), 'transient'],
    ['of an abort', new DOMException('The operation was aborted', 'AbortError'), 'transient'],
    ['of a timeout', new DOMException('The operation timed out', 'TimeoutError'), 'transient'],
    ['of a bug in the refresh function', new ReferenceError('tokens is not defined'), 'transient'],
    [
      'of an OAuth library that says invalid_grant',
      Object.assign(new Error('no'), { error: 'invalid_grant' }),
      'rejected',
    ],
    [
      'of an OAuth library that says invalid_client',
      Object.assign(new Error('no'), { error: 'invalid_client' }),
      'misconfigured',
    ],
    ['that only mentions invalid_grant in its text', new Error('invalid_grant'), 'transient'],
    ['that only describes one', { error_description: 'invalid_grant' }, 'transient'],
    [
      'of undici that refused a redirect',
      new TypeError('fetch failed', { cause: new Error('unexpected redirect') }),
      'misconfigured',
    ],
    [
      'of axios that was redirected in a circle',
      new AxiosError('Maximum number of redirects exceeded', 'ERR_FR_TOO_MANY_REDIRECTS'),
      'misconfigured',
    ],
    ['with a status that is no number', { status: 'error' }, 'transient'],
    ['with a response of status 0', { response: { status: 0, data: '' } }, 'transient'],
    ['that is undefined', undefined, 'transient'],
    ['that is a string', 'invalid_grant', 'transient'],
    ['that is a number', 401, 'transient'],
  ])('%s is classed by its kind', async (_, failure, expected) => {
    const outcome = await classOf(failure)
    expect(outcome).toMatchObject({ class: expected, calls: CALLS[expected] })
  })
})

describe('the body of an answer', () => {
  it.each<[string, number, unknown, FailureClass]>([
    ['an HTML page with 502', 502, '<html>Bad gateway</html>', 'transient'],
    ['an HTML page with 401', 401, '<html>Unauthorized</html>', 'transient'],
    ['an HTML page with 403', 403, ' <!DOCTYPE html>\n<html lang="en">', 'transient'],
    ['an HTML page with 400', 400, '<html>Bad request</html>', 'transient'],
    ['an HTML page with 404', 404, '<HTML>Not found</HTML>', 'transient'],
    ['an HTML page that begins with a comment', 403, '<!-- blocked --><html></html>', 'transient'],
    ['a part of an HTML page', 403, '<h1>403 Forbidden</h1>', 'transient'],
    ['XML', 403, '<Error><Code>AccessDenied</Code></Error>', 'rejected'],
    ['an empty string', 503, '', 'transient'],
    ['null', 503, null, 'transient'],
    ['a JSON string', 400, '"invalid_grant"', 'rejected'],
    ['a JSON string of another status', 409, '"invalid_grant"', 'misconfigured'],
    ['a JSON text of an error', 400, '{"error":"invalid_grant"}', 'rejected'],
    ['broken JSON', 409, '{"error":"invalid_grant"', 'misconfigured'],
    ['an array', 409, ['invalid_grant'], 'misconfigured'],
    ['bytes that are unread', 400, Buffer.from('{"error":"invalid_grant"}'), 'rejected'],
  ])('may be %s', async (_, status, data, expected) => {
    expect((await classOf(httpError(status, data))).class).toBe(expected)
  })
})

describe('a refusal that comes from a proxy', () => {
  const challenged = (challenge: string, status = 401): Error =>
    httpError(status, {}, { 'WWW-Authenticate': challenge, 'Content-Type': 'application/json' })

  it.each([
    'Basic realm="staging"',
    'basic',
    'Digest realm="a", nonce="b"',
    'NTLM',
    'Negotiate, NTLM',
    'Negotiate YII=',
    'Basic realm="say Bearer"',
  ])('with the challenge %s is transient', async challenge => {
    expect(await classOf(challenged(challenge))).toMatchObject({ class: 'transient', calls: 2 })
  })

  it.each([
    'Bearer',
    'Bearer error="invalid_token"',
    'DPoP algs="ES256"',
    'Bearer realm="Basic, of course"',
    'Basic realm="api", Bearer',
    'Basics',
  ])('is not assumed with the challenge %s', async challenge => {
    expect(await classOf(challenged(challenge))).toMatchObject({ class: 'rejected', calls: 1 })
  })

  it('is not assumed where the body says that the client is unknown', async () => {
    const failure = httpError(401, { error: 'invalid_client' }, { 'WWW-Authenticate': 'Basic' })
    expect((await classOf(failure)).class).toBe('misconfigured')
  })

  it('counts with 401 only', async () => {
    expect((await classOf(challenged('Basic', 403))).class).toBe('rejected')
  })

  it.each(['text/html', 'TEXT/HTML; charset=utf-8', ' text/html', 'application/xhtml+xml'])(
    'of the type %j is transient',
    async type => {
      for (const status of [401, 403])
        expect(await classOf(httpError(status, 'no', { 'content-type': type }))).toMatchObject({
          class: 'transient',
          calls: 2,
        })
    },
  )
})

describe('Retry-After', () => {
  /** How long a refresh that failed with these headers makes all requests wait, milliseconds. */
  async function waitFor(headers: Record<string, string>): Promise<number> {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { error } = await classOf(httpError(429, {}, headers), { retry: 0, autoRefresh: 'off' })
    // Of one attempt, which a minute has passed since.
    return (error.retryAt as number) - (Date.now() - MINUTE)
  }

  it.each([
    ['5', 5_000],
    [' 5\t', 5_000],
    // A date that begins and ends with digits is no number of seconds.
    // A delay of more than ten minutes is cut.
    ['2026-01-16', 10 * MINUTE],
    ['600', 10 * MINUTE],
    ['601', 10 * MINUTE],
    // Two servers on the way have added it.
    ['120, 60', 2 * MINUTE],
    ['1.5', 1_500],
    ['9'.repeat(400), 0],
    ['5 s', 0],
  ])('of %j is obeyed as far as it makes sense', async (value, expected) => {
    expect(await waitFor({ 'retry-after': value })).toBe(expected)
  })

  it.each([DAY, -DAY])(
    'as a date counts from that of the answer where the device is %i ms off',
    async off => {
      const server = START + 5 * MINUTE + off
      const headers = {
        Date: new Date(server).toUTCString(),
        'Retry-After': new Date(server + MINUTE).toUTCString(),
      }
      expect(await waitFor(headers)).toBe(MINUTE)
    },
  )

  it('is ignored where the headers cannot be read', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const failure = Object.defineProperty({ status: 503 }, 'headers', {
      get() {
        throw new Error('hostile')
      },
    })
    const outcome = await classOf(failure, { retry: 0 })
    expect(outcome).toMatchObject({
      class: 'transient',
      error: { retryAt: START + 5 * MINUTE, cause: failure },
    })
  })

  it('comes with the error of a preset, which shows no header to a logger', async () => {
    const answer = new Response(null, {
      status: 503,
      headers: { Date: 'now', 'Set-Cookie': 'a=b', 'X-Token': 'secret' },
    })
    const auth = track(
      createAuth({
        refresh: refreshRequest({ url: 'https://api.example/r', fetch: async () => answer }),
        retry: 0,
      }),
    )
    await auth.login(pair())
    const { cause } = await rejection(auth.refresh())
    expect(cause).toMatchObject({ status: 503 })
    expect(Object.keys(cause as object)).toEqual([])
    expect(inspect(cause)).not.toContain('secret')
  })
})

describe('the message of a failed refresh', () => {
  it.each<[string, unknown, FailureClass, string]>([
    [
      'an answer without members',
      {},
      'misconfigured',
      ': Not a token answer: access_token must be a string without white space or control characters, got undefined; members: ',
    ],
    ['no answer', undefined, 'transient', ': Not a token answer: undefined'],
  ])('names the mistake in %s', async (_, answer, kind, rest) => {
    const { auth } = open({ retry: 0, refresh: refreshStub(async () => answer) })
    await auth.login(pair())
    const error = await rejection(auth.refresh())
    expect(error.message).toBe(`Refresh failed (${kind}, attempts: 1)${rest}`)
  })

  it.each([
    new TypeError('Failed to fetch'),
    new TypeError('rt-secret: Not a token answer'),
    new TypeError('rt-secret: The refresh function'),
    new Error('Not a token answer: rt-secret'),
    { message: 'Not a token answer: rt-secret' },
  ])('leaves the words of others to its cause: %s', async failure => {
    const { error } = await classOf(failure, { retry: 0 })
    expect(error.message).toBe('Refresh failed (transient, attempts: 1), see cause')
    expect(error.cause).toBe(failure)
  })
})

describe('classify', () => {
  it.each<[FailureClass, number]>([
    ['rejected', 503],
    ['misconfigured', 503],
    ['transient', 401],
  ])('may say %s of a %i', async (kind, status) => {
    const failure = httpError(status)
    const classify = vi.fn((_: RefreshFailure) => kind)
    const outcome = await classOf(failure, { classify })
    expect(outcome).toMatchObject({ class: kind, calls: CALLS[kind] })
    expect(classify.mock.calls[0]?.[0]).toMatchObject({ status, cause: failure })
  })

  const seen = async (failure: unknown): Promise<RefreshFailure> => {
    const classify = vi.fn((_: RefreshFailure): FailureClass | undefined => 'misconfigured')
    await classOf(failure, { classify })
    return classify.mock.calls[0]?.[0] as RefreshFailure
  }

  it.each<[string, unknown]>([
    ['an error with a response', httpError(409, { code: 'GONE' }, { 'X-Code': '7' })],
    ['an axios error', SHAPES['an axios error']?.(409, { code: 'GONE' })],
    ['an unparsed body', httpError(409, '{"code":"GONE"}', { 'X-Code': '7' })],
    ['a thrown Response', Response.json({ code: 'GONE' }, { status: 409, headers: { 'X-Code': '7' } })],
  ])('sees status, body, headers and cause of %s', async (_, failure) => {
    const { status, body, headers, cause } = await seen(failure)
    expect([status, body, cause]).toEqual([409, { code: 'GONE' }, failure])
    expect(headers?.get('x-code')).toBe(failure instanceof AxiosError ? null : '7')
  })

  it('sees the text of a body that is no JSON', async () => {
    expect((await seen(httpError(409, 'gone'))).body).toBe('gone')
  })

  it('sees only the cause of a failure without an answer', async () => {
    const broken = new TypeError('Failed to fetch')
    const failure = await seen(broken)
    expect(failure.cause).toBe(broken)
    expect(['status', 'body', 'headers'].filter(name => name in failure)).toEqual([])
  })

  it.each([httpError(409, { token: 'secret' }, { 'X-Token': 'secret' }), new Error('secret')])(
    'is given nothing that a logger prints: %s',
    async failure => {
      const printed = await seen(failure)
      expect(Object.keys(printed)).toEqual([])
      expect([inspect(printed), JSON.stringify(printed)].join()).not.toContain('secret')
      expect(JSON.stringify({ ...printed })).toBe('{}')
    },
  )

  it('sees the answer that holds no tokens', async () => {
    const classify = vi.fn(({ body }: RefreshFailure): FailureClass | undefined =>
      (body as { code?: string }).code === 'EXPIRED' ? 'rejected' : undefined,
    )
    const { auth, refresh } = open({ refresh: refreshStub(async () => ({ code: 'EXPIRED' })), classify })
    await auth.login(pair())
    expect((await rejection(auth.refresh())).code).toBe('ERR_SESSION_EXPIRED')
    expect(classify.mock.calls[0]?.[0]).toMatchObject({ status: 200, body: { code: 'EXPIRED' } })
    expect(refresh.calls).toHaveLength(1)
  })

  it('may ignore headers that no header can be', async () => {
    const { headers } = await seen(httpError(409, {}, { 'not a name': 'x', 'X-Code': '7' }))
    expect([...(headers ?? [])]).toEqual([['x-code', '7']])
  })

  it.each<[number, FailureClass]>([
    [401, 'rejected'],
    [404, 'misconfigured'],
    [503, 'transient'],
  ])('that says undefined keeps the default for %i', async (status, expected) => {
    expect((await classOf(httpError(status), { classify: () => undefined })).class).toBe(expected)
  })

  it('that throws is a warning, and the default counts', async () => {
    const broken = new Error('broken classifier')
    const refresh = refreshStub(() => Promise.reject(httpError(404)))
    const { auth, events } = open({
      refresh,
      classify: () => {
        throw broken
      },
    })
    await auth.login(pair())
    const error = await rejection(auth.refresh())
    expect(error.code).toBe('ERR_REFRESH_FAILED')
    expect(events.of('refreshFailed')).toMatchObject([{ class: 'misconfigured' }])
    expect(events.of('warning')).toMatchObject([{ error: { cause: broken } }])
  })

  it('that says nonsense does not lose the session', async () => {
    const outcome = await classOf(httpError(503), { classify: () => 'nonsense' as never })
    expect(outcome.class).not.toBe('rejected')
  })

  it('is asked once per failed attempt', async () => {
    const classify = vi.fn(() => undefined)
    await classOf(httpError(503), { classify })
    expect(classify).toHaveBeenCalledTimes(2)
  })
})

describe('a misconfigured refresh', () => {
  it('keeps the session, shows the error, and is not retried by itself', async () => {
    const refresh = refreshStub(() => Promise.reject(httpError(404)))
    const { auth, events } = open({ refresh })
    const tokens = pair()
    await auth.login(tokens)
    const error = await rejection(auth.refresh())
    expect(refresh.calls).toHaveLength(1)
    expect(error).toMatchObject({
      code: 'ERR_REFRESH_FAILED',
      attempts: 1,
      cause: { response: { status: 404 } },
    })
    expect(auth.getState()).toMatchObject({ status: 'authenticated', error })
    expect(events.of('refreshFailed')).toMatchObject([{ error, class: 'misconfigured', attempts: 1 }])
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
  })

  it('heals when it is tried again', async () => {
    const refresh = refreshStub((_, number) =>
      number === 1 ? Promise.reject(httpError(404)) : Promise.resolve(pair()),
    )
    const { auth } = open({ refresh })
    await auth.login(pair())
    await rejection(auth.refresh())
    await auth.refresh()
    expect(auth.getState()).not.toHaveProperty('error')
  })
})
