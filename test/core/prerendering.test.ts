// @vitest-environment happy-dom
import { cookieSession, webStorage } from 'tokenflight'
import { beforeEach, describe, expect, it } from 'vitest'
import { Channel, createLock } from '../support/channel.js'
import {
  alone,
  cell,
  engineView,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  SECOND,
  settle,
  storedRecord,
  type TicketView,
  useFakeTime,
  watch,
} from '../support/core.js'
import { becomePage } from '../support/page.js'

useFakeTime()

let isPrerendering: boolean
let page = 0

beforeEach(() => {
  isPrerendering = true
  localStorage.clear()
  Object.defineProperty(document, 'prerendering', { configurable: true, get: () => isPrerendering })
})

function activate(): void {
  isPrerendering = false
  document.dispatchEvent(new Event('prerenderingchange'))
}

const answering = () => refreshStub(async () => pair())
const openPage = (options: Parameters<typeof open>[0] = {}) =>
  open({ name: `prerendered-${++page}`, lock: createLock(), refresh: answering(), ...options })

describe('a page that is being prerendered', () => {
  it('restores no cookie session before the user visits it, and then once', async () => {
    const { auth, refresh } = openPage({
      storage: cookieSession(),
      refresh: refreshStub(async () => alone()),
    })
    const asked = [watch(auth.getAccessToken()), watch(auth.getAccessToken())]
    await pass(10 * MINUTE)
    expect(refresh.calls).toHaveLength(0)
    expect(auth.getState()).toEqual({ status: 'loading' })
    activate()
    await pass(SECOND)
    expect(refresh.reasons).toEqual(['restore'])
    expect(auth.getState().status).toBe('authenticated')
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
  })

  it.each<[string, (auth: ReturnType<typeof open>['auth']) => Promise<unknown>]>([
    ['a request', auth => auth.getAccessToken()],
    ['a manual refresh', auth => auth.refresh()],
    ['a forced refresh', auth => auth.getAccessToken({ forceRefresh: true })],
  ])('makes %s with a dead token wait until the user visits it', async (_, ask) => {
    const storage = cell(storedRecord({ ago: 10 * MINUTE }), { shared: true })
    const { auth, refresh } = openPage({ storage })
    await settle()
    const asked = watch(ask(auth))
    await pass(10 * MINUTE)
    expect([refresh.calls.length, asked.status]).toEqual([0, 'pending'])
    activate()
    await pass(SECOND)
    expect([refresh.calls.length, asked.status]).toEqual([1, 'fulfilled'])
  })

  it('makes the refresh after a 401 wait, too', async () => {
    const { auth, refresh } = openPage({ storage: cell(storedRecord(), { shared: true }) })
    await settle()
    const engine = engineView(auth)
    const renewed = watch(
      engine.rejectGrant(engine.current() as TicketView) as Promise<TicketView | undefined>,
    )
    await pass(MINUTE)
    expect([refresh.calls.length, renewed.status]).toEqual([0, 'pending'])
    activate()
    await pass(SECOND)
    expect([refresh.calls.length, renewed.status]).toEqual([1, 'fulfilled'])
  })

  it('refreshes nothing ahead, neither by timer nor by request, and hands out the good token', async () => {
    const record = storedRecord()
    const { auth, refresh } = openPage({ storage: cell(record, { shared: true }), autoRefresh: 'always' })
    await pass(4.5 * MINUTE)
    expect(await auth.getAccessToken()).toBe(record.accessToken)
    await pass(MINUTE)
    expect(refresh.calls).toHaveLength(0)
    activate()
    await pass(SECOND)
    expect(refresh.calls).toHaveLength(1)
  })

  it('uses the tokens that another tab has got meanwhile', async () => {
    const old = storedRecord({ ago: 10 * MINUTE })
    const storage = cell(old, { shared: true })
    const { auth, refresh } = openPage({ storage })
    const asked = watch(auth.getAccessToken())
    await pass(MINUTE)
    storage.record = storedRecord({ generation: old.generation, version: 2.5 })
    activate()
    await pass(SECOND)
    expect(asked).toMatchObject({ status: 'fulfilled', value: storage.record.accessToken })
    expect(refresh.calls).toHaveLength(0)
  })

  it('is logged out when another tab has logged out before the user visits it', async () => {
    const storage = cell(storedRecord(), { shared: true })
    const { auth, refresh } = openPage({ storage })
    await settle()
    expect(auth.getState().status).toBe('authenticated')
    storage.record = { generation: 9e9, version: 0, savedAt: Date.now(), ended: 'logout' }
    activate()
    await pass(SECOND)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    expect(refresh.calls).toHaveLength(0)
  })

  it('costs a page and its prerendered sibling one refresh', async () => {
    becomePage()
    Channel.install()
    const options = { name: `prerendered-${++page}`, lock: createLock(), storage: webStorage() }
    isPrerendering = false
    const shown = openPage(options)
    await shown.auth.login(pair())
    await pass(10 * MINUTE)
    isPrerendering = true
    const hidden = openPage(options)
    const asked = watch(hidden.auth.getAccessToken())
    await pass(SECOND)
    expect(hidden.refresh.calls).toHaveLength(0)
    // Both pages share one document here.
    isPrerendering = false
    const token = watch(shown.auth.getAccessToken())
    await pass(SECOND)
    isPrerendering = true
    expect(token.status).toBe('fulfilled')
    activate()
    await pass(SECOND)
    expect(asked).toMatchObject({ status: 'fulfilled', value: token.value })
    expect([shown.refresh.calls.length, hidden.refresh.calls.length]).toEqual([1, 0])
  })
})

describe('a page that is not prerendered', () => {
  it.each([false, undefined])('restores at once where document.prerendering is %s', async value => {
    isPrerendering = value as boolean
    const { refresh } = openPage({ storage: cookieSession(), refresh: refreshStub(async () => alone()) })
    await pass(SECOND)
    expect(refresh.reasons).toEqual(['restore'])
  })
})
