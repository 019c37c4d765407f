/** Failures of any kind, in any order and at any time: no request during a back-off, and no session is lost. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  httpError,
  MINUTE,
  opaque,
  open,
  pass,
  refreshStub,
  SECOND,
  useFakeTime,
  watch,
} from '../support/core.js'
import '../support/hostile.js'
import { runs } from '../support/slow.js'

useFakeTime()

/** One answer of the auth server. */
type Outcome =
  | { readonly kind: 'tokens' }
  | { readonly kind: 'failure'; readonly status: number; readonly retryAfter?: number }

const outcomes: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constant({ kind: 'tokens' as const }),
  fc.record(
    {
      kind: fc.constant('failure' as const),
      status: fc.constantFrom(408, 429, 500, 502, 503, 504),
      retryAfter: fc.integer({ min: 0, max: 900 }),
    },
    { requiredKeys: ['kind', 'status'] },
  ),
)
/** The pause before each request of the application, milliseconds. */
const pauses = fc.array(
  fc.oneof(fc.integer({ min: 0, max: 3 * SECOND }), fc.integer({ min: 0, max: 20 * MINUTE })),
  {
    minLength: 5,
    maxLength: 25,
  },
)

const brief = () => ({ access_token: opaque('at'), refresh_token: opaque('rt'), expires_in: 60 })

function toError({ status, retryAfter }: Extract<Outcome, { kind: 'failure' }>): unknown {
  return httpError(status, {}, retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) })
}

describe('a back-off after failures of any kind', () => {
  it('sends no refresh before the announced instant, and keeps the session', async () => {
    const tally = { refused: 0, failed: 0, served: 0 }
    await fc.assert(
      fc.asyncProperty(
        fc.array(outcomes, { minLength: 1, maxLength: 30 }),
        pauses,
        async (answers, waits) => {
          let [running, most] = [0, 0]
          const refresh = refreshStub(async (_, number) => {
            most = Math.max(most, ++running)
            await pause(100)
            running--
            const answer = answers[number % answers.length] as Outcome
            if (answer.kind === 'tokens') return brief()
            throw toError(answer)
          })
          const { auth } = open({ refresh, retry: 0, autoRefresh: 'off' })
          await auth.login(brief())
          let retryAt = 0
          for (const wait of waits) {
            await pass(wait)
            const [before, now] = [refresh.calls.length, Date.now()]
            const call = watch(auth.getAccessToken())
            await pass(200)
            expect(call.status).not.toBe('pending')
            expect(auth.getState().status).toBe('authenticated')
            const sent = refresh.calls.length - before
            if (call.status === 'fulfilled') {
              tally.served++
              retryAt = 0
              continue
            }
            const error = call.error as { code: string; attempts: number; retryAt: number }
            expect(error.code).toBe('ERR_REFRESH_FAILED')
            // Within two milliseconds of the instant both are right: the clocks of the test and of the engine round differently.
            if (sent) {
              tally.failed++
              expect(now).toBeGreaterThanOrEqual(retryAt - 2)
              // One probe, without retries.
              expect(sent).toBe(1)
            } else {
              tally.refused++
              expect(now).toBeLessThan(retryAt + 2)
              expect(error.attempts).toBe(0)
            }
            // A server may ask for ten minutes at the most. Without its wish a minute is the limit.
            expect(error.retryAt - Date.now()).toBeLessThanOrEqual(10 * MINUTE)
            retryAt = error.retryAt
          }
          expect(most).toBeLessThan(2)
          auth.dispose()
        },
      ),
      { numRuns: runs(600) },
    )
    expect(Math.min(...Object.values(tally))).toBeGreaterThan(runs(100))
  })

  it('starts again at a second after a success', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 12 }), async failures => {
        const refresh = refreshStub(async (_, number) => {
          if (number === failures + 1) return brief()
          throw httpError(503)
        })
        const { auth } = open({ refresh, retry: 0, autoRefresh: 'off' })
        await auth.login(brief())
        await pass(MINUTE)
        for (let failure = 1; failure <= failures; failure++) {
          await auth.getAccessToken().catch(() => {})
          expect(refresh.calls).toHaveLength(failure)
          await pass(MINUTE)
        }
        expect(await auth.getAccessToken()).toMatch(/^at/)
        await pass(MINUTE)
        const error = await auth.getAccessToken().catch(reason => reason)
        expect(error.retryAt - Date.now()).toBeLessThanOrEqual(SECOND)
        expect(refresh.calls).toHaveLength(failures + 2)
        auth.dispose()
      }),
      { numRuns: runs(60) },
    )
  })
})

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}
