/** Failed refreshes with clients that keep the body of an answer under a name of their own. */
import type { FailureClass } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { MINUTE, open, pair, pass, refreshStub, settle, useFakeTime, watch } from '../support/core.js'

useFakeTime()

/** The class of a refresh that fails so, and how many requests there were. */
async function classOf(failure: unknown): Promise<[kind: FailureClass | undefined, calls: number]> {
  const refresh = refreshStub(() => Promise.reject(failure))
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
