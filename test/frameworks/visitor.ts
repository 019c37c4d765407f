/** A user with a browser of their own, who sees each text that a page shows, however shortly. */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { expect } from 'vitest'
import { findBrowser, launchArguments } from '../../scripts/find-browser.mjs'

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: findBrowser(), args: launchArguments })

export interface Visitor {
  readonly page: Page
  readonly context: BrowserContext
  /** Texts of the page since the visitor came, or since `forget`. */
  readonly seen: Set<string>
  /** Messages of the console and uncaught errors; refused requests are not among them. */
  readonly problems: string[]
  /** Another tab of the same browser. */
  openTab(): Promise<Page>
}

export async function visit(browser: Browser, origin: string): Promise<Visitor> {
  const context = await browser.newContext({ baseURL: origin })
  context.setDefaultTimeout(30_000)
  const seen = new Set<string>()
  const problems: string[] = []
  await context.exposeFunction('report', (text: string) => seen.add(text))
  await context.addInitScript(watchTexts)
  context.on('weberror', error => problems.push(String(error.error())))
  context.on('console', message => {
    const isProblem = ['error', 'warning'].includes(message.type())
    if (isProblem && !message.text().startsWith('Failed to load resource')) problems.push(message.text())
  })
  return { page: await context.newPage(), context, seen, problems, openTab: () => context.newPage() }
}

/** Runs in the page before anything else does. */
function watchTexts(): void {
  const report = (globalThis as unknown as { report: (text: string) => void }).report
  const look = () => {
    for (const element of document.querySelectorAll<HTMLElement>('p, h1, header span, [role=alert]')) {
      if (element.checkVisibility() && element.textContent) report(element.textContent)
    }
  }
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true })
}

export const orders = 'Tea, Difference engine'
export const moment = 'One moment…'

export async function logIn(page: Page): Promise<void> {
  await page.goto('/login')
  await fillIn(page, 'lovelace')
  await showsOrders(page)
}

export async function fillIn(page: Page, password: string): Promise<void> {
  await page.getByLabel('User').fill('ada')
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
}

export async function showsOrders(page: Page): Promise<void> {
  await page.getByText(orders).waitFor()
  await page.getByRole('banner').getByText('Ada Lovelace').waitFor()
  expect(new URL(page.url()).pathname).toBe('/')
}

export async function showsLogin(page: Page): Promise<void> {
  await page.getByRole('heading', { name: 'Log in' }).waitFor()
  // Enabled as soon as the browser knows that no user is logged in.
  await expect.poll(() => page.getByLabel('User').isEnabled()).toBe(true)
  expect(new URL(page.url()).pathname).toBe('/login')
}

export async function loadAgain(page: Page, times: number): Promise<void> {
  const button = page.getByRole('button', { name: 'Load again' })
  // A click on the markup of the server is lost. Vue marks the element with a symbol, React with a name.
  const isHydrated = (element: Element): boolean =>
    Object.getOwnPropertySymbols(element).length > 0 ||
    Object.keys(element).some(name => name.startsWith('__react'))
  await expect.poll(() => button.evaluate(isHydrated)).toBe(true)
  await button.click()
  await page.getByText(`Loaded ${times} times`).waitFor()
}
