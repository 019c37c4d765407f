/** Looking at marks: hover, touch and keyboard show the same explanation; dragging and the wheel move the view. */
import { h } from './dom.js'
import { neighbour } from './neighbour.js'
import type { Timeline } from './timeline.js'

/** Makes the chart answer to pointer and keyboard. `tip` shows the text, which screen readers get as labels. */
export function lookAtMarks(chart: HTMLElement, tip: HTMLElement, timeline: Timeline): void {
  let shown: SVGGElement | undefined
  let isDragging = false

  const show = (mark: SVGGElement | undefined): void => {
    shown = mark
    timeline.hold(mark !== undefined)
    const words = mark && timeline.explain(mark.dataset['id'] ?? '')
    tip.hidden = !words
    if (!mark || !words) return
    tip.replaceChildren(h('strong', {}, words.title), ...words.lines.map(line => h('span', {}, line)))
    placeTip(chart, tip, mark)
  }
  const stopAt = (mark: SVGGElement): void => {
    for (const other of chart.querySelectorAll('.mark[tabindex="0"]')) other.setAttribute('tabindex', '-1')
    mark.setAttribute('tabindex', '0')
  }
  const focused = (): SVGGElement | undefined => {
    const { activeElement } = chart.getRootNode() as ShadowRoot
    return chart.contains(activeElement) ? markOf(activeElement) : undefined
  }

  chart.addEventListener('pointerover', event => {
    if (!isDragging) show(markOf(event.target) ?? focused())
  })
  chart.addEventListener('pointerleave', () => show(focused()))
  chart.addEventListener('focusin', event => {
    const mark = markOf(event.target)
    if (!mark) return
    stopAt(mark)
    show(mark)
  })
  chart.addEventListener('focusout', () => show(undefined))
  chart.addEventListener('keydown', event => {
    const mark = markOf(event.target)
    if (!mark) return
    if (event.key === 'Escape' && !tip.hidden) {
      // The first press leaves the mark, the next one the panel.
      event.stopPropagation()
      return mark.blur()
    }
    const next = neighbour(chart, mark, event.key)
    if (event.key.startsWith('Arrow') || event.key === 'Home' || event.key === 'End') event.preventDefault()
    next?.focus({ preventScroll: false })
  })
  timeline.listen(
    () => chart.toggleAttribute('data-paused', timeline.isPaused()),
    () => {
      if (shown && !shown.isConnected) show(undefined)
      // There is always one mark to tab to: the newest.
      if (chart.querySelector('.mark[tabindex="0"]')) return
      const newest = chart.querySelector<SVGGElement>('.marks > :last-child')
      if (newest) stopAt(newest)
    },
  )
  dragToPan(chart, timeline, dragging => {
    isDragging = dragging
    if (dragging) show(undefined)
  })
}

function dragToPan(chart: HTMLElement, timeline: Timeline, onDrag: (isDragging: boolean) => void): void {
  let from: number | undefined
  let isMoving = false
  const stop = (): void => {
    from = undefined
    isMoving = false
    onDrag(false)
  }
  const pan = (px: number): void => timeline.pan(px / Math.max(timeline.width(), 1))
  chart.addEventListener('pointerdown', event => {
    from = event.clientX
  })
  chart.addEventListener('pointermove', event => {
    if (from === undefined) return
    const moved = event.clientX - from
    if (!isMoving && Math.abs(moved) < 6) return
    if (!isMoving) chart.setPointerCapture(event.pointerId)
    isMoving = true
    onDrag(true)
    pan(-moved)
    from = event.clientX
  })
  chart.addEventListener('pointerup', stop)
  chart.addEventListener('pointercancel', stop)
  chart.addEventListener(
    'wheel',
    event => {
      const sideways = event.shiftKey ? event.deltaY : event.deltaX
      if (Math.abs(sideways) < 1) return
      event.preventDefault()
      pan(sideways)
    },
    { passive: false },
  )
}

function markOf(target: EventTarget | null): SVGGElement | undefined {
  return (target instanceof Element ? target.closest<SVGGElement>('.mark') : null) ?? undefined
}

/** Below the mark where the window has room, else above; never beyond the chart's sides. */
function placeTip(chart: HTMLElement, tip: HTMLElement, mark: SVGGElement): void {
  const frame = chart.getBoundingClientRect()
  const box = mark.getBoundingClientRect()
  const left = Math.min(Math.max(box.left - frame.left, 0), Math.max(0, frame.width - tip.offsetWidth))
  const below = box.bottom - frame.top + 8
  const isRoom = box.bottom + tip.offsetHeight + 8 < innerHeight || box.top < tip.offsetHeight + 8
  tip.style.left = `${left}px`
  tip.style.top = `${isRoom ? below : box.top - frame.top - tip.offsetHeight - 8}px`
}
