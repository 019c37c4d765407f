// @vitest-environment happy-dom
/** A Svelte 5 component, compiled by its own compiler, with the lines of the guide. */
import { flushSync, mount, unmount } from 'svelte'
import { get } from 'svelte/store'
import { expect, it, onTestFinished } from 'vitest'
import Account from '../../examples/other-frameworks/Account.svelte'
import { toStore } from '../../examples/other-frameworks/svelte.js'
import { type Counted, session, tokens } from '../support/hooks.js'

const show = (auth: Counted) => {
  const component = mount(Account, { target: document.body, props: { auth } })
  flushSync()
  onTestFinished(() => {
    document.body.innerHTML = ''
  })
  return component
}
const text = (): string => {
  flushSync()
  return document.body.textContent?.trim() ?? ''
}

it('shows each change of the state, by a rune and by a store', async () => {
  const auth = session()
  show(auth)
  expect(text()).toBe('anonymous, anonymous, no user')
  await auth.login(tokens())
  expect(text()).toBe('authenticated, authenticated, ada')
  await auth.logout()
  expect(text()).toBe('anonymous, anonymous, no user')
})

it('ends its subscriptions with the component', async () => {
  const auth = session()
  const component = show(auth)
  expect(auth.listeners).toBe(2)
  await unmount(component)
  // Svelte lets a rune go in the turn after the last effect that read it.
  await Promise.resolve()
  expect(auth.listeners).toBe(0)
})

it('has a store that knows the events before its first subscription', async () => {
  const auth = session()
  const store = toStore(auth)
  await auth.login(tokens())
  expect(get(store)).toBe(auth.getState())
  expect(auth.listeners).toBe(0)
})
