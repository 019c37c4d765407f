/** The demo page: wires the parts. */
import { mountDevtools } from 'tokenflight/devtools'
import { createApplication } from './application.js'
import { createBackend } from './backend.js'
import { bindComparison } from './compare.js'
import { bindControls, type Controls, type Desk, mark } from './controls.js'
import { createDevice } from './device.js'
import { find, setText } from './dom.js'
import { mountAxiosPanel } from './panel-axios.js'
import { mountReactPanel } from './panel-react.js'
import { mountVuePanel } from './panel-vue.js'
import { showSession } from './session-card.js'
import { joinTabs, type Message } from './tabs.js'

/** Whether the page brings its own server; a constant of the build. */
declare const IS_STATIC: boolean

if (IS_STATIC) {
  const { startMock } = await import('../static/page.js')
  await startMock()
  document.documentElement.dataset.static = ''
}
const device = createDevice()
const backend = createBackend()
const tabs = joinTabs()
const { settings } = await backend.state()
const application = createApplication(device, settings.transport === 'cookie' ? 'cookie' : 'storage')
const desk: Desk = { application, backend, device, tabs }
const controls = bindControls(desk)

controls.show(settings)
bindComparison(desk, controls)
showSession(application)
application.mount(({ session }) => mountDevtools(session.auth, { container: find('devtools', HTMLElement) }))
application.mount(current => mountAxiosPanel(find('panel-axios', HTMLElement), current))
application.mount(current => mountReactPanel(find('panel-react', HTMLElement), current))
application.mount(current => mountVuePanel(find('panel-vue', HTMLElement), current))
showTabs()
tabs.listen(message => hear(message, controls), showTabs)
// For tests and screenshots: the page is up.
document.documentElement.dataset.ready = ''

/** A control that was used in another tab. */
function hear(message: Message, { burst, show }: Controls): void {
  if (message.type === 'burst') void burst(message.size)
  if (message.type === 'mode') application.start(message.mode)
  if (message.type === 'control') {
    mark(message.title, `${message.detail} (in another tab)`.trim())
    void backend.state().then(state => show(state.settings))
  }
}

function showTabs(): void {
  const count = tabs.others.size + 1
  setText(find('tabs-open', HTMLElement), count === 1 ? 'One tab is open' : `${count} tabs are open`)
}
