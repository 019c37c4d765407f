/** The script that the browser loads in tests: the application, with msw's worker in place of its servers. */
import { setupWorker } from 'msw/browser'
import { createRoot } from 'react-dom/client'
import type { MockAuth } from 'tokenflight/msw'
import { App } from '../react-testing-library/App.js'
import { backend, handlers } from '../shop/backend.js'
import { createCookieSession, createSession } from '../shop/session.js'

declare global {
  interface Window {
    /** The knobs, for the tests: `page.evaluate(() => window.backend.expireAccessTokens())`. */
    backend: MockAuth
  }
}

window.backend = backend
await setupWorker(...handlers).start({ quiet: true, onUnhandledRequest: 'error' })

const usesCookie = location.search === '?cookie'
if (usesCookie) {
  // As after an earlier login: the cookies are there when the application starts.
  backend.configure({ transport: 'cookie', csrf: true })
  await backend.issue('ada')
}
const session = usesCookie ? createCookieSession() : createSession({ retry: 0 })
createRoot(document.getElementById('app') as HTMLElement).render(<App session={session} />)
