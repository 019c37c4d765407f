/** Reading answers, times and records: cases that a session meets too seldom to show each of them. */
import { describe, expect, it, vi } from 'vitest'
import { CLEAR } from '../../src/core/backoff.js'
import { AnswerError, cloneError, explain, SessionExpiredError } from '../../src/core/errors.js'
import { classifyFailure } from '../../src/core/failure.js'
import { createView, initialStateOf, withInitialState } from '../../src/core/initial-state.js'
import { readEnd, readInstant, readSeconds, smallest } from '../../src/core/instants.js'
import { mapAnswer } from '../../src/core/read.js'
import { isHtmlPage, readFailure, readRetryAfter } from '../../src/core/read-failure.js'
import { EMPTY, isNewer, parseRecord, type SessionRecord } from '../../src/core/record.js'
import type { Engine } from '../../src/core/state.js'
import { parseText } from '../../src/core/storage.js'
import { learnBackoff } from '../../src/core/update.js'
import { abortReason, unlessAborted } from '../../src/core/waiting.js'

const record = (members: Partial<SessionRecord> = {}): SessionRecord => ({
  ...EMPTY,
  generation: 1,
  version: 1,
  savedAt: 1,
  accessToken: 'at',
  ...members,
})

describe('a page in HTML', () => {
  it.each([
    ['text/html', '{}', true],
    [' Text/HTML; charset=utf-8', '', true],
    ['application/xhtml+xml', '', true],
    ['text/plain; was text/html', '<html>', false],
    ['application/json', '<html>', false],
    [undefined, ' \n<!doctype html>', true],
    [undefined, '<head>', true],
    [undefined, 'see <html>', false],
    [undefined, '<problem/>', false],
    [undefined, { html: '<html>' }, false],
    [undefined, ['<html>'], false],
  ])('is recognised by its type %j and its body %j: %s', (type, body, expected) => {
    expect(isHtmlPage(type ? { 'Content-Type': type } : {}, body)).toBe(expected)
  })
})

describe('a challenge of a proxy', () => {
  it.each([
    ['Negotiate', true],
    ['NTLM, Negotiate', true],
    ['Digest realm="a, Bearer b"', true],
    ['Negotiate realm="never ends, Bearer', true],
    ['"Bearer" Negotiate', true],
    ['Basic realm="x", Bearer', false],
    ['Negotiate, Bearer realm="x"', false],
  ])('%j is one: %s', async (header, expected) => {
    const failure = await readFailure({ status: 401, headers: { 'WWW-Authenticate': header } })
    expect(failure.isProxy).toBe(expected)
  })

  it('counts with status 401 alone', async () => {
    const headers = { 'WWW-Authenticate': 'Negotiate' }
    expect((await readFailure({ status: 403, headers })).isProxy).toBe(false)
  })
})

describe('the body of a failure', () => {
  it.each<[string, object, unknown]>([
    ['data of its response', { response: { data: { a: 1 } }, data: { b: 1 } }, { a: 1 }],
    ['its own data', { response: {}, data: { b: 1 } }, { b: 1 }],
    ['null of its response', { response: { data: null }, data: { b: 1 } }, null],
    ['body of its response', { response: { body: 'c' }, body: 'd' }, 'c'],
    ['its own body', { response: {}, body: 'd', error: 'e' }, 'd'],
    ['its error', { error: 'e' }, 'e'],
  ])('is the %s', async (_name, failure, body) => {
    expect((await readFailure(failure)).body).toEqual(body)
  })

  it('is the error where the response was read before', async () => {
    const response = new Response('{"from":"the response"}')
    await response.text()
    const failure = Object.assign(response, { error: { from: 'the error' } })
    expect((await readFailure(failure)).body).toEqual({ from: 'the error' })
  })
})

