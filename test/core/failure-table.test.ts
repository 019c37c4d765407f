import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { createAuth, type FailureClass, type RefreshRequestOptions, refreshRequest } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { MINUTE, pair, pass, rejection, track, useFakeTime } from '../support/core.js'

useFakeTime()

const JSON_TYPE = 'application/json'

/** The columns: an answer's content type and body. */
const COLUMNS = {
  nothing: [undefined, null],
  'an empty object': [JSON_TYPE, '{}'],
  message: [JSON_TYPE, '{"message":"no"}'],
  invalid_grant: [JSON_TYPE, '{"error":"invalid_grant"}'],
  invalid_client: [JSON_TYPE, '{"error":"invalid_client"}'],
  invalid_request: [JSON_TYPE, '{"error":"invalid_request"}'],
  invalid_scope: [JSON_TYPE, '{"error":"invalid_scope"}'],
  'another code': [JSON_TYPE, '{"error":"bad_refresh_token"}'],
  'problem+json': ['application/problem+json; charset=utf-8', '{"title":"no"}'],
  'plain text': ['text/plain', 'no'],
  'an HTML page': ['text/html; charset=utf-8', '<!doctype html><title>no</title>'],
  'JSON called HTML': ['text/html', '{"message":"no"}'],
} as const satisfies Record<string, readonly [type: string | undefined, body: string | null]>

type Column = keyof typeof COLUMNS

const CLASSES: Record<string, FailureClass> = { R: 'rejected', M: 'misconfigured', T: 'transient' }

/**
 * R rejected, M misconfigured, T transient; a column each, in the order above. The second string is for a session that
 * the endpoint has refreshed before.
 */
const TABLE: [status: number, first: string, later: string][] = [
  [200, 'T M M R M M M R M T T T', 'T M M R M M M R M T T T'],
  [201, 'T M M R M M M R M T T T', 'T M M R M M M R M T T T'],
  [301, 'M M M R M M M M M M M M', 'M R R R M M M R R M M M'],
  [302, 'M M M R M M M M M M M M', 'M R R R M M M R R M M M'],
  [307, 'M M M R M M M M M M M M', 'M R R R M M M R R M M M'],
  [400, 'R R R R M M M R R R T T', 'R R R R M M M R R R T T'],
  [401, 'R R R R M R R R R R T T', 'R R R R M R R R R R T T'],
  [402, 'M M M R M M M M M M T T', 'M R R R M M M R R M T T'],
  [403, 'R R R R M M M R R R T T', 'R R R R M M M R R R T T'],
  [404, 'M M M R M M M M M M T T', 'M R R R M M M R R M T T'],
  [405, 'M M M R M M M M M M T T', 'M R R R M M M R R M T T'],
  [408, 'T T T R M M M T T T T T', 'T T T R M M M T T T T T'],
  [409, 'M M M R M M M M M M T T', 'M R R R M M M R R M T T'],
  [410, 'R R R R M M M R R R T T', 'R R R R M M M R R R T T'],
  [415, 'M M M R M M M M M M T T', 'M R R R M M M R R M T T'],
  [419, 'M M M R M M M M M M T T', 'M R R R M M M R R M T T'],
  [422, 'R R R R M M M R R R T T', 'R R R R M M M R R R T T'],
  [425, 'T T T R M M M T T T T T', 'T T T R M M M T T T T T'],
  [429, 'T T T R M M M T T T T T', 'T T T R M M M T T T T T'],
  [440, 'R R R R M M M R R R T T', 'R R R R M M M R R R T T'],
  [498, 'R R R R M M M R R R T T', 'R R R R M M M R R R T T'],
  [500, 'T T T R M M M T T T T T', 'T T T R M M M T T T T T'],
  [503, 'T T T R M M M T T T T T', 'T T T R M M M T T T T T'],
  [511, 'T T T R M M M T T T T T', 'T T T R M M M T T T T T'],
]

const rows = (index: 1 | 2) =>
  TABLE.flatMap(row =>
    row[index]
      .split(' ')
      .map((letter, at): [number, Column, FailureClass] => [
        row[0],
        Object.keys(COLUMNS)[at] as Column,
        CLASSES[letter] as FailureClass,
      ]),
  )

/** An answer of the auth server, as `fetch` hands it over. */
function answerWith(status: number, type: string | undefined, body: string | null, headers = {}): Response {
  const isEmpty = status === 204 || status === 304
  const response = new Response(isEmpty ? null : body, { status, headers })
  if (type) response.headers.set('Content-Type', type)
  else response.headers.delete('Content-Type')
  return response
}

