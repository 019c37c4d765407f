/** Helpers of the tests of the hooks: sessions of made-up people, and a count of the listeners. */
import {
  type Auth,
  type AuthOptions,
  cookieSession,
  createAuth,
  type JwtClaims,
  type TokenResponse,
} from 'tokenflight'
import { onTestFinished } from 'vitest'
import { deferred } from './deferred.js'

export interface Person extends JwtClaims {
  name: string
  roles: string[]
}

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
let count = 0

/** A token answer with the claims; each one another token. */
export function tokens(claims: Partial<Person> = {}): TokenResponse {
  const now = Math.floor(Date.now() / 1000)
  const payload = {
    sub: 'ada',
    name: 'Ada',
    roles: ['admin'],
    iat: now,
    exp: now + 300,
    jti: ++count,
    ...claims,
  }
  return { access_token: `${encode({ alg: 'none' })}.${encode(payload)}.x`, refresh_token: `rt-${count}` }
}

export interface Counted extends Auth<Person> {
  /** How many listen. */
  readonly listeners: number
}

/** A session without a login, which counts its listeners; disposed after the test. */
export function session(options: AuthOptions = {}): Counted {
  const auth = createAuth<Person>({ refresh: async () => tokens(), retry: 0, ...options })
  onTestFinished(() => auth.dispose())
  let listeners = 0
  return Object.create(auth, {
    subscribe: {
      value(listener: () => void) {
        const stop = auth.subscribe(listener)
        listeners++
        return () => {
          listeners--
          stop()
        }
      },
    },
    listeners: { get: () => listeners },
  })
}

/** A refresh that the server refuses. */
export const refused = (): Promise<never> =>
  Promise.reject(Object.assign(new Error('refused'), { status: 400, data: { error: 'invalid_grant' } }))

/** A cookie session whose restore answers when it is told to. */
export function openCookieSession(options: AuthOptions = {}) {
  const calls: ReturnType<typeof deferred<TokenResponse>>[] = []
  const auth = session({
    storage: cookieSession(),
    autoRefresh: 'off',
    refresh: () => {
      const call = deferred<TokenResponse>()
      calls.push(call)
      return call.promise
    },
    ...options,
  })
  return { auth, calls }
}

/** A refresh for which the server has no time. */
export const busy = (): Promise<never> => Promise.reject(Object.assign(new Error('busy'), { status: 503 }))