describe('a redirect', () => {
  it.each([
    [299, false],
    [300, true],
    [399, true],
    [400, false],
  ])('has a status such as %i: %s', async (status, expected) => {
    expect((await readFailure({ status })).isRedirect).toBe(expected)
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2026-11-29T12:00:00Z')
  it.each([
    ['120', 120_000],
    [' 1.5 ', 1_500],
    ['30, 60', 30_000],
    ['in 30', 0],
    ['soon', 0],
    ['Sun, 29 Nov 2026 12:00:10 GMT', 10_000],
    ['Sun, 29 Nov 2026 11:00:10 GMT', 0],
  ])('%j is %i milliseconds', (value, expected) => {
    expect(readRetryAfter({ headers: { 'Retry-After': value } }, now)).toBe(expected)
  })

  it('is counted from the clock of the server where that is known', () => {
    const headers = { 'retry-after': 'Sun, 29 Nov 2026 12:00:10 GMT', date: 'Sun, 29 Nov 2026 12:00:08 GMT' }
    expect(readRetryAfter({ response: { headers } }, now)).toBe(2_000)
  })

  it('may be a date of the older format that ends with the year', () => {
    const headers = { 'retry-after': 'Sun Nov 29 12:00:10 2026', date: 'Sun Nov 29 12:00:08 2026' }
    expect(readRetryAfter({ headers }, now)).toBe(2_000)
  })
})

describe('the text of a storage', () => {
  it.each([
    ['{"a":1}', { a: 1 }],
    ['{', null],
    ['', null],
    [undefined, null],
    [null, null],
  ])('%j reads as %j', (text, expected) => {
    expect(parseText(text)).toEqual(expected)
  })
})

describe('a stored record', () => {
  it.each<[string, object, boolean]>([
    ['tokens to revoke', { revoke: [{ accessToken: 'a', refreshToken: 'r' }] }, true],
    ['one token to revoke', { revoke: [{ refreshToken: 'r' }] }, true],
    ['a number to revoke', { revoke: [{ accessToken: 'a', refreshToken: 7 }] }, false],
    ['another number to revoke', { revoke: [{ accessToken: 7, refreshToken: 'r' }] }, false],
    ['a text to revoke', { revoke: 'r' }, false],
    ['an object to revoke', { revoke: { accessToken: 'a' } }, false],
    ['a list that holds a number', { revoke: [7] }, true],
    ['an unknown reason', { ended: 'moved' }, true],
    ['a reason that is no word', { ended: 'x'.repeat(40) }, false],
    ['a generation without a next', { generation: Number.MAX_SAFE_INTEGER }, false],
  ])('with %s can be read: %s', (_name, members, expected) => {
    expect(parseRecord(record(members as Partial<SessionRecord>)) !== null).toBe(expected)
  })
})

describe('the order of two records', () => {
  it('follows the generation, then the version, and no record comes after itself', () => {
    expect(isNewer(record({ generation: 2 }), record({ version: 9 }))).toBe(true)
    expect(isNewer(record({ version: 9 }), record({ generation: 2 }))).toBe(false)
    expect(isNewer(record({ version: 2 }), record())).toBe(true)
    expect(isNewer(record(), record())).toBe(false)
  })

  it('prefers the longer life between records of one token that follow the same record', () => {
    const short = record({ version: 2.25, expiresAt: 1_000 })
    const long = record({ version: 2.5, expiresAt: 2_000 })
    expect([isNewer(long, short), isNewer(short, long)]).toEqual([true, false])
    const other = record({ version: 2.5, expiresAt: 500, accessToken: 'other' })
    expect([isNewer(other, short), isNewer(short, other)]).toEqual([true, false])
  })
})

describe('the reason of an abort', () => {
  const signal = (reason?: unknown): AbortSignal => ({ reason }) as AbortSignal

  it('is that of the signal, any value but undefined', () => {
    expect([abortReason(signal('why')), abortReason(signal(null))]).toEqual(['why', null])
  })

  it('is an AbortError where the signal has none, also without DOMException', () => {
    expect(abortReason(signal())).toBeInstanceOf(DOMException)
    expect(abortReason(signal())).toMatchObject({ name: 'AbortError', message: 'The operation was aborted' })
    vi.stubGlobal('DOMException', undefined)
    const error = abortReason(signal())
    vi.unstubAllGlobals()
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'AbortError', message: 'The operation was aborted' })
  })
})

it('a promise that never settles gives way to a signal that was aborted before', async () => {
  const endless = new Promise(() => {})
  await expect(unlessAborted(endless, AbortSignal.abort('why'))).rejects.toBe('why')
})

describe('an instant', () => {
  it.each<[unknown, number]>([
    [1_800_000_000, 1_800_000_000_000],
    ['1800000000', 1_800_000_000_000],
    [' 1800000000 ', 1_800_000_000_000],
    [1e11, 1e14],
    [1e11 + 1, 1e11 + 1],
    ['2027-01-15T08:00:00Z', 1_800_000_000_000],
    ['2027-01-15t08:00:00.000+0000', 1_800_000_000_000],
    ['2027-01-15T09:00:00+01:00', 1_800_000_000_000],
    ['x2027-01-15T08:00:00Z', Number.NaN],
    ['2027-01-15T08:00:00Z (UTC)', Number.NaN],
    ['(UTC) 2027-01-15T08:00:00Z', Number.NaN],
    ['2027-01-15T08:00:00', Number.NaN],
    ['  ', Number.NaN],
    ['', Number.NaN],
    [null, Number.NaN],
    [true, Number.NaN],
    [['1800000000'], Number.NaN],
    [[['2027-01-15T08:00:00Z']], Number.NaN],
  ])('of %j is %d', (value, expected) => {
    expect(readInstant(value)).toBe(expected)
  })
})

