/** The sources of tokens other than ordinary answers: refresh, storage and channel are checked alike. */

import { beforeEach, describe, expect, it } from 'vitest'
import { Channel, createLock } from '../support/channel.js'
import {
  accessToken,
  type Cell,
  cell,
  DAY,
  HOUR,
  invalidGrant,
  jwt,
  MINUTE,
  opaque,
  open,
  pair,
  pass,
  refreshStub,
  SECOND,
  type Stored,
  settle,
  storedRecord,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

beforeEach(() => {
  Channel.install()
})

describe('a refresh that answers with an older access token', () => {
  it('fails while the present one is good, and the present one stays', async () => {
    const { auth, events, refresh } = open({ autoRefresh: 'off', retry: 0 })
    const present = pair()
    await auth.login(present)
    const refreshed = watch(auth.refresh())
    await settle()
    refresh.last.answer({ access_token: accessToken({ issuedAt: Date.now() - HOUR }) })
    await settle()
    expect(refreshed).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED' } })
    expect((refreshed.error as Error).message).toMatch(/older than the present one/)
    expect(await auth.getAccessToken()).toBe(present.access_token)
    expect(events.of('refreshFailed')).toMatchObject([{ class: 'transient', attempts: 1 }])
    expect(events.of('refreshed')).toEqual([])
  })

  it('succeeds where it brings a new refresh token, which no cache can know: no session is lost', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off', retry: 0 })
    const present = pair()
    await auth.login(present)
    const refreshed = watch(auth.refresh())
    await settle()
    const next = refresh.last.answer(pair({ issuedAt: Date.now() - DAY }))
    await settle()
    expect(refreshed.status).toBe('fulfilled')
    expect(await auth.getAccessToken()).toBe(next.access_token)
    watch(auth.refresh())
    await settle()
    expect(refresh.spent).toEqual([present.refresh_token, next.refresh_token])
  })

  it('that the session had before is a copy from a cache, whose refresh token is spent', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off', retry: 0 })
    const tokens = [1, 2].map(() => ({ ...opaquePair(), expires_in: 300 }))
    await auth.login(opaquePair())
    for (const answer of [tokens[0], tokens[1], tokens[0]]) {
      watch(auth.refresh())
      await settle()
      refresh.last.answer(answer)
      await settle()
    }
    expect(await auth.getAccessToken()).toBe(tokens[1]?.access_token)
    watch(auth.refresh())
    await settle()
    expect(refresh.last.refreshToken).toBe(tokens[1]?.refresh_token)
  })

  it('succeeds where the clocks of the servers differ by a few seconds', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    await auth.login(pair())
    const refreshed = watch(auth.refresh())
    await settle()
    const next = refresh.last.answer(pair({ issuedAt: Date.now() - 3 * SECOND }))
    await settle()
    expect(refreshed.status).toBe('fulfilled')
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(refresh.calls).toHaveLength(1)
  })

  it('succeeds once the present one is dead: the clock of the server was set back', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    await auth.login(pair({ issuedAt: Date.now() + DAY }))
    await pass(5 * MINUTE)
    const waiting = watch(auth.getAccessToken())
    await settle()
    const next = refresh.last.answer(pair())
    await settle()
    expect(waiting.value).toBe(next.access_token)
    expect(refresh.calls).toHaveLength(1)
  })

  it('does not start a refresh with every request while it goes on', async () => {
    const refresh = refreshStub(async () => ({
      access_token: accessToken({ issuedAt: Date.now() - DAY }),
    }))
    const { auth } = open({ autoRefresh: 'off', retry: 0, refresh })
    const present = pair()
    await auth.login(present)
    await pass(4 * MINUTE + 1)
    for (let request = 0; request < 20; request++) {
      expect(await auth.getAccessToken()).toBe(present.access_token)
      await settle()
    }
    expect(refresh.calls).toHaveLength(1)
  })
})

function opaquePair(): { access_token: string; refresh_token: string } {
  return { access_token: opaque('at'), refresh_token: opaque('rt') }
}

/** A tab with a session, and a sibling that stores another record. */
async function tab(name: string, tokens: object = pair(), storage: Cell = cell(null, { shared: true })) {
  const opened = open({ name, lock: createLock(), autoRefresh: 'off', storage })
  await opened.auth.login(tokens)
  await pass(SECOND)
  const channel = new Channel(`tokenflight:${name}`)
  const store = async (change: Partial<Stored>): Promise<Stored> => {
    const record = storage.record as Stored
    storage.record = { ...record, version: record.version + 1, ...change }
    const stored = storage.record
    channel.postMessage({ changed: true })
    await pass(10)
    return stored
  }
  return { ...opened, storage, store }
}

