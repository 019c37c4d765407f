/** A page that goes away during its refresh, and the page that comes after it. */
import { cookieSession, oauth2Refresh, type RefreshFunction, refreshRequest, webStorage } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createLock } from '../support/channel.js'
import {
  alone,
  httpError,
  MINUTE,
  open,
  pair,
  pass,
  REFRESH_TIMEOUT,
  type RefreshStub,
  refreshStub,
  SECOND,
  useFakeTime,
  watch,
} from '../support/core.js'
import { createLocalArea, stopDatabases, useDatabases } from '../support/origin.js'
import { becomePage, becomeWorker } from '../support/page.js'

useFakeTime()

beforeEach(() => {
  useDatabases()
  vi.stubGlobal('BroadcastChannel', undefined)
  vi.stubGlobal('localStorage', undefined)
})

/** Lets a page ask its database, and siblings that may answer. */
const moment = (): Promise<void> => pass(150)

/** The lock of a page goes with it: pages that come one after the other do not see each other's. */
const openPage = (refresh: RefreshStub, name = 'default') =>
  open({ name, storage: cookieSession(), refresh, lock: createLock(), autoRefresh: 'off', retry: 0 })

/** A page in cookie mode that is gone while its restore is under way. */
async function leavePage(name?: string): Promise<void> {
  const { refresh } = openPage(refreshStub(), name)
  await moment()
  expect(refresh.calls).toHaveLength(1)
}

const answering = () => refreshStub(async () => alone())

describe('a refresh request of a preset', () => {
  const url = 'https://api.example/refresh'
  const sent: (boolean | undefined)[] = []
  const fetch: typeof globalThis.fetch = async (_url, init) => {
    sent.push(init?.keepalive)
    return Response.json(pair())
  }
  const call = (refresh: RefreshFunction) =>
    refresh({
      refreshToken: 'rt',
      accessToken: 'at',
      reason: 'manual',
      attempt: 1,
      signal: new AbortController().signal,
    })

  beforeEach(() => {
    sent.length = 0
  })

  it.each([
    ['in the body', refreshRequest({ url, fetch })],
    ['in a header', refreshRequest({ url, fetch, send: 'header' })],
    ['with the access token', refreshRequest({ url, fetch, send: 'both' })],
    ['as a form', oauth2Refresh({ tokenEndpoint: url, clientId: 'spa', fetch })],
  ])('is cancelled with its page where it carries the refresh token %s', async (_, refresh) => {
    await call(refresh)
    expect(sent).toEqual([false])
  })

  it('goes on without its page where the refresh token is a cookie', async () => {
    await call(refreshRequest({ url, fetch, send: 'cookie' }))
    expect(sent).toEqual([true])
  })
})

