import { describe, expect, it } from 'vitest'
import { logIn, ROUNDS, requestAll, useStage } from '../support/tabs-browser.js'

const stage = useStage()

describe('real tabs on a strictly rotating server', () => {
  it.each([
    { storage: 'web', count: 2, rounds: ROUNDS / 2 },
    { storage: 'web', count: 4, rounds: ROUNDS },
    { storage: 'indexedDB', count: 2, rounds: ROUNDS / 2 },
    { storage: 'indexedDB', count: 4, rounds: ROUNDS },
    { storage: 'web', count: 8, rounds: ROUNDS / 3 },
    { storage: 'indexedDB', count: 8, rounds: ROUNDS / 3 },
    { storage: 'cookie', count: 4, rounds: ROUNDS / 3 },
  ])(
    '$count tabs with $storage storage make one refresh per expiry, and lose nothing',
    async ({ storage, count, rounds }) => {
      const { backend } = stage.server
      if (storage === 'cookie') backend.configure({ transport: 'cookie' })
      const pages = await stage.open(`storage=${storage}`, count)
      await logIn(pages)
      const before = { ...backend.stats }
      for (let round = 0; round < rounds; round++) {
        // Now and then the answer is slow enough for all to queue up, now and then it overtakes some.
        backend.delayRefresh(round % 3 === 0 ? 0 : 10 * (round % 3))
        backend.expireAccessTokens()
        expect(await requestAll(pages)).toEqual(['200'])
      }
      const { refreshes, reuses, rejected } = backend.stats
      expect({
        refreshes: refreshes - before.refreshes,
        reuses,
        rejected: rejected - before.rejected,
      }).toEqual({
        refreshes: Math.ceil(rounds),
        reuses: 0,
        rejected: 0,
      })
    },
  )

  it('make one refresh per lifetime when the token simply ends', async () => {
    const { backend } = stage.server
    backend.configure({ accessTokenLifetime: 2000 })
    const pages = await stage.open('storage=web', 4)
    await logIn(pages)
    const rounds = Math.ceil(ROUNDS / 16)
    for (let round = 1; round <= rounds; round++) {
      // Longer than the token lasts, in every tab.
      await pages[0]!.waitForTimeout(2050)
      expect(await requestAll(pages)).toEqual(['200'])
    }
    expect(backend.stats).toMatchObject({ reuses: 0, rejected: 0 })
    // A busy machine may let a token end between two tabs' requests; never less than one per round.
    expect(backend.stats.refreshes).toBeGreaterThanOrEqual(rounds)
    expect(backend.stats.refreshes).toBeLessThanOrEqual(rounds + 3)
  })
})
