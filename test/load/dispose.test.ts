// @vitest-environment happy-dom
/** `dispose()` leaves nothing behind. Everything that an `Auth` can hold on to is counted. */
import { IDBFactory } from 'fake-indexeddb'
import { cookieSession, createAuth, indexedDBStorage, type TokenResponse, webStorage } from 'tokenflight'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { deferred } from '../support/axios.js'
import { becomePage } from '../support/page.js'

interface Counts {
  listeners: number
  channels: number
  locks: number
  connections: number
  timers: number
}

let count: Counts
let peak: Counts

/** Adds to a count, and remembers the most there ever was. */
function add(name: keyof Counts, by: number): void {
  count[name] += by
  peak[name] = Math.max(peak[name], count[name])
}

beforeEach(() => {
  becomePage()
  const none = { listeners: 0, channels: 0, locks: 0, connections: 0, timers: 0 }
  count = { ...none }
  peak = { ...none }
  for (const target of [window, document]) {
    const { addEventListener, removeEventListener } = target
    const added = new Set<string>()
    const ids = new Map<unknown, number>()
    const key = (type: string, listener: unknown): string => {
      if (!ids.has(listener)) ids.set(listener, ids.size)
      return `${type} ${ids.get(listener)}`
    }
    vi.spyOn(target, 'addEventListener').mockImplementation(
      (type: string, listener: EventListenerOrEventListenerObject) => {
        if (!added.has(key(type, listener))) add('listeners', 1)
        added.add(key(type, listener))
        addEventListener.call(target, type, listener)
      },
    )
    vi.spyOn(target, 'removeEventListener').mockImplementation(
      (type: string, listener: EventListenerOrEventListenerObject) => {
        if (added.delete(key(type, listener))) add('listeners', -1)
        removeEventListener.call(target, type, listener)
      },
    )
  }
  vi.stubGlobal(
    'BroadcastChannel',
    class {
      onmessage = null
      isOpen = true
      constructor() {
        add('channels', 1)
      }
      postMessage(): void {}
      close(): void {
        if (this.isOpen) add('channels', -1)
        this.isOpen = false
      }
    },
  )
  const locks = {
    async request<T>(_name: string, _options: object, callback: () => Promise<T>): Promise<T> {
      add('locks', 1)
      try {
        return await callback()
      } finally {
        add('locks', -1)
      }
    },
  }
  vi.stubGlobal('navigator', { onLine: true, locks })
  const factory = new IDBFactory()
  vi.stubGlobal('indexedDB', {
    open(...names: Parameters<IDBFactory['open']>) {
      const request = factory.open(...names)
      request.addEventListener('success', () => {
        add('connections', 1)
        const { close } = request.result
        request.result.close = () => {
          add('connections', -1)
          close.call(request.result)
        }
      })
      return request
    },
  })
  const { setTimeout: start, clearTimeout: stop } = globalThis
  const running = new Set<unknown>()
  const end = (timer: unknown): void => {
    if (running.delete(timer)) add('timers', -1)
  }
  vi.stubGlobal('setTimeout', (callback: () => void, delay: number) => {
    const timer = start(() => {
      end(timer)
      callback()
    }, delay)
    running.add(timer)
    add('timers', 1)
    return timer
  })
  vi.stubGlobal('clearTimeout', (timer: never) => {
    end(timer)
    stop(timer)
  })
  const area = new Map<string, string>()
  vi.stubGlobal('localStorage', {
    getItem: (name: string) => area.get(name) ?? null,
    setItem: (name: string, value: string) => void area.set(name, value),
    removeItem: (name: string) => void area.delete(name),
  })
})

afterEach(() => vi.unstubAllGlobals())

const none = { listeners: 0, channels: 0, locks: 0, connections: 0, timers: 0 }
const tokens = (): TokenResponse => ({ access_token: 'at', refresh_token: 'rt', expires_in: 300 })
/** Lets everything happen that a database in memory needs. */
const rest = async (): Promise<void> =>
  vi.waitFor(() => expect({ ...count, timers: 0, listeners: 0, channels: 0 }).toEqual(none))

describe('dispose', () => {
  const storages = { webStorage: () => webStorage(), indexedDBStorage: () => indexedDBStorage() }
  it.each(Object.entries(storages))('leaves nothing of a session on %s', async (_, storage) => {
    const auth = createAuth({ storage: storage(), refresh: async () => tokens(), autoRefresh: 'always' })
    await auth.ready
    await auth.login(tokens())
    await auth.refresh()
    await rest()
    expect(count.listeners).toBeGreaterThan(4)
    expect([count.channels, count.timers]).toEqual([1, 1])
    auth.dispose()
    auth.dispose()
    await rest()
    expect(count).toEqual(none)
    expect(peak.locks).toBe(1)
    expect(peak.connections).toBeGreaterThan(0)
  })

  it('in the middle of a refresh leaves nothing once that has ended', async () => {
    const answer = deferred<TokenResponse>()
    const auth = createAuth({ storage: indexedDBStorage(), refresh: () => answer.promise })
    await auth.ready
    await auth.login(tokens())
    const waiting = auth.refresh()
    await vi.waitFor(() => expect(count.locks).toBe(1))
    auth.dispose()
    expect([count.listeners, count.channels]).toEqual([0, 0])
    answer.resolve(tokens())
    await waiting
    await rest()
    expect(count).toEqual(none)
  })

  it('leaves nothing of a cookie session whose restore has failed', async () => {
    const refresh = (): Promise<never> => Promise.reject(new TypeError('Failed to fetch'))
    const auth = createAuth({ storage: cookieSession(), refresh, retry: 0 })
    await auth.ready
    expect(count.listeners).toBeGreaterThan(0)
    auth.dispose()
    await rest()
    expect(count).toEqual(none)
  })

  it('of a thousand leaves nothing', async () => {
    for (let times = 0; times < 1_000; times++) {
      const auth = createAuth({ refresh: async () => tokens(), autoRefresh: 'always' })
      await auth.login(tokens())
      auth.dispose()
    }
    expect(count).toEqual(none)
    expect(peak.timers).toBeGreaterThan(0)
  })
})
