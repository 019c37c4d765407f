// @vitest-environment happy-dom
import 'fake-indexeddb/auto'
import {
  cookieSession,
  createAuth,
  indexedDBStorage,
  memoryStorage,
  type TokenStorage,
  webStorage,
} from 'tokenflight'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

// Not `setImmediate`: a database in Node waits by it.
beforeEach(() => vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] }))
afterEach(() => vi.useRealTimers())

const storages: Record<string, () => TokenStorage> = {
  memoryStorage,
  webStorage: () => webStorage(),
  indexedDBStorage: () => indexedDBStorage(),
  cookieSession: () => cookieSession({ exists: () => false }),
}

it.each(Object.entries(storages))(
  'refreshes in the window before the end of the token, with %s',
  async (name, open) => {
    const refresh = vi.fn(async () => ({ access_token: 'at-2', refresh_token: 'rt-2', expires_in: 300 }))
    const logout = async () => {}
    const options = { refresh, logout, autoRefresh: 'always', refreshAhead: 60_000 } as const
    const auth = createAuth({ name, storage: open(), ...options })
    await auth.login({ access_token: 'at-1', refresh_token: 'rt-1', expires_in: 300 })

    await vi.advanceTimersByTimeAsync(230_000)
    expect(refresh).not.toHaveBeenCalled()
    // Each token has a moment of its own in the window, so that a thousand pages do not refresh together.
    await vi.advanceTimersByTimeAsync(65_000)
    await vi.waitFor(() => expect(refresh).toHaveBeenCalledOnce())

    expect(await auth.getAccessToken()).toBe('at-2')
    auth.dispose()
  },
)
