/** The rules for every library over `authFetch`. Its test defines how a call is made and where its errors are. */
import { isSessionExpired } from 'tokenflight'
import type { AuthFetch } from 'tokenflight/fetch'
import { expect, it } from 'vitest'
import { LIFETIME } from '../support/axios.js'
import { type Stage, type StageOptions, stage } from '../support/fetch.js'

/** Makes one call of the library. Each path is a question of its own, so that nothing is answered from a cache. */
export type Call = (path: string) => Promise<unknown>

export interface Library {
  /** Sets the library up over the `authFetch` of the stage. */
  open(api: AuthFetch): Call
  /** The answer of the server to a good token, which is also the result of the call. `@default { ok: true }` */
  answer?: unknown
  data?: unknown
  /** Whether the error of a call shows the end of the session. `@default isSessionExpired` */
  isExpired?(error: unknown): boolean
}

export interface Opened extends Stage {
  call: Call
}

export async function open(library: Library, options: StageOptions = {}): Promise<Opened> {
  const { answer = { ok: true } } = library
  const staged: Stage = await stage({
    respond: ({ token }) => (token && staged.good.has(token) ? Response.json(answer) : undefined),
    ...options,
  })
  return { ...staged, call: library.open(staged.api) }
}

const paths = ['/orders/1', '/orders/2', '/orders/3']

export function tellStories(library: Library): void {
  const { data = library.answer ?? { ok: true }, isExpired = isSessionExpired } = library

  it('gets its answer after one refresh if its token is refused', async () => {
    const { call, revoke, tokens, refreshes } = await open(library)
    revoke()
    expect(await call('/orders/1')).toEqual(data)
    expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-2'], 1])
  })

  it('sends its request once, with the new token, if its token has expired', async () => {
    const { call, pass, tokens, refreshes } = await open(library)
    pass(LIFETIME)
    expect(await call('/orders/1')).toEqual(data)
    expect([tokens(), refreshes.length]).toEqual([['at-2'], 1])
  })

  it('shares one refresh with the calls beside it', async () => {
    const { call, revoke, tokens, refreshes } = await open(library)
    revoke()
    expect(await Promise.all(paths.map(call))).toEqual([data, data, data])
    expect(tokens()).toEqual(['at-1', 'at-1', 'at-1', 'at-2', 'at-2', 'at-2'])
    expect(refreshes).toHaveLength(1)
  })

  it('shows the end of the session as its own error, and works after the next login', async () => {
    const { call, auth, good, revoke, sent, refreshes } = await open(library, {
      refresh: () => Promise.reject({ status: 401 }),
    })
    revoke()
    const outcomes = await Promise.allSettled(paths.map(call))
    const errors = outcomes.map(outcome => outcome.status === 'rejected' && outcome.reason)
    expect(errors.map(isExpired)).toEqual([true, true, true])
    expect([sent.length, refreshes.length, auth.getState().status]).toEqual([3, 1, 'expired'])
    good.add('at-9')
    await auth.login({ access_token: 'at-9', expires_in: 300 })
    expect(await call('/orders/4')).toEqual(data)
  })
}