/** The class of a refresh that the endpoint answers so, and how many requests reached it. */
async function classOf(
  respond: () => Response,
  { refreshed = 0, ...options }: Partial<RefreshRequestOptions> & { refreshed?: number } = {},
): Promise<{ class: FailureClass; calls: number; message: string; cause: Error }> {
  let calls = 0
  let good = refreshed
  const auth = track(
    createAuth({
      retry: { limit: 1, delay: 0 },
      refresh: refreshRequest({
        url: 'https://api.example/refresh',
        ...options,
        fetch: async () => {
          if (good-- > 0) return Response.json(pair())
          calls++
          return respond()
        },
      }),
    }),
  )
  const classes: FailureClass[] = []
  const ends: string[] = []
  auth.on('refreshFailed', event => void classes.push(event.class))
  auth.on('sessionExpired', event => void ends.push(event.reason))
  await auth.login(pair())
  for (let time = 0; time < refreshed; time++) await auth.refresh()
  await pass(5 * MINUTE)
  const failing = rejection(auth.getAccessToken())
  await pass(MINUTE)
  const { message, cause } = await failing
  const isOver = auth.getState().status === 'expired'
  expect(ends).toEqual(isOver ? ['refresh_rejected'] : [])
  return {
    class: isOver ? 'rejected' : (classes[0] as FailureClass),
    calls,
    message,
    cause: cause as Error,
  }
}

const CALLS: Record<FailureClass, number> = { rejected: 1, misconfigured: 1, transient: 2 }

describe('the first refresh of a session', () => {
  it.each(rows(1))('that is answered %i with %s is %s', async (status, column, expected) => {
    const [type, body] = COLUMNS[column]
    const outcome = await classOf(() => answerWith(status, type, body))
    expect(outcome).toMatchObject({ class: expected, calls: CALLS[expected] })
  })
})

describe('a refresh of a session that the endpoint has refreshed before', () => {
  it.each(rows(2))('that is answered %i with %s is %s', async (status, column, expected) => {
    const [type, body] = COLUMNS[column]
    const outcome = await classOf(() => answerWith(status, type, body), { refreshed: 1 })
    expect(outcome).toMatchObject({ class: expected, calls: CALLS[expected] })
  })
})

describe('the message of a refresh that failed', () => {
  const outcome = async (
    respond: () => Response,
    options: Parameters<typeof classOf>[1] = {},
  ): Promise<{ message: string; cause: Error }> => classOf(respond, options)

  it.each<[string, () => Response, Partial<RefreshRequestOptions>, string]>([
    [
      'a wrong URL',
      () => answerWith(404, JSON_TYPE, '{"statusCode":404,"message":"Cannot POST /refresh"}'),
      {},
      'The refresh endpoint answered 404, application/json with the members statusCode, message; check `url`',
    ],
    [
      'a wrong method',
      () => answerWith(405, undefined, null),
      {},
      'The refresh endpoint answered 405; check `url`',
    ],
    [
      'a body of another type',
      () => answerWith(415, 'text/plain; charset=utf-8', 'no'),
      {},
      'The refresh endpoint answered 415, text/plain; check `send`, `field`, `body` and `headers`',
    ],
    [
      'an answer of another shape',
      () => answerWith(200, 'application/json; charset=utf-8', '{"data":{"token":"opaque-value"}}'),
      {},
      'The refresh endpoint answered 200, application/json with the members data, without an access token; map it with the option `read` of createAuth',
    ],
    [
      'JSON by the name that Amazon Cognito has for it',
      () => answerWith(200, 'application/x-amz-json-1.1', '{"AuthenticationResult":{"AccessToken":"a"}}'),
      {},
      'The refresh endpoint answered 200, application/x-amz-json-1.1 with the members AuthenticationResult, without an access token; map it with the option `read` of createAuth',
    ],
    [
      'an answer that `read` does not understand',
      () => answerWith(200, JSON_TYPE, '{"result":{"jwt":"opaque-value"}}'),
      { read: async response => ((await response.json()) as { data: { tokens: object } }).data.tokens },
      'The refresh endpoint answered 200, application/json with the members result, without an access token; map it with the option `read` of createAuth',
    ],
    [
      'a redirect',
      () => answerWith(301, 'text/html', '<html>Moved</html>', { Location: '/refresh/?opaque-value' }),
      {},
      'The refresh endpoint answered 301, text/html; a redirect is not followed: set `url` to the final address',
    ],
    [
      'a missing CSRF header',
      () => answerWith(403, JSON_TYPE, '{"message":"CSRF token mismatch"}'),
      { csrf: { cookie: 'XSRF-TOKEN', header: 'X-XSRF-TOKEN' } },
      'The refresh endpoint answered 403, application/json with the members message; check `csrf`',
    ],
    [
      'a client that is unknown',
      () => answerWith(400, JSON_TYPE, '{"error":"invalid_client","opaque-value":1}'),
      {},
      'The refresh endpoint answered 400 (invalid_client), application/json with the members error; check `send`, `field`, `body` and `headers`',
    ],
    [
      'a client that is unknown, as a server says it that takes it for unauthorized',
      () => answerWith(401, JSON_TYPE, '{"error":"invalid_client"}'),
      {},
      'The refresh endpoint answered 401 (invalid_client), application/json with the members error; check `send`, `field`, `body` and `headers`',
    ],
  ])('after %s names the answer and the option', async (_, respond, options, expected) => {
    const { message, cause } = await outcome(respond, options)
    expect(message).toBe(`Refresh failed (misconfigured, attempts: 1): ${expected}`)
    expect(cause.message).toBe(expected)
  })

  it('after a wrong field tells of the end, and why', async () => {
    const { message, cause } = await outcome(() => answerWith(422, JSON_TYPE, '{"detail":[]}'))
    const expected =
      'The refresh endpoint answered 422, application/json with the members detail; check `send`, `field`, `body` and `headers`'
    expect(message).toBe(`Session expired (refresh_rejected): log in again: ${expected}`)
    expect(cause.message).toBe(expected)
  })

  it.each([
    ['member', '{"opaque-value-in-a-name":1,"opaquevalueopaquevalueopaquevalue":1}'],
    ['code', '{"error":"opaque-value"}'],
    ['long code', `{"error":"${'opaque_value'.repeat(4)}"}`],
    ['code with digits', '{"error":"opaque1value"}'],
    ['text', 'opaque-value'],
    ['list', '["opaque-value"]'],
  ])('never quotes a %s of the answer', async (_, body) => {
    const { message, cause } = await outcome(() => answerWith(404, JSON_TYPE, body), { refreshed: 0 })
    for (const text of [message, cause.message, inspect(cause), JSON.stringify(cause)])
      expect(text).not.toMatch(/opaque.?value/)
  })
})

