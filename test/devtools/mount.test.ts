// @vitest-environment happy-dom
/** The devtools in a page: their options, their panels, and their traces after they are gone. */
import { type Auth, createAuth, type RefreshContext, type TokenResponse } from 'tokenflight'
import { type DevtoolsOptions, mountDevtools } from 'tokenflight/devtools'
import { authFetch } from 'tokenflight/fetch'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'

const API = 'https://api.example.test'
const LIFETIME = 300

interface Scene {
  readonly auth: Auth
  readonly api: ReturnType<typeof authFetch>
  /** The statuses that the next requests are answered with; then 200. */
  readonly answers: number[]
  readonly refreshes: RefreshContext[]
}

/** A session with `at-secret-1`, and a server of `answers`. */
async function scene(refresh?: (context: RefreshContext) => Promise<TokenResponse>): Promise<Scene> {
  const answers: number[] = []
  const refreshes: RefreshContext[] = []
  const auth = createAuth({
    retry: { limit: 1, delay: 1 },
    refresh: async context => {
      refreshes.push(context)
      return refresh ? refresh(context) : tokens(refreshes.length + 1)
    },
  })
  onTestFinished(() => auth.dispose())
  await auth.login(tokens(1))
  const api = authFetch(auth, {
    allowedOrigins: [API],
    fetch: async () => new Response('at-secret-body', { status: answers.shift() ?? 200 }),
  })
  return { auth, api, answers, refreshes }
}

const encode = (value: object) => btoa(JSON.stringify(value)).replace(/=+$/, '')
function tokens(number: number) {
  const iat = Math.floor(Date.now() / 1000)
  const claims = { sub: 'ada', name: 'Ada Lovelace', jti: `claim-${number}`, iat, exp: iat + LIFETIME }
  return {
    access_token: `${encode({ alg: 'none' })}.${encode(claims)}.at-secret-${number}`,
    refresh_token: `rt-secret-${number}`,
    refresh_expires_in: 3600,
  }
}

function open(auth: Auth, options: DevtoolsOptions = {}) {
  const remove = mountDevtools(auth, options)
  onTestFinished(() => {
    remove()
    expect(host?.isConnected).toBe(false)
  })
  const host = [...document.querySelectorAll('tokenflight-devtools')].at(-1)
  const root = host?.shadowRoot
  if (!host || !root) throw new Error('Nothing was mounted')
  const button = (name: string | RegExp): HTMLButtonElement => {
    const all = [...root.querySelectorAll<HTMLButtonElement>('button')]
    const found = all.find(({ ariaLabel, textContent }) => (ariaLabel ?? textContent ?? '').match(name))
    if (!found) throw new Error(`There is no button ${name}`)
    return found
  }
  return {
    remove,
    host,
    root,
    button,
    /** The titles in the list of events, newest first. */
    titles: () =>
      [...root.querySelectorAll<HTMLElement>('.events [data-title]')].map(item => item.dataset['title']),
    text: () => root.querySelector('.root')?.textContent ?? '',
    total: (name: string) => root.querySelector(`[data-total="${name}"] dd`)?.textContent,
  }
}

beforeEach(() => {
  document.body.replaceChildren()
})

