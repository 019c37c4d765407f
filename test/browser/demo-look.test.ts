import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { burst, drawn, logIn, useDemo, waitForStatus } from './demo-page.js'

const require = createRequire(import.meta.url)
const demo = useDemo()

/** A page with something of everything on its timeline. */
async function fill(page: Page): Promise<void> {
  await page.locator('#devtools').getByLabel('In view').selectOption('60000')
  await logIn(page)
  await burst(page, 1)
  await page.locator('#expire').click()
  await drawn(page, '.mark.control[data-title="Access tokens expired"]')
  await burst(page, 10)
  await drawn(page, '.mark.refresh[data-outcome="done"]')
}

describe('the page meets the rules of accessibility', () => {
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
      await expect
        .poll(() => page.locator('#devtools .chart svg').getAttribute('viewBox'))
        .toMatch(/^0 0 \d+ \d+$/)
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
    await drawn(page, '.mark.control[data-title="Refresh tokens revoked"]')
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
