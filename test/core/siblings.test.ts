/** Two tabs of one session, and what may come between them. */
import { type Tokens, webStorage } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel, createLock } from '../support/channel.js'
import { open, pair, pass, refreshStub, SECOND, useFakeTime } from '../support/core.js'

useFakeTime()

beforeEach(() => {
  Channel.reset()
  vi.stubGlobal('BroadcastChannel', Channel)
})

describe('a storage that can be read and no longer written', () => {
  it('is not written to for ever by two tabs that each know more than it does', async () => {
    let row: Tokens | null = null
    let isFull = false
    let writes = 0
    const storage = {
      shared: true,
      get: () => row,
      set(tokens: Tokens) {
        writes++
        if (isFull) throw new Error('QuotaExceededError')
        row = tokens
      },
      remove() {
        row = null
      },
    }
    const lock = createLock()
    const tab = () =>
      open({ storage, lock, name: 'full', background: 'off', refresh: refreshStub(async () => pair()) })
    const one = tab()
    await one.auth.login(pair())
    await pass(SECOND)
    const other = tab()
    await pass(SECOND)
    isFull = true
    await one.auth.refresh()
    await pass(SECOND)
    await other.auth.refresh()
    await pass(SECOND)
    Channel.posts = writes = 0
    await pass(10 * SECOND)
    expect([Channel.posts, writes]).toEqual([0, 0])
    expect(await one.auth.getAccessToken()).toEqual(expect.any(String))
    expect(await other.auth.getAccessToken()).toEqual(expect.any(String))
  })
})

describe('a logout whose page is gone before its database request', () => {
  /** A database in which the requests of a page that goes are never answered. */
  const database = () => {
    const rows = new Map<string, unknown>()
    const page = { isGoing: false }
    const open = () => {
      const isLost = page.isGoing
      const opening: Record<string, unknown> & { onsuccess?: () => void } = {}
      const transaction = () => {
        const running: { oncomplete?: () => void; error: null } & Record<string, unknown> = { error: null }
        running['objectStore'] = () => ({
          get(key: string) {
            const reading: { result?: unknown; onsuccess?: () => void } = {}
            setTimeout(() => {
              reading.result = rows.get(key)
              reading.onsuccess?.()
              setTimeout(() => running.oncomplete?.(), 1)
            }, 1)
            return reading
          },
          put: (value: unknown, key: string) => void rows.set(key, structuredClone(value)),
        })
        return running
      }
      setTimeout(() => {
        if (isLost) return
        opening['result'] = { close() {}, createObjectStore() {}, transaction }
        opening.onsuccess?.()
      }, 1)
      return opening
    }
    vi.stubGlobal('indexedDB', { open })
    return page
  }

  it('is not undone by the refresh of another tab that was under way', async () => {
    const page = database()
    vi.stubGlobal('BroadcastChannel', undefined)
    const items = new Map<string, string>()
    const area = (isWritable = () => true) =>
      ({
        getItem: (key: string) => items.get(key) ?? null,
        setItem: (key: string, value: string) => void (isWritable() && items.set(key, value)),
        removeItem: (key: string) => void items.delete(key),
      }) as unknown as Storage
    let isGone = false
    const tab = (storage = area()) =>
      open({ storage: webStorage(storage), name: 'gone', background: 'off', refresh: refreshStub() })
    const staying = tab()
    void staying.auth.login(pair())
    await pass(SECOND)
    const going = tab(area(() => !isGone))
    await pass(SECOND)
    expect(going.auth.getState().status).toBe('authenticated')
    void staying.auth.refresh().catch(() => {})
    await pass(100)
    expect(staying.refresh.calls).toHaveLength(1)
    page.isGoing = true
    void going.auth.logout()
    going.auth.dispose()
    page.isGoing = false
    isGone = true
    await pass(200)
    staying.refresh.last.answer()
    await pass(SECOND)
    expect(staying.auth.getState().status).toBe('anonymous')
    const next = tab()
    await pass(SECOND)
    expect(next.auth.getState()).toEqual({ status: 'anonymous' })
  })
})
