/** The members of a token answer in any known spelling, alone and behind `read`; and a `read` that returns anything. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  expectNoToken,
  MINUTE,
  opaque,
  open,
  pair,
  pass,
  refreshStub,
  useFakeTime,
  watch,
} from '../support/core.js'
import { answer, anything } from '../support/hostile.js'
import { runs } from '../support/slow.js'

useFakeTime()

describe('an answer in any spelling', () => {
  const spellings = {
    access: ['access_token', 'accessToken', 'access'],
    refresh: ['refresh_token', 'refreshToken', 'refresh'],
    lifetime: ['expires_in', 'expiresIn'],
  } as const
  const spelling = fc.record({
    access: fc.constantFrom(...spellings.access),
    refresh: fc.constantFrom(...spellings.refresh),
    lifetime: fc.constantFrom(...spellings.lifetime),
    isNested: fc.boolean(),
  })

  it('is the same session at the login and at each refresh, also behind `read`', async () => {
    await fc.assert(
      fc.asyncProperty(
        spelling,
        spelling,
        fc.integer({ min: 1, max: 86_400 }),
        async (first, second, seconds) => {
          const answer = ({ access, refresh, lifetime, isNested }: typeof first) => {
            const tokens = { [access]: opaque('at'), [refresh]: opaque('rt'), [lifetime]: seconds }
            return { tokens: Object.values(tokens), body: isNested ? { data: { tokens } } : tokens }
          }
          const [login, renewed] = [answer(first), answer(second)]
          const refresh = refreshStub(async () => renewed.body)
          type Body = { data?: { tokens: object } }
          const { auth } = open({
            refresh,
            autoRefresh: 'off',
            read: (body: Body) => (body.data?.tokens ?? body) as never,
          })
          await auth.login(login.body as never)
          expect(await auth.getAccessToken()).toBe(login.tokens[0])
          expect(auth.getState()).toMatchObject({ expiresAt: Date.now() + seconds * 1_000 })
          await auth.refresh()
          expect(await auth.getAccessToken()).toBe(renewed.tokens[0])
          expect(auth.getState()).toMatchObject({ expiresAt: Date.now() + seconds * 1_000 })
          await auth.refresh()
          expect(refresh.spent).toEqual([login.tokens[1], renewed.tokens[1]])
          auth.dispose()
        },
      ),
      { numRuns: runs(300) },
    )
  })
})

describe('a `read` that returns anything, or throws', () => {
  const returned = fc.oneof(
    { weight: 5, arbitrary: answer.map(value => () => value) },
    anything.map(value => () => value),
    anything.map(value => () => {
      throw value
    }),
    anything.map(value => () => Promise.resolve(value)),
  )

  it('begins a session with the token that it found, or is a TypeError without a token and changes nothing', async () => {
    const tally = { begun: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(returned, async read => {
        let isOdd = false
        const before = pair()
        const { auth, refresh } = open({ read: (body: object) => (isOdd ? read() : body) as never })
        await auth.login(before as never)
        const state = auth.getState()
        isOdd = true
        const login = watch(auth.login({ data: opaque() } as never))
        await pass(0)
        expect(login.status).not.toBe('pending')
        if (login.status === 'fulfilled') {
          tally.begun++
          expect(await auth.getAccessToken()).toMatch(/^[!-~]+$/)
        } else {
          tally.refused++
          expect(login.error).toBeInstanceOf(TypeError)
          expect((login.error as Error).message).toMatch(/^Not a token answer/)
          expectNoToken((login.error as Error).message)
          expect(auth.getState()).toBe(state)
          expect(await auth.getAccessToken()).toBe(before.access_token)
        }
        expect(refresh.calls).toHaveLength(0)
        auth.dispose()
      }),
      { numRuns: runs(600) },
    )
    expect(Math.min(tally.begun, tally.refused)).toBeGreaterThan(runs(30))
  })

  it('keeps the session during a refresh, and settles the calls that wait', async () => {
    await fc.assert(
      fc.asyncProperty(returned, async read => {
        let isOdd = false
        const refresh = refreshStub(async () => ({ data: opaque() }))
        const { auth } = open({ refresh, retry: 0, read: (body: object) => (isOdd ? read() : body) as never })
        await auth.login(pair() as never)
        isOdd = true
        await pass(6 * MINUTE)
        const call = watch(auth.getAccessToken())
        await pass(MINUTE)
        expect(call.status).not.toBe('pending')
        // Tokens of another user are another session.
        if (call.status === 'rejected')
          expect(['ERR_REFRESH_FAILED', 'ERR_SIGNED_OUT']).toContain(
            Reflect.get(call.error as object, 'code'),
          )
        expect(auth.getState().status).toBe('authenticated')
        expect(refresh.calls.length).toBeLessThan(10)
        auth.dispose()
      }),
      { numRuns: runs(300) },
    )
  })
})
