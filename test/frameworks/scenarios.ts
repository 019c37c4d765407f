/** The life of a session in pages that a server renders: the same for every framework. */
import type { Browser } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Backend } from './backend.js'
import {
  fillIn,
  loadAgain,
  logIn,
  moment,
  orders,
  showsLogin,
  showsOrders,
  type Visitor,
  visit,
} from './visitor.js'

export interface Stage {
  readonly browser: Browser
  readonly backend: Backend
  /** Origin of the pages. */
  readonly url: string
}

/** Declares the tests. `stage` is read when one begins. */
export function describeSession(stage: () => Stage): void {
  const visitor = (): Visitor => present
  let present: Visitor
  beforeEach(async () => {
    const { browser, backend, url } = stage()
    backend.reset()
    present = await visit(browser, url)
  })
  afterEach(async () => {
    await present.context.close()
    expect(present.problems).toEqual([])
  })
  describe('login and logout', () => describeLogin(stage, visitor))
  describe('a page that the server has rendered', () => describeRestore(stage, visitor))
  describe('an access token that ends', () => describeExpiry(stage, visitor))
  describe('the guard', () => describeGuard(stage, visitor))
}

function describeLogin(stage: () => Stage, visitor: () => Visitor): void {
  it('shows the orders after the login, with the data that the server has fetched', async () => {
    const { backend } = stage()
    const { page, seen } = visitor()
    await page.goto('/login')
    await showsLogin(page)
    await fillIn(page, 'byron')
    await page.getByText('The user or the password is wrong.').waitFor()
    await fillIn(page, 'lovelace')
    await showsOrders(page)
    expect(backend.requests()).toEqual([
      'POST /auth/login 401',
      'POST /auth/login 200',
      'GET /api/orders 200',
    ])
    expect(seen).not.toContain('Loading…')
  })

  it('keeps the user logged out after a logout, over reloads and new pages', async () => {
    const { backend } = stage()
    const { page, context } = visitor()
    await logIn(page)
    await page.getByRole('button', { name: 'Log out' }).click()
    await showsLogin(page)
    await expect.poll(() => backend.model.stats.logouts).toBe(1)
    expect(await context.cookies()).toEqual([])
    const count = backend.requests().length
    await page.reload()
    await showsLogin(page)
    await page.goto('/')
    await showsLogin(page)
    await page.goto('/account')
    await showsLogin(page)
    expect(backend.requests()).toHaveLength(count)
  })

  it('keeps the user logged out although the server could not be reached, and notifies it later', async () => {
    const { backend } = stage()
    const { page, context } = visitor()
    await logIn(page)
    await page.route('**/auth/logout', route => route.abort())
    await page.getByRole('button', { name: 'Log out' }).click()
    await showsLogin(page)
    // The cookies are still there, so the guard and the server take them for a session.
    await page.goto('/')
    await showsLogin(page)
    await page.unroute('**/auth/logout')
    await page.reload()
    await showsLogin(page)
    await expect.poll(() => backend.model.stats.logouts).toBe(1)
    await expect.poll(() => context.cookies()).toEqual([])
    expect(backend.model.stats.refreshes).toBe(0)
  })

  it('reaches the other tab', async () => {
    const { backend } = stage()
    const { page, openTab } = visitor()
    const second = await openTab()
    await second.goto('/login')
    await showsLogin(second)
    await logIn(page)
    await showsOrders(second)
    expect(backend.model.stats).toMatchObject({ logins: 1, refreshes: 0, unauthorized: 0 })
    await second.getByRole('button', { name: 'Log out' }).click()
    await Promise.all([showsLogin(page), showsLogin(second)])
  })
}

function describeRestore(stage: () => Stage, visitor: () => Visitor): void {
  it('keeps its state while the restore takes long', async () => {
    const { backend } = stage()
    const { page, seen } = visitor()
    await logIn(page)
    backend.model.delayRefresh(1_500)
    seen.clear()
    await page.reload()
    await showsOrders(page)
    await expect.poll(() => backend.model.stats.refreshes).toBe(1)
    await loadAgain(page, 1)
    expect([...seen].sort()).toEqual(shownTexts())
    expect(backend.model.stats).toMatchObject({ logins: 1, unauthorized: 0 })
  })

  it('keeps its state, with a notice, while the auth server answers 503', async () => {
    const { backend } = stage()
    const { page, seen } = visitor()
    await logIn(page)
    backend.model.failNextRefresh({ status: 503, times: Number.POSITIVE_INFINITY })
    seen.clear()
    await page.reload()
    await page.getByText('The server cannot be reached. You are still logged in.').waitFor()
    await showsOrders(page)
    expect(backend.model.stats.failures).toBeGreaterThan(1)
    expect(seen).not.toContain(moment)
    expect(seen).not.toContain('Log in')
  })

  it('moves to the login page when the server no longer knows the session', async () => {
    const { backend } = stage()
    const { page } = visitor()
    await logIn(page)
    backend.model.revokeRefreshTokens()
    await page.reload()
    await showsLogin(page)
    expect(backend.model.stats).toMatchObject({ refreshes: 0, rejected: 1 })
  })
}

