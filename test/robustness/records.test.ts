/** Stored records and messages of every kind: ignored, or a session; never a crash or a session that cannot be mended. */
import fc from 'fast-check'
import { cookieSession, isAuthError, webStorage } from 'tokenflight'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  alone,
  cell,
  expectNoToken,
  httpError,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  type Stored,
  settle,
  storedRecord,
  useFakeTime,
  watch,
} from '../support/core.js'
import { anything, json, record, watchPrototypes } from '../support/hostile.js'
import { becomePage } from '../support/page.js'
import { runs } from '../support/slow.js'

useFakeTime()

const STATUSES = ['anonymous', 'authenticated', 'expired']

/** Every call gets an answer: a token, or an error of ours. */
async function ask(auth: ReturnType<typeof open>['auth']): Promise<void> {
  const outcome = watch(auth.getAccessToken())
  await pass(30_000)
  expect(outcome.status).not.toBe('pending')
  if (outcome.status === 'rejected') expect(isAuthError(outcome.error)).toBe(true)
  else if (outcome.value !== undefined) expect(outcome.value).toMatch(/^[!-~]+$/)
}

/** After every kind of record a login begins a session, which is stored and read again. */
async function expectToBeMended(auth: ReturnType<typeof open>['auth'], stored: () => unknown): Promise<void> {
  const tokens = pair()
  const outcome = watch(auth.login(tokens))
  await pass(3_000)
  expect(outcome).toEqual({ status: 'fulfilled', value: undefined })
  expect(await auth.getAccessToken()).toBe(tokens.access_token)
  expect(auth.getState().status).toBe('authenticated')
  const later = open({ storage: cell(stored() as Stored) })
  expect(await later.auth.getAccessToken()).toBe(tokens.access_token)
  later.auth.dispose()
}

describe('a stored record of any kind', () => {
  it.each([false, true])('is a session or none, and no obstacle for the next (shared: %s)', async shared => {
    const check = watchPrototypes()
    const statuses = new Set<string>()
    await fc.assert(
      fc.asyncProperty(fc.oneof(record, anything), fc.boolean(), async (stored, asynchronous) => {
        const storage = cell(stored as Stored, { shared, asynchronous })
        const { auth } = open({ storage, refresh: refreshStub(async () => pair()), retry: 0 })
        const ready = watch(auth.ready)
        await pass(5_000)
        expect(ready.status).toBe('fulfilled')
        expect(STATUSES).toContain(auth.getState().status)
        statuses.add(auth.getState().status)
        await ask(auth)
        await expectToBeMended(auth, () => storage.record)
        auth.dispose()
      }),
      { numRuns: runs(700) },
    )
    check()
    expect(statuses.size).toBeGreaterThan(1)
  })

  it('that appears beside a session ends it only where it is a later end of it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(record, anything), async stored => {
        const storage = cell(null, { shared: true })
        const { auth, events } = open({ storage, refresh: refreshStub(async () => pair()), retry: 0 })
        await auth.login(pair())
        storage.record = stored as Stored
        const outcome = watch(auth.refresh())
        await pass(30_000)
        expect(outcome.status).not.toBe('pending')
        const { ended } = (stored ?? {}) as Partial<Stored>
        if (auth.getState().status !== 'authenticated') expect(typeof ended).toBe('string')
        await ask(auth)
        await expectToBeMended(auth, () => storage.record)
        expect(events.of('warning')).toEqual([])
        auth.dispose()
      }),
      { numRuns: runs(700) },
    )
  })

  it('is text of any kind in Web Storage', async () => {
    const text = fc.oneof(
      record.map(value => JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? 'big' : part))),
      json.map(value => String(JSON.stringify(value)).slice(0, -1)),
      fc.string({ unit: 'binary' }),
      fc.constant(`${'['.repeat(50_000)}`),
    )
    await fc.assert(
      fc.asyncProperty(text, async stored => {
        const entries = new Map([['tokenflight:default', stored]])
        const area = {
          getItem: (key: string) => entries.get(key) ?? null,
          setItem: (key: string, value: string) => void entries.set(key, value),
          removeItem: (key: string) => void entries.delete(key),
        } as Storage
        const { auth } = open({
          storage: webStorage(area),
          refresh: refreshStub(async () => pair()),
          retry: 0,
        })
        await settle()
        expect(STATUSES).toContain(auth.getState().status)
        await expectToBeMended(auth, () => JSON.parse(entries.get('tokenflight:default') ?? 'null'))
        auth.dispose()
      }),
      { numRuns: runs(300) },
    )
  })
})

