// @vitest-environment happy-dom
/** The examples for Next.js and Nuxt: the server shows what it knows, the browser takes over without a mismatch. */

import { act } from '@testing-library/react'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { hydrateRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { mockAuth } from 'tokenflight/msw'
import { useAuth } from 'tokenflight/vue'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { createSSRApp, defineComponent, h } from 'vue'
import { renderToString as renderVue } from 'vue/server-renderer'
import { jar, shown } from './frameworks.js'

const backend = mockAuth({ baseUrl: 'https://api.example.com/auth' })
const browser = mockAuth({ baseUrl: '/auth', transport: 'cookie', csrf: true })
const server = setupServer(
  ...backend.handlers,
  ...browser.handlers,
  http.get(
    'https://api.example.com/orders',
    backend.protect((_, { sub }) => HttpResponse.json([`tea for ${sub}`])),
  ),
)
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
})
afterEach(() => {
  jar.clear()
  shown.value = undefined
  backend.reset()
  browser.reset()
})
afterAll(() => server.close())

/** Runs it where there is no window. */
async function onServer<T>(work: () => Promise<T>): Promise<T> {
  const page = window
  vi.stubGlobal('window', undefined)
  try {
    return await work()
  } finally {
    vi.stubGlobal('window', page)
  }
}

async function logIn(username: string) {
  const { accessToken } = await backend.issue(username)
  jar.set('access', accessToken)
}

const page = async () => (await import('../../examples/ssr/next/page.js')).default()

it('Next.js shows the orders of the user whose request it is', async () => {
  for (const [username, name] of [
    ['ada', 'Ada Lovelace'],
    ['grace', 'Grace Hopper'],
  ] as const) {
    await logIn(username)
    const html = await onServer(async () => renderToString(await page()))
    expect(html).toBe(`<p>${name}: tea for ${username}</p>`)
  }
  expect(backend.stats).toMatchObject({ unauthorized: 0, refreshes: 0 })
})

it('Next.js shows `loading` where it has no token, or one that is over', async () => {
  expect(await onServer(async () => renderToString(await page()))).toBe('<p>One moment…</p>')
  await logIn('ada')
  backend.expireAccessTokens()
  expect(await onServer(async () => renderToString(await page()))).toBe('<p>One moment…</p>')
  expect(backend.stats).toMatchObject({ unauthorized: 1, refreshes: 0 })
})

it('Nuxt shows who is logged in, and hands what it showed to the browser', async () => {
  const Page = defineComponent(() => {
    const { status, claims } = useAuth()
    return () => h('p', `${status.value} ${claims.value?.['name'] ?? 'nobody'}`)
  })
  const create = async () => {
    const app = createSSRApp(Page)
    const { default: plugin } = await import('../../examples/ssr/nuxt/auth.js')
    const { provide } = await plugin({ vueApp: app })
    onTestFinished(() => provide.auth.dispose())
    return app
  }
  const render = () => onServer(async () => renderVue(await create()))
  expect(await render()).toBe('<p>loading nobody</p>')
  shown.value = undefined
  await logIn('ada')
  const html = await render()
  expect(html).toBe('<p>authenticated Ada Lovelace</p>')
  expect(shown.value).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
  expect(JSON.stringify(shown.value)).not.toContain(jar.get('access'))

  const warn = vi.spyOn(console, 'warn')
  await browser.issue('ada')
  const container = document.createElement('div')
  container.innerHTML = html
  const { firstChild } = container
  const app = await create()
  app.mount(container)
  await vi.waitFor(() => expect(browser.stats.refreshes).toBe(1))
  await vi.waitFor(() => expect(container.textContent).toBe('authenticated Ada Lovelace'))
  expect(container.firstChild).toBe(firstChild)
  expect(warn).not.toHaveBeenCalled()
  app.unmount()
})

// The last one: its session lives as long as the page, and would share its tokens with those after it.
it('the browser takes the page of Next.js over, with one refresh and no mismatch', async () => {
  await logIn('ada')
  await browser.issue('ada')
  const container = document.createElement('div')
  const element = await onServer(page)
  container.innerHTML = await onServer(async () => renderToString(element))
  const errors: unknown[] = []
  const root = await act(async () =>
    hydrateRoot(container, element, { onRecoverableError: error => errors.push(error) }),
  )
  await act(() => vi.waitFor(() => expect(browser.stats.refreshes).toBe(1)))
  expect(container.textContent).toBe('Ada Lovelace: tea for ada')
  expect(errors).toEqual([])
  act(() => root.unmount())
})