describe('a record that a sibling has stored', () => {
  it('of another user is another session, even under the same generation', async () => {
    const { auth, events, refresh, storage, store } = await tab('other-user')
    await pass(5 * MINUTE)
    const waiting = watch(auth.getAccessToken())
    await settle()
    const grace = accessToken({ sub: 'grace' })
    await store({
      ...storedRecord({ accessToken: grace }),
      generation: storage.record!.generation,
      version: storage.record!.version + 1,
    })
    expect(waiting).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(await auth.getAccessToken()).toBe(grace)
    expect(events.names).toEqual(['login', 'login'])
    expect(refresh.calls).toHaveLength(1)
  })

  it('of the same user, whose sub was a number, is the same session', async () => {
    const mint = (sub: unknown): string =>
      jwt({ sub, iat: Date.now() / SECOND, exp: (Date.now() + 5 * MINUTE) / SECOND })
    const { auth, events, store } = await tab('same-user', {
      access_token: mint(42),
      refresh_token: opaque('rt'),
    })
    const next = mint('42')
    const { subject: _, ...rest } = await store({})
    await store({ ...rest, accessToken: next, version: rest.version + 1 })
    expect(await auth.getAccessToken()).toBe(next)
    expect(events.names).toEqual(['login', 'refreshed'])
  })

  it('of a logout that follows another session clears the end of the one before', async () => {
    const { auth, events, refresh, storage, store } = await tab('logout-after-end')
    watch(auth.refresh())
    await settle()
    refresh.last.fail(invalidGrant())
    await settle()
    expect(auth.getState().status).toBe('expired')
    const { generation } = storage.record as Stored
    await store({ generation: generation + 2, ended: 'logout' })
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(events.names).toEqual(['login', 'sessionExpired'])
    expect(refresh.calls).toHaveLength(1)
  })

  it('with an older access token does not replace the present one, here or in the storage', async () => {
    const { auth, events, storage, store } = await tab('older')
    const present = storage.record?.accessToken
    const older = accessToken({ issuedAt: Date.now() - HOUR })
    await store({ accessToken: older })
    await pass(SECOND)
    expect(await auth.getAccessToken()).toBe(present)
    expect(storage.record?.accessToken).toBe(present)
    expect(events.names).toEqual(['login'])
  })

  it('with an older access token and a new refresh token has the refresh token used', async () => {
    const { auth, refresh, storage, store } = await tab('older-and-newer')
    const present = storage.record?.accessToken
    const refreshToken = opaque('rt')
    await store({ accessToken: accessToken({ issuedAt: Date.now() - HOUR }), refreshToken })
    expect(await auth.getAccessToken()).toBe(present)
    watch(auth.refresh())
    await settle()
    expect(refresh.spent).toEqual([refreshToken])
  })

  it('with the same access token and a later end lets the session live on, without a call', async () => {
    const { auth, refresh, storage, store } = await tab('later', {
      access_token: opaque('at'),
      refresh_token: opaque('rt'),
      expires_in: 300,
      refresh_expires_in: 600,
    })
    const { accessToken: present, expiresAt = 0, refreshExpiresAt = 0 } = storage.record as Stored
    await store({ expiresAt: expiresAt + HOUR, refreshExpiresAt: refreshExpiresAt + HOUR })
    expect(auth.getState()).toMatchObject({
      expiresAt: expiresAt + HOUR,
      sessionExpiresAt: refreshExpiresAt + HOUR,
    })
    await pass(30 * MINUTE)
    expect(await auth.getAccessToken()).toBe(present)
    expect(refresh.calls).toHaveLength(0)
  })

  it('with the same access token and a later end frees the requests that wait for a dead one', async () => {
    const { auth, refresh, storage, store } = await tab('revived', {
      access_token: opaque('at'),
      refresh_token: opaque('rt'),
      expires_in: 300,
    })
    const { accessToken: present, expiresAt = 0 } = storage.record as Stored
    await pass(5 * MINUTE)
    const waiting = watch(auth.getAccessToken())
    await settle()
    await store({ expiresAt: expiresAt + HOUR })
    expect(waiting).toMatchObject({ status: 'fulfilled', value: present })
    expect(refresh.calls).toHaveLength(1)
  })

  it('that a sibling made of the same record, with the same access token and a later end, is newer', async () => {
    const { auth, refresh, storage, store } = await tab('twin', {
      access_token: opaque('at'),
      refresh_token: opaque('rt'),
      expires_in: 300,
    })
    const { accessToken: present, expiresAt = 0, version } = storage.record as Stored
    // Chance alone would have it older.
    await store({ expiresAt: expiresAt + HOUR, version: Math.floor(version) })
    await pass(30 * MINUTE)
    expect(await auth.getAccessToken()).toBe(present)
    expect(refresh.calls).toHaveLength(0)
  })

  it('that a sibling made of the same record, with the same access token and an earlier end, is older', async () => {
    const { auth, refresh, storage, store } = await tab('older twin', {
      access_token: opaque('at'),
      refresh_token: opaque('rt'),
      expires_in: 3_600,
    })
    const { accessToken: present, expiresAt = 0, version } = storage.record as Stored
    await store({ expiresAt: expiresAt - 50 * MINUTE, version: Math.floor(version) + 0.9999 })
    await pass(30 * MINUTE)
    expect(await auth.getAccessToken()).toBe(present)
    expect(refresh.calls).toHaveLength(0)
  })

  it('with the same access token and an earlier end is obeyed, too', async () => {
    const { auth, refresh, storage, store } = await tab('earlier', {
      access_token: opaque('at'),
      refresh_token: opaque('rt'),
      expires_in: 3_600,
    })
    const { expiresAt = 0 } = storage.record as Stored
    await store({ expiresAt: expiresAt - 50 * MINUTE, lifetime: 10 * MINUTE })
    await pass(10 * MINUTE)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['expired'])
  })
})
