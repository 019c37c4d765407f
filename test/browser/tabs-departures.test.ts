import { describe, expect, it } from 'vitest'
import { type Engine, useStage } from '../support/tabs-browser.js'
import {
  type DepartureCase,
  departures,
  describeCase,
  isDaily,
  runDepartures,
} from '../support/tabs-departures.js'

/** `node test/tabs/departures.mjs` plays 50 rounds of each case, and all cases in each browser. */
const rounds = Number(process.env.ROUNDS ?? 1)
const isLong = process.env.ROUNDS !== undefined

const isNavigation = ({ departure }: DepartureCase): boolean => departure === 'navigate'
/**
 * Firefox lets the request of a tab go on whose process has crashed. Without a cookie its answer is lost, and only a
 * grace window saves the session.
 */
const isWinnable = ({ departure, storage, graceWindow }: DepartureCase): boolean =>
  departure !== 'crash' || storage === 'cookie' || graceWindow > 0
/** A request that is cancelled with its page, and one that goes on without it. */
const isTelling = ({ storage, departure, moment, graceWindow }: DepartureCase): boolean =>
  !graceWindow && (storage !== 'cookie' || (moment === 'before') === ['close', 'reload'].includes(departure))

const inFirefox = departures.filter(isWinnable)
const daily = departures.filter(isDaily)
const browsers: readonly [engine: Engine, cases: readonly DepartureCase[]][] = [
  ['chromium', isLong ? departures : daily],
  ['caching', (isLong ? departures : daily).filter(isNavigation)],
  ['firefox', isLong ? inFirefox : inFirefox.filter(isDaily).filter(isTelling)],
]

describe.each(browsers)('a page that goes away during its refresh, in %s', (engine, cases) => {
  const stage = useStage(engine)

  it.each(cases.map((each, index) => [describeCase(each), each, index] as const))(
    'loses no session, and its refresh token is sent once: %s',
    async (title, each, index) => {
      const tally = await runDepartures(stage, each, rounds, index)
      if (isLong) process.stdout.write(`DEPARTURES ${engine}: ${title}: ${JSON.stringify(tally)}\n`)
      expect(tally).toMatchObject({ rounds, reuses: 0, lost: 0, stories: [], outcomes: { 200: rounds } })
    },
    120_000 + rounds * 60_000,
  )
})
