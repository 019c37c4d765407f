import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { regressions } from '../support/tabs-regressions.js'
import {
  graceScenario,
  lenientScenario,
  PLATFORMS,
  POOR_PLATFORMS,
  type Scenario,
  strictScenario,
} from '../support/tabs-scenario.js'
import { type Report, simulate } from './simulator.js'

/** How many scenarios are drawn in all. `npm run test:slow` draws 10,000. */
const RUNS = Number(process.env.TABS_RUNS ?? 100)
/** Where drawing begins: the same number draws the same scenarios. */
const SEED = Number(process.env.TABS_SEED ?? 4)

/** Draws so many scenarios; a failure is shrunk and printed, and belongs below under a name. */
async function holds(scenarios: fc.Arbitrary<Scenario>, share: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(scenarios, async scenario => {
      const { violations, trace } = await simulate(scenario)
      expect(violations, trace.slice(-60).join('\n')).toEqual([])
    }),
    { numRuns: Math.ceil(RUNS * share), seed: SEED },
  )
}

/** Runs one whose outcome is known. */
async function run(scenario: Partial<Scenario>): Promise<Report> {
  const report = await simulate({
    seed: 1,
    tabs: 4,
    storage: 'indexedDB',
    lock: 'locks',
    grace: 0,
    ...scenario,
  })
  expect(report.violations, report.trace.join('\n')).toEqual([])
  return report
}

const LONG = 60_000 + RUNS * 500

describe('many tabs in every situation', () => {
  it(
    'spend each refresh token once on a strictly rotating server, and lose no session',
    () => holds(strictScenario, 0.4),
    LONG,
  )
  it(
    'lose no session and no request to lost answers, crashes and freezes where the server has a grace window',
    () => holds(graceScenario(PLATFORMS), 0.35),
    LONG,
  )
  it(
    'get by without locks, or without a coherent storage, where the server has a grace window',
    () => holds(graceScenario(POOR_PLATFORMS), 0.15),
    LONG,
  )
  it(
    'lose no session without locks to a server that refuses a spent token and leaves it at that',
    () => holds(lenientScenario, 0.1),
    LONG,
  )
})

describe('a scenario that once went wrong', () => {
  it.each(regressions)('%s', async (_, scenario) => void (await run(scenario)))
})

describe('many tabs on a good day', () => {
  it.each(PLATFORMS)('make one refresh per lifetime for all of them ($storage, $lock)', async platform => {
    const { grants, reuses, losses, outcomes } = await run(platform)
    expect({ reuses, losses }).toEqual({ reuses: 0, losses: 0 })
    // 220 s of tokens that last 24 s and are renewed 6 s ahead, less while no request needs one.
    expect(grants).toBeGreaterThanOrEqual(6)
    expect(grants).toBeLessThanOrEqual(13)
    // Before the login, in cookie mode as otherwise, no user is logged in.
    expect(Object.keys(outcomes).sort()).toEqual(['ok'])
  })

  it('reports the same for the same seed', async () => {
    const scenario: Partial<Scenario> = { storage: 'web', fates: { lostBefore: 0.3, refused: 0.2 } }
    expect((await run(scenario)).trace).toEqual((await run(scenario)).trace)
  })
})

describe('a session that no client can save', () => {
  it('ends the session once, cleanly and in every tab: a strict server whose answer was lost', async () => {
    // It is lost, and so is every refusal, until the network is back.
    const { losses, reuses, ends } = await run({ fates: { lostAfter: 1 } })
    expect({ losses, reuses }).toEqual({ losses: 1, reuses: 1 })
    expect(ends).toEqual(Array(4).fill({ status: 'expired', expired: 1 }))
  })
})
