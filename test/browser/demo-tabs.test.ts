import { describe, expect, it } from 'vitest'
import { burst, drawn, expectDrawn, logIn, total, useDemo, waitForStatus } from './demo-page.js'

const demo = useDemo()

describe('another tab of the demo', () => {
  it('has a lane, shares the session, and costs no refresh of its own', async () => {
    const { page, server } = demo
    await logIn(page)
    const opened = page.context().waitForEvent('page')
    await page.locator('#open-tab').click()
    const other = await opened
    await other.waitForSelector('html[data-ready]')
    await waitForStatus(other, 'authenticated')
    await drawn(page, '[data-lane-key^="tab "]')
    await expect.poll(() => page.locator('#tabs-open').textContent()).toBe('2 tabs are open')

    await page.locator('#expire').click()
    await drawn(page, '.mark.control[data-title="Access tokens expired"]')
    await page.locator('#everywhere').check()
    await page.locator('#burst-10').click()
    await expect.poll(() => total(page, 'answered')).toBe(11)
    await expect.poll(() => total(other, 'answered')).toBe(10)
    expect(server.backend.stats.refreshes).toBe(1)
    await expectDrawn(page, '.mark.request[data-lane^="tab "][data-outcome="answered"]', 10)
    await drawn(other, '.mark.request[data-lane^="tab "][data-outcome="answered"]')
    await drawn(other, '.mark.control[data-title="Access tokens expired"]')

    await page.locator('#logout').click()
    await waitForStatus(other, 'anonymous')
    await other.close()
    await expect.poll(() => page.locator('#tabs-open').textContent()).toBe('One tab is open')
  })
})

describe('without tokenflight', () => {
  it('sends by hand, on a timeline of its own that the devtools know nothing of', async () => {
    const { page, server } = demo
    await logIn(page)
    await page.locator('#by-hand').click()
    await expectDrawn(
      page,
      '#versus-chart .mark.request[data-lane="client by-hand"][data-outcome="answered"]',
      10,
    )
    expect(server.backend.stats.logins).toBe(2)
    expect(await total(page, 'sent')).toBe(1)
    await burst(page, 1)
    expect(await total(page, 'sent')).toBe(2)
  })

  it.each([
    { scenario: 'hiccup', lost: 40, counted: { failures: 2, reuses: 0 } },
    { scenario: 'tabs', lost: undefined, counted: { failures: 0, reuses: 1 } },
  ])(
    'loses requests and the session where tokenflight loses nothing: $scenario',
    async ({ scenario, lost, counted }) => {
      const { page, server } = demo
      await logIn(page)
      await page.locator('#scenario').selectOption(scenario)
      await page.locator('#compare').click()
      await expect.poll(() => page.locator('#verdict-text').textContent()).toMatch(/^By hand/)
      const row = (name: string) => page.locator(`#verdict [data-row="${name}"] td`).allTextContents()
      const [lostByHand, lostByUs] = (await row('lost')).map(Number)
      if (lost !== undefined) expect(lostByHand).toBe(lost)
      expect(lostByHand).toBeGreaterThan(0)
      expect(lostByUs).toBe(0)
      expect(await row('ended')).toEqual(['no', 'yes'])
      expect((await row('refreshes'))[1]).toBe('1')
      expect(server.backend.stats).toMatchObject(counted)
      expect(await total(page, 'failed')).toBe(0)
      const versus = '#versus-chart .mark.request'
      // Either of the two tabs by hand may be the one that loses; only a request that fails has a cap.
      await drawn(page, `${versus}[data-lane^="client by-hand"] [data-part="cap"]`)
      await drawn(
        page,
        `${versus}[data-lane^="client tokenflight"][data-outcome="answered"] [data-part="replay"]`,
      )
    },
  )

  it('has 401s at the end of every token, where tokenflight has none', async () => {
    const { page } = demo
    const compare = page.locator('#compare')
    await page.locator('#scenario').selectOption('expiry')
    // The clocks advance together, so a busy machine ends no token early.
    const advanceUntil = await demo.stopClocks()
    await compare.click()
    await advanceUntil(() => compare.isEnabled())
    const counts = await page.locator('#verdict [data-row="wire401"] td').allTextContents()
    const [byHand, ours] = counts.map(Number)
    expect(byHand).toBeGreaterThan(0)
    expect(ours).toBe(0)
  })
})