describe('a redirect of the refresh endpoint', () => {
  it('is seen as such in a browser, which shows nothing of it', async () => {
    const opaque = Object.defineProperties(Response.error(), { type: { value: 'opaqueredirect' } })
    const { message, ...outcome } = await classOf(() => opaque)
    expect(outcome).toMatchObject({ class: 'misconfigured', calls: 1 })
    expect(message).toContain('a redirect is not followed: set `url` to the final address')
  })

  it.each([301, 302, 303, 307, 308])('is not followed on Node with %i', async status => {
    vi.useRealTimers()
    const paths: string[] = []
    const server = createServer(({ url }, response) => {
      paths.push(`${url}`)
      response.writeHead(status, { Location: '/refresh/' }).end()
    })
    const port = await new Promise<number>(resolve =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
    )
    const url = `http://127.0.0.1:${port}/refresh`
    const auth = track(createAuth({ refresh: refreshRequest({ url }) }))
    await auth.login(pair())
    const error = await rejection(auth.refresh())
    expect(error.message).toMatch(/misconfigured.*redirect/)
    expect(auth.getState().status).toBe('authenticated')
    expect(paths).toEqual(['/refresh'])
    server.close()
  })
})

describe('a proxy between page and auth server', () => {
  it.each([401, 403])(
    'keeps the session alive with a page of status %i, and the refresh works later',
    async status => {
      let isBlocked = true
      let calls = 0
      const auth = track(
        createAuth({
          refresh: refreshRequest({
            url: 'https://api.example/refresh',
            fetch: async () => {
              calls++
              return isBlocked
                ? answerWith(status, 'text/html', '<h1>Blocked</h1>')
                : Response.json({ access_token: 'opaque', expires_in: 300 })
            },
          }),
        }),
      )
      await auth.login(pair())
      await pass(5 * MINUTE)
      const failing = rejection(auth.getAccessToken())
      await pass(MINUTE)
      expect((await failing).code).toBe('ERR_REFRESH_FAILED')
      expect(calls).toBe(3)
      isBlocked = false
      await pass(MINUTE)
      expect(await auth.getAccessToken()).toBe('opaque')
      expect(calls).toBe(4)
    },
  )
})

describe('a 2xx answer that `read` has used up', () => {
  const read = async (response: Response) => {
    const { data } = (await response.json()) as { data: { token: string } }
    return { accessToken: data.token }
  }

  it.each<[string, string, string | null, FailureClass]>([
    ['an OAuth error', JSON_TYPE, '{"error":"invalid_grant"}', 'rejected'],
    ['an error of its own', JSON_TYPE, '{"data":{},"error":"expired"}', 'rejected'],
    ['no tokens', JSON_TYPE, '{"data":{}}', 'misconfigured'],
    ['the page of a captive portal', 'text/html', '<h1>Welcome</h1>', 'transient'],
    ['nothing', 'text/plain', null, 'transient'],
  ])('and that holds %s is %s', async (_, type, body, expected) => {
    const outcome = await classOf(() => answerWith(200, type, body), { read })
    expect(outcome).toMatchObject({ class: expected, calls: CALLS[expected] })
  })
})

describe('the CSRF token of a refresh', () => {
  const csrf = { cookie: 'XSRF-TOKEN', header: 'X-XSRF-TOKEN' }

  it.each<[number, string, FailureClass]>([
    [403, '{"message":"CSRF token mismatch"}', 'misconfigured'],
    [419, '{"message":"CSRF token mismatch"}', 'misconfigured'],
    [401, '{"message":"no"}', 'rejected'],
    [403, '{"error":"invalid_grant"}', 'rejected'],
  ])('may be wrong where the server answers %i %s: %s', async (status, body, expected) => {
    for (const refreshed of [0, 1]) {
      const outcome = await classOf(() => answerWith(status, JSON_TYPE, body), { csrf, refreshed })
      expect(outcome).toMatchObject({ class: expected, calls: CALLS[expected] })
    }
  })
})
