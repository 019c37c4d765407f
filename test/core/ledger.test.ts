/** `webStorage` on `localStorage`, and the ledger that says which write was the last. */
import { IDBObjectStore } from 'fake-indexeddb'
import { type AuthLock, type AuthOptions, decodeToken, webStorage } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel } from '../support/channel.js'
import {
  accessToken,
  MINUTE,
  type Opened,
  opaque,
  open,
  pair,
  pass,
  type RefreshStub,
  refreshStub,
  SECOND,
  type Stored,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'
import {
  answers,
  createLocalArea,
  createLocks,
  type LocalArea,
  readRow,
  stopDatabases,
  useDatabases,
} from '../support/origin.js'

useFakeTime()

let area: LocalArea
let lock: AuthLock

beforeEach(() => {
  useDatabases()
  vi.stubGlobal('BroadcastChannel', undefined)
  area = createLocalArea()
  lock = createLocks()
})

/** Every tab gets it: only the stored record keeps the tabs apart. */
const lockless: AuthLock = { request: (_name, _options, callback) => callback() }

type TabOptions = Partial<AuthOptions> & { refresh?: RefreshStub; lock?: AuthLock | undefined; lag?: number }

/** A tab that is ready. `lag`: the delay after which it sees the writes of others, milliseconds. */
async function tab({ lag = 0, ...options }: TabOptions = {}): Promise<Opened> {
  const opened = open({
    name: 'shop',
    storage: webStorage(area.view(lag)),
    lock,
    autoRefresh: 'off',
    ...options,
  })
  await answers()
  return opened
}

/** Something that a tab does, and the time that databases take. */
async function does(work: Promise<unknown>): Promise<void> {
  const outcome = watch(work)
  await pass(100)
  expect(outcome.status).toBe('fulfilled')
}

/** The work of a tab while its database does not answer. Its requests to the database never happen. */
async function doesWithoutLedger(work: () => Promise<unknown>): Promise<void> {
  const databases = stopDatabases()
  const outcome = watch(work())
  await pass(3 * SECOND)
  expect(outcome.status).toBe('fulfilled')
  databases.resume({ isGone: true })
}

const stored = (key = 'tokenflight:shop'): Stored | null => JSON.parse(area.items.get(key) ?? 'null')
const userOf = (token: string | undefined) => token && decodeToken(token)?.sub
const user = ({ auth }: Opened) => {
  const state = auth.getState()
  return state.status === 'authenticated' ? state.claims?.sub : state.status
}

describe('the ledger', () => {
  it('holds the stamp of the newest record, and no token', async () => {
    const { auth, events } = await tab({ refresh: refreshStub(async () => pair()) })
    const stamp = async () => {
      const { format, generation, version, savedAt } = stored() as Stored
      expect(await readRow('tokenflight:shop', 'ledger:tokenflight:shop')).toStrictEqual({
        format,
        generation,
        version,
        savedAt,
      })
      return version
    }
    await does(auth.login(pair()))
    const first = await stamp()
    await does(auth.refresh())
    expect(await stamp()).toBeGreaterThan(first)
    await does(auth.logout())
    expect(stored()).toMatchObject({ ended: 'logout' })
    expect(await readRow('tokenflight:shop', 'ledger:tokenflight:shop')).toStrictEqual(stored())
    expect(events.of('warning')).toEqual([])
  })

  it('is of one entry, in the database of the Auth', async () => {
    const { auth } = await tab({ storage: webStorage(area.view(), { key: 'mine' }) })
    await does(auth.login(pair()))
    expect([...area.items.keys()]).toEqual(['mine'])
    expect(await readRow('tokenflight:shop', 'ledger:mine')).toMatchObject({
      version: stored('mine')?.version,
    })
  })

  it('makes a tab wait until it sees the record of another tab, instead of a second refresh', async () => {
    const one = await tab({ refresh: refreshStub(async () => pair()) })
    await does(one.auth.login(pair()))
    const other = await tab({ lag: 300 })
    await pass(5 * MINUTE)
    await does(one.auth.getAccessToken())
    const outcome = watch(other.auth.getAccessToken())
    await pass(100)
    expect(outcome.status).toBe('pending')
    await pass(150)
    expect(outcome).toEqual({ status: 'fulfilled', value: stored()?.accessToken })
    expect([one.refresh.calls.length, other.refresh.calls.length]).toEqual([1, 0])
  })

  it('makes a tab that never sees it wait for half a second, and no longer', async () => {
    const { auth } = await tab({ refresh: refreshStub(async () => pair()) })
    await does(auth.login(pair()))
    /** How long it takes until the server is asked. */
    const time = async ({ auth: waiting, refresh }: Opened): Promise<number> => {
      const began = performance.now()
      watch(waiting.refresh())
      while (!refresh.calls.length && performance.now() - began < SECOND) await pass(1)
      return performance.now() - began
    }
    const blind = await tab({ lag: Number.POSITIVE_INFINITY, lock: lockless })
    const seeing = await tab({ lock: lockless })
    const seen = await time(seeing)
    await does(auth.refresh())
    expect((await time(blind)) - seen).toBe(500)
    expect([blind.refresh.calls.length, seeing.refresh.calls.length]).toEqual([1, 1])
  })

  it('ends the session of a tab that does not see the end, without a wait', async () => {
    const one = await tab()
    await does(one.auth.login(pair()))
    const blind = await tab({ lag: Number.POSITIVE_INFINITY })
    await does(one.auth.logout())
    const outcome = watch(blind.auth.refresh())
    await answers()
    expect(outcome).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(blind.refresh.calls).toHaveLength(0)
    expect(user(blind)).toBe('anonymous')
  })

  it('ends it also where the user has deleted the entry of localStorage', async () => {
    const one = await tab()
    await does(one.auth.login(pair()))
    const other = await tab()
    await does(one.auth.logout())
    area.view().removeItem('tokenflight:shop')
    watch(other.auth.refresh())
    await answers()
    expect([user(other), other.refresh.calls.length]).toEqual(['anonymous', 0])
  })

  it('of an end that is over does not hide a login without a stamp', async () => {
    const one = await tab()
    await does(one.auth.login(pair()))
    await does(one.auth.logout())
    await doesWithoutLedger(() => one.auth.login(pair({ sub: 'bob' })))
    const next = await tab({ refresh: refreshStub(async () => pair({ sub: 'bob' })) })
    await does(next.auth.refresh())
    expect([user(next), userOf(stored()?.accessToken)]).toEqual(['bob', 'bob'])
    expect(next.refresh.calls).toHaveLength(1)
  })

  it('keeps a late answer from landing on a login that its tab does not see yet', async () => {
    const ada = await tab()
    await does(ada.auth.login(pair({ sub: 'ada' })))
    const late = await tab({ lag: 300 })
    watch(late.auth.refresh())
    await answers()
    await does(ada.auth.login(pair({ sub: 'bob' })))
    late.refresh.last.answer(pair({ sub: 'ada' }))
    for (const time of [0, 50, 50]) {
      await pass(time)
      expect(userOf(stored()?.accessToken)).toBe('bob')
    }
    await pass(200)
    expect([user(late), userOf(stored()?.accessToken)]).toEqual(['bob', 'bob'])
    expect(late.refresh.calls).toHaveLength(1)
    expect(late.events.of('warning')).toEqual([])
  })

  it('keeps it out also where the entry is deleted, and the tab goes on with its new tokens', async () => {
    const ada = await tab()
    await does(ada.auth.login(pair()))
    const late = await tab()
    watch(late.auth.refresh())
    await answers()
    await does(ada.auth.login(pair({ sub: 'bob' })))
    area.view().removeItem('tokenflight:shop')
    const tokens = late.refresh.last.answer()
    await pass(SECOND)
    expect(stored()).toBeNull()
    expect(await late.auth.getAccessToken()).toBe(tokens.access_token)
    expect(late.events.of('warning')).toEqual([])
  })

  it('does not advance when localStorage is full, and causes a warning', async () => {
    const view = area.view()
    const { auth, events, refresh } = await tab({ storage: webStorage(view) })
    await does(auth.login(pair()))
    const before = await readRow('tokenflight:shop', 'ledger:tokenflight:shop')
    vi.spyOn(view, 'setItem').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError')
    })
    const done = does(auth.refresh())
    await answers()
    const { access_token } = refresh.last.answer()
    await done
    expect(events.of('warning')).toMatchObject([
      {
        message: 'Storage failed to write; the session goes on in memory',
        error: { cause: { name: 'QuotaExceededError' } },
      },
    ])
    expect(await readRow('tokenflight:shop', 'ledger:tokenflight:shop')).toEqual(before)
    expect(await auth.getAccessToken()).toBe(access_token)
  })

  it('that does not answer delays a refresh by a second before and a second after', async () => {
    const { auth, refresh } = await tab()
    await does(auth.login(pair()))
    stopDatabases()
    const outcome = watch(auth.refresh())
    await pass(SECOND - 1)
    expect(refresh.calls).toHaveLength(0)
    await pass(1)
    const { access_token } = refresh.last.answer()
    await pass(SECOND - 1)
    expect(stored()?.accessToken).not.toBe(access_token)
    await pass(1)
    expect(stored()?.accessToken).toBe(access_token)
    // The next one shall see it.
    expect(outcome.status).toBe('pending')
    await pass(20)
    expect(outcome.status).toBe('fulfilled')
  })
})

