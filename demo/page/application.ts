/** The application of the demo: one session at a time, its clients, and what they tell the journal. */
import type { AuthEvents } from 'tokenflight'
import { type CallResult, type Client, createClient, type Recorder } from './calls.js'
import type { Journal } from './journal.js'
import { isByHand, tokenLane } from './marks.js'
import type { Device } from './network.js'
import { createSession, type Mode, refreshAhead, type Session } from './session.js'
import type { Tabs } from './tabs.js'

export type Panel = 'axios' | 'react' | 'vue'
const panels: readonly Panel[] = ['axios', 'react', 'vue']

export interface Application {
  readonly session: Session
  readonly clients: Readonly<Record<Panel, Client>>
  readonly recorder: Recorder
  /** Begins anew with an `Auth` of its own, and shows it in the panels. */
  start(mode: Mode): void
  /** Sends so many requests at once, over the three clients in turn. */
  burst(size: number): Promise<readonly CallResult[]>
  /** Calls back now and after each `start`; the undo runs before the next. */
  mount(show: (application: Application) => () => void): void
}

export function createApplication(journal: Journal, tabs: Tabs, device: Device, mode: Mode): Application {
  const recorder = createRecorder(journal, tabs)
  const mounts: { show: (application: Application) => () => void; undo: () => void }[] = []
  let current = begin(mode)

  function begin(next: Mode) {
    const session = createSession(tabs.own, next, device)
    const client = (panel: Panel) => createClient(`${tabs.own}.${panel}`, session[panel], recorder, device)
    writeDown(session, journal, device)
    return { session, clients: { axios: client('axios'), react: client('react'), vue: client('vue') } }
  }

  const application: Application = {
    get session() {
      return current.session
    },
    get clients() {
      return current.clients
    },
    recorder,
    start(next) {
      for (const { undo } of mounts) undo()
      current.session.dispose()
      endTokens(journal, 'the session was left')
      current = begin(next)
      for (const mount of mounts) mount.undo = mount.show(application)
    },
    burst(size) {
      const order = Array.from({ length: size }, (_, index) => panels[index % panels.length] ?? 'axios')
      return Promise.all(order.map(panel => current.clients[panel].send()))
    },
    mount(show) {
      mounts.push({ show, undo: show(application) })
    },
  }
  return application
}

/** The journal of this tab and of the others. */
function createRecorder(journal: Journal, tabs: Tabs): Recorder {
  return {
    begin(mark) {
      journal.begin(mark)
      tabs.tell({ type: 'begin', mark })
    },
    finish(mark) {
      journal.finish(mark)
      tabs.tell({ type: 'finish', mark })
    },
  }
}

/** Another tab's requests share one lane; those written by hand stay apart. */
export function laneOfOther(lane: string, from: string): string {
  return isByHand(lane) ? lane : from
}

/** What the session says of itself, by its public events and state. */
function writeDown({ auth }: Session, journal: Journal, device: Device): void {
  const lane = tokenLane
  const bring = () => {
    const state = auth.getState()
    if (state.status !== 'authenticated') return
    const now = Date.now()
    const { iat = 0, exp = 0 } = state.claims ?? {}
    const lifetime = (exp - iat) * 1000
    // The state speaks in the device's time, which may be an hour off.
    const end = (state.expiresAt ?? 0) - device.skew
    // The tokens arrived a while before the session tells of them: it stores them first.
    const start = Math.min(Math.max(end - lifetime, journal.epoch), now)
    if (end > now) {
      journal.token({ lane, token: 'access', start, end, windowStart: end - refreshAhead(lifetime) })
    }
    const last = (state.sessionExpiresAt ?? 0) - device.skew
    if (last > now) journal.token({ lane, token: 'refresh', start, end: last })
  }
  const tell = (title: string, detail: string, isBad = false) =>
    journal.point('event', { lane, start: Date.now(), title, detail, isBad })

  void auth.ready.then(bring)
  auth.on('login', () => {
    endTokens(journal, 'replaced by a login')
    bring()
    tell('Logged in', '')
  })
  auth.on('refreshed', event => {
    bring()
    tell('Refreshed', describeRefresh(event))
  })
  auth.on('refreshFailed', ({ error, class: kind, attempts }) =>
    tell(`Refresh failed (${kind})`, `${attempts} attempts. ${error.message}`, true),
  )
  auth.on('sessionExpiring', ({ expiresAt }) =>
    tell(
      'Session ends soon',
      `In ${Math.round((expiresAt - device.clock.now()) / 1000)} s, unless it is renewed`,
    ),
  )
  auth.on('sessionExpired', ({ reason }) => {
    endTokens(journal, `the session ended: ${reason}`)
    tell('Session expired', `${reason}: one event, one login screen`, true)
  })
  auth.on('logout', ({ source }) => {
    endTokens(journal, 'logged out')
    tell('Logged out', source === 'tab' ? 'in another tab' : '')
  })
}

function describeRefresh({ reason, duration, attempts, source }: AuthEvents['refreshed']): string {
  if (source === 'tab') return `By another tab (${reason}); this one took the result`
  return `${reason}, in ${Math.round(duration)} ms, attempt ${attempts}`
}

function endTokens(journal: Journal, by: string): void {
  journal.cut('access', Date.now(), by)
  journal.cut('refresh', Date.now(), by)
}
