// @vitest-environment happy-dom
/** Preact, with the line of the guide. */
import { h, render } from 'preact'
import { act } from 'preact/test-utils'
import { expect, it } from 'vitest'
import { useSession } from '../../examples/other-frameworks/preact.js'
import { session, tokens } from '../support/hooks.js'

it('shows each change of the state, and ends its subscription with the component', async () => {
  const auth = session()
  const Account = () => h('p', null, useSession(auth).status)
  const page = document.createElement('div')
  await act(() => render(h(Account, null), page))
  expect(page.textContent).toBe('anonymous')
  await act(() => auth.login(tokens()))
  expect(page.textContent).toBe('authenticated')
  await act(() => auth.logout())
  expect([page.textContent, auth.listeners]).toEqual(['anonymous', 1])
  await act(() => render(null, page))
  expect(auth.listeners).toBe(0)
})
