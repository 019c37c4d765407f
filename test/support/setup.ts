/** Runs before each test file. */
import { afterAll, vi } from 'vitest'

// `vi.waitFor` gives up after a second by default. A busy machine takes longer: only a test that hangs ends by time.
const { waitFor } = vi
vi.waitFor = (callback, options = { timeout: 60_000, interval: 10 }) => waitFor(callback, options)

// The next file of the worker finds the platform as it is. vitest restores it before the next test, and a file reads
// `fetch` before its first one.
afterAll(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  vi.unstubAllEnvs()
})
