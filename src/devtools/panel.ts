/** The panel: put together when it is opened, and taken apart when it is closed. */
import type { Auth } from '../core/types.js'
import { createChart } from './chart.js'
import { createClaims } from './claims.js'
import { createControls } from './controls.js'
import { button, h, setText } from './dom.js'
import { createEventList } from './event-list.js'
import { createJournal } from './journal.js'
import type { Network } from './network.js'
import type { Note } from './notes.js'
import type { Peers } from './peers.js'
import type { Recorder } from './recorder.js'
import type { Seam } from './seam.js'
import { createSessionBar, describe } from './session-bar.js'
import { readMarks, watchMarks } from './user-marks.js'

/** The parts that the panel shows and controls. */
export interface PanelHost {
  readonly auth: Auth<never, never>
  readonly seam: Seam
  readonly recorder: Recorder
  readonly peers: Peers
  readonly network: Network
  /** When the devtools were mounted. */
  readonly epoch: number
}

export interface Panel {
  readonly element: HTMLElement
  /** Ends everything that runs in it. */
  stop(): void
}

export function createPanel(host: PanelHost, onClose: () => void): Panel {
  const { auth, seam, recorder, peers, network, epoch } = host
  const journal = createJournal()
  const live = h('div', { class: 'hidden', 'aria-live': 'polite' })
  const announce = (text: string): void => setText(live, text)
  const bar = createSessionBar(auth, seam)
  const chart = createChart({ journal, epoch, others: peers.others }, recorder.totals)
  const controls = createControls(auth, seam, network, recorder)
  const list = createEventList(epoch, announce)
  const claims = createClaims(auth)

  const take = (note: Note): void => {
    journal.take(note)
    list.add(note)
  }
  const byTime = [...recorder.notes, ...readMarks()].sort((one, other) => one.at - other.at)
  for (const note of byTime) take(note)
  chart.showTotals()
  // Notes that were recorded earlier are not announced.
  announce('')
  const stops = [
    recorder.listen(note => {
      take(note)
      chart.showTotals()
    }),
    watchMarks(take),
    peers.watch((note, tab) => journal.take(note, tab)),
    auth.subscribe(() => announce(describe(auth.getState()))),
    bar.stop,
    chart.stop,
    controls.stop,
    claims.stop,
  ]
  const close = button('Close', onClose, { class: 'close' })
  const element = h(
    'section',
    { class: 'panel', id: 'panel', 'aria-label': 'tokenflight devtools' },
    h('header', {}, h('h2', {}, 'tokenflight'), bar.element, close),
    h(
      'div',
      { class: 'body' },
      chart.element,
      h('div', { class: 'side' }, controls.element, list.element, claims.element),
    ),
    live,
  )
  return {
    element,
    stop() {
      for (const stop of stops) stop()
    },
  }
}
