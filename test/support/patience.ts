/** `vi.waitFor` gives up after a second by default. A busy machine takes longer: only a test that hangs ends by time. */
import { vi } from 'vitest'

const { waitFor } = vi
vi.waitFor = (callback, options = { timeout: 60_000, interval: 10 }) => waitFor(callback, options)
