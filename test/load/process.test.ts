/** On Node: the handles that keep a process alive, as Node itself counts them. */
import { createAuth, type TokenResponse } from 'tokenflight'
import { expect, it } from 'vitest'
import { cell, withLock } from '../support/core.js'

it('an Auth keeps no process alive, and dispose leaves no resource of Node behind', async () => {
  const tokens = (): TokenResponse => ({ access_token: 'at', refresh_token: 'rt', expires_in: 300 })
  const active = (): string[] => process.getActiveResourcesInfo().sort()
  const before = active()
  const lock = { request: <T>(_name: string, _options: object, callback: () => Promise<T>) => callback() }
  const auths = Array.from({ length: 20 }, (_, at) =>
    createAuth({
      name: `app-${at}`,
      storage: withLock(cell(null, { shared: true }), lock),
      autoRefresh: 'always',
      refresh: async () => tokens(),
    }),
  )
  for (const auth of auths) {
    await auth.login(tokens())
    await auth.refresh()
  }
  // Node lists only the handles that keep it alive.
  expect(active().filter(name => name === 'Timeout')).toEqual(before.filter(name => name === 'Timeout'))
  for (const auth of auths) auth.dispose()
  await new Promise(resolve => setImmediate(resolve))
  expect(active()).toEqual(before)
})
