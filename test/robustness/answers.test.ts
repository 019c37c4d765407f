/** Token answers and JWTs of every kind: a clear error, or a session; never a crash, a storm or a lost session. */
import fc from 'fast-check'
import { decodeToken, isAuthError, refreshRequest } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import {
  expectNoToken,
  MINUTE,
  opaque,
  open,
  pair,
  pass,
  refreshStub,
  rejection,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'
import { answer, HUGE, tokenLike, watchPrototypes } from '../support/hostile.js'
import { runs } from '../support/slow.js'

useFakeTime()

const SOUND = /^[!-~]+$/

describe('login with any answer', () => {
  it('starts a session with the very token of the answer, or is a TypeError and changes nothing', async () => {
    const check = watchPrototypes()
    const tally = { begun: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(answer, async given => {
        const { auth, refresh } = open()
        const before = pair()
        await auth.login(before)
        const state = auth.getState()
        const outcome = watch(auth.login(given as never))
        await settle()
        if (outcome.status === 'fulfilled') {
          tally.begun++
          const { access_token, accessToken } = given as Record<string, string>
          expect(access_token ?? accessToken).toMatch(SOUND)
          expect(auth.getState().status).toBe('authenticated')
        } else {
          tally.refused++
          expect(outcome.error).toBeInstanceOf(TypeError)
          expect((outcome.error as Error).message).toMatch(/^Not a token answer/)
          expect((outcome.error as Error).message.length).toBeLessThan(400)
          expect(auth.getState()).toBe(state)
          expect(await auth.getAccessToken()).toBe(before.access_token)
        }
        expect(refresh.calls).toHaveLength(0)
        auth.dispose()
      }),
      { numRuns: runs(1_500) },
    )
    check()
    expect(Math.min(tally.begun, tally.refused)).toBeGreaterThan(runs(50))
  })

  it('quotes no token when it refuses one', async () => {
    const { auth } = open()
    for (const odd of ['\n', ' ', '\u0000', 'ü', '\r\nX-Admin: 1']) {
      for (const name of ['access_token', 'refresh_token']) {
        const tokens = { ...pair(), [name]: `${opaque()}${odd}${opaque()}` }
        expectNoToken(await rejection(auth.login(tokens)))
      }
    }
  })
})

describe('a refresh that answers anything', () => {
  it('never loses the session, and settles every waiting call', async () => {
    const check = watchPrototypes()
    await fc.assert(
      fc.asyncProperty(answer, async given => {
        const { auth, refresh } = open({ refresh: refreshStub(async () => given), retry: 0 })
        await auth.login(pair())
        await pass(6 * MINUTE)
        const outcome = watch(auth.getAccessToken())
        await pass(MINUTE)
        expect(outcome.status).not.toBe('pending')
        if (outcome.status === 'fulfilled') expect(outcome.value).toMatch(SOUND)
        // Tokens of another user are another session.
        else if (codeOf(outcome.error) !== 'ERR_SIGNED_OUT')
          expect(codeOf(outcome.error)).toBe('ERR_REFRESH_FAILED')
        else expect(isElse(given)).toBe(true)
        expect(auth.getState().status).toBe('authenticated')
        // No storm, however short the lifetime of the new token is.
        expect(refresh.calls.length).toBeLessThan(10)
        await auth.login(pair())
        expect(auth.getState()).toMatchObject({ status: 'authenticated' })
        auth.dispose()
      }),
      { numRuns: runs(600) },
    )
    check()
  })

  it('is one whose body is anything, too', async () => {
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      answer.map(value => Buffer.from(jsonOf(value))),
      fc.constant(Buffer.alloc(0)),
    )
    const status = fc.constantFrom(200, 201, 202, 206, 400, 401, 403, 404, 408, 418, 429, 500, 503, 599)
    await fc.assert(
      fc.asyncProperty(body, status, fc.string({ unit: 'binary-ascii' }), async (bytes, code, type) => {
        const headers = new Headers()
        // A server can send only values that fit in a header.
        expect(() => headers.set('Content-Type', type.replaceAll(/[^ -~]/g, ''))).not.toThrow()
        const fetch = vi.fn(async () => new Response(bytes as never, { status: code, headers }))
        const { auth } = open({
          refresh: refreshStub(refreshRequest({ url: 'https://api.example/refresh', fetch })),
          retry: 0,
        })
        await auth.login(pair())
        const outcome = watch(auth.refresh())
        await pass(5_000)
        expect(outcome.status).not.toBe('pending')
        if (outcome.status === 'rejected') expectNoToken(outcome.error)
        const isRefused = /"invalid_grant"/.test(String(bytes)) || [400, 401, 403].includes(code)
        expect(auth.getState().status).toBe(isRefused ? 'expired' : 'authenticated')
        expect(fetch).toHaveBeenCalledTimes(1)
        auth.dispose()
      }),
      { numRuns: runs(300) },
    )
  })
})

const codeOf = (error: unknown): string => (isAuthError(error) ? error.code : String(error))

/** Whether the answer's token names another user than the one who is logged in. */
function isElse(given: unknown): boolean {
  const { access_token, accessToken } = given as Record<string, string>
  const sub: unknown = decodeToken(access_token ?? accessToken ?? '')?.sub
  return ['string', 'number', 'boolean'].includes(typeof sub) && sub !== 'ada'
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return '{"access_token":10n}'
  }
}

describe('a token of any length', () => {
  it.each(Object.entries(HUGE))('with %s is a token like any other', async (_, access_token) => {
    const refresh = refreshStub(async () => ({ access_token }))
    const { auth, events } = open({ refresh })
    await auth.login({ access_token, refresh_token: opaque('rt') })
    await auth.refresh()
    expect(await auth.getAccessToken()).toBe(access_token)
    expect(auth.getState().status).toBe('authenticated')
    for (const { message } of events.of('warning')) expect(message.length).toBeLessThan(200)
    expect(refresh.calls).toHaveLength(1)
  })
})

describe('a JWT of any kind', () => {
  it('is decoded to an object, or to undefined', () => {
    const check = watchPrototypes()
    let decoded = 0
    fc.assert(
      fc.property(fc.oneof(tokenLike, fc.anything()), token => {
        const claims = decodeToken(token as string)
        if (claims !== undefined) decoded++
        expect(claims === undefined || (typeof claims === 'object' && !Array.isArray(claims))).toBe(true)
        expect(claims).not.toBe(null)
      }),
      { numRuns: runs(3_000) },
    )
    check()
    expect(decoded).toBeGreaterThan(runs(300))
  })

  it('makes a state that can be read, copied and frozen, and a bounded number of refreshes', async () => {
    const check = watchPrototypes()
    await fc.assert(
      fc.asyncProperty(
        tokenLike.filter(token => SOUND.test(token)),
        fc.boolean(),
        async (access_token, echoes) => {
          const refresh = refreshStub(async () => ({
            access_token: echoes ? access_token : pair().access_token,
          }))
          const { auth } = open({ refresh })
          await auth.login({ access_token, refresh_token: opaque('rt') })
          const state = auth.getState()
          expect(Object.isFrozen(state)).toBe(true)
          expect(state).not.toHaveProperty('polluted')
          for (let minute = 0; minute < 5; minute++) {
            await auth.getAccessToken().catch(error => expect(isAuthError(error)).toBe(true))
            await pass(MINUTE)
          }
          expect(auth.getState().status).toBe('authenticated')
          // A life of less than a moment is refreshed when it is asked for, and never in a loop.
          expect(refresh.calls.length).toBeLessThan(12)
          auth.dispose()
        },
      ),
      { numRuns: runs(300) },
    )
    check()
  })
})
