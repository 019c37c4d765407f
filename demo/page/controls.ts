/** The controls: each changes one thing, and leaves a mark of it on the timeline of every tab. */
import type { MockAuthSettings, MockFailure } from '../../src/mock-server/types.js'
import type { Application } from './application.js'
import type { Backend } from './backend.js'
import { find, onPress, onSelect, onSwitch, plural, setText } from './dom.js'
import type { Journal } from './journal.js'
import type { TokenMark } from './marks.js'
import type { Device } from './network.js'
import type { Tabs } from './tabs.js'
import { controlLane } from './timeline/lanes.js'

/** What the controls work on. */
export interface Desk {
  readonly application: Application
  readonly backend: Backend
  readonly journal: Journal
  readonly device: Device
  readonly tabs: Tabs
}

/** How long a refresh, and an answer, takes on a server that is well, and on a slow one: ms. */
const usual = { refresh: 250, answer: 80 }
const slow = { refresh: 2000, answer: 900 }

export interface Controls {
  /** Marks the timeline here and in the other tabs. */
  note(title: string, detail: string, cuts?: TokenMark['token']): void
  burst(size: number): Promise<void>
  /** Shows what the server is set to. */
  show(settings: MockAuthSettings): void
}

export function bindControls(desk: Desk): Controls {
  const { application, backend, journal, tabs } = desk
  const note: Controls['note'] = (title, detail, cuts) => {
    journal.point('control', { lane: controlLane, start: Date.now(), title, detail })
    if (cuts) journal.cut(cuts, Date.now(), title, true)
    tabs.tell({ type: 'control', title, detail, ...(cuts ? { cuts } : {}) })
  }
  const burst = async (size: number) => {
    const refreshes = journal.totals.tokenflight.refreshes
    const results = await application.burst(size)
    const answered = results.filter(({ outcome }) => outcome === 'answered').length
    journal.take(await backend.news())
    const made = journal.totals.tokenflight.refreshes - refreshes
    const text = `${answered} of ${plural(size, 'request')} answered, ${plural(made, 'refresh', 'refreshes')}`
    setText(find('last-burst', HTMLElement), text)
  }
  const controls: Controls = { note, burst, show }
  bindRequests(desk, controls)
  bindTokens(desk, controls)
  bindServer(desk, controls)
  bindDevice(desk, controls)
  return controls
}

function bindRequests({ tabs }: Desk, { note, burst }: Controls): void {
  for (const size of [1, 10, 50, 100]) {
    onPress(`burst-${size}`, () => {
      const isEverywhere = find('everywhere', HTMLInputElement).checked
      note(`${plural(size, 'request')} at once`, isEverywhere ? 'in every tab' : '')
      if (isEverywhere) tabs.tell({ type: 'burst', size })
      return burst(size)
    })
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  onSwitch('steady', isOn => {
    clearInterval(timer)
    if (isOn) timer = setInterval(() => void burst(1), 250)
  })
  onPress('open-tab', () => {
    open(location.pathname, '_blank')
  })
}

function bindTokens({ application, backend }: Desk, { note }: Controls): void {
  const renew = async () => {
    // Lifetimes hold for tokens that are issued from now on: so that it is seen at once.
    if (application.session.auth.getState().status === 'authenticated')
      await application.session.auth.refresh()
  }
  onSelect('access-lifetime', async (value, label) => {
    note(`Access tokens live ${label}`, 'from the next one on')
    await backend.configure({ accessTokenLifetime: Number(value) })
    await renew().catch(() => {})
  })
  onSelect('refresh-lifetime', async (value, label) => {
    note(`Refresh tokens live ${label}`, 'from the next one on')
    await backend.configure({ refreshTokenLifetime: Number(value) })
    await renew().catch(() => {})
  })
  onPress('expire', () => {
    note('Access tokens expired', 'The server refuses every one that is out there', 'access')
    return backend.expire()
  })
  onPress('revoke', () => {
    note('Refresh tokens revoked', 'The next refresh ends the session', 'refresh')
    return backend.revoke()
  })
}

function bindServer(
  { application, backend, device, tabs }: Desk,
  { note, show: showSettings }: Controls,
): void {
  onPress('fail', () => {
    const times = Number(find('fail-times', HTMLSelectElement).value)
    const kind = find('fail-kind', HTMLSelectElement)
    const failures: Readonly<Record<string, MockFailure>> = {
      503: { status: 503, times },
      network: { networkError: true, times },
      lost: { lostAnswer: true, times },
    }
    note(`The next ${plural(times, 'refresh fails', 'refreshes fail')}`, kind.selectedOptions[0]?.label ?? '')
    return backend.failNext(failures[kind.value] ?? {})
  })
  onSwitch('slow', isOn => {
    const speed = isOn ? slow : usual
    device.latency = speed.answer
    note(isOn ? 'Slow server' : 'Server at its usual speed', `A refresh takes ${speed.refresh} ms`)
    return backend.delay(speed.refresh)
  })
  onSwitch('rotation', isOn => {
    note(isOn ? 'Rotation on' : 'Rotation off', 'Whether each refresh spends its refresh token')
    return backend.configure({ rotation: isOn })
  })
  onSwitch('reuse', isOn => {
    note(
      isOn ? 'Reuse detection on' : 'Reuse detection off',
      'Whether a spent refresh token ends its session',
    )
    return backend.configure({ reuseDetection: isOn })
  })
  onSwitch('cookie', async isOn => {
    const mode = isOn ? 'cookie' : 'storage'
    note(isOn ? 'Refresh token in a cookie' : 'Refresh token in storage', 'Log in anew')
    await application.session.auth.logout()
    showSettings((await backend.configure({ transport: isOn ? 'cookie' : 'body' })).settings)
    application.start(mode)
    tabs.tell({ type: 'mode', mode })
  })
}

function bindDevice({ device }: Desk, { note }: Controls): void {
  onSwitch('offline', isOn => {
    note(isOn ? 'Offline' : 'Online again', 'this tab only')
    device.setOffline(isOn)
  })
  for (const radio of document.querySelectorAll<HTMLInputElement>('input[name="clock"]')) {
    radio.addEventListener('change', () => {
      const isForward = Number(radio.value) > device.skew
      device.skew = Number(radio.value)
      const words = { '-3600000': '1 h slow', '0': 'right', '3600000': '1 h fast' }[radio.value]
      // A page cannot tell a clock that was set forward from a device that slept.
      const detail = isForward ? 'Like an hour of sleep: tokens count as older' : 'Nothing follows from it'
      note(`This device's clock is ${words}`, detail)
    })
  }
}

function show(settings: MockAuthSettings): void {
  choose('access-lifetime', settings.accessTokenLifetime)
  choose('refresh-lifetime', settings.refreshTokenLifetime)
  find('rotation', HTMLInputElement).checked = settings.rotation
  find('reuse', HTMLInputElement).checked = settings.reuseDetection
  const isCookie = settings.transport === 'cookie'
  find('cookie', HTMLInputElement).checked = isCookie
  // A hand-written client with a cookie would share the session of the page.
  for (const id of ['compare', 'by-hand']) find(id, HTMLButtonElement).disabled = isCookie
}

/** A lifetime that the page does not offer gets an option of its own. */
function choose(id: string, ms: number): void {
  const select = find(id, HTMLSelectElement)
  if (![...select.options].some(option => Number(option.value) === ms)) {
    select.add(new Option(`${ms / 1000} s`, String(ms)), 0)
  }
  select.value = String(ms)
}
