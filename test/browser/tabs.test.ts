import { describe, expect, it } from 'vitest'
import { logIn, reach, requestAll, type TabPage } from '../support/tabs-browser.js'
import { engines, hasEngine, playRounds, storages, useTabs } from '../support/tabs-engines.js'

/** A few of the thousand rounds of `npm run test:slow -- rounds`. */
const ROUNDS = 6

describe.each(engines)('real tabs on a strictly rotating server, in %s', engine => {
  describe.skipIf(!hasEngine(engine))('where it is installed', () => {
    const tabs = useTabs(engine)

    it.each(storages)('make one refresh per expiry, and lose nothing: four tabs, %s', async storage => {
      expect(await playRounds(tabs, storage, 4, ROUNDS)).toEqual({
        rounds: ROUNDS,
        refreshes: ROUNDS,
        reuses: 0,
        rejected: 0,
        outcomes: { 200: ROUNDS },
      })
    })

    it('go on when one is closed in the middle of a refresh, where the server has a grace window', async () => {
      const { backend } = tabs.server
      backend.configure({ graceWindow: 30_000 })
      const [first, ...others] = (await tabs.open('storage=indexedDB', 3)) as [TabPage, ...TabPage[]]
      await logIn([first, ...others])
      // Long enough for a busy machine to close the tab first.
      backend.delayRefresh(5_000)
      backend.expireAccessTokens()
      await first.evaluate(() => window.tab.begin())
      await expect
        .poll(() => first.evaluate(() => window.tab.traffic.at(-1)?.what))
        .toBe('sent /auth/refresh')
      await first.close()
      backend.delayRefresh(0)
      expect(await requestAll(others)).toEqual(['200'])
      expect(backend.stats).toMatchObject({ reuses: 0, rejected: 0 })
      expect(backend.stats.refreshes).toBeLessThanOrEqual(2)
    })

    it.each(storages)('hear of a login and a logout elsewhere: %s', async storage => {
      const { backend } = tabs.server
      backend.configure({ transport: storage === 'cookie' ? 'cookie' : 'body' })
      const [acting, ...others] = (await tabs.open(`storage=${storage}`, 3)) as [TabPage, ...TabPage[]]
      await logIn([acting, ...others])
      await acting.evaluate(() => window.tab.logout())
      for (const page of others) await reach(page, 'anonymous')
      expect(backend.stats).toMatchObject({ refreshes: 0, reuses: 0, logouts: 1 })
    })
  })
})
