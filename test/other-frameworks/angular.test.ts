/** Angular's signals, with the lines of the guide. */
import { computed, Injector, runInInjectionContext } from '@angular/core'
import { expect, it } from 'vitest'
import { toSignal } from '../../examples/other-frameworks/angular.js'
import { session, tokens } from '../support/hooks.js'

it('follows each change of the state, and ends its subscription with the injector', async () => {
  const auth = session()
  const injector = Injector.create({ providers: [] })
  const state = runInInjectionContext(injector, () => toSignal(auth))
  const status = computed(() => state().status)
  expect(status()).toBe('anonymous')
  await auth.login(tokens())
  expect(status()).toBe('authenticated')
  await auth.logout()
  expect([status(), auth.listeners]).toEqual(['anonymous', 1])
  injector.destroy()
  expect(auth.listeners).toBe(0)
})
