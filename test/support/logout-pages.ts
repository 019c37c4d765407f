/** Pages that log out: with a logout endpoint that fails, a reload, and the page opened again. */
import { type AuthLock, cookieSession, type LogoutContext } from 'tokenflight'
import { beforeEach } from 'vitest'
import { Channel, createLock } from './channel.js'
import { alone, httpError, type Opened, open, pass, refreshStub } from './core.js'
import { becomePage } from './page.js'

/** The number of the present test: part of the name of its session. */
export let page = 0
/** The lock of the present test's pages. */
let lock: AuthLock

/** Each test has a browser of its own. */
export function useLogoutPages(): void {
  beforeEach(() => {
    becomePage()
    localStorage.clear()
    sessionStorage.clear()
    page++
    lock = createLock()
    Channel.install()
  })
}

export type Told = Omit<LogoutContext, 'signal'>

/** A logout endpoint that answers as it is told, and notes the tokens of each call. */
export function logoutEndpoint(answer: () => unknown = () => undefined) {
  const calls: Told[] = []
  const endpoint = {
    calls,
    answer,
    logout: async ({ signal: _, ...tokens }: LogoutContext): Promise<unknown> => {
      calls.push(tokens)
      return endpoint.answer()
    },
  }
  return endpoint
}

export const down = () => Promise.reject(httpError(503))
export const up = () => undefined

/** A page with the name of the test: opened again it is a reload, or another tab. */
export function openPage(options: Parameters<typeof open>[0]): Opened {
  return open({ name: `logout-${page}`, lock, autoRefresh: 'off', retry: 0, ...options })
}
export const openCookie = (options: Parameters<typeof open>[0] = {}): Opened =>
  openPage({ storage: cookieSession(), refresh: refreshStub(async () => alone()), ...options })

/** Resolves when the restore is over, which asks the other tabs. */
export async function restored(auth: Opened['auth']): Promise<void> {
  await pass(100)
  await auth.ready
}

/** The page goes away, and comes again. */
export function reload(opened: Opened, again: () => Opened): Opened {
  opened.auth.dispose()
  Channel.reset()
  return again()
}

/** Failures of a server that was not reached. */
export const UNREACHED: [string, () => unknown][] = [
  ['503', down],
  ['a network error', () => Promise.reject(new TypeError('Failed to fetch'))],
  ['429', () => Promise.reject(httpError(429))],
  ['the page of a firewall', () => Promise.reject(httpError(403, '<html>Blocked</html>'))],
  ['a Response of 503, which fetch resolves with', () => new Response(null, { status: 503 })],
  [
    'an error that is thrown',
    () => {
      throw new Error('bug')
    },
  ],
]
