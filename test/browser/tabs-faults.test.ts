import type { BrowserContext, Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { isSlow } from '../support/slow.js'
import { logIn, reach, requestAll, useStage } from '../support/tabs-browser.js'

const stage = useStage()
const storages = isSlow ? ['web', 'indexedDB'] : ['indexedDB']

/** Waits until a refresh is on its way. */
const refreshing = (pages: readonly Page[]): Promise<void> =>
  expect
    .poll(
      async () => {
        const sent = await Promise.all(
          pages.map(page => page.evaluate(() => window.tab.traffic.at(-1)?.what === 'sent /auth/refresh')),
        )
        return sent.filter(Boolean).length
      },
      { interval: 10 },
    )
    .toBe(1)

/** Which of the tabs has a refresh on its way. */
async function refresher(pages: readonly Page[]): Promise<Page> {
  await refreshing(pages)
  for (const page of pages) {
    if (await page.evaluate(() => window.tab.traffic.at(-1)?.what === 'sent /auth/refresh')) return page
  }
  throw new Error('No tab refreshes')
}

const begin = (pages: readonly Page[]): Promise<unknown> =>
  Promise.all(pages.map(page => page.evaluate(() => window.tab.begin())))
const ended = async (page: Page): Promise<string[]> => {
  await page.waitForFunction(() => window.tab.ended() !== undefined)
  return page.evaluate(() => window.tab.ended() ?? [])
}

describe.each(storages)('a tab that is gone in the middle of a refresh, with %s storage', storage => {
  it.each([
    { what: 'closed', end: (page: Page) => page.close() },
    {
      what: 'crashed',
      async end(page: Page) {
        const session = await page.context().newCDPSession(page)
        const crashed = page.waitForEvent('crash')
        session.send('Page.crash').catch(() => {})
        await crashed
      },
    },
  ])('by being $what stops no other tab: the others send before the server has answered', async ({ end }) => {
    const { backend } = stage.server
    backend.configure({ graceWindow: 10_000 })
    const pages = await stage.open(`storage=${storage}`, 3)
    await logIn(pages)
    // Long enough for a busy machine to end the tab first.
    backend.delayRefresh(5_000)
    backend.expireAccessTokens()
    await begin(pages)
    const gone = await refresher(pages)
    const others = pages.filter(page => page !== gone)
    await end(gone)
    backend.delayRefresh(0)
    for (const page of others) expect(await ended(page)).toEqual(['200'])
    expect(backend.stats).toMatchObject({ reuses: 0, rejected: 0 })
    expect(backend.stats.refreshes).toBeLessThanOrEqual(2)
  })

  it.each([
    { what: 'a reload', go: (page: Page) => page.reload() },
    {
      what: 'a navigation to another page and back',
      async go(page: Page) {
        const url = page.url()
        await page.goto(`${stage.server.url}/away.html`)
        await page.goto(url)
      },
    },
  ])('by $what keeps its session where the server has a grace window', async ({ go }) => {
    const { backend } = stage.server
    backend.configure({ graceWindow: 10_000 })
    const [page] = (await stage.open(`storage=${storage}`, 1)) as [Page]
    await logIn([page])
    backend.delayRefresh(300)
    backend.expireAccessTokens()
    await begin([page])
    await refreshing([page])
    await go(page)
    await page.waitForSelector('html[data-ready]')
    expect(await requestAll([page])).toEqual(['200'])
    expect(backend.stats).toMatchObject({ logins: 1, reuses: 0, rejected: 0 })
  })
})

describe('the network', () => {
  it('goes and comes back, and costs one refresh for all tabs', async () => {
    const { backend } = stage.server
    const pages = await stage.open('storage=web', 3)
    await logIn(pages)
    const context = pages[0]!.context()
    backend.expireAccessTokens()
    await context.setOffline(true)
    expect(await Promise.all(pages.map(page => page.evaluate(() => window.tab.refresh())))).toEqual(
      Array(3).fill('ERR_REFRESH_FAILED'),
    )
    await context.setOffline(false)
    expect(await requestAll(pages)).toEqual(['200'])
    expect(backend.stats).toMatchObject({ refreshes: 1, reuses: 0, rejected: 0 })
  })

  it('breaks in the middle: the same refresh token is tried again, by one tab at a time', async () => {
    const { backend } = stage.server
    const pages = await stage.open('storage=indexedDB', 3)
    await logIn(pages)
    backend.failNextRefresh({ networkError: true, times: 2 })
    backend.expireAccessTokens()
    expect(await requestAll(pages)).toEqual(['200'])
    expect(backend.stats).toMatchObject({ refreshes: 1, failures: 2, reuses: 0, rejected: 0 })
  })

  it('loses an answer for good: a strict server ends the session, once, in every tab', async () => {
    const { backend } = stage.server
    const pages = await stage.open('storage=web', 3)
    await logIn(pages)
    backend.failNextRefresh({ lostAnswer: true })
    backend.expireAccessTokens()
    expect(await requestAll(pages)).toEqual(['ERR_SESSION_EXPIRED'])
    for (const page of pages) {
      await reach(page, 'expired')
      const events = await page.evaluate(() => window.tab.events.map(({ what }) => what))
      expect(events.filter(what => what === 'sessionExpired')).toHaveLength(1)
    }
    expect(backend.stats.reuses).toBe(1)
    // A tab that has the lock before the refusal is known in the storage is refused, too.
    expect(backend.stats.rejected).toBeLessThanOrEqual(pages.length)
  })
})

describe('a page that has less', () => {
  const without = (script: () => void) => async (context: BrowserContext) => {
    await context.addInitScript(script)
  }
  const noLocks = without(() => {
    Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined })
  })
  const noChannel = without(() => {
    Reflect.deleteProperty(globalThis, 'BroadcastChannel')
  })
  const rounds = isSlow ? 16 : 2

  const daily = [
    { lacks: 'Web Locks', storage: 'indexedDB', prepare: noLocks },
    { lacks: 'BroadcastChannel', storage: 'web', prepare: noChannel },
  ]
  const others = [
    { lacks: 'Web Locks', storage: 'web', prepare: noLocks },
    { lacks: 'BroadcastChannel', storage: 'indexedDB', prepare: noChannel },
  ]

  it.each(isSlow ? [...daily, ...others] : daily)(
    'such as $lacks still makes one refresh per expiry ($storage)',
    async ({ storage, prepare }) => {
      const { backend } = stage.server
      const [first] = (await stage.open(`storage=${storage}`, 1, prepare)) as [Page]
      await logIn([first])
      // Opened after the login: without a channel nothing tells a page that is open already.
      const more = await Promise.all([1, 2].map(() => stage.tab(first.context(), `storage=${storage}`)))
      const pages = [first, ...more]
      for (let round = 0; round < rounds; round++) {
        backend.delayRefresh(10)
        backend.expireAccessTokens()
        expect(await requestAll(pages)).toEqual(['200'])
      }
      expect(backend.stats).toMatchObject({ refreshes: rounds, reuses: 0, rejected: 0 })
    },
  )
})
