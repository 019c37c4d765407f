// @vitest-environment happy-dom
import { enableAutoUnmount, mount, type VueWrapper } from '@vue/test-utils'
import { setupServer } from 'msw/node'
import { createAuthPlugin } from 'tokenflight/vue'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { backend, handlers } from '../shop/backend.js'
import { createCookieSession, createSession, type Session } from '../shop/session.js'
import { App } from './App.js'

const server = setupServer(...handlers)
let session: Session
let page: VueWrapper

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
beforeEach(() => {
  session = createSession({ retry: 0 })
})
enableAutoUnmount(afterEach)
afterEach(() => {
  session.auth.dispose()
  backend.reset()
})
afterAll(() => server.close())

const render = () => {
  page = mount(App, { props: { session }, global: { plugins: [createAuthPlugin(session.auth)] } })
}
const click = (name: string) =>
  page
    .findAll('button')
    .find(button => button.text() === name)
    ?.trigger('click')
const shows = (text: string) => vi.waitFor(() => expect(page.text()).toContain(text))
const showsShelves = () => shows('orders of ada, invoices of ada, wishes of ada')

/** The page with ada logged in; gives her tokens. */
async function openApp() {
  const tokens = await backend.issue('ada')
  await session.auth.login(tokens)
  render()
  await showsShelves()
  return tokens
}

describe('a Vue application', () => {
  it('signs in and out', async () => {
    render()
    await click('Sign in')
    await showsShelves()
    await click('Sign out')
    await shows('Sign in')
  })

  it('shows everything although the token expires in the middle of a burst', async () => {
    await openApp()
    const reload = click('Reload')
    backend.expireAccessTokens()
    await reload
    await showsShelves()
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 3 })
  })

  it('asks for a login when the session was revoked', async () => {
    await openApp()
    backend.expireAccessTokens()
    backend.revokeRefreshTokens()
    await click('Reload')
    await shows('Your session has ended')
  })

  it('keeps the session while the auth server is down', async () => {
    await openApp()
    backend.expireAccessTokens()
    backend.failNextRefresh({ networkError: true })
    await click('Reload')
    await shows('The server cannot be reached')
    await click('Try again')
    await showsShelves()
  })

  it('waits for a slow refresh', async () => {
    await openApp()
    backend.expireAccessTokens()
    backend.delayRefresh(100)
    await click('Reload')
    expect(page.text()).toContain('Loading…')
    await showsShelves()
  })

  it('never spends a refresh token twice where they rotate', async () => {
    await openApp()
    for (let round = 1; round <= 3; round++) {
      backend.expireAccessTokens()
      await click('Reload')
      await showsShelves()
      expect(backend.stats).toMatchObject({ refreshes: round, reuses: 0 })
    }
  })

  it('asks for a login when another client has spent the refresh token', async () => {
    const { refreshToken } = await openApp()
    await fetch('/auth/refresh', { method: 'POST', body: JSON.stringify({ refreshToken }) })
    backend.expireAccessTokens()
    await click('Reload')
    await shows('Your session has ended')
    expect(backend.stats.reuses).toBe(1)
  })

  it('does not notice that the server signs with another key', async () => {
    await openApp()
    backend.rotateKeys()
    await click('Reload')
    await showsShelves()
    expect(backend.stats).toMatchObject({ refreshes: 1, rejected: 0 })
  })

  it('is logged in after a reload in cookie mode', async () => {
    backend.configure({ transport: 'cookie', csrf: true })
    await backend.issue('ada')
    session = createCookieSession()
    render()
    expect(page.text()).toBe('One moment…')
    await showsShelves()
  })
})
