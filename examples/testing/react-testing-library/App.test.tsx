// @vitest-environment happy-dom
import { cleanup, configure, fireEvent, render, screen } from '@testing-library/react'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { backend, handlers } from '../shop/backend.js'
import { createCookieSession, createSession, type Session } from '../shop/session.js'
import { App } from './App.js'

const server = setupServer(...handlers)
// `findBy…` waits for one second by default, which is short on a busy machine.
configure({ asyncUtilTimeout: 30_000 })
let session: Session

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
beforeEach(() => {
  session = createSession({ retry: 0 })
})
afterEach(() => {
  cleanup()
  session.auth.dispose()
  backend.reset()
})
afterAll(() => server.close())

const click = (name: string) => fireEvent.click(screen.getByRole('button', { name }))
const shelves = () => screen.findByText('orders of ada, invoices of ada, wishes of ada')
const alert = async () => (await screen.findByRole('alert')).textContent

/** The page with ada logged in; gives her tokens. */
async function openApp() {
  const tokens = await backend.issue('ada')
  await session.auth.login(tokens)
  render(<App session={session} />)
  await shelves()
  return tokens
}

describe('a React application', () => {
  it('signs in and out', async () => {
    render(<App session={session} />)
    click('Sign in')
    await shelves()
    click('Sign out')
    expect(await screen.findByRole('button', { name: 'Sign in' })).toBeDefined()
  })

  it('shows everything although the token expires in the middle of a burst', async () => {
    await openApp()
    click('Reload')
    backend.expireAccessTokens()
    expect(await shelves()).toBeDefined()
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 3 })
  })

  it('asks for a login when the session was revoked', async () => {
    await openApp()
    backend.expireAccessTokens()
    backend.revokeRefreshTokens()
    click('Reload')
    expect(await alert()).toBe('Your session has ended')
  })

  it('keeps the session while the auth server is down', async () => {
    await openApp()
    backend.expireAccessTokens()
    backend.failNextRefresh({ status: 503 })
    click('Reload')
    expect(await alert()).toBe('The server cannot be reached')
    click('Try again')
    expect(await shelves()).toBeDefined()
  })

  it('waits for a slow refresh', async () => {
    await openApp()
    backend.expireAccessTokens()
    backend.delayRefresh(100)
    click('Reload')
    expect(screen.getByText('Loading…')).toBeDefined()
    expect(await shelves()).toBeDefined()
  })

  it('never spends a refresh token twice where they rotate', async () => {
    await openApp()
    for (let round = 1; round <= 3; round++) {
      backend.expireAccessTokens()
      click('Reload')
      expect(await shelves()).toBeDefined()
      expect(backend.stats).toMatchObject({ refreshes: round, reuses: 0 })
    }
  })

  it('asks for a login when another client has spent the refresh token', async () => {
    const { refreshToken } = await openApp()
    await fetch('/auth/refresh', { method: 'POST', body: JSON.stringify({ refreshToken }) })
    backend.expireAccessTokens()
    click('Reload')
    expect(await alert()).toBe('Your session has ended')
    expect(backend.stats.reuses).toBe(1)
  })

  it('does not notice that the server signs with another key', async () => {
    await openApp()
    backend.rotateKeys()
    click('Reload')
    expect(await shelves()).toBeDefined()
    expect(backend.stats).toMatchObject({ refreshes: 1, rejected: 0 })
  })

  it('is logged in after a reload in cookie mode', async () => {
    backend.configure({ transport: 'cookie', csrf: true })
    await backend.issue('ada')
    session = createCookieSession()
    render(<App session={session} />)
    expect(screen.getByText('One moment…')).toBeDefined()
    expect(await shelves()).toBeDefined()
  })
})