describe('a lifetime', () => {
  const FOR_EVER = 1.5e12

  it.each([
    [[3, 2, 5], 2],
    [[3, 0, -1, Number.NaN], 3],
    [[FOR_EVER, 7], 7],
    [[FOR_EVER - 1], FOR_EVER - 1],
    [[FOR_EVER], undefined],
    [[0, -1], undefined],
    [[], undefined],
  ])('of %j is the smallest positive one that can be: %s', (values, expected) => {
    expect(smallest(...values)).toBe(expected)
  })

  it.each([
    [300, 0],
    ['300', 0],
    [0, 0],
    [-1, 1],
    [FOR_EVER / 1_000, 1],
    ['soon', 1],
    [undefined, 0],
    [null, 0],
    ['', 0],
  ])('of %j seconds in an answer causes %i warnings', (value, count) => {
    const warnings: string[] = []
    readSeconds('expires_in', value, warnings)
    expect(warnings).toHaveLength(count)
  })

  it.each([
    ['2027-01-15T08:00:00Z', 0],
    [0, 0],
    [-1, 1],
    ['soon', 1],
    [null, 0],
  ])('that ends at %j causes %i warnings', (value, count) => {
    const warnings: string[] = []
    readEnd(value, warnings)
    expect(warnings).toHaveLength(count)
  })
})

describe('a failure', () => {
  const classOf = (error: unknown, isProven = false, isRestore = false) =>
    classifyFailure(error, { isProven, isRestore }, undefined, () => {})

  it.each<[string, unknown, string]>([
    ['299 with an error', { status: 299, data: { error: 'denied' } }, 'rejected'],
    ['300 without a body', { status: 300 }, 'misconfigured'],
    ['300 with JSON', { status: 300, data: {} }, 'misconfigured'],
    ['400 with an empty error', { status: 400, data: { error: '' } }, 'rejected'],
    ['409 with an error that is a number', { status: 409, data: { error: 7 } }, 'misconfigured'],
    ['499 with JSON', { status: 499, data: {} }, 'misconfigured'],
    ['500 with JSON', { status: 500, data: {} }, 'transient'],
  ])('of %s is classed', async (_name, error, expected) => {
    expect(await classOf(error)).toBe(expected)
  })

  it('with a code that is no text, or empty, has the class of its status and of its server', async () => {
    const ofProxy = { 'WWW-Authenticate': 'Negotiate' }
    for (const error of [{ reason: 'x' }, '', 7]) {
      expect(await classOf({ response: { status: 401, data: { error }, headers: ofProxy } })).toBe(
        'transient',
      )
      expect(await classOf({ response: { status: 401, data: { error } } })).toBe('rejected')
    }
  })

  it('of a redirect has no code', async () => {
    const failure = { response: { status: 300, data: { error: 'invalid_request' } } }
    expect(await classOf(failure, false, true)).toBe('misconfigured')
  })

  it('whose class the application cannot name has the default, and the mistake is named', async () => {
    const causes: unknown[] = []
    const choose = () => 'maybe' as never
    const kind = await classifyFailure({ status: 503 }, {}, choose, cause => void causes.push(cause))
    expect(kind).toBe('transient')
    expect(causes).toEqual([new TypeError('classify returned string, which is no class')])
  })

  it('of a missing parameter rejects a visitor alone, and with status 400 alone', async () => {
    const missing = (status: number) => ({ status, data: { error: 'invalid_request' } })
    expect(await classOf(missing(400), false, true)).toBe('rejected')
    expect(await classOf(missing(400))).toBe('misconfigured')
    expect(await classOf(missing(409), false, true)).toBe('misconfigured')
  })
})

describe('an error for another call on a platform without a limit of stacks', () => {
  it('adds no such limit', () => {
    const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')!
    Reflect.deleteProperty(Error, 'stackTraceLimit')
    try {
      cloneError(new SessionExpiredError('no_refresh_token'))
      expect('stackTraceLimit' in Error).toBe(false)
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', limit)
    }
  })
})

