import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { burst, drawn, logIn, useDemo, waitForStatus } from './demo-page.js'

const require = createRequire(import.meta.url)
const demo = useDemo()
const focused = (page: Page) => page.evaluate(() => document.activeElement?.getAttribute('data-id'))
const shift = (page: Page) => page.locator('.clipped > .marks').getAttribute('transform')

/** A page with something of everything on its timeline. */
async function fill(page: Page): Promise<void> {
  await page.locator('#span').selectOption('60000')
  await logIn(page)
  await burst(page, 1)
  await page.locator('#expire').click()
  await drawn(page, '.mark-control[data-title="Access tokens expired"]')
  await burst(page, 10)
  await drawn(page, '.mark-call[data-call="refresh"]')
}

describe('the timeline', () => {
  it('explains a mark on hover, and stops explaining when the pointer leaves', async () => {
    const { page } = demo
    await fill(page)
    await page.locator('#pause').click()
    await page.locator('.mark-call[data-call="refresh"] .hit').hover()
    await expect
      .poll(() => page.locator('#tip').textContent())
      .toMatch(/^Refresh: 200POST \/auth\/refresh at 0:/)
    await page.locator('.mark-request [data-part="replay"]').first().hover({ force: true })
    await expect.poll(() => page.locator('#tip').textContent()).toContain('401 invalid_token')
    await page.locator('h1').hover()
    await page.locator('#tip').waitFor({ state: 'hidden' })
  })

  it('has one tab stop, from which arrows walk, and explains what has the focus', async () => {
    const { page } = demo
    await fill(page)
    expect(await page.locator('.mark[tabindex="0"]').count()).toBe(1)
    await page.locator('#span').focus()
    await page.keyboard.press('Tab')
    const first = await focused(page)
    expect(first).toBeTruthy()
    await expect.poll(() => page.locator('#tip').isVisible()).toBe(true)
    await page.keyboard.press('Home')
    const home = await focused(page)
    await page.keyboard.press('ArrowRight')
    expect(await focused(page)).not.toBe(home)
    await page.keyboard.press('ArrowLeft')
    expect(await focused(page)).toBe(home)
    const lane = () => page.evaluate(() => document.activeElement?.getAttribute('data-lane'))
    const before = await lane()
    await page.keyboard.press('ArrowUp')
    expect(await lane()).not.toBe(before)
    const label = await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))
    const title = await page.locator('#tip strong').textContent()
    expect(label).toContain(title)
    await page.keyboard.press('Escape')
    await page.locator('#tip').waitFor({ state: 'hidden' })
  })

  it('moves with time, pauses, and goes back and forth', async () => {
    const { page } = demo
    await fill(page)
    await page.locator('#span').selectOption('6000')
    const moving = await shift(page)
    await expect.poll(() => shift(page)).not.toBe(moving)
    await page.locator('#pause').click()
    expect(await page.locator('#pause').getAttribute('aria-pressed')).toBe('true')
    const still = await shift(page)
    await burst(page, 1)
    expect(await shift(page)).toBe(still)
    await page.locator('#earlier').click()
    await expect.poll(() => shift(page)).not.toBe(still)
    await page.locator('#later').click()
    await page.locator('#pause').click()
    expect(await page.locator('#pause').getAttribute('aria-pressed')).toBe('false')
  })
})

describe('the page for everybody', () => {
  const axe = require.resolve('axe-core/axe.min.js')
  const looks = [
    { colorScheme: 'light', width: 1360 },
    { colorScheme: 'dark', width: 1360 },
    { colorScheme: 'dark', width: 390 },
    { colorScheme: 'light', width: 390 },
  ] as const

  /** In light and dark, on a desk and on a phone. */
  async function inspect(page: Page): Promise<void> {
    for (const { colorScheme, width } of looks) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 900 })
      await expect.poll(() => page.locator('#chart svg').getAttribute('viewBox')).toMatch(/^0 0 \d+ \d+$/)
      expect(await violations(page), `${colorScheme}, ${width} px`).toEqual([])
      const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      expect(beyond, `${colorScheme}, ${width} px`).toBeLessThanOrEqual(0)
    }
  }

  it('has no violation that axe knows of and nothing overflows, before the login', async () => {
    const { page } = demo
    await page.addScriptTag({ path: axe })
    await inspect(page)
  })

  it('has none either with marks, an ended session, a refused login and a focus on it', async () => {
    const { page } = demo
    await page.addScriptTag({ path: axe })
    await fill(page)
    await page.locator('#revoke').click()
    await drawn(page, '.mark-control[data-title="Refresh tokens revoked"]')
    await page.locator('#expire').click()
    await burst(page, 1)
    await waitForStatus(page, 'expired')
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Log in' }).click()
    await expect.poll(() => page.locator('#login-problem').textContent()).toContain('wrong')
    await page.locator('.mark[tabindex="0"]').focus()
    await inspect(page)
  })
})

interface Axe {
  run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }>
}

function violations(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const found = await (globalThis as unknown as { axe: Axe }).axe.run()
    return found.violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)}: ${failureSummary}`),
    )
  })
}
