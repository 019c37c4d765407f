/** Answer headers of every kind: `WWW-Authenticate`, `Retry-After`, `Date`. Read or ignored, never a lost session. */
import fc from 'fast-check'
import { isAuthError } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import {
  accessToken,
  HOUR,
  httpError,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  useFakeTime,
  watch,
} from '../support/core.js'
import { stage } from '../support/fetch.js'
import { anything } from '../support/hostile.js'
import { runs } from '../support/slow.js'

const API = 'https://api.example.test'
const LONG = 100_000

/** Sends one request that is refused with the challenge; whether that started a refresh. */
async function refreshesAfter(challenge: string): Promise<boolean> {
  const { api, auth, refreshes, revoke } = await stage({
    respond: ({ token }) =>
      token === 'at-1'
        ? new Response(null, { status: 401, headers: { 'WWW-Authenticate': challenge } })
        : undefined,
  })
  revoke()
  const { status } = await api(`${API}/x`)
  expect(status).toBe(refreshes.length ? 200 : 401)
  expect(auth.getState().status).toBe('authenticated')
  auth.dispose()
  return refreshes.length === 1
}

/** Challenges (RFC 9110 section 11.6.1), and whether one of them asks for a new Bearer token. */
const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019!#$%&*+.^_`|~-'), minLength: 1, maxLength: 8 })
const quoted = fc
  .array(fc.constantFrom('a', ' ', ',', '=', '\\"', '\\\\', 'error=', 'insufficient_scope', "'", '\t'), {
    maxLength: 6,
  })
  .map(parts => `"${parts.join('')}"`)
const space = fc.constantFrom('', ' ', '\t ')
const parameter = fc
  .tuple(
    token.filter(name => name.toLowerCase() !== 'error'),
    space,
    space,
    fc.oneof(token, quoted),
  )
  .map(([name, before, after, value]) => `${name}${before}=${after}${value}`)
const challenges = fc
  .tuple(
    fc.constantFrom('Bearer', 'bearer', 'DPoP', 'Basic realm="x", Bearer', 'Negotiate YII=, BEARER', 'Basic'),
    fc.array(parameter, { maxLength: 3 }),
    fc.constantFrom(
      undefined,
      'insufficient_scope',
      'insufficient_user_authentication',
      'invalid_token',
      'invalid_token2',
    ),
    fc.constantFrom('error', 'Error', 'ERROR'),
    fc.boolean(),
    fc.array(parameter, { maxLength: 2 }),
  )
  .map(([scheme, before, error, name, isQuoted, after]) => ({
    text: `${scheme} ${[...before, ...(error ? [`${name}=${isQuoted ? `"${error}"` : error}`] : []), ...after].join(', ')}`,
    refreshes: /bearer/i.test(scheme) && (!error || error === 'invalid_token'),
  }))

describe('WWW-Authenticate', () => {
  it('is read as the standard writes it', async () => {
    const tally = { yes: 0, no: 0 }
    await fc.assert(
      fc.asyncProperty(challenges, async ({ text, refreshes }) => {
        tally[refreshes ? 'yes' : 'no']++
        expect(await refreshesAfter(text)).toBe(refreshes)
      }),
      { numRuns: runs(500) },
    )
    expect(Math.min(tally.yes, tally.no)).toBeGreaterThan(runs(50))
  })

  it('of any text is read without an error', async () => {
    const text = fc.string({
      unit: fc.constantFrom(...'abe"\\=, \t();:/é', 'error', 'Bearer', 'insufficient_scope'),
      maxLength: 30,
    })
    await fc.assert(
      fc.asyncProperty(text, async challenge => {
        // Without any token of the grammar there is no challenge, and the 401 is one like any other.
        if (!(await refreshesAfter(challenge))) expect(challenge).toMatch(/\w/)
      }),
      { numRuns: runs(500) },
    )
  })

  it.each([
    ['one word', 'a'.repeat(LONG)],
    ['spaces', `a${' '.repeat(LONG)}`],
    ['words', 'a '.repeat(LONG / 2)],
    ['equal signs', 'a='.repeat(LONG / 2)],
    ['quotes', '"'.repeat(LONG - 1)],
    ['escaped quotes that never end', `"${'\\"'.repeat(LONG / 2)}`],
    ['quotes that never end', 'a="\\'.repeat(LONG / 4)],
    ['backslashes', '\\'.repeat(LONG)],
    ['parameters', 'a="b",'.repeat(LONG / 6)],
  ])('of a hundred thousand characters, %s, is read to its end', async (_, text) => {
    expect(await refreshesAfter(`Bearer ${text}`)).toBe(true)
    if (!/"/.test(text))
      expect(await refreshesAfter(`Bearer ${text}, error="insufficient_scope"`)).toBe(false)
  })
})

describe('Retry-After and Date', () => {
  useFakeTime()

  const value = fc.oneof(
    fc.constantFrom(
      '',
      '0',
      '-1',
      '1',
      '5',
      '5.5',
      '0x10',
      '1e3',
      ' 7 ',
      '007',
      '9'.repeat(12),
      '9'.repeat(400),
    ),
    fc.constantFrom(
      'Thu, 15 Jan 2026 12:00:30 GMT',
      'Thu, 01 Jan 1970 00:00:00 GMT',
      '2026-01-15',
      'tomorrow',
    ),
    fc.constantFrom(
      'Infinity',
      'NaN',
      '1,2',
      '5, 5',
      '9'.repeat(LONG),
      ' '.repeat(LONG),
      `1${' '.repeat(LONG)}x`,
    ),
    fc.string({ maxLength: 12 }),
    fc.nat().map(String),
    fc.date({ noInvalidDate: true }).map(date => date.toUTCString()),
    anything,
  )
  const status = fc.constantFrom(408, 425, 429, 500, 503)

  it('of any kind keep the session, and a good token is served meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(value, value, status, async (retryAfter, date, code) => {
        let isDown = true
        const headers = { 'Retry-After': retryAfter, date } as Record<string, string>
        const refresh = refreshStub(async () => {
          if (isDown) throw httpError(code, {}, headers)
          return pair()
        })
        const { auth, events } = open({ refresh })
        const tokens = { ...pair(), access_token: accessToken({ lifetime: HOUR }) }
        await auth.login(tokens)
        const outcome = watch(auth.refresh())
        await pass(MINUTE)
        expect(outcome.status).toBe('rejected')
        expect(isAuthError(outcome.error) && outcome.error.code).toBe('ERR_REFRESH_FAILED')
        expect(await auth.getAccessToken()).toBe(tokens.access_token)
        const [failed, ...more] = events.of('refreshFailed')
        expect(more).toEqual([])
        expect(Number.isFinite(failed?.retryAt)).toBe(true)
        expect(refresh.calls.length).toBeLessThanOrEqual(3)
        // A login is never held up.
        isDown = false
        await auth.login(pair())
        await auth.refresh()
        expect(auth.getState()).not.toHaveProperty('error')
        auth.dispose()
      }),
      { numRuns: runs(700) },
    )
  })
})