describe('mountDevtools', () => {
  it('shows a button that names the state, and opens the panel with it', async () => {
    const { auth } = await scene()
    const { root, button } = open(auth)
    const launcher = button(/^tokenflight devtools/)
    expect(launcher.ariaLabel).toBe('tokenflight devtools: Logged in as Ada Lovelace')
    expect(root.querySelector('.panel')).toBeNull()
    launcher.click()
    expect(root.querySelector('.panel')).not.toBeNull()
    expect(launcher.hidden).toBe(true)
    button('Close').click()
    expect(root.querySelector('.panel')).toBeNull()
    expect(launcher.hidden).toBe(false)
    await auth.logout()
    expect(launcher.ariaLabel).toBe('tokenflight devtools: Logged out')
  })

  it.each<[DevtoolsOptions, boolean]>([
    [{ container: document.createElement('div') }, true],
    [{ container: document.createElement('div'), open: false }, false],
    [{ open: true }, true],
    [{}, false],
  ])('is open at first with %o: %s', async (options, isOpen) => {
    const { auth } = await scene()
    if (options.container) document.body.append(options.container)
    const { root, host } = open(auth, options)
    expect(!!root.querySelector('.panel')).toBe(isOpen)
    expect(host.parentElement).toBe(options.container ?? document.body)
  })

  it.each([
    [{ position: 'middle' }, 'position'],
    [{ open: 'yes' }, 'open'],
    [{ container: '#devtools' }, 'container'],
    [{ theme: 'dark' }, 'theme'],
    [{ postion: 'top-left' }, 'postion'],
  ])('refuses %o with a TypeError that names the option', async (options, name) => {
    const { auth } = await scene()
    expect(() => mountDevtools(auth, options as DevtoolsOptions)).toThrow(TypeError)
    expect(() => mountDevtools(auth, options as DevtoolsOptions)).toThrow(`\`${name}\``)
  })

  it('refuses an object that does not come from createAuth', () => {
    expect(() => mountDevtools({} as Auth)).toThrow(TypeError)
    expect(() => mountDevtools(undefined as unknown as Auth)).toThrow('createAuth')
  })

  it('mounts nothing where there is no document', async () => {
    const { auth } = await scene()
    vi.stubGlobal('document', undefined)
    const remove = mountDevtools(auth)
    remove()
    vi.unstubAllGlobals()
    expect(document.querySelectorAll('tokenflight-devtools')).toHaveLength(0)
  })

  it('shows the same instance twice without one disturbing the other', async () => {
    const { auth, api } = await scene()
    const first = open(auth, { open: true })
    const second = open(auth, { open: true })
    await api(`${API}/orders`)
    expect([first.total('answered'), second.total('answered')]).toEqual(['1', '1'])
    first.remove()
    await api(`${API}/orders`)
    expect(second.total('answered')).toBe('2')
  })

  it('leaves nothing behind when it is removed', async () => {
    const { auth, api, refreshes } = await scene()
    const own = { fetch: globalThis.fetch, send: XMLHttpRequest.prototype.send, onLine: navigator.onLine }
    const { remove, button, root } = open(auth, { open: true })
    button('Fail next refresh').click()
    root.querySelector<HTMLInputElement>('[role=switch]')?.click()
    expect(navigator.onLine).toBe(false)
    remove()
    remove()
    expect({
      fetch: globalThis.fetch,
      send: XMLHttpRequest.prototype.send,
      onLine: navigator.onLine,
    }).toEqual(own)
    await auth.refresh()
    expect(refreshes.map(({ attempt }) => attempt)).toEqual([1])
    // No listener of every event is left, so that requests are not reported any more.
    const engine = (auth as unknown as Record<symbol, { nextRequestId(): unknown }>)[
      Symbol.for('tokenflight.engine')
    ]
    expect(engine?.nextRequestId()).toBeFalsy()
    await api(`${API}/orders`)
  })
})

