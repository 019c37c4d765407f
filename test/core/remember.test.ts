// @vitest-environment happy-dom
/** `login(answer, { remember: false })`: a session that ends with its tab. */
import { indexedDBStorage, memoryStorage, type TokenStorage, webStorage } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { openRecords } from '../../src/core/storage.js'
import { Channel } from '../support/channel.js'
import { httpError, open, pair, pass, refreshStub, SECOND, useFakeTime, watch } from '../support/core.js'
import { createLocalArea, createLocks, type LocalArea, readRow, useDatabases } from '../support/origin.js'
import { becomePage } from '../support/page.js'

useFakeTime()

const KEY = 'tokenflight:default'
let local: LocalArea
let locks: ReturnType<typeof createLocks>

beforeEach(() => {
  becomePage()
  useDatabases()
  Channel.reset()
  local = createLocalArea()
  locks = createLocks()
  vi.stubGlobal('BroadcastChannel', Channel)
  vi.stubGlobal('localStorage', local.view())
})

/** Opens a page in a tab, which has a `sessionStorage` of its own. */
async function openTab(storage: () => TokenStorage, session = createLocalArea()) {
  vi.stubGlobal('sessionStorage', session.view())
  const refresh = refreshStub(async () => pair())
  const opened = open({ storage: storage(), lock: locks, autoRefresh: 'off', refresh })
  await pass(SECOND)
  return { ...opened, session }
}

async function does(work: Promise<unknown>): Promise<void> {
  const outcome = watch(work)
  await pass(3 * SECOND)
  expect(outcome).toEqual({ status: 'fulfilled', value: undefined })
}

const stored = async (): Promise<string> =>
  `${local.items.get(KEY)} ${JSON.stringify(await readRow(KEY, 'record'))}`

describe.each<[name: string, storage: () => TokenStorage]>([
  ['webStorage', () => webStorage()],
  ['indexedDBStorage', () => indexedDBStorage()],
])('a login with remember: false in %s', (_, storage) => {
  it('keeps the tokens in sessionStorage and nowhere else', async () => {
    const { auth, session } = await openTab(storage)
    const tokens = pair()
    await does(auth.login(tokens, { remember: false }))
    expect(session.items.get(KEY)).toContain(tokens.refresh_token)
    expect(await stored()).not.toContain(tokens.refresh_token)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
  })

  it('survives a reload of the tab, and a refresh is kept there, too', async () => {
    const first = await openTab(storage)
    await does(first.auth.login(pair(), { remember: false }))
    first.auth.dispose()
    const { auth, refresh, session } = await openTab(storage, first.session)
    expect(auth.getState().status).toBe('authenticated')
    await does(auth.refresh())
    expect(refresh.calls).toHaveLength(1)
    const token = await auth.getAccessToken()
    expect(session.items.get(KEY)).toContain(token)
    expect(await stored()).not.toContain(token)
  })

  it('is not found by another tab, and ends the session that others shared before', async () => {
    // A tab reads the storage when it needs to. Only one sessionStorage can be the global at a time.
    vi.stubGlobal('BroadcastChannel', undefined)
    const other = await openTab(storage)
    await does(other.auth.login(pair({ sub: 'grace' })))
    const { auth } = await openTab(storage)
    expect(auth.getState().status).toBe('authenticated')
    await does(auth.login(pair(), { remember: false }))
    const late = await openTab(storage)
    vi.stubGlobal('sessionStorage', other.session.view())
    const refresh = watch(other.auth.refresh())
    await pass(SECOND)
    expect(refresh).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect([other, late].map(each => each.auth.getState().status)).toEqual(['anonymous', 'anonymous'])
    expect([other, late].map(each => each.refresh.calls.length)).toEqual([0, 0])
    expect(auth.getState().status).toBe('authenticated')
  })

  it('is replaced by a login that is remembered, and leaves nothing behind', async () => {
    const { auth, session } = await openTab(storage)
    await does(auth.login(pair(), { remember: false }))
    const tokens = pair()
    await does(auth.login(tokens))
    expect(session.items.size).toBe(0)
    expect(await stored()).toContain(tokens.refresh_token)
  })

  it('is replaced by a login of another tab, and leaves nothing behind', async () => {
    const { auth, session } = await openTab(storage)
    await does(auth.login(pair(), { remember: false }))
    const other = await openTab(storage)
    await does(other.auth.login(pair({ sub: 'grace' })))
    const next = await openTab(storage, session)
    expect(next.auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'grace' } })
    expect(session.items.size).toBe(0)
  })

  it('leaves nothing behind after a logout', async () => {
    const { auth, session } = await openTab(storage)
    await does(auth.login(pair(), { remember: false }))
    await does(auth.logout())
    expect(session.items.size).toBe(0)
    const next = await openTab(storage, session)
    expect(next.auth.getState()).toEqual({ status: 'anonymous' })
  })
})

