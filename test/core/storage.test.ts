/** A storage that fails, hangs or answers later. */
import { sharedStorage, type TokenStorage } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import {
  cell,
  type Deferred,
  deferred,
  encodeStored,
  expectNoToken,
  invalidGrant,
  MINUTE,
  open,
  pair,
  pass,
  recordStorage,
  refreshStub,
  rejection,
  SECOND,
  settle,
  storedRecord,
  useFakeTime,
  watch,
} from '../support/core.js'
import { createLocks } from '../support/origin.js'

useFakeTime()

const boom = (): never => {
  throw new Error('storage is broken')
}

type Faults = Partial<TokenStorage>

/** A storage of which some operations misbehave. */
function faulty(faults: Faults, options: Parameters<typeof cell>[1] = {}): TokenStorage {
  return Object.assign(cell(null, options), faults)
}

describe('a storage that fails', () => {
  const rejecting = (): Promise<never> => Promise.reject(new Error('storage is broken'))

  it.each<[string, Faults]>([
    ['throws on get', { getItem: boom }],
    ['rejects on get', { getItem: rejecting }],
    ['throws on set', { setItem: boom }],
    ['rejects on set', { setItem: rejecting }],
    ['throws on everything', { getItem: boom, setItem: boom, removeItem: boom }],
    ['rejects on everything', { getItem: rejecting, setItem: rejecting, removeItem: rejecting }],
  ])('and %s leaves a session in memory, and a warning tells', async (_, faults) => {
    const { auth, refresh, events } = open({
      storage: faulty(faults),
      refresh: refreshStub(async () => pair()),
      autoRefresh: 'off',
    })
    await auth.ready
    const tokens = pair()
    await auth.login(tokens)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    await pass(5 * MINUTE)
    const next = await auth.getAccessToken()
    expect(next).not.toBe(tokens.access_token)
    expect(refresh.spent).toEqual([tokens.refresh_token])
    await auth.refresh()
    expect(refresh.calls).toHaveLength(2)
    await auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.of('warning').length).toBeGreaterThanOrEqual(1)
    for (const warning of events.of('warning')) {
      expect(warning.message).toMatch(/storage/i)
      expect(warning.error).toBeInstanceOf(Error)
      expectNoToken(warning)
    }
  })

  it.each<[string, Faults]>([
    ['throws', { removeItem: boom }],
    ['rejects', { removeItem: rejecting }],
  ])('and %s on remove still ends the session', async (_, faults) => {
    const { auth, events } = open({
      storage: faulty(faults),
      refresh: refreshStub(() => Promise.reject(invalidGrant())),
    })
    await auth.login(pair())
    await rejection(auth.refresh())
    expect(auth.getState().status).toBe('expired')
    expect(events.of('sessionExpired')).toHaveLength(1)
    await auth.login(pair())
    await auth.logout()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.of('warning').length).toBeGreaterThanOrEqual(2)
  })

  it.each(['login', 'logout', 'refresh'] as const)(
    'and its warning comes without another operation: %s',
    async method => {
      const storage = cell()
      const { auth, events } = open({ storage, refresh: refreshStub(async () => pair()) })
      await auth.login(pair())
      storage.setItem = boom
      storage.removeItem = boom
      await (method === 'login' ? auth.login(pair()) : auth[method]())
      await settle()
      expect(events.of('warning')).toHaveLength(1)
    },
  )

  it('because it is full keeps the tokens that the server has rotated', async () => {
    const storage = cell()
    const { auth, refresh, events } = open({ storage, refresh: refreshStub(async () => pair()) })
    await auth.login(pair())
    vi.spyOn(storage, 'setItem').mockImplementation(() => {
      throw new DOMException('The quota has been exceeded', 'QuotaExceededError')
    })
    await auth.refresh()
    await auth.refresh()
    expect(new Set(refresh.spent).size).toBe(2)
    expect(events.of('refreshed')).toHaveLength(2)
    expect(events.of('warning').length).toBeGreaterThanOrEqual(1)
  })

  it('and works again is written again', async () => {
    const storage = cell()
    let isBroken = true
    const { setItem } = storage
    storage.setItem = (key, value) => (isBroken ? boom() : setItem(key, value))
    const { auth } = open({ storage, refresh: refreshStub(async () => pair()) })
    await auth.login(pair())
    expect(storage.record).toBeNull()
    isBroken = false
    await auth.refresh()
    expect(storage.record?.accessToken).toBe(await auth.getAccessToken())
  })

  it('and hangs on get makes no call wait for ever', async () => {
    const { auth, events } = open({ storage: faulty({ getItem: () => new Promise(() => {}) }) })
    const ready = watch(auth.ready)
    const asked = watch(auth.getAccessToken())
    await pass(5 * SECOND)
    expect(ready.status).toBe('fulfilled')
    expect(asked).toEqual({ status: 'fulfilled', value: undefined })
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.of('warning')).toMatchObject([
      {
        message: 'Storage failed to read; the session goes on in memory',
        error: { cause: { message: 'no answer within 2000 ms' } },
      },
    ])
  })

  it('and can be read no longer, nor written, says which', async () => {
    const storage = cell(null, { shared: true })
    const { auth, events } = open({
      storage,
      name: 'which',
      refresh: refreshStub(async () => pair()),
    })
    await auth.login(pair())
    Object.assign(storage, { getItem: boom })
    await auth.refresh()
    expect(events.of('warning').map(({ message }) => message)).toEqual([
      'Storage failed to read; the session goes on in memory',
      'Storage failed to write; the session goes on in memory',
    ])
  })

  it('and throws on get has the warning name the reading', async () => {
    const { auth, events } = open({ storage: faulty({ getItem: boom }) })
    await settle()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.of('warning').map(({ message }) => message)).toEqual([
      'Storage failed to read; the session goes on in memory',
    ])
  })

  it('and hangs on set makes no call wait for ever', async () => {
    const { auth, refresh, events } = open({ storage: faulty({ setItem: () => new Promise(() => {}) }) })
    const login = watch(auth.login(pair()))
    await pass(5 * SECOND)
    expect(login.status).toBe('fulfilled')
    const done = watch(auth.refresh())
    await settle()
    refresh.last.answer()
    await pass(5 * SECOND)
    expect(done.status).toBe('fulfilled')
    expect(events.of('warning').length).toBeGreaterThanOrEqual(2)
  })

  it('and hangs on remove makes no logout wait for ever', async () => {
    const { auth } = open({ storage: faulty({ removeItem: () => new Promise(() => {}) }) })
    await auth.login(pair())
    const out = watch(auth.logout())
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    await pass(5 * SECOND)
    expect(out.status).toBe('fulfilled')
  })

  it('late on get does not overwrite the changes of the meantime', async () => {
    const first = deferred<string | null>()
    const { auth } = open({ storage: faulty({ getItem: () => first.promise }) })
    await pass(5 * SECOND)
    const tokens = pair({ sub: 'grace' })
    await auth.login(tokens)
    first.resolve(encodeStored(storedRecord()))
    await settle()
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
  })

  it('so slowly that a short token dies meanwhile hands out no dead token', async () => {
    const { auth, refresh } = open({
      storage: faulty({ setItem: () => new Promise(resolve => setTimeout(resolve, 1_900)) }),
      autoRefresh: 'off',
    })
    void auth.login(pair({ lifetime: 1_500 }))
    await pass(2 * SECOND)
    const asked = watch(auth.getAccessToken())
    await settle()
    const { access_token } = refresh.last.answer(pair({ lifetime: 1_500 }))
    await pass(1_950)
    expect(asked.value).not.toBe(access_token)
    await pass(MINUTE)
    expect(asked.status).not.toBe('pending')
  })

  it('does not fail a refresh that worked', async () => {
    const { auth, events } = open({
      storage: faulty({ setItem: boom }),
      refresh: refreshStub(async () => pair()),
    })
    await auth.login(pair())
    await auth.refresh()
    expect(events.of('refreshFailed')).toEqual([])
    expect(events.of('refreshed')).toHaveLength(1)
  })
})

