/** The turn in which a session ends, and calls of the application that fall into it. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel, createLock } from '../support/channel.js'
import {
  cell,
  httpError,
  invalidGrant,
  type Opened,
  open,
  pair,
  pass,
  refreshStub,
  SECOND,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

beforeEach(() => {
  Channel.install()
})

/** More turns than the end of a session takes. */
const TURNS = 100

/** Each event that says who is logged in, with the state that its listener sees. */
function recordTurns({ auth }: Opened): string[] {
  const seen: string[] = []
  for (const name of ['sessionExpired', 'logout', 'login'] as const)
    auth.on(name, () => void seen.push(`${name}: ${auth.getState().status}`))
  return seen
}

/** Waits for so many turns of the microtask queue. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

/** A logged-in session whose refresh is on its way. */
async function refreshing(options: Parameters<typeof open>[0] = {}) {
  const opened = open({ autoRefresh: 'off', ...options })
  await opened.auth.login(pair())
  const seen = recordTurns(opened)
  const asked = watch(opened.auth.refresh())
  await settle()
  return { ...opened, seen, asked }
}

const endings: [what: string, error: () => unknown][] = [
  ['as the server refuses the refresh token', invalidGrant],
  ['as the server answers 401', () => httpError(401)],
]

describe.each(endings)('a session that ends %s', (_, error) => {
  it('ends once, whenever logout() is called meanwhile', async () => {
    const outcomes = new Set<string>()
    for (let turn = 0; turn < TURNS; turn++) {
      const { auth, refresh, seen } = await refreshing()
      refresh.last.fail(error())
      await turns(turn)
      await auth.logout()
      await settle()
      outcomes.add(seen.join())
      expect(auth.getState().status).toBe('anonymous')
    }
    // Either the logout came first, or the end was told before it.
    expect([...outcomes]).toEqual(['logout: anonymous', 'sessionExpired: expired'])
  })

  it('is reported before the login that follows, whenever login() is called meanwhile', async () => {
    const outcomes = new Set<string>()
    for (let turn = 0; turn < TURNS; turn++) {
      const { auth, refresh, seen } = await refreshing()
      refresh.last.fail(error())
      await turns(turn)
      await auth.login(pair({ sub: 'grace' }))
      await settle()
      outcomes.add(seen.join())
      expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'grace' } })
    }
    expect([...outcomes]).toEqual(['login: authenticated', 'sessionExpired: expired,login: authenticated'])
  })

  it('is reported before a caller learns of it that logs out', async () => {
    const { auth, refresh, seen } = await refreshing()
    const left = watch(auth.refresh().catch(() => auth.logout()))
    refresh.last.fail(error())
    await settle()
    expect(left.status).toBe('fulfilled')
    expect(seen).toEqual(['sessionExpired: expired'])
    expect(auth.getState().status).toBe('anonymous')
  })
})

describe('a session whose end a sibling has stored', () => {
  /** Two tabs without a channel: the second learns of the end under the lock, when it wants to refresh. */
  async function learnOfEnd() {
    vi.stubGlobal('BroadcastChannel', undefined)
    const storage = cell(null, { shared: true })
    const lock = createLock()
    const common = { storage, lock, autoRefresh: 'off' } as const
    const first = open({ ...common, refresh: refreshStub(() => Promise.reject(invalidGrant())) })
    await first.auth.login(pair())
    const second = open(common)
    await second.auth.ready
    await settle()
    const seen = recordTurns(second)
    const ended = watch(first.auth.refresh())
    await pass(SECOND)
    expect(ended.status).toBe('rejected')
    return { ...second, seen }
  }

  it('is reported before a caller learns of it that logs out', async () => {
    const { auth, refresh, seen } = await learnOfEnd()
    const left = watch(auth.refresh().catch(() => auth.logout()))
    await pass(5 * SECOND)
    expect(left.status).toBe('fulfilled')
    expect(refresh.calls).toHaveLength(0)
    expect(seen).toEqual(['sessionExpired: expired'])
    expect(auth.getState().status).toBe('anonymous')
  })

  it('is reported before a caller learns of it that logs in', async () => {
    const { auth, seen } = await learnOfEnd()
    const back = watch(auth.refresh().catch(() => auth.login(pair({ sub: 'grace' }))))
    await pass(5 * SECOND)
    expect(back.status).toBe('fulfilled')
    expect(seen).toEqual(['sessionExpired: expired', 'login: authenticated'])
    expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'grace' } })
  })
})