describe.each<[name: string, storage: () => TokenStorage]>([
  ['webStorage', () => webStorage()],
  ['indexedDBStorage', () => indexedDBStorage()],
])('the entry of a session in %s', (_, storage) => {
  it('is in the sessionStorage of its tab with remember: false, under its own key', async () => {
    const { auth } = await openTab(storage)
    const { isAt } = openRecords(storage(), KEY)
    await does(auth.login(pair(), { remember: false }))
    expect(await isAt(sessionStorage, KEY)).toBe(true)
    expect(await isAt(sessionStorage, 'another')).toBe(false)
    expect(await isAt(createLocalArea().view(), KEY)).toBe(false)
  })
})

it('a session in sessionStorage leaves no entry behind when it has expired', async () => {
  const session = createLocalArea()
  vi.stubGlobal('sessionStorage', session.view())
  const refresh = refreshStub(() => Promise.reject(httpError(401)))
  const { auth } = open({ storage: webStorage(sessionStorage), autoRefresh: 'off', refresh })
  await does(auth.login(pair()))
  expect(session.items.size).toBe(1)
  const outcome = watch(auth.refresh())
  await pass(SECOND)
  expect(outcome).toMatchObject({ error: { code: 'ERR_SESSION_EXPIRED' } })
  expect([session.items.size, refresh.calls.length]).toEqual([0, 1])
})

it('remember: false gives way to a later login of another tab that was stored first', async () => {
  const { auth, session } = await openTab(() => webStorage())
  const now = Date.now()
  const other = await openTab(() => webStorage())
  vi.setSystemTime(now + 60 * SECOND)
  await does(other.auth.login(pair({ sub: 'grace' })))
  vi.stubGlobal('sessionStorage', session.view())
  const stored = local.items.get(KEY)
  const records = openRecords(webStorage(), KEY)
  const { accessToken, ...rest } = JSON.parse(`${stored}`)
  const mine = { ...rest, accessToken: 'mine', generation: rest.generation - 30, tabOnly: true }
  const committed = records.commit?.(mine)
  await pass(SECOND)
  expect(await committed).toMatchObject({ accessToken })
  expect(local.items.get(KEY)).toBe(stored)
  const later = records.commit?.({ ...mine, generation: rest.generation + 30 })
  await pass(SECOND)
  expect(await later).toMatchObject({ accessToken: 'mine' })
  auth.dispose()
})

it('remember changes nothing where the session ends with its page anyway', async () => {
  const { auth, session } = await openTab(() => memoryStorage())
  const tokens = pair()
  await does(auth.login(tokens, { remember: false }))
  expect([await auth.getAccessToken(), session.items.size]).toEqual([tokens.access_token, 0])
})

it('remember is the only option of a login', async () => {
  const { auth } = await openTab(() => memoryStorage())
  await expect(auth.login(pair(), { remembr: false } as never)).rejects.toThrow(
    /login has no option `remembr`/,
  )
  expect(auth.getState()).toEqual({ status: 'anonymous' })
})

it('remember must be a boolean', async () => {
  const { auth } = await openTab(() => memoryStorage())
  await expect(auth.login(pair(), { remember: 'no' as never })).rejects.toThrow(
    /`remember` must be a boolean, got string/,
  )
  expect(auth.getState()).toEqual({ status: 'anonymous' })
})

it('remember that is misspelled stores no session that outlives its tab', async () => {
  const { auth } = await openTab(() => webStorage())
  await expect(auth.login(pair(), { remeber: false } as never)).rejects.toThrow(
    /login has no option `remeber`, only remember/,
  )
  expect([auth.getState(), local.items.size]).toEqual([{ status: 'anonymous' }, 0])
})