describe('an asynchronous storage', () => {
  it('that is slow keeps writes in their order', async () => {
    const gates: Deferred<void>[] = []
    const landed: (string | undefined)[] = []
    const { auth } = open({
      storage: recordStorage({
        get: () => null,
        async set(record) {
          const gate = deferred()
          gates.push(gate)
          await gate.promise
          landed.push(record.accessToken)
        },
        remove() {},
      }),
    })
    const first = pair()
    const second = pair()
    const logins = [watch(auth.login(first)), watch(auth.login(second))]
    await settle()
    // The storage may reorder writes, so the first must land before the second starts.
    expect(gates).toHaveLength(1)
    gates[0]?.resolve()
    await settle()
    const third = pair()
    logins.push(watch(auth.login(third)))
    await settle()
    expect(gates).toHaveLength(2)
    gates[1]?.resolve()
    await settle()
    gates[2]?.resolve()
    await settle()
    expect(landed).toEqual([first, second, third].map(({ access_token }) => access_token))
    expect(gates).toHaveLength(3)
    expect(logins.map(({ status }) => status)).toEqual(Array(3).fill('fulfilled'))
  })

  /** An asynchronous storage whose first write lands when told, however late. */
  const sluggish = () => {
    const storage = cell(null, { asynchronous: true })
    const { promise, resolve } = deferred()
    const { setItem } = storage
    storage.setItem = async (key, value) => {
      storage.setItem = setItem
      await promise
      await setItem(key, value)
    }
    return { storage, land: resolve }
  }

  it('whose write lands after a later one is written again', async () => {
    const { storage, land } = sluggish()
    const { auth, events } = open({ storage })
    void auth.login(pair())
    await pass(2 * SECOND)
    expect(events.of('warning')).toHaveLength(1)
    const next = pair()
    await auth.login(next)
    expect(storage.record?.accessToken).toBe(next.access_token)
    land()
    await settle()
    expect(storage.record?.accessToken).toBe(next.access_token)
    expect(storage.writes.map(record => record?.accessToken)).toEqual([
      next.access_token,
      expect.any(String),
      next.access_token,
    ])
    expect(events.of('warning')).toHaveLength(1)
  })

  it('whose write lands late does not lose the later record of another version of the package', async () => {
    const { storage, land } = sluggish()
    const shared = sharedStorage(storage)
    const { setItem } = storage
    const foreign = { ...storedRecord(), format: 99 }
    storage.setItem = async (key, value) => {
      await setItem(key, value)
      storage.record = foreign
    }
    const { auth } = open({ storage: shared, name: 'two-versions', lock: createLocks() })
    void auth.login(pair())
    await pass(2 * SECOND)
    await auth.login(pair())
    land()
    await settle()
    expect(storage.record).toEqual(foreign)
  })

  it('whose write lands late, and nothing came after it, is not written again', async () => {
    const { storage, land } = sluggish()
    const { auth } = open({ storage })
    const tokens = pair()
    void auth.login(tokens)
    await pass(2 * SECOND)
    land()
    await settle()
    expect(storage.writes.map(record => record?.accessToken)).toEqual([tokens.access_token])
  })

  it('of a logout and a login at once holds the login', async () => {
    const storage = cell(null, { asynchronous: true })
    const { auth } = open({ storage })
    await auth.login(pair())
    const next = pair()
    const both = [auth.logout(), auth.login(next)]
    await Promise.all(both)
    expect(storage.record?.accessToken).toBe(next.access_token)
  })

  it('of a login and a logout at once holds nothing', async () => {
    const storage = cell(null, { asynchronous: true })
    const { auth } = open({ storage })
    await Promise.all([auth.login(pair()), auth.logout()])
    expect(storage.record).toBeNull()
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })
})

describe('a synchronous storage', () => {
  it('holds nothing as soon as logout was called, since the page may be about to go', async () => {
    const storage = cell()
    const { auth } = open({ storage })
    await auth.login(pair())
    void auth.logout()
    expect(storage.record).toBeNull()
  })

  it('that is shared keeps a record which came while a refresh was under way', async () => {
    const storage = cell(null, { shared: true })
    const { auth, refresh } = open({ storage, name: 'meanwhile', lock: createLocks() })
    await auth.login(pair({ sub: 'ada' }))
    const outcome = watch(auth.refresh())
    await settle()
    const bob = storedRecord({ generation: (storage.record?.generation ?? 0) + 2 })
    storage.record = bob
    refresh.last.answer(pair({ sub: 'ada' }))
    await settle()
    expect(outcome).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(storage.record).toEqual(bob)
    expect(await auth.getAccessToken()).toBe(bob.accessToken)
    expect(refresh.calls).toHaveLength(1)
  })
})
