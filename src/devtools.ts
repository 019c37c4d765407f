/**
 * Shows the session of an application: its tokens, requests, refreshes and events on a timeline.
 * @module tokenflight/devtools
 */
import { check } from './core/check.js'
import type { Auth } from './core/types.js'
import { button, h } from './devtools/dom.js'
import { createNetwork } from './devtools/network.js'
import type { DevtoolsOptions } from './devtools/options.js'
import { createPanel, type Panel, type PanelHost } from './devtools/panel.js'
import { joinPeers } from './devtools/peers.js'
import { createRecorder } from './devtools/recorder.js'
import { seamOf } from './devtools/seam.js'
import { describe } from './devtools/session-bar.js'
import { style } from './devtools/style.js'
import { svg } from './devtools/svg.js'

export type { DevtoolsOptions, DevtoolsPosition } from './devtools/options.js'

const positions: readonly string[] = ['bottom-right', 'bottom-left', 'top-right', 'top-left']
const names: readonly string[] = ['container', 'open', 'position']

/**
 * Shows a button that opens a panel with the session: status, tokens, the timeline of its requests and refreshes, its
 * events and some controls. While the panel is closed, only a ring buffer of events is filled. Without a document,
 * nothing is mounted.
 *
 * No token, no body and no query is shown or kept; the claims are shown on demand. The page needs no policy that allows
 * inline scripts or styles.
 * @returns the remover, which leaves nothing behind
 * @throws TypeError that names the option; also when `auth` does not come from `createAuth`
 *
 * @example
 * if (import.meta.env.DEV) import('tokenflight/devtools').then(({ mountDevtools }) => mountDevtools(auth))
 */
export function mountDevtools<Claims>(auth: Auth<Claims, never>, options: DevtoolsOptions = {}): () => void {
  const seam = seamOf(auth as Auth<never, never>)
  const { container, position = 'bottom-right', open = !!container } = options
  for (const name of Object.keys(options))
    check(names.includes(name), name, `one of ${names.join(', ')}`, name)
  check(positions.includes(position), 'position', `one of ${positions.join(', ')}`, position)
  check(typeof open === 'boolean', 'open', 'a boolean', open)
  check(!container || typeof container.append === 'function', 'container', 'an element', container)
  if (typeof document === 'undefined') return () => {}

  const recorder = createRecorder(auth as Auth<never, never>, seam)
  const peers = joinPeers(seam.name, recorder)
  const network = createNetwork()
  const view = createView({
    auth: auth as Auth<never, never>,
    seam,
    recorder,
    peers,
    network,
    epoch: Date.now(),
  })
  view.root.dataset['position'] = position
  view.root.toggleAttribute('data-embedded', !!container)
  if (open) view.open(false)

  const element = document.createElement('tokenflight-devtools')
  const shadow = element.attachShadow({ mode: 'open' })
  shadow.append(view.root)
  dress(shadow)
  ;(container ?? document.body ?? document.documentElement).append(element)
  let isRemoved = false
  return () => {
    if (isRemoved) return
    isRemoved = true
    view.stop()
    peers.close()
    recorder.stop()
    network.setOffline(false)
    seam.restore()
    element.remove()
  }
}

interface View {
  readonly root: HTMLElement
  open(isFocused: boolean): void
  stop(): void
}

/** The button, and the panel while it is open. */
function createView(host: PanelHost): View {
  let panel: Panel | undefined
  const dot = h('i', { class: 'dot' })
  const launcher = button('', () => open(true), { class: 'launcher', 'aria-expanded': 'false' })
  launcher.append(logo(), dot)
  const root = h('div', { class: 'root' }, launcher)

  const show = (): void => {
    const state = host.auth.getState()
    dot.dataset['status'] = state.status
    launcher.ariaLabel = `tokenflight devtools: ${describe(state)}`
  }
  const close = (): void => {
    panel?.stop()
    panel?.element.remove()
    panel = undefined
    launcher.hidden = false
    launcher.focus()
  }
  const open = (isFocused: boolean): void => {
    panel = createPanel(host, close)
    panel.element.addEventListener('keydown', event => {
      if (event.key === 'Escape') close()
    })
    root.append(panel.element)
    launcher.hidden = true
    if (isFocused) panel.element.querySelector<HTMLElement>('.close')?.focus()
  }
  const stopListening = host.auth.subscribe(show)
  show()
  return {
    root,
    open,
    stop() {
      stopListening()
      panel?.stop()
    },
  }
}

function logo(): SVGSVGElement {
  return svg(
    'svg',
    { viewBox: '0 0 32 32', 'aria-hidden': 'true' },
    svg('path', { d: 'M3 21h9.5L27 9.5' }),
    svg('circle', { cx: 12.5, cy: 21, r: 2.6 }),
    svg('circle', { cx: 27, cy: 9.5, r: 2.6 }),
  )
}

/** Uses a constructed style sheet, which no style policy refuses; a `style` element where there are no such sheets. */
function dress(shadow: ShadowRoot): void {
  try {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(style)
    shadow.adoptedStyleSheets = [sheet]
  } catch {
    shadow.append(h('style', {}, style))
  }
}
