import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { logIn, ROUNDS, reach, requestAll, useStage } from '../support/tabs-browser.js'

describe('real tabs in Firefox on a strictly rotating server', () => {
  const stage = useStage('firefox')

  it.each(['web', 'indexedDB', 'cookie'])(
    'make one refresh per expiry, and lose nothing (%s)',
    async storage => {
      const { backend } = stage.server
      backend.configure({ transport: storage === 'cookie' ? 'cookie' : 'body' })
      const pages = await stage.open(`storage=${storage}`, 3)
      await logIn(pages)
      const { refreshes } = backend.stats
      const rounds = Math.ceil(ROUNDS / 6)
      for (let round = 0; round < rounds; round++) {
        backend.delayRefresh(10 * (round % 3))
        backend.expireAccessTokens()
        expect(await requestAll(pages)).toEqual(['200'])
      }
      expect(backend.stats.refreshes - refreshes).toBe(rounds)
      expect(backend.stats.reuses).toBe(0)
    },
  )

  it.each(['web', 'indexedDB'])('go on when one is closed in the middle of a refresh (%s)', async storage => {
    const { backend } = stage.server
    backend.configure({ graceWindow: 10_000 })
    const [first, ...others] = (await stage.open(`storage=${storage}`, 3)) as [Page, ...Page[]]
    await logIn([first, ...others])
    backend.delayRefresh(600)
    backend.expireAccessTokens()
    await first.evaluate(() => window.tab.begin())
    await first.waitForFunction(() => window.tab.traffic.at(-1)?.what === 'sent /auth/refresh')
    await first.close()
    backend.delayRefresh(0)
    expect(await requestAll(others)).toEqual(['200'])
    expect(backend.stats).toMatchObject({ reuses: 0, rejected: 0 })
    expect(backend.stats.refreshes).toBeLessThanOrEqual(2)
  })

  it.each(['web', 'indexedDB', 'cookie'])('hear of a login and a logout elsewhere (%s)', async storage => {
    stage.server.backend.configure({ transport: storage === 'cookie' ? 'cookie' : 'body' })
    const [acting, ...others] = (await stage.open(`storage=${storage}`, 3)) as [Page, ...Page[]]
    await logIn([acting, ...others])
    await acting.evaluate(() => window.tab.logout())
    for (const page of others) await reach(page, 'anonymous')
    expect(stage.server.backend.stats).toMatchObject({ refreshes: 0, reuses: 0, logouts: 1 })
  })
})
