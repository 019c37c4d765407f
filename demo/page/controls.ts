/** The controls: each changes one thing, and leaves a mark of it on the timeline of every tab. */
import type { MockAuthSettings, MockFailure } from '../../src/mock-server/types.js'
import type { Application } from './application.js'
import type { Backend } from './backend.js'
import type { Device } from './device.js'
import { find, onPress, onSelect, onSwitch, plural, setText } from './dom.js'
import type { Tabs } from './tabs.js'

/** The objects that the controls work on. */
export interface Desk {
  readonly application: Application
  readonly backend: Backend
  readonly device: Device
  readonly tabs: Tabs
}

/** How long a refresh, and an answer, takes on a server that is well, and on a slow one: ms. */
const usual = { refresh: 250, answer: 80 }
const slow = { refresh: 2000, answer: 900 }

export interface Controls {
  /** Marks the timeline here and in the other tabs. */
  note(title: string, detail: string): void
  burst(size: number): Promise<void>
  /** Shows the settings of the server. */
  show(settings: MockAuthSettings): void
}

/** Sets a mark that the devtools show on their timeline. */
export function mark(title: string, detail: string): void {
  performance.mark(`tokenflight: ${title}`, { detail })
}

export function bindControls(desk: Desk): Controls {
  const { application, backend, tabs } = desk
  const note: Controls['note'] = (title, detail) => {
    mark(title, detail)
    tabs.tell({ type: 'control', title, detail })
  }
  /** None that the page could know of while it is offline. */
  const refreshes = () =>
    backend.state().then(
      ({ stats }) => stats.refreshes,
      () => 0,
    )
  const burst = async (size: number) => {
    const before = await refreshes()
    const results = await application.burst(size)
    const answered = results.filter(({ outcome }) => outcome === 'answered').length
    const made = (await refreshes()) - before
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

function bindRequests({ application, tabs }: Desk, { note, burst }: Controls): void {
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
    if (isOn) timer = setInterval(() => void application.burst(1), 250)
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
    note('Access tokens expired', 'The server refuses every one that is out there')
    return backend.expire()
  })
  onPress('revoke', () => {
    note('Refresh tokens revoked', 'The next refresh ends the session')
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
  for (const radio of document.querySelectorAll<HTMLInputElement>('input[name="clock"]')) {
    radio.addEventListener('change', () => {
      device.skew = Number(radio.value)
      const words = { '-3600000': '1 h slow', '0': 'right', '3600000': '1 h fast' }[radio.value]
      note(`This device's clock is ${words}`, 'Nothing follows from it')
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