describe('the panel', () => {
  it('counts requests and lists events, those from before it was opened too', async () => {
    const { auth, api, answers } = await scene()
    const { button, titles, total } = open(auth)
    await api(`${API}/orders`)
    answers.push(401, 200, 503)
    await api(`${API}/orders`)
    await api(`${API}/orders`)
    button(/^tokenflight devtools/).click()
    expect(['sent', 'answered', 'failed', 'refreshes', 'rejected', 'seen'].map(total)).toEqual([
      '3',
      '2',
      '1',
      '1',
      '1',
      '0',
    ])
    expect(titles()).toEqual(['Refreshed'])
    await auth.logout()
    expect(titles()).toEqual(['Logged out', 'Refreshed'])
  })

  it('says why a refresh failed, and when the session ended', async () => {
    let status = 503
    const { auth } = await scene(() => Promise.reject(Object.assign(new Error('rt-secret-1'), { status })))
    const { text, titles } = open(auth, { open: true })
    await auth.refresh().catch(() => {})
    expect(titles()).toEqual(['Refresh failed (transient)'])
    expect(text()).toMatch(/next attempt in/)
    status = 401
    await auth.refresh().catch(() => {})
    expect(titles()[0]).toBe('Session expired')
    expect(text()).toContain('refresh_rejected')
    expect(text()).not.toContain('secret')
  })

  it('shows the claims only when they are asked for, and no longer', async () => {
    const { auth } = await scene()
    const { root } = open(auth, { open: true })
    const details = root.querySelector('details')
    if (!details) throw new Error('There are no claims')
    expect(root.innerHTML).not.toContain('claim-1')
    details.open = true
    details.dispatchEvent(new Event('toggle'))
    expect(root.querySelector('pre')?.textContent).toContain('"jti": "claim-1"')
    await auth.refresh()
    expect(root.querySelector('pre')?.textContent).toContain('"jti": "claim-2"')
    details.open = false
    details.dispatchEvent(new Event('toggle'))
    expect(root.innerHTML).not.toContain('claim-')
  })

  it('shows and sends no token, query, body or word of a foreign error', async () => {
    const told: unknown[] = []
    class Channel extends EventTarget {
      readonly name: string
      constructor(name: string) {
        super()
        this.name = name
        channels.push(this)
      }
      postMessage(message: unknown) {
        if (this.name.includes('devtools')) told.push(structuredClone(message))
      }
      close() {}
    }
    const channels: Channel[] = []
    vi.stubGlobal('BroadcastChannel', Channel)
    const { auth, api, answers } = await scene(async ({ refreshToken, accessToken, attempt }) => {
      if (attempt === 1) throw new Error(`broken: ${refreshToken} ${accessToken}`)
      return tokens(2)
    })
    const { root } = open(auth, { open: true })
    auth.on('login', () => {
      throw new Error('at-secret-listener')
    })
    for (const channel of channels)
      channel.dispatchEvent(
        new MessageEvent('message', { data: { from: 'other', message: { type: 'ask' } } }),
      )
    answers.push(401)
    await api(`${API}/orders/${tokens(1).access_token}/lines?token=at-secret-query`, {
      method: 'POST',
      body: 'at-secret-body',
      headers: { 'X-Token': 'at-secret-header' },
    })
    await auth.login(tokens(3))
    expect(told.length).toBeGreaterThan(3)
    expect(JSON.stringify(told)).toContain('/orders/')
    expect(JSON.stringify(told)).not.toMatch(/secret|claim-|Ada/)
    expect(root.innerHTML).toContain('Warning')
    expect(root.innerHTML).not.toMatch(/secret|claim-/)
  })

  it('keeps a limited number of notes while it is closed, and shows a limited list', async () => {
    const { auth, api } = await scene()
    const { button, root, titles, total } = open(auth)
    for (let number = 0; number < 3000; number++) await api(`${API}/orders/${number}`)
    for (let number = 0; number < 150; number++) await auth.refresh()
    button(/^tokenflight devtools/).click()
    expect(total('sent')).toBe('3000')
    expect(total('refreshes')).toBe('150')
    expect(titles()).toHaveLength(100)
    expect(root.querySelectorAll('.mark').length).toBeLessThanOrEqual(2000)
  })
})

describe('the timeline', () => {
  beforeEach(() => {
    class Observer {
      readonly #tell: (entries: readonly object[]) => void
      constructor(tell: (entries: readonly object[]) => void) {
        this.#tell = tell
      }
      observe() {
        this.#tell([{ contentRect: { width: 1000 } }])
      }
      disconnect() {}
    }
    vi.stubGlobal('ResizeObserver', Observer)
    vi.useFakeTimers({ toFake: ['Date', 'performance'] })
    onTestFinished(() => {
      vi.useRealTimers()
      vi.unstubAllGlobals()
    })
  })
  /** The labels of the marks of access tokens, oldest first. */
  const lives = (root: ShadowRoot) =>
    [...root.querySelectorAll('.mark.token[data-token="access"]')].map(mark =>
      mark.getAttribute('aria-label'),
    )

  it('draws a token from its arrival, however long the storage takes to keep it', async () => {
    const auth = createAuth({ storage: slowStorage(8000) })
    onTestFinished(() => auth.dispose())
    const { root } = open(auth, { open: true })
    await auth.login({ access_token: 'opaque', expires_in: 40 })
    await vi.waitFor(() => expect(lives(root)).toHaveLength(1))
    expect(lives(root)[0]).toMatch(/From 0:00\.0, good until 0:40\.0 \(40 s\)/)
    expect(lives(root)[0]).toContain('Refreshed ahead from 0:30.0')
  })

  it('draws a token that was there before from the moment that the devtools were mounted', async () => {
    const auth = createAuth({})
    onTestFinished(() => auth.dispose())
    await auth.login({ access_token: 'opaque', expires_in: 40 })
    vi.advanceTimersByTime(15_000)
    const { root } = open(auth, { open: true })
    await vi.waitFor(() => expect(lives(root)).toHaveLength(1))
    expect(lives(root)[0]).toMatch(/From 0:00\.0, good until 0:25\.0 \(25 s\)/)
    expect(lives(root)[0]).toContain('Refreshed ahead from 0:15.0')
  })
})

