/** Rounds of eight tabs, 1,000 in all or as many as ROUNDS says, divided between the engines and the storages. */
import { describe, expect, it } from 'vitest'
import { roundsOr } from '../support/slow.js'
import { engines, hasEngine, playRounds, storages, useTabs } from '../support/tabs-engines.js'

const available = engines.filter(hasEngine)
const rounds = Math.ceil(roundsOr(1_000) / (available.length * storages.length))

describe.each(available)('eight tabs on a strictly rotating server, in %s', engine => {
  const tabs = useTabs(engine)

  it.each(storages)(
    'make one refresh per expiry, and lose nothing: %s',
    async storage => {
      const tally = await playRounds(tabs, storage, 8, rounds)
      process.stdout.write(`ROUNDS ${engine}, ${storage}: ${JSON.stringify(tally)}\n`)
      expect(tally).toEqual({
        rounds,
        refreshes: rounds,
        reuses: 0,
        rejected: 0,
        outcomes: { 200: rounds },
      })
    },
    120_000 + rounds * 30_000,
  )
})
