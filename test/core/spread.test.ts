/** Sessions that spread their refreshes. */
import { memoryStorage, sharedStorage, spread } from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import {
  cell,
  HOUR,
  httpError,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  SECOND,
  START,
  storedRecord,
  useFakeTime,
} from '../support/core.js'

useFakeTime()

describe('spread', () => {
  it('draws the first refresh of a session over the whole life of its first token', async () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { auth, refresh } = open({
      autoRefresh: 'always',
      refreshAhead: spread(),
      refresh: refreshStub(async () => pair()),
    })
    await auth.login(pair())
    await pass(2 * MINUTE - 1)
    expect(refresh.calls).toHaveLength(0)
    await pass(1)
    expect(refresh.reasons).toEqual(['ahead'])
    random.mockReturnValue(0)
    await pass(3 * MINUTE)
    expect(refresh.calls).toHaveLength(1)
  })

  it('refreshes on a beat of its own from then on, however long a refresh takes', async () => {
    vi.setSystemTime(START + 90_500)
    vi.spyOn(Math, 'random').mockReturnValue(0.25)
    const instants: number[] = []
    const refresh = refreshStub(async () => {
      instants.push(Date.now() - START)
      await new Promise(resolve => setTimeout(resolve, 7 * SECOND))
      return pair()
    })
    const { auth } = open({ autoRefresh: 'always', refreshAhead: spread(), refresh })
    await auth.login(pair())
    await pass(16 * MINUTE)
    // A quarter of the way through the four minutes before the window, counted from the second of the login.
    expect(instants).toEqual([0, 1, 2, 3].map(beat => 90_000 + MINUTE + beat * 4 * MINUTE))
  })

  it('keeps its beat across an outage, while a call for a token gets one at once', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    let isDown = true
    const refresh = refreshStub(() => (isDown ? Promise.reject(httpError(503)) : Promise.resolve(pair())))
    const idle = open({ autoRefresh: 'always', refreshAhead: spread(), refresh })
    const busy = open({
      autoRefresh: 'always',
      refreshAhead: spread(),
      refresh: refreshStub(async () => pair()),
    })
    await idle.auth.login(pair())
    await busy.auth.login(pair())
    // Beats at 2, 6 and 10 minutes; the token dies at 5.
    await pass(9.5 * MINUTE)
    expect(idle.auth.getState()).toMatchObject({
      status: 'authenticated',
      error: { code: 'ERR_REFRESH_FAILED' },
    })
    const { length } = refresh.calls
    isDown = false
    await pass(0.5 * MINUTE - 1)
    expect(refresh.calls).toHaveLength(length)
    await pass(1)
    expect(refresh.calls).toHaveLength(length + 1)
    expect(await idle.auth.getAccessToken()).toEqual(expect.any(String))
    await pass(4 * MINUTE - 1)
    expect(refresh.calls).toHaveLength(length + 1)
    await pass(1)
    expect(refresh.calls).toHaveLength(length + 2)
    expect(busy.refresh.calls).toHaveLength(4)
  })

  it('tries every half a window during an outage while the token lives, and then on its beat', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const instants: number[] = []
    const refresh = refreshStub(() => {
      instants.push(Date.now() - START)
      return Promise.reject(httpError(503))
    })
    const { auth } = open({ autoRefresh: 'always', refreshAhead: spread(), retry: 0, refresh })
    await auth.login(pair())
    await pass(15 * MINUTE)
    expect(instants).toEqual([2, 2.5, 3, 3.5, 4, 4.5, 6, 10, 14].map(minute => minute * MINUTE))
    expect(refresh.reasons).toEqual([...Array(6).fill('ahead'), ...Array(3).fill('expired')])
  })

  it('keeps to the end of a token of unknown lifetime, and has no beat to wait for after it', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { lifetime: _, ...record } = storedRecord()
    const refresh = refreshStub((_context, number) =>
      number === 1 ? Promise.reject(httpError(503)) : Promise.resolve(pair()),
    )
    const { auth } = open({
      storage: cell(record),
      autoRefresh: 'always',
      refreshAhead: spread(),
      retry: 0,
      refresh,
    })
    await pass(5 * MINUTE - 1)
    expect(refresh.calls).toHaveLength(0)
    await pass(1)
    expect(refresh.reasons).toEqual(['expired'])
    await pass(SECOND)
    expect(refresh.reasons).toEqual(['expired', 'expired'])
    expect(auth.getState()).not.toHaveProperty('error')
  })

  it.each([
    [1 / 64, 1.5 * SECOND],
    [1 / 128, 96 * SECOND],
  ])('leaves out a beat that comes within a second of the login: phase %f', async (phase, first) => {
    vi.spyOn(Math, 'random').mockReturnValue(phase)
    const { auth, refresh } = open({ autoRefresh: 'always', refreshAhead: spread() })
    await auth.login(pair({ lifetime: 128 * SECOND }))
    await pass(first - 1)
    expect(refresh.calls).toHaveLength(0)
    await pass(1)
    expect(refresh.reasons).toEqual(['ahead'])
  })

  it('serves a request right after an outage without waiting for its beat', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    let isDown = true
    const refresh = refreshStub(() => (isDown ? Promise.reject(httpError(503)) : Promise.resolve(pair())))
    const { auth } = open({ autoRefresh: 'always', refreshAhead: spread(), refresh })
    await auth.login(pair())
    await pass(9.5 * MINUTE)
    isDown = false
    const { length } = refresh.calls
    expect(await auth.getAccessToken()).toEqual(expect.any(String))
    expect(refresh.calls).toHaveLength(length + 1)
  })

  it('has the same beat in every tab, so that tabs cost no more refreshes than one', async () => {
    const storage = sharedStorage(memoryStorage())
    const refresh = refreshStub(async () => pair())
    const options = { autoRefresh: 'always' as const, refreshAhead: spread(), refresh, storage }
    const first = open(options)
    await first.auth.login(pair())
    const tabs = [open(options), open(options)]
    await pass(HOUR)
    expect(tabs.map(({ auth }) => auth.getState().status)).toEqual(['authenticated', 'authenticated'])
    expect(refresh.calls).toHaveLength(15)
  })

  it('moves nothing unless it is asked for', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { auth, refresh } = open({ autoRefresh: 'always' })
    await auth.login(pair())
    await pass(4 * MINUTE - 1)
    expect(refresh.calls).toHaveLength(0)
  })
})
