import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { isSlow } from '../support/slow.js'
import { logIn, reach, requestAll, useStage } from '../support/tabs-browser.js'

// Real hidden tabs, real freezing and a real back/forward cache: a browser that Playwright only attaches to.
const stage = useStage('attached')

async function setState(page: Page, state: 'frozen' | 'active'): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await session.send('Page.setWebLifecycleState', { state })
}
const refreshSent = (page: Page): Promise<void> =>
  expect
    .poll(() => page.evaluate(() => window.tab.traffic.at(-1)?.what), { interval: 10 })
    .toBe('sent /auth/refresh')

describe.each(isSlow ? ['web', 'indexedDB', 'cookie'] : ['indexedDB'])(
  'a tab that the browser freezes, with %s storage',
  storage => {
    it('in the middle of a refresh does not stop the others, and follows when it wakes', async () => {
      const { backend } = stage.server
      backend.configure({ graceWindow: 30_000, transport: storage === 'cookie' ? 'cookie' : 'body' })
      const query = `storage=${storage}&timeout=1500`
      const [frozen, other] = (await stage.open(query, 2)) as [Page, Page]
      await logIn([frozen, other])
      const { refreshes } = backend.stats
      backend.delayRefresh(300)
      backend.expireAccessTokens()
      await frozen.evaluate(() => window.tab.begin())
      await refreshSent(frozen)
      await other.bringToFront()
      await setState(frozen, 'frozen')
      // It holds the lock until it wakes: the other waits for as long as a refresh may take, and goes on without.
      expect(await requestAll([other])).toEqual(['200'])
      await setState(frozen, 'active')
      await frozen.bringToFront()
      await frozen.waitForFunction(() => window.tab.ended() !== undefined)
      expect(await frozen.evaluate(() => window.tab.ended())).toEqual(['200'])
      expect(await requestAll([frozen, other])).toEqual(['200'])
      expect(backend.stats.reuses).toBe(0)
      // The one that froze, the other's, which the server answers alike, and a third if on waking the time is up first.
      expect(backend.stats.refreshes - refreshes).toBeLessThanOrEqual(3)
      expect(await other.evaluate(() => window.tab.state().status)).toBe('authenticated')
    })

    it('hands out nothing of a session that ended while it slept', async () => {
      const { backend } = stage.server
      backend.configure({ transport: storage === 'cookie' ? 'cookie' : 'body' })
      const [frozen, other] = (await stage.open(`storage=${storage}`, 2)) as [Page, Page]
      await logIn([frozen, other])
      await other.bringToFront()
      await setState(frozen, 'frozen')
      await other.evaluate(() => window.tab.logout())
      await other.evaluate(() => window.tab.login('grace'))
      await setState(frozen, 'active')
      await frozen.bringToFront()
      stage.server.log.clear()
      // A call that began while the page did not know yet belongs to the session that is over.
      const [outcome] = await requestAll([frozen])
      expect(['200', 'ERR_SIGNED_OUT']).toContain(outcome)
      expect(await requestAll([frozen])).toEqual(['200'])
      expect(new Set(stage.server.log.since(0).map(({ username }) => username))).toEqual(new Set(['grace']))
      expect(backend.stats).toMatchObject({ reuses: 0, unauthorized: 0 })
    })
  },
)

describe.each(isSlow ? ['web', 'indexedDB'] : ['web'])(
  'a page that comes back from the back/forward cache, with %s storage',
  storage => {
    /** A page that goes away, and another that stays. A message on the channel would drop the first from the cache. */
    const part = async (): Promise<[Page, Page]> => {
      const query = `storage=${storage}&api=${stage.server.url}`
      const [away] = (await stage.open(query, 1)) as [Page]
      await logIn([away])
      const stays = await stage.tab(away.context(), `${query}&channel=none`)
      await reach(stays, 'authenticated')
      await away.bringToFront()
      await away.evaluate(() => {
        window.addEventListener('pageshow', ({ persisted }) => {
          document.documentElement.dataset.persisted = String(persisted)
        })
      })
      await away.goto(`${stage.site}/away.html`)
      return [away, stays]
    }
    const comeBack = async (page: Page): Promise<void> => {
      await page.evaluate(() => history.back())
      // The very page that went away, with the listener and everything that it held in memory.
      await page.waitForSelector('html[data-persisted="true"]')
    }

    it('reads the storage before it hands out a token', async () => {
      const { server } = stage
      const [away, stays] = await part()
      server.backend.expireAccessTokens()
      expect(await requestAll([stays])).toEqual(['200'])
      server.log.clear()
      await comeBack(away)
      expect(await requestAll([away])).toEqual(['200'])
      expect(server.log.since(0).map(({ path, status }) => [path, status])).toEqual([['/api/orders', 200]])
      expect(server.backend.stats).toMatchObject({ refreshes: 1, reuses: 0 })
    })

    it('finds itself logged out when that happened while it was away', async () => {
      const [away, stays] = await part()
      await stays.evaluate(() => window.tab.logout())
      await comeBack(away)
      await reach(away, 'anonymous')
      expect(stage.server.backend.stats).toMatchObject({ logouts: 1, refreshes: 0 })
    })

    it('holds no lock that keeps the others from a refresh', async () => {
      const { backend } = stage.server
      const [away, stays] = await part()
      for (let round = 1; round <= 3; round++) {
        backend.expireAccessTokens()
        expect(await requestAll([stays])).toEqual(['200'])
        expect(backend.stats).toMatchObject({ refreshes: round, reuses: 0 })
      }
      await comeBack(away)
      expect(await requestAll([away, stays])).toEqual(['200'])
      expect(backend.stats.refreshes).toBe(3)
    })
  },
)