describe('a late answer, when a page is gone that left no stamp,', () => {
  it.each([
    ['a login of another user', 0],
    ['a login of another user, and as many refreshes', 1],
  ])('loses to %s', async (_, refreshes) => {
    const late = await tab()
    await does(late.auth.login(pair({ sub: 'ada' })))
    const outcome = watch(late.auth.refresh())
    await answers()
    const gone = await tab({ lock: lockless, refresh: refreshStub(async () => pair({ sub: 'bob' })) })
    await doesWithoutLedger(() => gone.auth.login(pair({ sub: 'bob' })))
    if (refreshes) await doesWithoutLedger(() => gone.auth.refresh())
    gone.auth.dispose()
    late.refresh.last.answer(pair({ sub: 'ada' }))
    await pass(SECOND)
    expect(outcome).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect([user(late), userOf(stored()?.accessToken), user(await tab())]).toEqual(['bob', 'bob', 'bob'])
    expect([late.refresh.calls.length, gone.refresh.calls.length]).toEqual([1, refreshes])
  })

  it('loses to two refreshes of the same session', async () => {
    const late = await tab({ lock: lockless })
    await does(late.auth.login(pair()))
    watch(late.auth.refresh())
    await answers()
    const gone = await tab({ lock: lockless, refresh: refreshStub(async () => pair()) })
    await doesWithoutLedger(() => gone.auth.refresh())
    await doesWithoutLedger(() => gone.auth.refresh())
    const newest = await gone.auth.getAccessToken()
    gone.auth.dispose()
    late.refresh.last.answer()
    await pass(SECOND)
    expect(stored()?.accessToken).toBe(newest)
    expect(await late.auth.getAccessToken()).toBe(newest)
    expect([late.refresh.calls.length, gone.refresh.calls.length]).toEqual([1, 2])
  })

  it.each([0.9, 0.1])(
    'of the same refresh token counts as the last grant, with any random number of the dead page: %d',
    async chance => {
      const first = await tab({ lock: lockless })
      await does(first.auth.login(pair()))
      const gone = await tab({ lock: lockless })
      const late = await tab({ lock: lockless })
      watch(gone.auth.refresh())
      watch(late.auth.refresh())
      await answers()
      expect(late.refresh.spent).toEqual(gone.refresh.spent)
      const random = vi.spyOn(Math, 'random').mockReturnValue(chance)
      await doesWithoutLedger(async () => gone.refresh.last.answer())
      gone.auth.dispose()
      random.mockReturnValue(0.5)
      const last = late.refresh.last.answer()
      await pass(SECOND)
      expect(stored()).toMatchObject({ accessToken: last.access_token, refreshToken: last.refresh_token })
      expect(await late.auth.getAccessToken()).toBe(last.access_token)
      expect(await (await tab()).auth.getAccessToken()).toBe(last.access_token)
    },
  )

  it('loses to a logout', async () => {
    const late = await tab()
    await does(late.auth.login(pair()))
    const outcome = watch(late.auth.refresh())
    await answers()
    const gone = await tab()
    await doesWithoutLedger(() => gone.auth.logout())
    gone.auth.dispose()
    expect(stored()).toMatchObject({ ended: 'logout' })
    late.refresh.last.answer()
    await pass(SECOND)
    expect(stored()).toMatchObject({ ended: 'logout' })
    expect(stored()).not.toHaveProperty('accessToken')
    expect(outcome).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect([user(late), user(await tab())]).toEqual(['anonymous', 'anonymous'])
  })

  it('loses to a logout and a login', async () => {
    const late = await tab()
    await does(late.auth.login(pair()))
    watch(late.auth.refresh())
    await answers()
    const gone = await tab()
    await doesWithoutLedger(() => gone.auth.logout())
    await doesWithoutLedger(() => gone.auth.login(pair({ sub: 'bob' })))
    gone.auth.dispose()
    late.refresh.last.answer()
    await pass(SECOND)
    expect([user(late), userOf(stored()?.accessToken)]).toEqual(['bob', 'bob'])
  })

  it('loses to a login whose page died between the entry and the end of the transaction', async () => {
    const late = await tab()
    await does(late.auth.login(pair({ sub: 'ada' })))
    watch(late.auth.refresh())
    await answers()
    const gone = await tab()
    const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore) {
      gone.auth.dispose()
      throw new Error('The page is gone')
    })
    watch(gone.auth.login(pair({ sub: 'bob' })))
    await answers()
    put.mockRestore()
    expect(userOf(stored()?.accessToken)).toBe('bob')
    expect(await readRow('tokenflight:shop', 'ledger:tokenflight:shop')).not.toMatchObject({
      generation: stored()?.generation,
    })
    late.refresh.last.answer(pair({ sub: 'ada' }))
    await pass(SECOND)
    expect([user(late), userOf(stored()?.accessToken), user(await tab())]).toEqual(['bob', 'bob', 'bob'])
  })
})

