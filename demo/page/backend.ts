/** The mock auth server's knobs, counters and log, from the page. */
import type {
  MockAuthChanges,
  MockAuthSettings,
  MockAuthStats,
  MockFailure,
} from '../../src/mock-server/types.js'
import type { LogEntry } from '../server/log.js'

interface BackendState {
  readonly stats: MockAuthStats
  readonly settings: MockAuthSettings
}

export interface Backend {
  state(): Promise<BackendState>
  configure(changes: MockAuthChanges): Promise<BackendState>
  expire(): Promise<BackendState>
  revoke(): Promise<BackendState>
  failNext(failure: MockFailure): Promise<BackendState>
  delay(ms: number): Promise<BackendState>
  /** The requests that reached the server since the last call. */
  news(): Promise<readonly LogEntry[]>
}

export function createBackend(): Backend {
  let last = 0
  const turn = async (knob: string, body: object = {}): Promise<BackendState> => {
    const response = await fetch(`/admin/${knob}`, { method: 'POST', body: JSON.stringify(body) })
    if (response.ok) return response.json()
    throw new Error((await response.json()).error_description)
  }
  return {
    state: async () => (await fetch('/admin/stats')).json(),
    configure: changes => turn('configure', changes),
    expire: () => turn('expire'),
    revoke: () => turn('revoke'),
    failNext: failure => turn('fail-next', failure),
    delay: ms => turn('delay', { ms }),
    async news() {
      const response = await fetch(`/admin/log?since=${last}`)
      const { entries } = (await response.json()) as { entries: LogEntry[] }
      // Two calls may have been under way at once.
      const fresh = entries.filter(entry => entry.id > last)
      last = Math.max(last, ...fresh.map(entry => entry.id))
      return fresh
    },
  }
}
