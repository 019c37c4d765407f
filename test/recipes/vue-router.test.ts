// @vitest-environment happy-dom
/** The recipe for Vue Router keeps its promises. */
import { mount } from '@vue/test-utils'
import type { Auth } from 'tokenflight'
import { createAuthPlugin, useAuth } from 'tokenflight/vue'
import { expect, it, vi } from 'vitest'
import { defineComponent, h } from 'vue'
import { createMemoryHistory, createRouter, RouterView, useRoute, useRouter } from 'vue-router'
import { refused, session, tokens } from '../support/hooks.js'
import { protect } from './protected-route.vue.js'

const LoginPage = defineComponent(() => {
  const { login } = useAuth()
  const router = useRouter()
  const { query } = useRoute()
  const enter = async (): Promise<void> => {
    await login(tokens())
    await router.push(String(query['from'] ?? '/'))
  }
  return () => h('button', { onClick: enter }, 'Log in')
})

async function open(auth: Auth, path: string) {
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/login', component: LoginPage },
      { path: '/about', component: { render: () => h('p', 'About') }, meta: { isPublic: true } },
      { path: '/orders/:id', component: { render: () => h('p', 'Orders') } },
    ],
  })
  protect(router, auth)
  void router.push(path)
  await router.isReady()
  const view = mount(RouterView, { global: { plugins: [router, createAuthPlugin(auth)] } })
  return { view, place: () => router.currentRoute.value.fullPath }
}

it('leads to the login page and back to where one wanted to go', async () => {
  const { view, place } = await open(session(), '/orders/7?tab=items')
  expect(place()).toBe('/login?from=/orders/7?tab=items')
  await view.find('button').trigger('click')
  await vi.waitFor(() => expect(view.text()).toBe('Orders'))
  expect(place()).toBe('/orders/7?tab=items')
})

it('leads to the login page when the user logs out', async () => {
  const auth = session()
  await auth.login(tokens())
  const { view, place } = await open(auth, '/orders/7')
  expect(view.text()).toBe('Orders')
  await auth.logout()
  await vi.waitFor(() => expect(view.text()).toBe('Log in'))
  expect(place()).toBe('/login?from=/orders/7')
})

it('leads to the login page when the session has ended, and back afterwards', async () => {
  const auth = session({ refresh: refused })
  await auth.login(tokens())
  const { view, place } = await open(auth, '/orders/7')
  expect(view.text()).toBe('Orders')
  await auth.refresh().catch(() => {})
  await vi.waitFor(() => expect(view.text()).toBe('Log in'))
  await view.find('button').trigger('click')
  await vi.waitFor(() => expect(view.text()).toBe('Orders'))
  expect(place()).toBe('/orders/7')
})

it('leaves a visitor on a page that needs no login', async () => {
  const { view, place } = await open(session(), '/about')
  expect([view.text(), place()]).toEqual(['About', '/about'])
})
