/** Solid, with the line of the guide. */
import { createMemo, createRoot } from 'solid-js'
import { expect, it } from 'vitest'
import { toSignal } from '../../examples/other-frameworks/solid.js'
import { session, tokens } from '../support/hooks.js'

it('follows each change of the state, and ends its subscription with its owner', async () => {
  const auth = session()
  const { status, dispose } = createRoot(dispose => {
    const state = toSignal(auth)
    return { status: createMemo(() => state().status), dispose }
  })
  expect(status()).toBe('anonymous')
  await auth.login(tokens())
  expect(status()).toBe('authenticated')
  await auth.logout()
  expect([status(), auth.listeners]).toEqual(['anonymous', 1])
  dispose()
  expect(auth.listeners).toBe(0)
})
