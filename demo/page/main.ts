/** The demo page: wires the parts. */
import { createApplication, laneOfOther } from './application.js'
import { createBackend } from './backend.js'
import { bindComparison } from './compare.js'
import { bindControls, type Controls, type Desk } from './controls.js'
import { find, onPress, onSelect, setText } from './dom.js'
import { createJournal, type Journal } from './journal.js'
import { createDevice } from './network.js'
import { mountAxiosPanel } from './panel-axios.js'
import { mountReactPanel } from './panel-react.js'
import { mountVuePanel } from './panel-vue.js'
import { showSession } from './session-card.js'
import { joinTabs, type Message } from './tabs.js'
import { controlLane } from './timeline/lanes.js'
import { lookAtMarks } from './timeline/look.js'
import { createPicture } from './timeline/svg.js'
import { createTimeline, type Timeline } from './timeline/view.js'
import { watchLog } from './watch.js'

const journal = createJournal(Date.now())
const device = createDevice()
const backend = createBackend()
const tabs = await joinTabs()
const { settings } = await backend.state()
const application = createApplication(
  journal,
  tabs,
  device,
  settings.transport === 'cookie' ? 'cookie' : 'storage',
)
const desk: Desk = { application, backend, journal, device, tabs }
const controls = bindControls(desk)
const chart = find('chart', HTMLElement)
const timeline = createTimeline(createPicture(chart, 'timeline-heading', 'chart-keys'), journal, tabs)

controls.show(settings)
bindComparison(desk, controls)
lookAtMarks(chart, find('tip', HTMLElement), timeline)
bindTransport(timeline)
showSession(application, journal)
application.mount(current => mountAxiosPanel(find('panel-axios', HTMLElement), current))
application.mount(current => mountReactPanel(find('panel-react', HTMLElement), current))
application.mount(current => mountVuePanel(find('panel-vue', HTMLElement), current))
showTotals(journal)
showTabs()
tabs.listen((message, from) => hear(message, from, controls), showTabs)
watchLog(backend, journal)
// For tests and screenshots: the page is up.
document.documentElement.dataset.ready = tabs.own

/** What another tab did. */
function hear(message: Message, from: string, { burst, show }: Controls): void {
  if (message.type === 'begin') journal.begin({ ...message.mark, lane: laneOfOther(message.mark.lane, from) })
  if (message.type === 'finish') journal.finish(message.mark)
  if (message.type === 'burst') void burst(message.size)
  if (message.type === 'mode') application.start(message.mode)
  if (message.type === 'control') {
    const { title, detail, cuts } = message
    journal.point('control', {
      lane: controlLane,
      start: Date.now(),
      title,
      detail: `${detail} (tab ${from.slice(1)})`,
    })
    if (cuts) journal.cut(cuts, Date.now(), title, true)
    void backend.state().then(state => show(state.settings))
  }
}

function showTabs(): void {
  const others = tabs.others.size
  const open = others === 0 ? '' : `, ${others + 1} are open`
  setText(find('tabs-open', HTMLElement), `This is tab ${tabs.own.slice(1)}${open}`)
}

function showTotals({ totals, marks, subscribe }: Journal): void {
  const show = () => {
    for (const box of document.querySelectorAll<HTMLElement>('#tally [data-total]')) {
      const name = box.dataset.total as keyof typeof totals.tokenflight
      const value = totals.tokenflight[name]
      const figure = box.querySelector('dd')
      if (figure) setText(figure, String(value))
      if (name === 'lost' || name === 'seen401') box.dataset.tone = value > 0 ? 'bad' : ''
    }
    find('tally', HTMLElement).dataset.settled = String(
      [totals.tokenflight, totals.byHand].reduce(
        (sum, one) => sum + one.answered + one.lost + one.signedOut,
        0,
      ),
    )
    find('chart-empty', HTMLElement).hidden = marks.size > 0
  }
  subscribe(show)
  show()
}

function bindTransport(view: Timeline): void {
  const button = find('pause', HTMLButtonElement)
  onPress('pause', () => view.pause(!view.isPaused))
  onPress('earlier', () => view.pan(-0.4))
  onPress('later', () => view.pan(0.4))
  onSelect('span', value => view.zoom(Number(value)))
  view.listen(
    () => {
      button.setAttribute('aria-pressed', String(view.isPaused))
      setText(button, view.isPaused ? 'Resume' : 'Pause')
    },
    () => {},
  )
}