/** Texts of a page with orders that have been loaded once again. */
const shownTexts = () => ['Ada Lovelace', 'Loaded 0 times', 'Loaded 1 times', 'Orders', orders].sort()

function describeExpiry(stage: () => Stage, visitor: () => Visitor): void {
  it('is renewed once when a request of the page is refused, for all tabs', async () => {
    const { backend } = stage()
    const { page, openTab } = visitor()
    await logIn(page)
    const second = await openTab()
    await second.goto('/')
    await showsOrders(second)
    await loadAgain(second, 1)
    const before = backend.model.stats.refreshes
    backend.model.expireAccessTokens()
    await loadAgain(page, 1)
    await loadAgain(second, 2)
    expect(backend.model.stats.refreshes - before).toBe(1)
    expect(backend.model.stats).toMatchObject({ rejected: 0, reuses: 0 })
    expect(backend.model.stats.unauthorized).toBeLessThanOrEqual(2)
  })

  it('is renewed ahead, so that no request is refused', async () => {
    const { backend } = stage()
    const { page } = visitor()
    backend.model.configure({ accessTokenLifetime: 8_000 })
    await logIn(page)
    await loadAgain(page, 1)
    await expect.poll(() => backend.model.stats.refreshes, { timeout: 20_000 }).toBe(1)
    await loadAgain(page, 2)
    expect(backend.model.stats).toMatchObject({ logins: 1, unauthorized: 0, rejected: 0 })
  })

  it.each([
    ['is gone with its cookie', ({ context }: Visitor) => context.clearCookies({ name: 'access' })],
    ['is refused by the API', async () => stage().backend.model.expireAccessTokens()],
    ['is no token', ({ context }: Visitor) => context.addCookies([garbage(stage().url)])],
  ])('that %s: the data comes after one refresh, and no login page', async (_, end) => {
    const { backend } = stage()
    const { page, seen } = visitor()
    await logIn(page)
    await end(visitor())
    seen.clear()
    await page.goto('/')
    await showsOrders(page)
    expect(seen).not.toContain('Log in')
    expect(backend.model.stats).toMatchObject({ logins: 1, refreshes: 1, rejected: 0 })
  })

  it('leads to the login page when the session is over', async () => {
    const { backend } = stage()
    const { page } = visitor()
    await logIn(page)
    backend.model.expireAccessTokens()
    backend.model.revokeRefreshTokens()
    await page.getByRole('button', { name: 'Load again' }).click()
    await showsLogin(page)
    expect(backend.model.stats).toMatchObject({ refreshes: 0, rejected: 1 })
    await fillIn(page, 'lovelace')
    await showsOrders(page)
  })
}

const garbage = (url: string) => ({ name: 'access', value: 'garbage', url, httpOnly: true })

function describeGuard(stage: () => Stage, visitor: () => Visitor): void {
  it('sends a visitor to the login page without asking the back end', async () => {
    const { backend, url } = stage()
    const { page } = visitor()
    for (const path of ['/', '/account']) {
      const { status, headers } = await fetch(url + path, { redirect: 'manual' })
      expect([302, 307]).toContain(status)
      expect(new URL(headers.get('location') ?? '', url).pathname).toBe('/login')
    }
    await page.goto('/account')
    await showsLogin(page)
    expect(backend.requests()).toEqual([])
  })

  it('lets a live session pass whose access cookie has ended', async () => {
    const { backend } = stage()
    const { page, context, seen } = visitor()
    await logIn(page)
    seen.clear()
    await context.clearCookies({ name: 'access' })
    await page.goto('/account')
    await page.getByText('Your user name is ada.').waitFor()
    await context.clearCookies({ name: 'access' })
    await page.getByRole('link', { name: 'Orders' }).click()
    await showsOrders(page)
    expect(seen).not.toContain('Log in')
    expect(backend.model.stats).toMatchObject({ logins: 1, rejected: 0 })
  })

  it('leads a user who is logged in from the login page to the orders', async () => {
    const { page } = visitor()
    await logIn(page)
    await page.goto('/login')
    await showsOrders(page)
  })
}
