/** A wall clock that is corrected at every await: the same requests at the same moments as without a correction. */
import fc from 'fast-check'
import { cookieSession } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import {
  cell,
  HOUR,
  jumpWall,
  MINUTE,
  opaque,
  open,
  pass,
  refreshStub,
  SECOND,
  useFakeTime,
  watch,
} from '../support/core.js'
import { draw } from '../support/failing.js'
import { becomePage } from '../support/page.js'
import '../support/hostile.js'
import { runs } from '../support/slow.js'

useFakeTime()

interface Step {
  /** The request of the application before it. */
  readonly asks: boolean
  /** Milliseconds. */
  readonly wait: number
  /** The correction after it, milliseconds. */
  readonly jump: number
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    asks: fc.boolean(),
    wait: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 2 * MINUTE })),
    jump: fc.oneof(
      fc.constant(0),
      fc.integer({ min: -2 * SECOND, max: 2 * SECOND }),
      fc.integer({ min: -30 * HOUR, max: 30 * HOUR }),
    ),
  }),
  { minLength: 4, maxLength: 25 },
)

const sessions = ['memory', 'a slow storage', 'a cookie'] as const

/** Plays the steps. Returns the refreshes and the outcomes of the requests, each with its moment on the monotonic clock. */
async function play(session: (typeof sessions)[number], story: readonly Step[], isCorrected: boolean) {
  const begin = performance.now()
  const moment = (): number => Math.round(performance.now() - begin)
  const tokens = () => ({
    access_token: opaque('at'),
    ...(session !== 'a cookie' && { refresh_token: opaque('rt') }),
    expires_in: 300,
  })
  const refreshes: [moment: number, reason: string][] = []
  const refresh = refreshStub(async ({ reason }) => {
    refreshes.push([moment(), reason])
    await new Promise(resolve => setTimeout(resolve, 250))
    return tokens()
  })
  const storage =
    session === 'a cookie'
      ? cookieSession()
      : session === 'memory'
        ? undefined
        : cell(null, { asynchronous: true })
  const { auth, events } = open({ refresh, ...(storage && { storage }), refreshAhead: 30_000 })
  if (session !== 'a cookie') await auth.login(tokens())
  const outcomes: [moment: number, outcome: string][] = []
  const calls: { status: string }[] = []
  for (const { asks, wait, jump } of story) {
    if (asks) {
      const call = auth.getAccessToken()
      calls.push(watch(call))
      call.then(
        token => outcomes.push([moment(), token ? 'token' : 'none']),
        (error: Error) => outcomes.push([moment(), error.name]),
      )
    }
    await pass(wait)
    if (isCorrected) jumpWall(jump)
  }
  await pass(SECOND)
  const { status } = auth.getState()
  const result = {
    refreshes,
    outcomes,
    status,
    pending: calls.filter(call => call.status === 'pending').length,
    ended: events.of('sessionExpired'),
  }
  auth.dispose()
  return result
}

describe('a wall clock that is corrected at every await', () => {
  it.each(sessions)('changes no refresh and no outcome, and ends nothing (%s)', async session => {
    if (session === 'a cookie') becomePage()
    let refreshed = 0
    await fc.assert(
      fc.asyncProperty(steps, async story => {
        draw(0.5)
        const expected = await play(session, story, false)
        const corrected = await play(session, story, true)
        expect(corrected).toEqual(expected)
        expect(corrected).toMatchObject({ status: 'authenticated', pending: 0, ended: [] })
        refreshed += corrected.refreshes.length
      }),
      { numRuns: runs(300) },
    )
    expect(refreshed).toBeGreaterThan(runs(100))
  })
})
