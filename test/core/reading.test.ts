/** Reading answers and records of others: the parts that a session meets too seldom to show each case. */
import { describe, expect, it, vi } from 'vitest'
import { isHtmlPage, readFailure, readRetryAfter } from '../../src/core/read-failure.js'
import { EMPTY, isNewer, parseRecord, type SessionRecord } from '../../src/core/record.js'
import { abortReason } from '../../src/core/waiting.js'

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