describe('an end', () => {
  it('is in localStorage before any database has answered', async () => {
    const { auth } = await tab()
    await does(auth.login(pair()))
    stopDatabases()
    void auth.logout()
    expect(stored()).toMatchObject({ ended: 'logout' })
  })

  it('is not in the way of a refresh of its own tab, which is not in localStorage before its stamp', async () => {
    const { auth, refresh } = await tab()
    await does(auth.login(pair()))
    watch(auth.refresh())
    await answers()
    const { access_token } = refresh.last.answer()
    await settle()
    expect(stored()?.accessToken).not.toBe(access_token)
    await answers()
    expect(stored()?.accessToken).toBe(access_token)
  })
})

describe('without IndexedDB', () => {
  beforeEach(() => void vi.stubGlobal('indexedDB', undefined))

  it('a session is kept, renewed and ended', async () => {
    const { auth, refresh, events } = await tab({ refresh: refreshStub(async () => pair()) })
    await does(auth.login(pair()))
    const before = stored()?.accessToken
    await does(auth.refresh())
    expect(stored()?.accessToken).not.toBe(before)
    expect(await (await tab()).auth.getAccessToken()).toBe(await auth.getAccessToken())
    await does(auth.logout())
    expect(stored()).toMatchObject({ ended: 'logout' })
    expect([refresh.calls.length, events.of('warning')]).toEqual([1, []])
  })

  it.each<[does: string, work: (opened: Opened) => Promise<unknown>, left: object]>([
    ['login', ({ auth }) => auth.login(pair({ sub: 'bob' })), { accessToken: expect.any(String) }],
    ['logout', ({ auth }) => auth.logout(), { ended: 'logout' }],
    [
      'refresh without a lock',
      ({ auth }) => auth.getAccessToken({ forceRefresh: true }),
      { refreshToken: expect.stringMatching(/^new-/) },
    ],
  ])('a %s needs no timer, so fake timers cannot stop it', async (_, work, left) => {
    vi.stubGlobal('navigator', undefined)
    const renewed = { access_token: accessToken(), refresh_token: opaque('new') }
    const opened = await tab({ lock: undefined, refresh: refreshStub(async () => renewed) })
    await does(opened.auth.login(pair({ sub: 'ada' })))
    const outcome = watch(work(opened))
    await settle()
    expect(outcome.status).toBe('fulfilled')
    expect(stored()).toMatchObject(left)
  })

  it('the login of one tab reaches another tab that sees the writes a little later', async () => {
    vi.stubGlobal('BroadcastChannel', Channel)
    const other = await tab({ lag: 15 })
    const one = await tab()
    await does(one.auth.login(pair({ sub: 'ada' })))
    expect([user(one), user(other)]).toEqual(['ada', 'ada'])
    await does(one.auth.logout())
    expect([user(one), user(other)]).toEqual(['anonymous', 'anonymous'])
  })

  it('the lock is held until the next holder sees the tokens that were written', async () => {
    const one = await tab({ refresh: refreshStub(async () => pair()) })
    await does(one.auth.login(pair()))
    const other = await tab({ lag: 15, refresh: refreshStub(async () => pair()) })
    await pass(5 * MINUTE)
    const tokens = watch(Promise.all([one.auth.getAccessToken(), other.auth.getAccessToken()]))
    await pass(100)
    expect(tokens.value?.[0]).toBe(tokens.value?.[1])
    expect([one.refresh.calls.length, other.refresh.calls.length]).toEqual([1, 0])
  })

  it('a late answer loses to a login all the same', async () => {
    const late = await tab()
    await does(late.auth.login(pair({ sub: 'ada' })))
    watch(late.auth.refresh())
    await answers()
    const other = await tab()
    await does(other.auth.login(pair({ sub: 'bob' })))
    late.refresh.last.answer(pair({ sub: 'ada' }))
    await pass(100)
    expect([user(late), userOf(stored()?.accessToken)]).toEqual(['bob', 'bob'])
  })
})
