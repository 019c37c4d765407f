import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { logIn, reach, requestAll, useStage } from '../support/tabs-browser.js'
import type { Moment } from '../support/tabs-client.js'

const stage = useStage()
/** How soon a visible tab hears of a change, as the README promises, milliseconds. */
const SOON = 500

const now = (page: Page): Promise<number> => page.evaluate(() => performance.timeOrigin + performance.now())
const first = (page: Page, what: string): Promise<Moment | undefined> =>
  page.evaluate(name => window.tab.events.find(event => event.what.startsWith(name)), what)

/** How long after the instant the event reached each page, at the most. */
async function delay(pages: readonly Page[], event: string, since: number): Promise<number> {
  const delays = await Promise.all(
    pages.map(async page => {
      await expect.poll(() => first(page, event), { interval: 20 }).toBeDefined()
      return (await first(page, event))!.at - since
    }),
  )
  return Math.max(...delays)
}

describe.each(['web', 'indexedDB', 'cookie'])('a change of the session, with %s storage', storage => {
  const prepare = (): void =>
    stage.server.backend.configure({ transport: storage === 'cookie' ? 'cookie' : 'body' })

  /** Login, new tokens, logout and expiry in one of four new tabs: how long each took to reach the others, at the most. */
  const tell = async (): Promise<Record<string, number>> => {
    stage.server.backend.reset()
    stage.server.log.clear()
    prepare()
    const { backend } = stage.server
    const [acting, ...others] = (await stage.open(`storage=${storage}`, 4)) as [Page, ...Page[]]
    const took: Record<string, number> = {}
    await acting.evaluate(() => window.tab.login())
    took.login = await delay(others, 'login', (await first(acting, 'login'))!.at)
    await acting.evaluate(() => window.tab.refresh())
    took.refreshed = await delay(others, 'refreshed tab', (await first(acting, 'refreshed'))!.at)
    const since = await now(acting)
    await acting.evaluate(() => window.tab.logout())
    took.logout = await delay(others, 'logout tab', since)
    for (const page of others) await reach(page, 'anonymous')
    await acting.evaluate(() => window.tab.login('grace'))
    for (const page of others) await reach(page, 'authenticated')
    backend.revokeRefreshTokens()
    expect(await acting.evaluate(() => window.tab.refresh())).toBe('ERR_SESSION_EXPIRED')
    took.sessionExpired = await delay(others, 'sessionExpired', (await first(acting, 'sessionExpired'))!.at)
    expect(await requestAll(others)).toEqual(['401'])
    // The server calls a token that it refuses invalid, and a request without one unauthorized.
    const requests = stage.server.log.since(0).filter(({ path }) => path === '/api/orders')
    expect(requests.map(({ error }) => error)).toEqual(others.map(() => 'unauthorized'))
    expect(backend.stats).toMatchObject({ refreshes: 1, reuses: 0, logouts: 1, unauthorized: 3 })
    return took
  }

  it('by login, new tokens, logout and expiry is known in every tab within half a second', async () => {
    let took = await tell()
    // A busy machine may stop a page for longer than that, but not each time.
    for (let more = 4; more && Object.values(took).some(duration => duration >= SOON); more--)
      took = await tell()
    for (const [event, duration] of Object.entries(took)) expect(duration, event).toBeLessThan(SOON)
  })

  it('never sends a refresh token over the channel, and an access token only where nothing else is shared', async () => {
    prepare()
    const { backend } = stage.server
    const pages = await stage.open(`storage=${storage}`, 3)
    await logIn(pages)
    for (let round = 0; round < 3; round++) {
      backend.expireAccessTokens()
      expect(await requestAll(pages)).toEqual(['200'])
    }
    const heard = (await Promise.all(pages.map(page => page.evaluate(() => window.tab.heard)))).flat()
    expect(heard.length).toBeGreaterThan(0)
    expect(heard.join()).not.toContain('refreshToken')
    expect(heard.some(text => text.includes('accessToken'))).toBe(storage === 'cookie')
    const stored = await pages[0]!.evaluate(() => JSON.stringify(localStorage))
    expect(stored.includes('refreshToken')).toBe(storage === 'web')
  })
})

describe('tabs of a cookie session', () => {
  it('that open together make one restore for all of them', async () => {
    const { backend } = stage.server
    backend.configure({ transport: 'cookie' })
    const [page] = (await stage.open('storage=cookie', 1)) as [Page]
    await logIn([page])
    await page.goto(`${stage.server.url}/away.html`)
    const { refreshes } = backend.stats
    backend.delayRefresh(100)
    const context = page.context()
    const pages = await Promise.all(Array.from({ length: 5 }, () => stage.tab(context, 'storage=cookie')))
    for (const one of pages) await reach(one, 'authenticated')
    expect(await requestAll(pages)).toEqual(['200'])
    expect(backend.stats.refreshes - refreshes).toBe(1)
    expect(backend.stats).toMatchObject({ reuses: 0, unauthorized: 0 })
  })
})
