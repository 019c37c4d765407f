/** The application of the demo: one session at a time, its clients, and the parts of the page that show it. */
import { type CallResult, type Client, createClient } from './calls.js'
import type { Device } from './device.js'
import { createSession, type Mode, type Session } from './session.js'

export type Panel = 'axios' | 'react' | 'vue'
const panels: readonly Panel[] = ['axios', 'react', 'vue']

export interface Application {
  readonly session: Session
  readonly clients: Readonly<Record<Panel, Client>>
  /** Begins anew with an `Auth` of its own, and shows it in the panels. */
  start(mode: Mode): void
  /** Sends so many requests at once, over the three clients in turn. */
  burst(size: number): Promise<readonly CallResult[]>
  /** Calls back now and after each `start`; the undo runs before the next. */
  mount(show: (application: Application) => () => void): void
}

export function createApplication(device: Device, mode: Mode): Application {
  const mounts: { show: (application: Application) => () => void; undo: () => void }[] = []
  let current = begin(mode)

  function begin(next: Mode) {
    const session = createSession(next, device)
    const client = (panel: Panel) => createClient(session[panel], device)
    return { session, clients: { axios: client('axios'), react: client('react'), vue: client('vue') } }
  }

  const application: Application = {
    get session() {
      return current.session
    },
    get clients() {
      return current.clients
    },
    start(next) {
      for (const { undo } of mounts) undo()
      current.session.dispose()
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