describe('a page in cookie mode that opens after one that went away during its refresh', () => {
  it('waits two seconds before it uses the cookie', async () => {
    await leavePage()
    const { auth, refresh } = openPage(answering())
    await pass(1.9 * SECOND)
    expect(refresh.calls).toHaveLength(0)
    expect(auth.getState().status).toBe('loading')
    await pass(0.2 * SECOND)
    expect(refresh.reasons).toEqual(['restore'])
    expect(auth.getState().status).toBe('authenticated')
  })

  it('waits for as long as the refresh takes that is still answered', async () => {
    const first = openPage(refreshStub())
    await moment()
    const next = openPage(answering())
    await pass(SECOND)
    expect(next.refresh.calls).toHaveLength(0)
    first.refresh.last.answer(alone())
    await pass(0.2 * SECOND)
    expect(next.refresh.calls).toHaveLength(1)
  })

  it.each<[what: string, prepare: () => void]>([
    ['a worker', becomeWorker],
    [
      'without IndexedDB',
      () => {
        vi.stubGlobal('indexedDB', undefined)
        vi.stubGlobal('localStorage', createLocalArea().view())
      },
    ],
    [
      'where IndexedDB is forbidden',
      () => {
        const open = (): never => {
          throw new DOMException('The operation is insecure', 'SecurityError')
        }
        vi.stubGlobal('indexedDB', { open })
        vi.stubGlobal('localStorage', createLocalArea().view())
      },
    ],
  ])('waits, too: %s', async (_, prepare) => {
    prepare()
    await leavePage()
    const { refresh } = openPage(answering())
    await pass(1.9 * SECOND)
    expect(refresh.calls).toHaveLength(0)
    await pass(0.2 * SECOND)
    expect(refresh.calls).toHaveLength(1)
  })

  it('waits before it refreshes a token that it holds already', async () => {
    const { auth, refresh } = openPage(answering())
    await moment()
    await pass(4 * MINUTE)
    await leavePage()
    await pass(MINUTE)
    await leavePage()
    const token = watch(auth.getAccessToken())
    await pass(1.9 * SECOND)
    expect([token.status, refresh.calls.length]).toEqual(['pending', 1])
    await pass(0.2 * SECOND)
    expect(token.status).toBe('fulfilled')
    expect(refresh.reasons).toEqual(['restore', 'expired'])
  })

  it('waits no second time for the same page', async () => {
    await leavePage()
    const first = openPage(answering())
    await pass(2.1 * SECOND)
    expect(first.refresh.calls).toHaveLength(1)
    const next = openPage(answering())
    await moment()
    expect(next.refresh.calls).toHaveLength(1)
  })

  it.each<[what: string, later: number]>([
    ['went away longer ago than a refresh may take', REFRESH_TIMEOUT],
    ['went away yesterday', 24 * 60 * MINUTE],
  ])('does not wait for one that %s', async (_, later) => {
    await leavePage()
    await pass(later)
    const { refresh } = openPage(answering())
    await moment()
    expect(refresh.calls).toHaveLength(1)
  })

  it('does not wait for one that went away before the wall clock was set back', async () => {
    await leavePage()
    vi.setSystemTime(Date.now() - MINUTE)
    const { refresh } = openPage(answering())
    await moment()
    expect(refresh.calls).toHaveLength(1)
  })

  it.each<[what: string, end: (page: ReturnType<typeof openPage>) => void]>([
    ['was answered', page => void page.refresh.last.answer(alone())],
    ['was refused', page => page.refresh.last.fail(httpError(401))],
    ['failed', page => page.refresh.last.fail(new TypeError('Failed to fetch'))],
  ])('does not wait for one whose refresh %s', async (_, end) => {
    const first = openPage(refreshStub())
    await moment()
    end(first)
    await moment()
    const { refresh } = openPage(answering())
    await moment()
    expect(refresh.calls).toHaveLength(1)
  })

  it('does not wait for the page of another session', async () => {
    await leavePage('one')
    const { refresh } = openPage(answering(), 'other')
    await moment()
    expect(refresh.calls).toHaveLength(1)
  })

  it('waits for a database that does not answer for no more than two more seconds', async () => {
    const databases = stopDatabases()
    const { refresh } = openPage(answering())
    await pass(2.5 * SECOND)
    expect(refresh.calls).toHaveLength(1)
    databases.resume({ isGone: true })
  })

  it('logs in at once, and sends nothing that it waited for', async () => {
    await leavePage()
    const { auth, refresh } = openPage(answering())
    await pass(SECOND)
    const tokens = alone()
    await auth.login(tokens)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    await pass(5 * SECOND)
    expect(refresh.calls).toHaveLength(0)
  })
})

describe('a page in cookie mode that notes its refresh in its database', () => {
  beforeEach(becomePage)

  it.each([0, 1, 2, 3, 4, 8])(
    'sends no refresh for a session that a login has replaced %i ms later',
    async delay => {
      const { auth, refresh } = openPage(answering())
      await moment()
      expect(refresh.reasons).toEqual(['restore'])
      const outcome = watch(auth.refresh())
      await pass(delay)
      const before = refresh.calls.length
      const tokens = alone()
      await auth.login(tokens)
      await pass(5 * SECOND)
      expect(outcome.status).not.toBe('pending')
      expect(refresh.calls).toHaveLength(before)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
    },
  )
})

describe('a page that holds the refresh token itself', () => {
  it('sends it at once after one that went away during its refresh', async () => {
    becomePage()
    const area = createLocalArea()
    const page = (refresh: RefreshStub) =>
      open({ storage: webStorage(area.view()), refresh, lock: createLock(), autoRefresh: 'off' })
    const first = page(refreshStub())
    void first.auth.login(pair())
    await moment()
    void first.auth.refresh()
    await moment()
    expect(first.refresh.calls).toHaveLength(1)
    const next = page(refreshStub(async () => pair()))
    await moment()
    void next.auth.refresh()
    await moment()
    expect(next.refresh.spent).toEqual(first.refresh.spent)
  })
})
