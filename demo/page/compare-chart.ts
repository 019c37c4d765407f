/** The requests of the comparison on a timeline: the one of the devtools, in a shadow root of its own. */
import { type AxiosAdapter, getAdapter, isAxiosError } from 'axios'
import type { Auth } from 'tokenflight'
import { createChart } from '../../src/devtools/chart.js'
import { createJournal } from '../../src/devtools/journal.js'
import type { Note, RequestNote } from '../../src/devtools/notes.js'
import { createRecorder, type Totals } from '../../src/devtools/recorder.js'
import { seamOf } from '../../src/devtools/seam.js'
import { style } from '../../src/devtools/style.js'
import type { DemoClaims } from './session.js'

export interface ComparisonChart {
  /** Sends as axios does, and draws it in that lane. */
  adapter(lane: string): AxiosAdapter
  /** A number for a call that is written by hand. */
  nextCall(): number
  /** That call is over; it is drawn as failed if it had no answer. */
  endCall(call: number, lane: string): void
  /** Draws the requests of a session in that lane, its tokens and its refreshes. Returns a function that ends it. */
  follow(auth: Auth<DemoClaims>, lane: string): () => void
}

const path = '/api/orders'

export function createComparisonChart(host: HTMLElement): ComparisonChart {
  const journal = createJournal()
  const shadow = host.attachShadow({ mode: 'open' })
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(style)
  shadow.adoptedStyleSheets = [sheet]
  const none: Totals = { sent: 0, answered: 0, failed: 0, refreshes: 0, rejected: 0, seen: 0 }
  const chart = createChart({ journal, epoch: Date.now(), others: new Map() }, none)
  // The table above it has the sums.
  chart.element.querySelector('.tally')?.remove()
  chart.element.querySelector('h3')?.replaceChildren('Requests of the comparison')
  const root = document.createElement('div')
  root.className = 'root'
  root.dataset.embedded = ''
  root.append(chart.element)
  shadow.append(root)
  let calls = 0
  let sessions = 0

  const take = (note: Note) => journal.take(note)
  const step = (lane: string, id: number, phase: RequestNote['phase'], status?: number) =>
    take({
      kind: 'request',
      id,
      client: lane,
      method: 'GET',
      url: location.origin + path,
      phase,
      status,
      at: Date.now(),
    })

  const refresh = async (send: AxiosAdapter, config: Parameters<AxiosAdapter>[0]) => {
    const begun = Date.now()
    const tell = (type: string, error: string) => {
      const at = Date.now()
      const members = {
        reason: 'rejected',
        source: 'network',
        attempts: 1,
        duration: at - begun,
        class: 'by hand',
        error,
      }
      take({ kind: 'event', at, type, members })
    }
    try {
      const response = await send(config)
      tell('refreshed', '')
      return response
    } catch (error) {
      tell('refreshFailed', statusOf(error) ? `the server answered ${statusOf(error)}` : 'no answer')
      throw error
    }
  }
  return {
    adapter(lane) {
      const send = getAdapter(['xhr', 'http'])
      const sent = new Set<number>()
      return async config => {
        if (config.url === '/auth/refresh') return refresh(send, config)
        const call = Number(config.headers['X-Call'])
        if (!call) return send(config)
        const isReplay = sent.has(call)
        sent.add(call)
        step(lane, call, isReplay ? 'replayed' : 'sent')
        try {
          const response = await send(config)
          step(lane, call, 'done', response.status)
          return response
        } catch (error) {
          if (statusOf(error) === 401 && !isReplay) step(lane, call, 'rejected', 401)
          throw error
        }
      }
    },
    nextCall: () => --calls,
    endCall: (call, lane) => step(lane, call, 'failed'),
    follow(auth, lane) {
      // Each session numbers its requests from 1.
      const offset = ++sessions * 1_000_000
      const recorder = createRecorder(auth as unknown as Auth<never>, seamOf(auth as unknown as Auth<never>))
      const draw = (note: Note) =>
        take(note.kind === 'request' ? { ...note, client: lane, id: offset + note.id } : note)
      for (const note of recorder.notes) draw(note)
      recorder.listen(draw)
      return recorder.stop
    },
  }
}

function statusOf(error: unknown): number | undefined {
  return isAxiosError(error) ? error.response?.status : undefined
}
