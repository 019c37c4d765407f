/** The lock around a refresh: who waits for it, how long, and how the others continue when its holder never releases it. */
import type { AuthLock } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel } from '../support/channel.js'
import {
  cell,
  invalidGrant,
  MINUTE,
  type Opened,
  type Outcome,
  open,
  pair,
  pass,
  type RefreshStub,
  refreshStub,
  SECOND,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'
import { createLocks, type Locks } from '../support/origin.js'

useFakeTime()

beforeEach(() => {
  Channel.install()
  vi.stubGlobal('indexedDB', undefined)
})

const HOLD = 10 * SECOND
/** How long a lock is waited for. */
const PATIENCE = HOLD + 2 * SECOND

/** A refresh that takes its time, as real ones do. */
const slow = (delay = 30): RefreshStub =>
  refreshStub(() => new Promise(resolve => setTimeout(() => resolve(pair()), delay)))

interface Stage {
  readonly tabs: Opened[]
  readonly refresh: RefreshStub
  readonly locks: Locks
  /** The names that were asked for since the last look. */
  asked(): string[]
  /** Another tab opens, and knows nothing of earlier waits. */
  join(): Promise<Opened>
}

/** Tabs of one session whose access token is dead. */
async function stage(
  count: number,
  {
    refresh = slow(),
    lock,
    lifetime = 5 * MINUTE,
  }: { refresh?: RefreshStub; lock?: AuthLock; lifetime?: number } = {},
): Promise<Stage> {
  const locks = createLocks()
  const storage = cell(null, { shared: true })
  const tab = () =>
    open({
      name: 'turns',
      storage,
      lock: lock ?? locks,
      refresh,
      autoRefresh: 'off',
      refreshTimeout: HOLD,
      retry: 0,
    })
  const tabs = Array.from({ length: count }, tab)
  await tabs[0]?.auth.login(pair({ lifetime }))
  await pass(lifetime + SECOND)
  return {
    tabs,
    refresh,
    locks,
    asked: () => locks.asked.splice(0),
    async join() {
      const another = tab()
      await settle()
      return another
    },
  }
}

const ask = (tabs: Opened[]): Outcome<string | undefined>[] =>
  tabs.map(({ auth }) => watch(auth.getAccessToken()))
const statuses = (outcomes: Outcome<unknown>[]) => outcomes.map(({ status }) => status)

describe('a manual refresh that waits for the lock', () => {
  it.each<[string, (auth: Opened['auth']) => Promise<unknown>]>([
    ['refresh()', auth => auth.refresh()],
    ['forceRefresh', auth => auth.getAccessToken({ forceRefresh: true })],
  ])('by %s is not answered by tokens that a sibling had requested before', async (_, call) => {
    const { tabs, refresh } = await stage(2, { refresh: slow(5 * SECOND) })
    const [first, second] = tabs as [Opened, Opened]
    ask([first])
    await pass(SECOND)
    const done = watch(call(second.auth))
    await pass(4 * SECOND + 100)
    expect([done.status, refresh.calls.length]).toEqual(['pending', 2])
    await pass(5 * SECOND)
    expect([done.status, refresh.calls.length]).toEqual(['fulfilled', 2])
    // Each with the refresh token of its moment.
    expect(new Set(refresh.spent).size).toBe(2)
    expect(await first.auth.getAccessToken()).toBe(await second.auth.getAccessToken())
  })

  it('is answered by tokens that a sibling requested after the call', async () => {
    const { tabs, refresh, locks } = await stage(3, { refresh: slow() })
    const thaw = locks.freeze('tokenflight:turns')
    const done = tabs.map(({ auth }) => watch(auth.refresh()))
    await pass(SECOND)
    thaw()
    await pass(SECOND)
    expect([statuses(done), refresh.calls.length]).toEqual([Array(3).fill('fulfilled'), 1])
  })
})

describe('a lock that works', () => {
  it('is the one of the platform where the application names none', async () => {
    const locks = createLocks()
    vi.stubGlobal('navigator', { locks })
    const { auth, refresh } = open({
      name: 'turns',
      storage: cell(null, { shared: true }),
      refresh: slow(),
      autoRefresh: 'off',
    })
    await auth.login(pair())
    const outcome = watch(auth.refresh())
    await pass(SECOND)
    expect([outcome.status, refresh.calls.length, locks.asked]).toEqual([
      'fulfilled',
      1,
      ['tokenflight:turns'],
    ])
  })

  it('lets four tabs that ask at once send once', async () => {
    const { tabs, refresh, asked } = await stage(4)
    const outcomes = ask(tabs)
    await pass(SECOND)
    expect(new Set(outcomes.map(({ value }) => value)).size).toBe(1)
    expect(refresh.calls).toHaveLength(1)
    expect(asked()).toEqual(Array(4).fill('tokenflight:turns'))
  })

  it('is free again after a refresh that failed', async () => {
    const { tabs, refresh } = await stage(1, { refresh: refreshStub() })
    const [outcome] = ask(tabs)
    await settle()
    refresh.last.fail(new TypeError('Failed to fetch'))
    await settle()
    expect(outcome?.status).toBe('rejected')
    await pass(MINUTE)
    const [again] = ask(tabs)
    await settle()
    refresh.last.answer()
    await settle()
    expect([again?.status, refresh.calls.length]).toEqual(['fulfilled', 2])
  })

  it('lets a refused refresh token end the session at once', async () => {
    const { tabs, refresh } = await stage(1, { refresh: refreshStub(() => Promise.reject(invalidGrant())) })
    ask(tabs)
    await settle()
    expect(tabs[0]?.auth.getState().status).toBe('expired')
    expect(refresh.calls).toHaveLength(1)
  })

  it('is kept by its holder, however long the others wait', async () => {
    const { tabs, refresh } = await stage(2, { refresh: slow(HOLD - 1) })
    const outcomes = ask(tabs)
    await pass(HOLD)
    expect(statuses(outcomes)).toEqual(['fulfilled', 'fulfilled'])
    expect(refresh.calls).toHaveLength(1)
    await pass(MINUTE)
    expect(refresh.last.signal.aborted).toBe(false)
  })
})

describe('a holder that is frozen', () => {
  it('is waited for as long as a refresh may take and two seconds', async () => {
    const { tabs, refresh, locks } = await stage(1)
    locks.freeze('tokenflight:turns')
    const outcomes = ask(tabs)
    await pass(PATIENCE - 1)
    expect([statuses(outcomes), refresh.calls.length]).toEqual([['pending'], 0])
    await pass(1)
    expect(refresh.calls).toHaveLength(1)
    await pass(SECOND)
    expect(statuses(outcomes)).toEqual(['fulfilled'])
  })

  it('makes those who gave up take turns, and one of them sends', async () => {
    const { tabs, refresh, locks, asked } = await stage(4)
    locks.freeze('tokenflight:turns')
    const outcomes = ask(tabs)
    await pass(PATIENCE + SECOND)
    expect(new Set(outcomes.map(({ value }) => value)).size).toBe(1)
    expect(statuses(outcomes)).toEqual(Array(4).fill('fulfilled'))
    expect(refresh.calls).toHaveLength(1)
    expect(asked().filter(name => name === 'tokenflight:turns:stuck')).toHaveLength(4)
  })

  it('makes those who gave up send one after the other, also when they gave up at other times', async () => {
    const { tabs, refresh, locks } = await stage(2, { refresh: slow(5 * SECOND) })
    locks.freeze('tokenflight:turns')
    const [first, second] = tabs
    const outcomes = ask([first as Opened])
    await pass(SECOND)
    outcomes.push(...ask([second as Opened]))
    await pass(PATIENCE + 5 * SECOND)
    expect(statuses(outcomes)).toEqual(['fulfilled', 'fulfilled'])
    expect(refresh.calls).toHaveLength(1)
  })

  it('is not waited for again', async () => {
    const { tabs, refresh, locks, asked } = await stage(1)
    locks.freeze('tokenflight:turns')
    ask(tabs)
    await pass(PATIENCE + SECOND)
    expect(refresh.calls).toHaveLength(1)
    // The wait, the request that learns that the holder has gone, and the turn.
    expect(asked()).toEqual(['tokenflight:turns', 'tokenflight:turns', 'tokenflight:turns:stuck'])
    void tabs[0]?.auth.refresh()
    await settle()
    expect(refresh.calls).toHaveLength(2)
    expect(asked()).toEqual(['tokenflight:turns:stuck'])
  })

  it('that goes makes the lock count again, together with the turns', async () => {
    const { tabs, refresh, locks, asked, join } = await stage(1)
    const thaw = locks.freeze('tokenflight:turns')
    ask(tabs)
    await pass(PATIENCE + SECOND)
    thaw()
    await settle()
    const other = await join()
    asked()
    const theirs = watch(other.auth.refresh())
    await settle()
    const mine = watch(tabs[0]?.auth.refresh() ?? Promise.reject())
    await pass(SECOND)
    expect(statuses([theirs, mine])).toEqual(['fulfilled', 'fulfilled'])
    // The one took the tokens of the other's refresh.
    expect(refresh.calls).toHaveLength(2)
    expect(asked()).toEqual(['tokenflight:turns', 'tokenflight:turns', 'tokenflight:turns:stuck'])
  })

  it.each([
    [SECOND, ['tokenflight:turns']],
    [SECOND + 1, ['tokenflight:turns', 'tokenflight:turns:stuck']],
  ])('for %i ms sends the waiting tabs to %j', async (frozen, names) => {
    const { tabs, refresh, locks, asked } = await stage(1)
    const thaw = locks.freeze('tokenflight:turns')
    const outcomes = ask(tabs)
    await pass(frozen)
    thaw()
    await pass(SECOND)
    expect([statuses(outcomes), refresh.calls.length, asked()]).toEqual([['fulfilled'], 1, names])
  })

  it('keeps the next holder from sending beside the tabs that gave up', async () => {
    const { tabs, refresh, locks } = await stage(2, { refresh: slow(5 * SECOND) })
    const thaw = locks.freeze('tokenflight:turns')
    const [first, second] = tabs
    const outcomes = ask([first as Opened])
    await pass(PATIENCE - SECOND)
    outcomes.push(...ask([second as Opened]))
    await pass(3 * SECOND)
    expect(refresh.calls).toHaveLength(1)
    thaw()
    await pass(SECOND)
    expect([statuses(outcomes), refresh.calls.length]).toEqual([['pending', 'pending'], 1])
    await pass(3 * SECOND)
    expect([statuses(outcomes), refresh.calls.length]).toEqual([['fulfilled', 'fulfilled'], 1])
  })

  it('among those who take turns is waited for once, and the lock alone counts', async () => {
    const { tabs, refresh, locks, asked } = await stage(1)
    const thaw = locks.freeze('tokenflight:turns')
    locks.freeze('tokenflight:turns:stuck')
    const outcomes = ask(tabs)
    await pass(2 * SECOND)
    thaw()
    await pass(PATIENCE - 1)
    expect(refresh.calls).toHaveLength(0)
    await pass(SECOND)
    expect([statuses(outcomes), refresh.calls.length]).toEqual([['fulfilled'], 1])
    expect(asked()).toEqual(['tokenflight:turns', 'tokenflight:turns:stuck', 'tokenflight:turns:stuck'])
    void tabs[0]?.auth.refresh()
    await pass(SECOND)
    expect([refresh.calls.length, asked()]).toEqual([2, ['tokenflight:turns']])
  })

  it('of both locks is waited for twice, and then never again', async () => {
    const { tabs, refresh, locks, asked } = await stage(1, {
      refresh: refreshStub((_, number) => (number < 3 ? pair() : Promise.reject(invalidGrant()))),
    })
    locks.freeze('tokenflight:turns')
    locks.freeze('tokenflight:turns:stuck')
    const outcomes = ask(tabs)
    await pass(2 * PATIENCE - 1)
    expect(refresh.calls).toHaveLength(0)
    await pass(1)
    expect([statuses(outcomes), refresh.calls.length]).toEqual([['fulfilled'], 1])
    asked()
    void tabs[0]?.auth.refresh()
    await settle()
    expect([refresh.calls.length, asked()]).toEqual([2, []])
    // Without a lock a sibling's answer may still be on its way.
    watch(tabs[0]?.auth.refresh() ?? Promise.reject())
    await pass(SECOND - 1)
    expect(tabs[0]?.auth.getState().status).toBe('authenticated')
    await pass(1)
    expect(tabs[0]?.auth.getState().status).toBe('expired')
  })

  it('is looked after by one request, also when two refreshes of a tab have waited for it', async () => {
    const { tabs, refresh, locks, asked, join } = await stage(1, { lifetime: MINUTE })
    locks.freeze('tokenflight:turns')
    const other = await join()
    ask(tabs)
    await pass(SECOND)
    // News from elsewhere settle the first one while it waits.
    await other.auth.login(pair())
    await pass(10)
    void tabs[0]?.auth.refresh()
    await pass(PATIENCE + SECOND)
    expect(refresh.calls).toHaveLength(1)
    expect(asked()).toEqual([
      'tokenflight:turns',
      'tokenflight:turns',
      'tokenflight:turns',
      'tokenflight:turns:stuck',
      'tokenflight:turns:stuck',
    ])
  })
})

describe('a lock that is not as it should be', () => {
  /** One that is as it should be until told otherwise. */
  const spoilt = (request: AuthLock['request']): AuthLock => ({ request })

  it('is waited for a second longer when it heeds no signal, and its grant in that second counts', async () => {
    const asked: string[] = []
    const grants: (() => unknown)[] = []
    const lock = spoilt(
      (name, _options, callback) =>
        new Promise((resolve, reject) => {
          asked.push(name)
          grants.push(() => callback().then(resolve, reject))
        }),
    )
    const { tabs, refresh } = await stage(1, { lock })
    const outcomes = ask(tabs)
    await pass(PATIENCE + SECOND - 1)
    expect(refresh.calls).toHaveLength(0)
    grants[0]?.()
    await settle()
    expect(refresh.calls).toHaveLength(0)
    grants[1]?.()
    await pass(SECOND)
    expect([statuses(outcomes), refresh.calls.length]).toEqual([['fulfilled'], 1])
    // Under the turn as well, after such a wait.
    expect(asked).toEqual(['tokenflight:turns', 'tokenflight:turns:stuck'])
  })

  it('and grants when its waiter has gone on to the turns starts nothing then', async () => {
    const asked: string[] = []
    const grants: (() => unknown)[] = []
    const { tabs, refresh } = await stage(1, {
      refresh: refreshStub(),
      lock: spoilt(
        (name, _options, callback) =>
          new Promise((resolve, reject) => {
            asked.push(name)
            grants.push(() => callback().then(resolve, reject))
          }),
      ),
    })
    const outcomes = ask(tabs)
    await pass(PATIENCE + SECOND)
    expect(asked).toEqual(['tokenflight:turns', 'tokenflight:turns', 'tokenflight:turns:stuck'])
    for (const grant of grants) grant()
    await settle()
    // The turns were asked for once, and one refresh runs.
    expect([asked.length, refresh.calls.length]).toEqual([3, 1])
    refresh.last.answer()
    await settle()
    expect([statuses(outcomes), refresh.calls.length]).toEqual([['fulfilled'], 1])
  })

  it('keeps Node alive while it is waited for', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout')
    const { tabs } = await stage(1, { lock: spoilt(() => new Promise<never>(() => {})) })
    ask(tabs)
    await settle()
    const alive = [PATIENCE, PATIENCE + SECOND].map(delay => {
      const index = timers.mock.calls.findIndex(([, due]) => due === delay)
      return (timers.mock.results[index]?.value as NodeJS.Timeout | undefined)?.hasRef()
    })
    expect(alive).toEqual([true, true])
  })

  it('is done without a second later when it neither grants nor heeds a signal', async () => {
    const { tabs, refresh } = await stage(1, { lock: spoilt(() => new Promise<never>(() => {})) })
    ask(tabs)
    await pass(2 * (PATIENCE + SECOND) - 1)
    expect(refresh.calls).toHaveLength(0)
    await pass(1)
    expect(refresh.calls).toHaveLength(1)
  })

  it('and is taken away while the refresh runs does not make it run twice', async () => {
    const { tabs, refresh } = await stage(1, {
      lock: spoilt((_name, _options, callback) => {
        void callback().catch(() => {})
        return Promise.reject(new DOMException('stolen', 'AbortError'))
      }),
    })
    const outcomes = ask(tabs)
    await pass(SECOND)
    expect([statuses(outcomes), refresh.calls.length]).toEqual([['fulfilled'], 1])
  })

  it('and fails when it is asked after a frozen holder does not stop the refresh', async () => {
    let asked = 0
    const locks = createLocks()
    const { tabs, refresh } = await stage(1, {
      lock: spoilt((name, options, callback) => {
        if (++asked === 2) throw new Error('not any more')
        return locks.request(name, options, callback)
      }),
    })
    locks.freeze('tokenflight:turns')
    const outcomes = ask(tabs)
    await pass(PATIENCE + SECOND)
    expect([statuses(outcomes), refresh.calls.length]).toEqual([['fulfilled'], 1])
  })

  it('lets a refused refresh token end the session after a second, if no sibling has a newer one', async () => {
    const request = vi.fn(() => Promise.reject<never>(new Error('not here')))
    const { tabs, refresh } = await stage(1, {
      refresh: refreshStub(() => Promise.reject(invalidGrant())),
      lock: spoilt(request),
    })
    ask(tabs)
    await pass(SECOND - 1)
    expect(tabs[0]?.auth.getState().status).toBe('authenticated')
    await pass(1)
    expect(tabs[0]?.auth.getState().status).toBe('expired')
    expect([request.mock.calls.length, refresh.calls.length]).toEqual([1, 1])
  })
})

describe('the channel', () => {
  it('is closed with the Auth', async () => {
    const { tabs } = await stage(2)
    expect(Channel.all.size).toBe(2)
    for (const { auth } of tabs) auth.dispose()
    expect(Channel.all.size).toBe(0)
  })

  it('that was closed underneath does not stop a login', async () => {
    const { tabs } = await stage(1)
    vi.spyOn(Channel.prototype, 'postMessage').mockImplementation(() => {
      throw new DOMException('closed', 'InvalidStateError')
    })
    const tokens = pair()
    await tabs[0]?.auth.login(tokens)
    expect(await tabs[0]?.auth.getAccessToken()).toBe(tokens.access_token)
  })
})