describe('an error for another call', () => {
  it('is the same failure with the stack of the first, and leaves the platform as it was', () => {
    const limit = Error.stackTraceLimit
    const first = new SessionExpiredError('refresh_rejected', new Error('why'))
    const clone = cloneError(first)
    expect(clone).toBeInstanceOf(SessionExpiredError)
    expect(clone).not.toBe(first)
    expect([clone.message, clone.code, clone.reason, clone.stack]).toEqual([
      first.message,
      first.code,
      first.reason,
      first.stack,
    ])
    expect(clone.cause).toBe(first.cause)
    expect(Object.keys(clone)).toEqual(Object.keys(first))
    expect(Error.stackTraceLimit).toBe(limit)
  })

  it('takes no stack of its own: the limit of V8 is 0 meanwhile', () => {
    const first = new SessionExpiredError('refresh_rejected')
    const limit = Error.stackTraceLimit
    const set = vi.fn()
    Object.defineProperty(Error, 'stackTraceLimit', { configurable: true, get: () => limit, set })
    const clone = cloneError(first)
    Object.defineProperty(Error, 'stackTraceLimit', { value: limit, writable: true })
    expect(set.mock.calls).toEqual([[0], [limit]])
    expect(clone.stack).toBe(first.stack)
  })

  it('leaves a limit of 0 alone', () => {
    const limit = Error.stackTraceLimit
    const first = new SessionExpiredError('refresh_rejected')
    Error.stackTraceLimit = 0
    const clone = cloneError(first)
    const after = Error.stackTraceLimit
    Error.stackTraceLimit = limit
    expect([after, clone.stack]).toEqual([0, first.stack])
  })
})

describe('the end of a message', () => {
  it.each<[string, unknown, string]>([
    ['our own answer', new AnswerError('The endpoint answered 400', {}), ': The endpoint answered 400'],
    ['our own TypeError', new TypeError('Not a token answer: null'), ': Not a token answer: null'],
    ['a TypeError of others', new TypeError('Failed to fetch'), ', see cause'],
    ['an error of others', new Error('The refresh function'), ', see cause'],
    ['no error', undefined, ', see cause'],
  ])('tells of %s', (_name, cause, expected) => {
    expect(explain(cause)).toBe(expected)
  })

  it('has no cause where the session ended without one', () => {
    expect(new SessionExpiredError('no_refresh_token').message).toMatch(/log in again$/)
    expect(new SessionExpiredError('refresh_rejected', new Error()).message).toMatch(/again, see cause$/)
  })
})

describe('an answer that `read` cannot map', () => {
  it('is refused with the error of `read` as its cause', () => {
    const cause = new Error('no data')
    const read = () => {
      throw cause
    }
    expect(() => mapAnswer(read, {})).toThrow(
      expect.objectContaining({ message: 'Not a token answer: `read` threw', cause }),
    )
  })
})

describe('the back-off of another tab', () => {
  const failure = record({ failures: 3, retryAt: 60_000, backoffAt: 1_000 })
  const learn = (onlineAt: number) => {
    const settings = { clock: { now: () => 2_000 } }
    const engine = { settings, clock: () => 2_000, onlineAt, backoff: CLEAR } as unknown as Engine
    learnBackoff(engine, failure)
    return engine.backoff
  }

  it.each([
    ['before', 1_500, 0],
    ['after', 500, 60_000],
  ])('from %s the network came back counts its failures, and ends at its time', (_, onlineAt, until) => {
    expect(learn(onlineAt)).toEqual({ until, strict: false, open: false, retrying: false, failures: 3 })
  })
})

describe('the state that the server rendered', () => {
  const authenticated = { status: 'authenticated' } as never

  it('is shown until the page knows its own, and is the same object for the same state', () => {
    const view = createView(authenticated)
    expect(view({ status: 'loading' } as never)).toBe(authenticated)
    const failed = { status: 'anonymous', error: new Error('offline') } as never
    const shown = view(failed)
    expect(shown).toEqual({ status: 'authenticated', error: expect.any(Error) })
    expect(view(failed)).toBe(shown)
    expect(view({ ...(failed as object) } as never)).not.toBe(shown)
    const ended = { status: 'expired', error: new Error('over') } as never
    expect(view(ended)).toBe(ended)
    const anonymous = { status: 'anonymous' } as never
    expect(view(anonymous)).toBe(anonymous)
  })

  it('has the claims of a session whose token no script sees, and only of that', () => {
    const claims = { sub: 'ada' }
    const initial = { status: 'authenticated', claims } as never
    const own = { status: 'authenticated', expiresAt: 1 } as never
    expect(withInitialState(own, initial, true)).toEqual({ status: 'authenticated', expiresAt: 1, claims })
    expect(withInitialState(own, initial)).toBe(own)
    const over = { status: 'expired', claims: undefined } as never
    expect(withInitialState(over, initial, true)).toBe(over)
    const anonymous = { status: 'anonymous', claims } as never
    expect(withInitialState(own, anonymous, true)).toBe(own)
  })

  it('is the one of the component before that of the auth', () => {
    expect(initialStateOf(undefined as never, authenticated)).toBe(authenticated)
    expect(initialStateOf(undefined as never, undefined)).toBeUndefined()
    expect(initialStateOf({} as never, undefined)).toBeUndefined()
  })
})
