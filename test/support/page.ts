/** Makes the process of a test look like a page, where sessions of one name are tabs of one user. */
import { vi } from 'vitest'

/** A page has a native `Document`; the classes that a polyfill brings into a server process are not native. */
export function becomePage(): void {
  vi.stubGlobal('Document', Map)
}

/** A dedicated, shared or service worker of a page. */
export function becomeWorker(): void {
  vi.stubGlobal('WorkerGlobalScope', Map)
  vi.stubGlobal('navigator', {
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  })
}