describe('a message of any kind on the channel', () => {
  const channels = new Set<{ onmessage?: ((event: { data: unknown }) => void) | null }>()
  const posted: unknown[] = []
  const install = (): void => {
    channels.clear()
    posted.length = 0
    vi.stubGlobal(
      'BroadcastChannel',
      class {
        onmessage = null
        constructor() {
          channels.add(this)
        }
        postMessage(message: unknown): void {
          posted.push(structuredClone(message))
        }
        close(): void {
          channels.delete(this)
        }
      },
    )
  }
  /** A message of an attacker or of another version. The handler must not throw, because no code would catch the error. */
  const say = (message: unknown): void => {
    for (const { onmessage } of channels) onmessage?.({ data: structuredClone(message) })
  }
  const lock = { request: <T>(_name: string, _options: object, callback: () => Promise<T>) => callback() }
  const message = fc.oneof(
    { weight: 2, arbitrary: anything },
    { weight: 5, arbitrary: record.map(({ refreshToken: _, ...value }) => ({ record: value })) },
    fc.record(
      { record: anything, wanted: anything, changed: anything, version: anything },
      { requiredKeys: [] },
    ),
    fc.constantFrom<unknown>({ changed: true }, { wanted: 0 }, { v: 2, type: 'logout' }),
  )
  afterEach(() => channels.clear())

  it('neither throws nor ends a session, unless it is a later end of it (cookie mode)', async () => {
    const check = watchPrototypes()
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 3 }), async messages => {
        install()
        becomePage()
        const refresh = refreshStub(async () => alone())
        const { auth } = open({ storage: cookieSession(), lock, refresh, retry: 0 })
        await pass(100)
        expect(auth.getState().status).toBe('authenticated')
        for (const each of messages) say(each)
        await settle()
        const isEnd = messages.some(each => typeof (each as { record?: Stored })?.record?.ended === 'string')
        if (!isEnd) expect(auth.getState().status).toBe('authenticated')
        await ask(auth)
        const outcome = watch(auth.login(alone()))
        await pass(3_000)
        expect([outcome.status, auth.getState().status]).toEqual(['fulfilled', 'authenticated'])
        // Nothing that is asked for is answered with a refresh token.
        expect(JSON.stringify(posted)).not.toMatch(/refreshToken|rt-secret/)
        auth.dispose()
      }),
      { numRuns: runs(700) },
    )
    check()
  })

  it('is a hint at most where the storage is shared', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 3 }), async messages => {
        install()
        becomePage()
        const storage = cell(null, { shared: true })
        const { auth, events, refresh } = open({ storage, lock })
        const tokens = pair()
        await auth.login(tokens)
        const state = auth.getState()
        for (const each of messages) say(each)
        await settle()
        expect(auth.getState()).toBe(state)
        expect(await auth.getAccessToken()).toBe(tokens.access_token)
        expect(events.names).toEqual(['login'])
        expect(refresh.calls).toHaveLength(0)
        expectNoToken(posted)
        auth.dispose()
      }),
      { numRuns: runs(300) },
    )
  })

  it('with an older record changes nothing, and with a newer end ends the session once', async () => {
    install()
    becomePage()
    const { auth, events } = open({
      storage: cookieSession(),
      lock,
      refresh: refreshStub(async () => alone()),
    })
    await pass(100)
    const token = await auth.getAccessToken()
    const { refreshToken: _, ...old } = storedRecord({ generation: 1 })
    say({ record: old })
    say({ record: { generation: 2, version: 0, savedAt: Date.now(), ended: 'logout' } })
    expect(await auth.getAccessToken()).toBe(token)
    const generation = Date.now() / 1000 + 10
    for (let twice = 0; twice < 2; twice++)
      say({ record: { generation, version: 0, savedAt: Date.now(), ended: 'refresh_rejected' } })
    expect(events.of('sessionExpired')).toHaveLength(1)
    expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'refresh_rejected' })
  })

  it('that asks for tokens is answered by pages with good ones, and a question about the back-off by waiting pages', async () => {
    install()
    becomePage()
    let isDown = false
    const refresh = refreshStub(async () => {
      if (isDown) throw httpError(503, {}, { 'retry-after': '30' })
      return alone()
    })
    const { auth } = open({ storage: cookieSession(), lock, refresh, retry: 0 })
    await pass(100)
    posted.length = 0
    say({ wanted: 0 })
    expect(posted).toMatchObject([{ record: { accessToken: await auth.getAccessToken() } }])
    isDown = true
    await pass(6 * MINUTE)
    const failed = auth.getAccessToken().catch(() => {})
    await pass(1_000)
    await failed
    posted.length = 0
    say({ wanted: 0 })
    expect(posted).toMatchObject([{ record: { retryStrict: true } }])
  })
})