/** A storage that takes so many milliseconds for each write. */
function slowStorage(ms: number) {
  return {
    getItem: () => null,
    setItem: () => void vi.advanceTimersByTime(ms),
    removeItem: () => {},
  }
}

describe('the controls', () => {
  it('refresh now: one refresh', async () => {
    const { auth, refreshes } = await scene()
    const { button, titles } = open(auth, { open: true })
    button('Refresh now').click()
    await vi.waitFor(() => expect(titles()).toEqual(['Refreshed', 'Refresh']))
    expect(refreshes.map(({ reason }) => reason)).toEqual(['manual'])
  })

  it('expire the token: the next request waits for one refresh, and there is no 401', async () => {
    const { auth, api, refreshes } = await scene()
    const { button, total } = open(auth, { open: true })
    button('Expire token').click()
    expect(refreshes).toHaveLength(0)
    await Promise.all([api(`${API}/a`), api(`${API}/b`), api(`${API}/c`)])
    expect(refreshes.map(({ reason }) => reason)).toEqual(['expired'])
    expect([total('answered'), total('rejected')]).toEqual(['3', '0'])
  })

  it('fail the next refresh: one attempt fails as if by 503, and the next one succeeds', async () => {
    const { auth, refreshes } = await scene()
    const { button } = open(auth, { open: true })
    button('Fail next refresh').click()
    await auth.refresh()
    expect(refreshes.map(({ attempt }) => attempt)).toEqual([2])
    await auth.refresh()
    expect(refreshes.map(({ attempt }) => attempt)).toEqual([2, 1])
  })

  it('log out: the session ends here, and the controls that need one do nothing any more', async () => {
    const { auth, refreshes } = await scene()
    const { button, titles } = open(auth, { open: true })
    button('Log out').click()
    await vi.waitFor(() => expect(titles()).toEqual(['Logged out']))
    expect(auth.getState().status).toBe('anonymous')
    for (const name of ['Refresh now', 'Expire token', 'Log out']) {
      expect(button(name).ariaDisabled).toBe('true')
      button(name).click()
    }
    expect(titles()).toEqual(['Logged out'])
    expect(refreshes).toHaveLength(0)
  })

  it('offline: fetch and XMLHttpRequest fail, the browser reports it, and all is back afterwards', async () => {
    const { auth } = await scene()
    const { root } = open(auth, { open: true })
    const network = vi.fn(async () => new Response())
    vi.stubGlobal('fetch', network)
    const heard: string[] = []
    const hear = ({ type }: Event) => void heard.push(type)
    for (const type of ['offline', 'online']) addEventListener(type, hear)
    const box = root.querySelector<HTMLInputElement>('[role=switch]')
    box?.click()
    expect(navigator.onLine).toBe(false)
    await expect(fetch(`${API}/orders`)).rejects.toThrow(TypeError)
    const request = new XMLHttpRequest()
    request.open('GET', `${API}/orders`)
    const failed = new Promise(resolve => request.addEventListener('error', resolve))
    request.send()
    await failed
    expect(request.status).toBe(0)
    box?.click()
    expect(navigator.onLine).toBe(true)
    await fetch(`${API}/orders`)
    expect(network).toHaveBeenCalledTimes(1)
    expect(heard).toEqual(['offline', 'online'])
    for (const type of ['offline', 'online']) removeEventListener(type, hear)
  })
})
