import { describe, expect, it } from 'vitest'
import { type Engine, findFirefox, useStage } from '../support/tabs-browser.js'
import { type DepartureCase, runDepartures } from '../support/tabs-departures.js'

/** `ROUNDS=50 npm run test:browser -- tabs-departures` is the long run, in Firefox, too. */
const isLong = process.env.ROUNDS !== undefined
const ROUNDS = Number(process.env.ROUNDS ?? 2)
const engines: Engine[] = isLong && findFirefox() ? ['chromium', 'firefox'] : ['chromium']
const GRACE = 30_000

const cases: DepartureCase[] = (['close', 'crash', 'reload', 'navigate'] as const).flatMap(departure => [
  ...(['web', 'indexedDB', 'cookie'] as const).map(storage => ({
    storage,
    departure,
    moment: 'before' as const,
    graceWindow: 0,
  })),
  ...(['web', 'indexedDB', 'cookie'] as const).map(storage => ({
    storage,
    departure,
    moment: 'after' as const,
    graceWindow: GRACE,
  })),
  { storage: 'cookie', departure, moment: 'after', graceWindow: 0 } as const,
])

describe.each(engines)('a page that goes away during its refresh (%s)', engine => {
  const stage = useStage(engine)

  // Firefox offers no way to crash one page.
  it.each(cases.filter(({ departure }) => engine === 'chromium' || departure !== 'crash'))(
    'loses no session: $storage, $departure, $moment, $graceWindow',
    async departure => {
      const tally = await runDepartures(stage, departure, ROUNDS)
      if (isLong) process.stdout.write(`${engine} ${JSON.stringify(departure)} ${JSON.stringify(tally)}\n`)
      expect(tally).toMatchObject({ rounds: ROUNDS, reuses: 0, lost: 0 })
    },
    3_600_000,
  )
})
