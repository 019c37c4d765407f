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
    await other.waitForSelector('html[data-ready="t2"]')
    await waitForStatus(other, 'authenticated')
    await drawn(page, '[data-lane-key="t2"]')
    await expect.poll(() => page.locator('#tabs-open').textContent()).toBe('This is tab 1, 2 are open')

    await page.locator('#expire').click()
    await drawn(page, '.mark-control[data-title="Access tokens expired"]')
    await page.locator('#everywhere').check()
    await page.locator('#burst-10').click()
    await expect.poll(() => total(page, 'answered')).toBe(20)
    expect(server.backend.stats.refreshes).toBe(1)
    await expectDrawn(page, '.mark-request[data-lane="t2"][data-outcome="answered"]', 10)
    await drawn(other, '.mark-request[data-lane="t1"][data-outcome="answered"]')
    await drawn(other, '.mark-control[data-title="Access tokens expired"]')

    await page.getByRole('button', { name: 'Log out' }).click()
    await waitForStatus(other, 'anonymous')
    await other.close()
    await expect.poll(() => page.locator('#tabs-open').textContent()).toBe('This is tab 1')
  })
})

describe('without tokenflight', () => {
  it('sends by hand, in a lane of its own that the tally leaves out', async () => {
    const { page, server } = demo
    await logIn(page)
    await page.locator('#by-hand').click()
    await expectDrawn(page, '.mark-request[data-lane="t1.hand"][data-outcome="answered"]', 10)
    expect(server.backend.stats.logins).toBe(2)
    expect(await total(page, 'sent')).toBe(0)
    await burst(page, 1)
    expect(await total(page, 'sent')).toBe(1)
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
      expect(await total(page, 'lost')).toBe(0)
      // Either of the two tabs by hand may be the one that loses; only a request that fails has a cap.
      await drawn(page, '.mark-request[data-lane^="t1.hand"] [data-part="cap"]')
    },
  )

  it('has 401s at the end of every token, where tokenflight has none', async () => {
    const { page } = demo
    await page.locator('#scenario').selectOption('expiry')
    await page.locator('#compare').click()
    await expect.poll(() => page.locator('#verdict-text').textContent()).toMatch(/^By hand/)
    const [byHand, ours] = await page.locator('#verdict [data-row="wire401"] td').allTextContents()
    expect(Number(byHand)).toBeGreaterThan(0)
    expect(Number(ours)).toBe(0)
  })
})
