/** The tests of one way to go away, in every case and in Chromium and Firefox; `npm run test:slow` plays 50 rounds of each. */
import { describe, expect, it } from 'vitest'
import { roundsOr } from './slow.js'
import { useStage } from './tabs-browser.js'
import {
  type Departure,
  type DepartureCase,
  departures,
  describeCase,
  runDepartures,
} from './tabs-departures.js'
import { hasEngine } from './tabs-engines.js'
import type { Engine } from './tabs-launch.js'

/**
 * Firefox lets the request of a tab go on whose process has crashed. Without a cookie its answer is lost, and only a
 * grace window saves the session.
 */
const isWinnable = ({ departure, storage, graceWindow }: DepartureCase): boolean =>
  departure !== 'crash' || storage === 'cookie' || graceWindow > 0

export function testDepartures(way: Departure): void {
  const cases = departures.filter(({ departure }) => departure === way)
  const browsers: [engine: Engine, cases: readonly DepartureCase[]][] = [['chromium', cases]]
  if (way === 'navigate') browsers.push(['caching', cases])
  if (hasEngine('firefox')) browsers.push(['firefox', cases.filter(isWinnable)])
  for (const [engine, each] of browsers) testCases(engine, each, roundsOr(50))
}

export function testCases(engine: Engine, cases: readonly DepartureCase[], rounds: number): void {
  // A browser becomes slow after hundreds of tabs, so each long case gets a new one.
  const numbered = cases.map((each, index) => [describeCase(each), each, index] as const)
  const groups = rounds > 1 ? numbered.map(each => [each]) : [numbered]
  for (const group of groups) testGroup(engine, group, rounds)
}

function testGroup(
  engine: Engine,
  group: readonly (readonly [title: string, each: DepartureCase, first: number])[],
  rounds: number,
): void {
  describe(`a page that goes away during its refresh, in ${engine}`, () => {
    const stage = useStage(engine)

    it.each(group)(
      'loses no session, and its refresh token is sent once: %s',
      async (title, each, first) => {
        const tally = await runDepartures(stage, each, rounds, first)
        if (rounds > 1) process.stdout.write(`DEPARTURES ${engine}: ${title}: ${JSON.stringify(tally)}\n`)
        expect(tally).toMatchObject({ rounds, reuses: 0, lost: 0, stories: [], outcomes: { 200: rounds } })
      },
      120_000 + rounds * 60_000,
    )
  })
}
