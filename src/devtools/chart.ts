/** The section of the timeline: its tools, its sums, the picture and the legend. */
import { button, h, setText } from './dom.js'
import { lookAtMarks } from './look.js'
import type { Totals } from './recorder.js'
import { createPicture } from './svg.js'
import { createTimeline, type Subject, type Timeline } from './timeline.js'

export interface Chart {
  readonly element: HTMLElement
  showTotals(): void
  stop(): void
}

const spans = [
  ['6000', '6 s'],
  ['20000', '20 s'],
  ['60000', '1 min'],
  ['180000', '3 min'],
] as const

const sums: Readonly<Record<keyof Totals, string>> = {
  sent: 'Sent',
  answered: 'Answered',
  failed: 'Failed',
  refreshes: 'Refreshes',
  rejected: '401s from the server',
  seen: '401s the app saw',
}

const legend: readonly (readonly [key: string, meaning: string])[] = [
  ['attempt', 'answered'],
  ['wait', 'waits'],
  ['refused', 'on its way to a 401'],
  ['replay', 'replay'],
  ['lost', 'no answer'],
  ['flight', 'refresh'],
  ['pause', 'back-off'],
  ['access-token', 'access token'],
  ['window', 'refreshed ahead'],
  ['refresh-token', 'session'],
]

export function createChart(subject: Subject, totals: Readonly<Totals>): Chart {
  const picture = createPicture('timeline-heading', 'timeline-keys')
  const tip = h('div', { class: 'tip', 'aria-hidden': 'true', hidden: true })
  const empty = h('p', { class: 'empty' }, 'Requests and refreshes are drawn here.')
  const chart = h('div', { class: 'chart' }, empty, tip)
  chart.prepend(picture.root)
  const timeline = createTimeline(picture, subject)
  lookAtMarks(chart, tip, timeline)
  timeline.listen(
    () => {},
    () => {
      empty.hidden = subject.journal.marks.size > 0
    },
  )
  const figures = Object.entries(sums).map(([name, label]) => {
    const figure = h('dd', {}, '0')
    return {
      name: name as keyof Totals,
      figure,
      box: h('div', { 'data-total': name }, h('dt', {}, label), figure),
    }
  })
  const element = h(
    'section',
    { class: 'timeline' },
    h('div', { class: 'bar' }, h('h3', { id: 'timeline-heading' }, 'Timeline'), createTools(timeline)),
    h('dl', { class: 'tally' }, ...figures.map(({ box }) => box)),
    chart,
    h(
      'ul',
      { class: 'legend', 'aria-label': 'Legend' },
      ...legend.map(([key, meaning]) => h('li', {}, h('i', { class: `key ${key}` }), meaning)),
    ),
    h(
      'p',
      { class: 'quiet', id: 'timeline-keys' },
      'Point at a mark, or tab to it and walk with the arrow keys. Drag to look back.',
    ),
  )
  return {
    element,
    showTotals() {
      for (const { name, figure, box } of figures) {
        setText(figure, String(totals[name]))
        if (name === 'failed' || name === 'seen') box.toggleAttribute('data-bad', totals[name] > 0)
      }
    },
    stop: () => timeline.stop(),
  }
}

function createTools(timeline: Timeline): HTMLElement {
  const pause = button('Pause', () => timeline.pause(!timeline.isPaused()), {
    class: 'pause',
    'aria-pressed': 'false',
  })
  const select = h('select', {}, ...spans.map(([value, label]) => h('option', { value }, label)))
  select.value = '20000'
  select.addEventListener('change', () => timeline.zoom(Number(select.value)))
  timeline.listen(
    () => {
      pause.setAttribute('aria-pressed', String(timeline.isPaused()))
      setText(pause, timeline.isPaused() ? 'Resume' : 'Pause')
    },
    () => {},
  )
  return h(
    'div',
    { class: 'tools', role: 'group', 'aria-label': 'View of the timeline' },
    button('←', () => timeline.pan(-0.4), { 'aria-label': 'Earlier' }),
    pause,
    button('→', () => timeline.pan(0.4), { 'aria-label': 'Later' }),
    h('label', {}, 'In view ', select),
  )
}
